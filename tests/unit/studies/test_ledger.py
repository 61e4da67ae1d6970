"""Who runs which trial, and what came of it: without a training, on real storages."""

import gc
import random
import socket
import subprocess
import sys
import threading
import time
from functools import partial

import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.processes import this_process
from optiinr_jax.studies import load_study
from optiinr_jax.studies.errors import StorageError
from optiinr_jax.studies.ledger import owners
from optiinr_jax.studies.store import heartbeat
from optiinr_jax.studies.store.schema import CONFIG, OWNER
from optiinr_jax.studies.trials import Outcome
from tests.studies import advance, facts, optuna_storage, told

OPTIONS = {"width": 8, "depth": 1, "num_steps": 20, "strategy": "random", "num_initial": 5}
needs_proc = pytest.mark.skipif(not this_process(), reason="the system does not name processes")
NUM_TRIALS = 17  # the last four confirm


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal(size=8)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def make(signal, storage=None, **options):
    options = OPTIONS | {"num_trials": NUM_TRIALS} | options
    return oi.create_study(signal, storage=storage, **options)


@pytest.fixture(scope="module")
def alone(signal):
    """What one process that is never disturbed leaves, by batch size."""
    studies = {}
    for batch_size in (1, 4):
        studies[batch_size] = make(signal, batch_size=batch_size)
        advance(studies[batch_size], NUM_TRIALS, batch_size)
    return studies


@pytest.mark.integration
def test_the_last_trials_confirm_the_best(alone):
    for study in alone.values():
        last = study.trials[-4:]
        assert {trial.origin.kind for trial in last} == {"confirmation"}
        before = [trial for trial in study.trials[:-4] if trial.score is not None]
        assert "confirmation" not in {trial.origin.kind for trial in before}
        assert last[0].point == max(before, key=lambda trial: trial.score).point
        assert study.winner.point in [trial.point for trial in last]
        assert study.best_config == study.config_of(study.winner.point)
        assert len(study.winner.scores) > 1


@pytest.mark.integration
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("seed", range(2))
def test_two_workers_leave_the_same_study_as_one(signal, storage, alone, batch_size, seed):
    """Whoever takes which trial, and in whatever order they end; confirmations included."""
    rng = random.Random(seed)
    first = make(signal, storage, batch_size=batch_size)
    workers = [first.ledger, load_study(storage).ledger]
    running = []
    for ledger in workers:
        ledger.join()
    while True:
        ledger = rng.choice(workers)
        claimed = ledger.claim(NUM_TRIALS)
        if claimed is not None:
            running.append((ledger, claimed))
        if running and (claimed is None or rng.random() < 0.4):
            ledger, claimed = running.pop(rng.randrange(len(running)))
            score = told(claimed.number, claimed.point)
            outcome = Outcome(score=score) if score is not None else Outcome(reason="no score")
            ledger.end(claimed, outcome, lambda trial: None)
        elif claimed is None and not running:
            break
    assert facts(first) == facts(alone[batch_size])
    used = {row.user_attrs[OWNER] for row in first.optuna_study.get_trials()[:NUM_TRIALS]}
    assert len(used) == 2


@pytest.mark.integration
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("stop", [3, 13, 15])
def test_an_interrupted_study_goes_on_as_if_nothing_had_happened(
    signal, storage, alone, batch_size, stop
):
    """Also in the middle of a batch, and between two confirmations."""
    study = make(signal, storage, batch_size=batch_size)
    whole = stop - stop % batch_size
    advance(study, whole, batch_size)
    for _ in range(stop - whole):
        study.ask()
    with study.ledger:  # leaving it gives back what has not ended
        pass
    again = load_study(storage)
    advance(again, NUM_TRIALS - whole, batch_size)
    assert facts(again) == facts(alone[batch_size])


@pytest.mark.integration
def test_a_larger_budget_goes_on_and_confirms_again_at_its_end(signal, storage):
    study = make(signal, storage, num_trials=12)
    advance(study, 12)
    study = make(signal, storage, num_trials=NUM_TRIALS)
    advance(study, NUM_TRIALS - 12)
    kinds = [trial.origin.kind for trial in study.trials]
    assert kinds[9:12] == kinds[-3:] == ["confirmation"] * 3
    assert "confirmation" not in kinds[12:-4] + kinds[:9]


def test_no_trial_is_handed_out_beyond_the_budget(signal):
    study = make(signal, num_trials=2)
    study.ledger.join()
    claimed = [study.ledger.claim(2) for _ in range(3)]
    assert [one and one.number for one in claimed] == [0, 1, None]
    assert study.ledger.claim(2, is_limit=False).number == 2
    assert study.ledger.count_ended() == 0


def test_a_trial_waits_for_the_batches_before_its_own(signal):
    """The initial design knows nothing, so it waits for nothing."""
    study = make(signal, num_initial=10, batch_size=3)
    study.ledger.join()
    first = [study.ledger.claim(NUM_TRIALS) for _ in range(11)]
    assert [one and one.number for one in first] == [*range(10), None]
    for claimed in reversed(first[1:10]):
        study.ledger.end(claimed, Outcome(score=1.0), lambda trial: None)
    assert study.ledger.claim(NUM_TRIALS) is None  # one of the first batch still runs
    study.ledger.end(first[0], Outcome(reason="no"), lambda trial: None)
    assert study.ledger.claim(NUM_TRIALS).number == 10


def test_what_came_of_a_trial_is_written_down(signal):
    study = make(signal)
    asked, seen = study.ask(), []
    outcome = Outcome(score=3.5, curve={2: 1.0, 4: 2.0}, facts={"seconds": 7.0, "host": "h"})
    study.ledger.report(asked.claimed, 2, 1.5)
    running = study.trials[0]
    assert running.state == "running" and running.curve == {2: 1.5}
    assert study.ledger.end(asked.claimed, outcome, seen.append)
    trial = study.ledger.read(asked.claimed)
    assert trial == study.trials[0] and seen[0].score == trial.score == 3.5
    assert trial.seconds == 7.0 and trial.facts == {"host": "h"}
    assert trial.curve == {2: 1.5, 4: 2.0}  # what was reported is not written again
    row = study.optuna_study.get_trials()[0]
    assert oi.inr.NetworkConfig.from_json(row.user_attrs[CONFIG]) == study.config_of(trial.point)
    for outcome, state, reason in [
        (Outcome(reason="out of memory, twice"), "failed", "out of memory, twice"),
        (Outcome(score=float("inf")), "failed", "its score is inf"),
        (Outcome(reason="hopeless", is_pruned=True, curve={3: 9.0}), "pruned", "hopeless"),
    ]:
        asked = study.ask()
        assert study.ledger.end(asked.claimed, outcome, lambda trial: pytest.fail("saved"))
        trial = study.ledger.read(asked.claimed)
        assert (trial.state, trial.reason, trial.score) == (state, reason, None)
    assert trial.last_value == 9.0


def ended_process():
    """The name of a process of this machine that is there no more."""
    code = "from optiinr_jax.processes import this_process; print(this_process())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def own(study, asked, process, host=None):
    owner = f"{host or socket.gethostname()}:1:{process}:x"
    study.ledger.rows.storage.set_trial_user_attr(asked.claimed.row, OWNER, owner)


@pytest.mark.integration
@needs_proc
def test_a_trial_of_a_dead_process_comes_again_with_its_number_and_point(signal, storage):
    study = make(signal, storage)
    dead, alive = study.ask(), study.ask()
    own(study, dead, ended_process())
    again = load_study(storage).ask()
    assert (again.number, again.point) == (dead.number, dead.point)
    assert load_study(storage).ask().number == alive.number + 1  # whose owner is at work


@pytest.mark.integration
def test_a_process_that_died_while_it_began_a_trial_leaves_it_to_the_next(signal, storage):
    """A running row with some of its values and no owner."""
    make(signal, storage)
    foreign = optuna.load_study(study_name=signal.name, storage=optuna_storage(storage))
    half = foreign.ask()
    half.suggest_categorical("activation_1", ("siren", "finer", "gf", "wire"))
    again = load_study(storage).ask()
    assert again.number == half.number == 0
    assert again.point == make(signal).ask().point  # what was queued, not a mixture


class Cut(BaseException):
    """What a kill is to a process."""


@pytest.mark.integration
def test_wherever_the_beginning_of_a_trial_is_cut_off_it_comes_again(signal, monkeypatch):
    """The same, between any two of its writes, of queued trials and of proposed ones."""
    expected, study, cuts, rounds = make(signal), make(signal), 0, 12
    advance(expected, rounds)
    store = study.ledger.rows.storage
    while len(study.trials) < rounds or study.trials[-1].state == "running":
        for most in range(30):
            left = [most]

            def write(*arguments, real, left=left):
                if not left[0]:
                    raise Cut
                left[0] -= 1
                real(*arguments)

            with monkeypatch.context() as patched:
                for name in ("set_trial_param", "set_trial_user_attr"):
                    patched.setattr(store, name, partial(write, real=getattr(store, name)))
                try:
                    asked = study.ask()
                    break
                except Cut:
                    cuts += 1
        study.tell(asked, told(asked.number, asked.point))
    assert cuts > 4 * rounds and facts(study) == facts(expected)


class Clock:
    """Time as the test wants it."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(heartbeat.time, "monotonic", lambda: self.now)


def look_for(other, clock, seconds):
    """Another participant looks at the study, which has nothing for it, for so long."""
    for _ in range(int(seconds / heartbeat.HEARTBEAT)):
        clock.now += heartbeat.HEARTBEAT
        assert other.ledger.claim(1) is None


@pytest.mark.integration
@pytest.mark.parametrize(
    "process",
    ["", "x", "1-5-4026531836-" + "0" * 32, "1-5-1-" + this_process().rpartition("-")[2]],
    ids=["unknown", "earlier version", "other machine", "other PID namespace"],
)
def test_what_others_run_is_left_alone_until_they_are_silent(signal, storage, monkeypatch, process):
    """Of equal host names too: only a process that we can see is known to be dead."""
    study, clock = make(signal, storage), Clock(monkeypatch)
    elsewhere = study.ask()
    own(study, elsewhere, process)
    other = load_study(storage)
    other.ledger.join()
    look_for(other, clock, heartbeat.STALE_AFTER - 1)
    study.ledger.rows.beat(elsewhere.claimed.row, 1)  # a sign of life
    look_for(other, clock, heartbeat.STALE_AFTER)
    clock.now += 2 * heartbeat.HEARTBEAT
    again = other.ledger.claim(1)
    assert (again.number, again.point) == (elsewhere.number, elsewhere.point)
    assert other.ledger.end(again, Outcome(score=4.0), lambda trial: None)
    # What the first one tells in the end changes nothing: the trial is somebody else's.
    assert not study.ledger.report(elsewhere.claimed, 2, 1.0)
    assert study.tell(elsewhere, 99.0).score == 4.0


@pytest.mark.integration
def test_no_jump_of_the_clock_takes_a_trial_over(signal, storage, monkeypatch):
    """Neither that of the machine nor our own pause, in which the others stood still as well."""
    study, clock = make(signal, storage), Clock(monkeypatch)
    study.ask()
    other = load_study(storage)
    other.ledger.join()
    assert other.ledger.claim(1) is None
    monkeypatch.setattr(heartbeat.time, "time", lambda: 1e10)
    clock.now += 1e6
    assert other.ledger.claim(1) is None
    assert other.ask().number == 1


@pytest.mark.integration
def test_our_own_trials_are_never_silent_to_us(signal, storage, monkeypatch):
    """A training may keep the thread of the heartbeat from its work."""
    study, clock = make(signal, storage), Clock(monkeypatch)
    study.ask()
    look_for(study, clock, 3 * heartbeat.STALE_AFTER)
    assert study.ask().number == 1


@pytest.mark.integration
@needs_proc
def test_a_trial_that_ends_its_process_is_tried_three_times(signal, storage):
    """As one does for which the system's memory does not suffice."""
    study, dead = make(signal, storage), ended_process()
    numbers = []
    for _ in range(3):
        asked = study.ask()
        numbers.append(asked.number)
        own(study, asked, dead)
    assert numbers == [0, 0, 0] and study.ask().number == 1
    assert study.trials[0].state == "failed"
    assert "3 processes that ran it ended without a word" in study.trials[0].reason


@pytest.mark.integration
def test_who_stood_still_too_long_is_not_counted_as_dead(signal, storage, monkeypatch):
    study, clock = make(signal, storage), Clock(monkeypatch)
    for _ in range(4):
        study.ask()
        other = load_study(storage)
        other.ledger.join()
        look_for(other, clock, heartbeat.STALE_AFTER)
        clock.now += 2 * heartbeat.HEARTBEAT
        study = other
    assert {trial.state for trial in study.trials} == {"running"}


def test_a_database_that_is_gone_or_another_is_noticed_at_once(signal, storage, tmp_path):
    study = make(signal, storage)
    asked, path = study.ask(), tmp_path / "study.db"
    copy = path.read_bytes()
    for replaced in (None, copy):
        path.unlink()
        if replaced:
            path.write_bytes(replaced)
        for use in (
            study.ask,
            lambda: study.tell(asked, 1.0),
            lambda: study.ledger.report(asked.claimed, 2, 1.0),
        ):
            study._told.clear()
            with pytest.raises(StorageError, match=r"study\.db was removed or replaced while"):
                use()
        path.write_bytes(copy)


def test_leaving_gives_back_what_has_not_ended(signal, storage):
    study = make(signal, storage)
    with study.ledger:
        left = study.ask()
    rows = study.optuna_study.get_trials()
    assert rows[left.number].state.name == "WAITING"
    with study.ledger:  # one may come again
        again = study.ask()
    assert (again.number, again.point) == (left.number, left.point)


def test_who_is_at_work_now(signal, storage):
    study = make(signal, storage)
    assert owners(study.ledger.rows) == []
    asked = study.ask()
    (row,) = owners(study.ledger.rows)
    assert row["host"] == socket.gethostname() and row["trial"] == asked.number == 0
    assert row["pid"].isdigit() and row["began"] > 1.7e9


def test_records_of_trials_that_ended_are_made_once(signal):
    """Reading a study of n trials once made n records for every trial."""
    study = make(signal)
    advance(study, 12)
    first, again = study.trials, study.trials
    assert all(a is b for a, b in zip(first, again, strict=True))
    study.ask()
    assert len(study.trials) == 13 and study.trials[0] is first[0]


@pytest.mark.integration
def test_a_study_that_nobody_holds_gives_no_sign_of_life(signal, tmp_path):
    """Its thread ends, and with it the connection; an asked trial becomes free."""

    def num_threads():
        gc.collect()
        return threading.active_count()

    before = num_threads()
    study = oi.create_study(
        signal, storage=tmp_path / "study.db", width=8, depth=1, strategy="random"
    )
    study.ask()
    assert num_threads() == before + 1
    del study
    end = time.monotonic() + 30.0
    while num_threads() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert num_threads() == before
