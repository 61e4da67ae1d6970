"""A search with rungs: the same trials whoever runs them, paused and gone on with exactly."""

import json
from signal import SIGINT, raise_signal

import pytest

import optiinr_jax as oi
from optiinr_jax.studies.ledger import Ledger
from optiinr_jax.studies.rungs import rung_scores

RUNGS = {
    "num_steps": 250,
    "width": 8,
    "depth": 1,
    "rungs": (0.2, 0.4),
    "strategy": "random",
    "num_confirm": 2,
    "progress": False,
}
NUM_TRIALS = 13  # a round of nine, a short one of two, two that confirm


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


def facts(study):
    return [
        (t.number, json.dumps(t.point), t.state, t.score, str(t.origin), tuple(t.rungs.items()))
        for t in study.trials
    ]


@pytest.fixture(scope="module")
def whole(signal):
    return oi.search(signal, num_trials=NUM_TRIALS, **RUNGS)


def test_few_go_to_the_end_and_all_is_counted(whole):
    states = [trial.state for trial in whole.trials]
    assert states.count("complete") >= 3 and states.count("paused") >= 5
    assert whole.count_ended(NUM_TRIALS) == NUM_TRIALS
    assert {tuple(t.rungs) for t in whole.trials if t.state == "paused"} <= {(50,), (50, 100)}


def test_a_trial_that_paused_is_what_it_would_have_been(signal, whole):
    """Its score and its rungs are those of one uninterrupted fit."""
    went_on = next(t for t in whole.trials if t.state == "complete" and t.number < 9)
    job = whole.job(went_on.number, went_on.point)
    inr = oi.fit(
        signal,
        job.config,
        objective=job.objective,
        num_steps=250,
        key=job.key,
        share_program=True,
        progress=False,
        warn=False,
    )
    assert inr.score == went_on.score
    scores = rung_scores(inr.history, (50, 100), 250, lambda loss: loss)
    assert list(scores) == list(went_on.rungs)


def test_stored_and_interrupted_it_is_the_same(signal, whole, tmp_path):
    """Interrupted in every fourth training, with states kept or lost, it ends as in one go."""
    storage, count = tmp_path / "study.db", 0

    def interrupt(study, trial, done, score):
        nonlocal count
        count += 1
        if count % 20 == 0:
            raise_signal(SIGINT)

    for _ in range(40):
        try:
            study = oi.search(
                signal, num_trials=NUM_TRIALS, storage=storage, on_trial_step=interrupt, **RUNGS
            )
            break
        except KeyboardInterrupt:
            for state in tmp_path.glob("*.paused/*1.checkpoint"):  # of some trials it is lost
                state.unlink()
    assert count > 20 and facts(study) == facts(whole)
    assert not list(tmp_path.glob("*.paused"))  # at the end nobody needs them
    assert facts(oi.load_study(storage)) == facts(whole)


def test_a_state_stays_until_its_result_is_stored(signal, tmp_path, monkeypatch):
    """Else who is killed while it waits for the lock has trained for nothing."""
    states, end = [], Ledger.end

    def look(ledger, claimed, outcome, save):
        name = f"*.paused/trial_{claimed.number}.checkpoint"
        states.append(len(list(tmp_path.glob(name))))
        return end(ledger, claimed, outcome, save)

    monkeypatch.setattr(Ledger, "end", look)
    oi.search(signal, num_trials=3, storage=tmp_path / "study.db", **RUNGS | {"num_portfolio": 3})
    assert len(states) >= 3 and all(found == 1 for found in states)
    assert not list(tmp_path.glob("*.paused"))


def test_more_trials_go_on_with_the_same_rounds(signal, tmp_path):
    storage = tmp_path / "study.db"
    first = oi.search(signal, num_trials=9, storage=storage, **RUNGS)
    paused = {t.number for t in first.trials if t.state == "paused"}
    more = oi.search(signal, num_trials=40, storage=storage, **RUNGS)
    assert more.count_ended(40) == 40 and len(more.trials) == 40
    by_number = {t.number: t for t in more.trials}
    for number in paused:  # what a trial had it keeps, and may go on from
        before, after = first.trials[number].rungs, by_number[number].rungs
        assert list(after.items())[: len(before)] == list(before.items())


@pytest.mark.parametrize("rungs", [(0.4, 0.2), (0.0,), (0.5, 1.0), (0.2, 0.2)])
def test_shares_that_make_no_sense_are_refused(signal, rungs):
    with pytest.raises(ValueError, match="rising shares"):
        oi.search(signal, num_trials=2, **RUNGS | {"rungs": rungs})


def test_a_pruner_besides_is_refused(signal):
    with pytest.raises(ValueError, match="at which trials pause"):
        oi.search(signal, num_trials=2, pruner="median", **RUNGS)


def test_a_run_of_one_chunk_has_no_rungs_and_ends(signal):
    short = RUNGS | {"num_steps": 40}
    study = oi.search(signal, num_trials=3, **short)
    assert study.rung_steps == () and study.count_ended(3) == 3
    one = oi.create_study(signal, width=8, depth=1, num_steps=70)  # both shares are at one step
    assert one.rung_steps == (50,)
