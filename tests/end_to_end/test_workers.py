"""Several processes on one study, and processes that are killed: real ones, real databases.

OPTIINR_KILLS=30 kills a search at as many random moments; by default a few, for the sake of time.
"""

import json
import os
import random
import shutil
import signal as signals_of_the_system
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.cli.main import run
from optiinr_jax.studies.trials import score_of

COMMAND = [sys.executable, "-m", "optiinr_jax"]
NUM_KILLS = int(os.environ.get("OPTIINR_KILLS", "3"))
NUM_TRIALS = 16
SMALL = {
    "num_steps": 300,
    "width": 8,
    "depth": 1,
    "num_initial": 9,
    "batch_size": 4,
    "num_trials": NUM_TRIALS,
}


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


@pytest.fixture(scope="module")
def alone(signal):
    """The study as one undisturbed process leaves it."""
    return oi.search(signal, progress=False, **SMALL)


def facts(study):
    return [(t.number, json.dumps(t.point), t.state, t.score is not None) for t in study.trials]


def check_same(storage, alone):
    """Exactly the configured trials, each ended in the same way, and the same best."""
    study = oi.load_study(storage)
    assert facts(study) == facts(alone)
    assert {trial.state for trial in study.trials} <= {"complete", "failed", "paused"}
    assert study.count_ended(NUM_TRIALS) == NUM_TRIALS  # and nothing is left to do
    scores, expected = (np.array([t.score for t in s.trials], float) for s in (study, alone))
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert np.isfinite(scores).sum() >= 4  # the others are paused
    assert study.best_trial.number == alone.best_trial.number
    return study


def start_worker(storage, *more):
    return subprocess.Popen(
        [*COMMAND, "worker", storage, "--quiet", *more], stderr=subprocess.PIPE, text=True
    )


def work_together(storage):
    """Four workers, one of which is killed in the middle of its work."""
    workers = [start_worker(storage) for _ in range(4)]
    study = oi.load_study(storage)
    while study.count_ended() < 3:
        assert all(worker.poll() is None for worker in workers)
        time.sleep(0.05)
    workers[0].kill()
    for worker in workers[1:]:
        _, errors = worker.communicate(timeout=300)
        assert worker.returncode == 0, errors
    workers[0].communicate()


def test_four_workers_on_one_sqlite_study(signal, alone, tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    oi.create_study(signal, storage=storage, **SMALL)
    work_together(storage)
    study = check_same(storage, alone)
    owners = {row.user_attrs["owner"].split(":")[1] for row in study.optuna_study.get_trials()}
    assert len(owners) >= 2  # they did share the work; the last one may be up when all is done
    model = tmp_path / "study.sample_image.best.inr.safetensors"
    assert oi.load_inr(model).info["trial"] == study.best_trial.number


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL server of its own, on a socket in a folder of its own."""
    pytest.importorskip("psycopg", reason='needs the extra "postgres"')
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("needs PostgreSQL's initdb and pg_ctl on the PATH")
    become = []
    if os.geteuid() == 0:  # PostgreSQL refuses the superuser
        if shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no setpriv")
        become = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        if become:
            shutil.chown(folder, "nobody", "nogroup")
        data = f"{folder}/data"
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder}
        initdb = ["initdb", "-D", data, "-A", "trust", "-U", "optiinr", "-N"]
        subprocess.run([*become, *initdb], **quiet)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        control = [*become, "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log"]
        subprocess.run([*control, "-o", options, "start"], **quiet)
        yield f"postgresql+psycopg://optiinr@/postgres?host={folder}"
        subprocess.run([*control, "-m", "fast", "stop"], **quiet)


def test_four_workers_on_one_postgresql_study(signal, server):
    options = SMALL | {"strategy": "random"}  # starts sooner
    oi.create_study(signal, storage=server, **options)
    work_together(server)
    check_same(server, oi.search(signal, progress=False, **options))


def wait_for_trials(worker, study, count):
    """Until so many have ended, and the worker runs one."""
    while worker.poll() is None:
        rows = study.optuna_study.get_trials()
        owners = {row.user_attrs.get("owner", "::").split(":")[1] for row in rows}
        if study.count_ended() >= count and str(worker.pid) in owners:
            return
        time.sleep(0.02)


def test_search_killed_at_random_moments(signal, tmp_path):
    """SIGKILL over and over; in the end it is the study of an undisturbed run."""
    storage, rng = f"sqlite:///{tmp_path / 'study.db'}", random.Random(0)
    options = SMALL | {"num_trials": max(NUM_TRIALS, 2 * NUM_KILLS)}
    study = oi.create_study(signal, storage=storage, **options)
    killed, ended = 0, []
    while killed < NUM_KILLS and study.count_ended() < options["num_trials"]:
        worker = start_worker(storage)
        if rng.random() < 0.2:
            time.sleep(rng.uniform(0.5, 3.0))  # while it starts
        else:
            wait_for_trials(worker, study, study.count_ended() + rng.randrange(4))
            time.sleep(rng.uniform(0.0, 1.0))
        worker.kill()
        worker.communicate()
        killed += worker.returncode == -signals_of_the_system.SIGKILL
        ended.append(study.count_ended())
    print(f"killed {killed} times, trials ended by then: {ended}")
    assert run(["worker", storage, "--quiet"]) == 0
    check_same(storage, oi.search(signal, progress=False, **options))


def test_workers_of_search_share_the_machine(signal, tmp_path, capsys):
    # Enough trials that the second process is up before the first one has run them all.
    arguments = ["search", "--size", "12", "--width", "8", "--depth", "1", "--num-steps", "200"]
    arguments += ["--num-seeds", "1", "--num-trials", "60", "--batch-size", "4", "--workers", "2"]
    arguments += ["--strategy", "random", "--json", "--out", str(tmp_path)]
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    record = json.loads(line)
    assert record["ended"] == 60 and record["is_over"]
    study = oi.load_study(f"sqlite:///{tmp_path / 'study.db'}")
    owners = {row.user_attrs["owner"].split(":")[1] for row in study.optuna_study.get_trials()}
    assert len(owners) == 2
    assert record["best"]["score"] == max(map(score_of, study.trials))
    # the stored command repeats the run: it trains nothing anew
    assert run([*record["command"].split()[1:], "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert oi.load_study(f"sqlite:///{tmp_path / 'study.db'}").count_ended() == 60
