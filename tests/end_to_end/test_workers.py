"""Several processes on one study, with real trainings; test_faults.py disturbs them."""

import contextlib
import json
import subprocess
import sys
import time

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.cli.main import run
from optiinr_jax.processes import has_ended, this_process
from optiinr_jax.studies import StudyError
from optiinr_jax.studies.trials import score_of

COMMAND = [sys.executable, "-m", "optiinr_jax"]
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


PARENT = """
import sys, time
from pathlib import Path
import optiinr_jax as oi
from optiinr_jax.cli.workers import make_shares, started
signal = oi.sample_signal("image", size=12)
options = {"width": 8, "depth": 1, "num_steps": 300, "strategy": "random"}
oi.create_study(signal, storage=sys.argv[1], num_trials=100000, **options)
model = Path(sys.argv[1].removeprefix("sqlite:///")).with_name("best.inr.safetensors")
with started(sys.argv[1], signal.name, model, make_shares(1)):
    time.sleep(600)
"""


def test_workers_end_with_the_search_that_started_them(tmp_path):
    """Also where it is killed: nobody is left to take up cores."""
    path = tmp_path / "study.db"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, f"sqlite:///{path}"])
    owners = []
    while not owners:
        assert parent.poll() is None
        time.sleep(0.1)
        with contextlib.suppress(StudyError):
            rows = oi.load_study(path).optuna_study.get_trials()
            owners = [row.user_attrs["owner"] for row in rows if "owner" in row.user_attrs]
    parent.kill()
    parent.wait()
    worker, end = owners[0].split(":")[2], time.monotonic() + 300.0
    while not has_ended(worker) and this_process():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_workers_of_search_share_the_machine(signal, tmp_path, capsys):
    # Enough trials that the second process is up before the first one has run them all.
    arguments = ["search", "--size", "12", "--width", "8", "--depth", "1", "--num-steps", "200"]
    arguments += ["--num-seeds", "1", "--num-trials", "60", "--batch-size", "4", "--workers", "2"]
    arguments += ["--strategy", "random", "--json", "--out", str(tmp_path)]
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr  # no worker says "terminated"
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
