"""What may happen to the processes of a search: whatever it is, the study is the same in the end.

Real loop, store, locks and signals; made-up training, so that it takes minutes at the size of a
night: `OPTIINR_FAULTS=nightly pytest tests/end_to_end/test_faults.py -s`.
"""

import contextlib
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

import optiinr_jax as oi
from optiinr_jax.cli.main import run
from optiinr_jax.processes import this_process
from optiinr_jax.report.status import summarise
from optiinr_jax.studies import StudyError, trainers
from optiinr_jax.studies.store.schema import DEATHS, OWNER
from tests import faults

IS_NIGHTLY = os.environ.get("OPTIINR_FAULTS") == "nightly"
NUM_KILLS, NUM_STOPS, NUM_RESTARTS, NUM_SPACES = (60, 20, 10, 4) if IS_NIGHTLY else (4, 2, 1, 2)
BEAT = float(os.environ.get("OPTIINR_HEARTBEAT", "0.1"))  # seconds; 10 is what users have
PER_FAULT = 3  # trials
LONG = 300.0  # seconds after which a process hangs

needs_proc = pytest.mark.skipif(not this_process(), reason="the system does not name processes")


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def facts(study):
    return [(t.number, json.dumps(t.point), t.state, t.score, str(t.origin)) for t in study.trials]


class Team:
    """Workers on one study."""

    def __init__(self, signal, storage, folder, num_trials, **options):
        self.signal, self.storage, self.folder = signal, storage, folder
        self.num_trials, self.options = num_trials, options
        self.study = oi.create_study(
            signal, storage=storage, num_trials=num_trials, **faults.OPTIONS
        )
        self.log, self.said = folder / "log", folder / "said"
        self.workers = []

    def start(self):
        arguments = (self.storage, self.folder, self.options)
        worker = faults.context().Process(target=faults.work, args=arguments)
        worker.start()
        self.workers.append(worker)
        return worker

    def rows(self):
        return self.study.optuna_study.get_trials(deepcopy=False)

    def running(self, pid):
        """The row that a process runs now."""
        for row in self.rows():
            if row.state.name == "RUNNING" and row.user_attrs.get(OWNER, "::").split(":")[1] == pid:
                return row
        return None

    def wait_for(self, count):
        """Until so many trials have ended."""
        end = time.monotonic() + LONG
        while self.study.count_ended() < min(count, self.num_trials):
            assert time.monotonic() < end, self.words()
            time.sleep(0.02)

    def words(self):
        return self.said.read_text() if self.said.exists() else ""

    def join(self):
        """Until all that nobody killed have ended, well."""
        for worker in self.workers:
            worker.join(LONG)
            assert worker.exitcode in (0, -SIGKILL), (worker.exitcode, self.words())

    def trainings(self):
        return Counter(line.split()[0] for line in self.log.read_text().splitlines())["begin"]

    def check_same(self, monkeypatch, most_lost):
        """The study of one undisturbed process, and no more trainings than had to be."""
        monkeypatch.setattr(trainers, "train", faults.make_train())
        options = {"num_trials": self.num_trials, "max_trial_seconds": 900.0, "progress": False}
        alone = oi.search(self.signal, **options, **faults.OPTIONS)
        assert facts(oi.load_study(self.storage)) == facts(alone)
        trained = self.trainings()
        print(f"{self.num_trials} trials, {trained} trainings, {most_lost} may be lost")
        assert self.num_trials <= trained <= self.num_trials + most_lost


@needs_proc
def test_killed_at_random_moments(signal, storage, tmp_path, monkeypatch):
    """Two workers, one of which is killed again and again, while it begins or ends a trial too."""
    rng, team = random.Random(0), Team(signal, storage, tmp_path, PER_FAULT * NUM_KILLS)
    workers, lost, killed = [team.start(), team.start()], 0, 0
    while killed < NUM_KILLS and team.study.count_ended() < team.num_trials - 4:
        team.wait_for(team.study.count_ended() + rng.randrange(3))
        time.sleep(rng.uniform(0.0, 2 * faults.SECONDS))
        one = rng.randrange(2)
        os.kill(workers[one].pid, SIGSTOP)  # or it would take up another trial while we look
        row = team.running(str(workers[one].pid))
        if row is not None and row.user_attrs.get(DEATHS, 0) == 2:  # a third death is a failure
            os.kill(workers[one].pid, SIGCONT)
            continue
        workers[one].kill()
        workers[one].join()
        killed, lost = killed + 1, lost + 1
        workers[one] = team.start()
    team.join()
    print(f"killed {killed} times")
    assert killed >= NUM_KILLS / 2
    team.check_same(monkeypatch, lost)


@needs_proc
def test_stopped_for_so_long_that_others_take_over(signal, storage, tmp_path, monkeypatch):
    """As by Ctrl-Z, or with a machine that sleeps: who comes back goes on with the next trial."""
    rng, seconds, lengths = random.Random(1), 0.5 if IS_NIGHTLY else 0.3, []
    team = Team(signal, storage, tmp_path, 6 * NUM_STOPS, heartbeat=BEAT, seconds=seconds)
    workers, stopped = [team.start(), team.start()], 0
    while stopped < NUM_STOPS and team.study.count_ended() < team.num_trials - 4:
        time.sleep(rng.uniform(0.0, 0.3))
        one = rng.choice(workers)
        os.kill(one.pid, SIGSTOP)
        if team.running(str(one.pid)) is None:
            os.kill(one.pid, SIGCONT)
            continue
        start = time.monotonic()
        end = start + 10 + 14 * BEAT  # it may hold the lock, which makes all others wait
        while team.running(str(one.pid)) is not None and time.monotonic() < end:
            time.sleep(min(BEAT, 1.0))
        os.kill(one.pid, SIGCONT)
        lengths.append(time.monotonic() - start)
        stopped += 1
    team.join()
    lost = team.log.read_text().count("lost")
    print(f"stopped {stopped} times for {min(lengths):.1f} s or more; {lost} trials lost to others")
    assert lost
    team.check_same(monkeypatch, stopped)


@needs_proc
def test_workers_in_pid_namespaces_of_their_own(signal, storage, tmp_path, monkeypatch):
    """Containers of one host name, in which all have the same PIDs."""
    apart = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"]).returncode:
        pytest.skip("this system gives no PID namespaces")
    team = Team(signal, storage, tmp_path, 8 * NUM_SPACES)
    options = json.dumps({"seconds": 1.0})
    command = [*apart, sys.executable, "-m", "tests.faults", storage, str(tmp_path), options]
    workers = [subprocess.Popen(command) for _ in range(NUM_SPACES)]
    assert [worker.wait(LONG) for worker in workers] == [0] * NUM_SPACES, team.words()
    assert len({line.split()[2] for line in team.log.read_text().splitlines()}) < NUM_SPACES
    team.check_same(monkeypatch, 0)


@needs_proc
def test_clocks_that_differ_and_jump(signal, storage, tmp_path, monkeypatch):
    """By minutes, forth and back: that of one of two workers; nobody takes a trial over."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    library, clock = tmp_path / "jumping_clock.so", tmp_path / "clock"
    source = Path(__file__).parents[1] / "jumping_clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    clock.write_text("120")
    team = Team(signal, storage, tmp_path, 16)
    command = [sys.executable, "-m", "tests.faults", storage, str(tmp_path), '{"seconds": 0.5}']
    jumping = os.environ | {"LD_PRELOAD": str(library), "CLOCK_FILE": str(clock)}
    other = team.start()
    os.kill(other.pid, SIGSTOP)  # until the first one has imported all
    worker = subprocess.Popen(command, env=jumping)
    while not team.log.exists() and worker.poll() is None:
        time.sleep(0.05)
    os.kill(other.pid, SIGCONT)
    for jump in itertools.cycle((-1200, 10_000, 0, 120)):
        if worker.poll() is not None:
            break
        time.sleep(0.3)
        clock.write_text(str(jump))
    assert worker.wait() == 0, team.words()
    team.join()
    assert len({line.split()[2] for line in team.log.read_text().splitlines()}) == 2
    team.check_same(monkeypatch, 0)


@needs_proc
def test_a_trial_that_kills_its_process_is_tried_three_times(signal, storage, tmp_path):
    team, deaths = Team(signal, storage, tmp_path, 6, deadly=2, seconds=0.0), 0
    while team.start().join(LONG) is None and team.workers[-1].exitcode == -SIGKILL:
        deaths += 1
    assert deaths == 3 and team.workers[-1].exitcode == 0, team.words()
    trial = team.study.trials[2]
    assert trial.state == "failed" and "ended without a word" in trial.reason
    assert team.study.count_ended() == 6


def test_a_trial_that_kills_its_process_of_a_pool(signal, storage, monkeypatch):
    """Whoever ran with it is trained alone from then on, and suffers no more than that."""
    monkeypatch.setattr(trainers, "train_remotely", faults.train_in_pool)
    for _ in range(3):
        with ProcessPoolExecutor(2, mp_context=faults.context()) as pool:
            with pytest.raises(StudyError, match="lost its workers"):
                search_in(pool, signal, storage)
    with ProcessPoolExecutor(2, mp_context=faults.context()) as pool:
        found = search_in(pool, signal, storage)
    assert "ended without a word" in found.trials[2].reason
    monkeypatch.setattr(trainers, "train_remotely", faults.make_train())
    with ThreadPoolExecutor(2) as pool:
        alone = search_in(pool, signal, None)
    assert alone.trials[2].state == "complete"
    assert facts(found)[:2] + facts(found)[3:] == facts(alone)[:2] + facts(alone)[3:]


def search_in(pool, signal, storage):
    options = {"num_trials": 6, "executor": pool, "storage": storage, "progress": False}
    return oi.search(signal, **options, **faults.OPTIONS)


def test_a_stopped_holder_of_the_lock(signal, storage, tmp_path):
    """Who reads needs no lock, who works waits and says so, and goes on when the holder is gone."""
    team = Team(signal, storage, tmp_path, 3, said_after=0.2, seconds=0.0)
    context = faults.context()
    is_held = context.Event()
    holder = context.Process(target=faults.hold_lock, args=(storage, signal.name, is_held))
    holder.start()
    is_held.wait(LONG)
    os.kill(holder.pid, SIGSTOP)
    assert summarise(oi.load_study(storage))["ended"] == 0
    worker, end = team.start(), time.monotonic() + LONG
    while "waiting for another process" not in team.words():
        assert worker.is_alive() and time.monotonic() < end, team.words()
        time.sleep(0.05)
    holder.kill()
    team.join()
    assert team.study.count_ended() == 3


def during(monkeypatch, number, fault):
    """Made-up training with a fault in the middle of one trial."""
    train = faults.make_train()

    def train_badly(job, look=None):
        if job.number == number:
            fault()
        return train(job, look)

    monkeypatch.setattr(trainers, "train", train_badly)


def check_sentence(errors, *words):
    assert "Traceback" not in errors and errors.splitlines()[-1].startswith("optiinr: "), errors
    assert any(word in errors for word in words), errors


def test_a_database_or_a_folder_that_is_removed(signal, tmp_path, monkeypatch, capsys):
    for what in ("study.db", "."):
        folder = tmp_path / f"run {what}"
        folder.mkdir()
        team = Team(signal, f"sqlite:///{folder / 'study.db'}", folder, 6)
        remove = (folder / "study.db").unlink if what == "study.db" else None
        during(monkeypatch, 3, remove or (lambda path=folder: shutil.rmtree(path)))
        assert run([*faults.WORKER, team.storage]) == 1
        check_sentence(capsys.readouterr().err, "was removed or replaced")


@pytest.fixture
def small_disk(tmp_path, request):
    """A disk with little room, where the system lets us make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs the superuser")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.needs_root
@pytest.mark.parametrize("small_disk", ["size=8m", "size=8m,nr_inodes=7"], indirect=True)
def test_a_disk_without_room(signal, small_disk, tmp_path, monkeypatch, capsys):
    """One sentence wherever it is noticed first, in the lock's file too; later it goes on."""
    team = Team(signal, f"sqlite:///{small_disk / 'study.db'}", tmp_path, 6)

    def fill():
        (small_disk / "study.db.lock").unlink()
        for i in range(9):
            with contextlib.suppress(OSError), (small_disk / f"ballast{i}").open("wb") as file:
                while shutil.disk_usage(small_disk).free and i == 0 and has_inodes:
                    file.write(b"\0" * 65536)
                    file.flush()

    has_inodes = os.statvfs(small_disk).f_files > 9
    for number in range(3):
        during(monkeypatch, number, fill)
        assert run([*faults.WORKER, team.storage]) == 1
        words = ("disk is full", "No space left", "unable to open", "disk I/O error")
        check_sentence(capsys.readouterr().err, *words)
        for file in small_disk.glob("ballast*"):
            file.unlink()
    during(monkeypatch, -1, None)
    assert run([*faults.WORKER, team.storage]) == 0
    assert oi.load_study(team.storage).count_ended() == 6


@pytest.fixture
def server():
    """A PostgreSQL server of its own, on a socket in a folder of its own; gives its control too."""
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
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder}
        data, options = f"{folder}/data", f"-c listen_addresses='' -c fsync=off -k {folder}"
        initdb = ["initdb", "-D", data, "-A", "trust", "-U", "optiinr", "-N"]
        subprocess.run([*become, *initdb], **quiet)
        command = [*become, "pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", options]

        def control(*words):
            subprocess.run([*command, *words], **quiet)

        control("start")
        yield f"postgresql+psycopg://optiinr@/postgres?host={folder}", control
        control("-m", "fast", "stop")


@pytest.mark.needs_postgres
def test_a_server_that_restarts(signal, server, tmp_path, monkeypatch):
    """Workers wait for it; nothing is trained twice, because their trials stay theirs."""
    address, control = server
    num_workers = 4 if IS_NIGHTLY else 2
    team = Team(signal, address, tmp_path, 8 * NUM_RESTARTS + 4, seconds=0.4)
    for _ in range(num_workers):
        team.start()
    for i in range(NUM_RESTARTS):
        team.wait_for(8 * i + 3)
        control("-m", ("fast", "immediate")[i % 2], "stop")
        time.sleep(1.0)
        control("start")
    team.join()
    assert "does not answer" in team.words() and "it is tried again" in team.words()
    team.check_same(monkeypatch, 0)
