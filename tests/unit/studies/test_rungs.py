"""Rungs: which trials go on follows from the scores alone, and from what others would think."""

import itertools
import math
import random

import numpy as np
import pytest

from optiinr_jax.studies.rungs import (
    PART,
    make_plan,
    predict_final,
    rung_scores,
    say_paused,
    trainings_done,
)
from optiinr_jax.studies.trials import Origin, Trial

STEPS = (50, 100)
NUM_STEPS = 300


def paused(number, *scores, kind="proposed"):
    rungs = dict(zip(STEPS, scores, strict=False))
    return Trial(number, {}, None, "paused", origin=Origin(kind), rungs=rungs)


def complete(number, score, *scores, kind="proposed"):
    rungs = dict(zip(STEPS, scores, strict=False))
    return Trial(number, {}, score, "complete", origin=Origin(kind), rungs=rungs)


def plan(trials, num_search=None, round_size=9):
    return make_plan(trials, len(STEPS), round_size, num_search, lambda t: t.origin.kind == "kept")


def due(trials, **options):
    found = plan(trials, **options)
    return [trial.number for trial in trials if found.is_due(trial)]


def test_nothing_goes_on_before_its_round_is_whole():
    trials = [paused(n, float(n)) for n in range(8)]
    assert due(trials) == [] and plan(trials).num_decided == 0
    running = Trial(8, {}, None, "running")
    assert due([*trials, running]) == []


def test_the_best_third_goes_on_and_of_those_the_best():
    trials = [paused(n, float(n)) for n in range(9)]
    assert due(trials) == [6, 7, 8]
    trials[6:] = [paused(6, 6.0, 20.0), paused(7, 7.0, 10.0), paused(8, 8.0)]
    assert due(trials) == [8]  # the next rung waits for all three
    trials[8] = paused(8, 8.0, 15.0)
    assert due(trials) == [6]
    trials[6] = complete(6, 25.0, 6.0, 20.0)
    found = plan(trials)
    assert due(trials) == [] and found.num_decided == 1


def test_what_a_round_leaves_a_later_one_may_take_up():
    first = [paused(n, 10.0 + n) for n in range(9)]
    first[6:] = [paused(6, 16.0, 1.0), complete(7, 9.0, 17.0, 3.0), paused(8, 18.0, 2.0)]
    second = [paused(n, 0.0) for n in range(9, 18)]  # all worse than the best that were left
    assert due([*first, *second]) == [3, 4, 5]


def test_a_failed_trial_takes_no_place():
    trials = [paused(n, float(n)) for n in range(9)]
    trials[8] = Trial(8, {}, None, "failed")
    assert due(trials) == [5, 6, 7]
    trials = [Trial(n, {}, None, "failed") for n in range(9)]
    assert plan(trials).num_decided == 1


def test_what_is_kept_goes_on_besides():
    trials = [paused(0, -5.0, kind="kept"), *(paused(n, float(n)) for n in range(1, 9))]
    assert due(trials) == [0, 6, 7, 8]


def test_the_last_round_of_a_budget_may_be_short():
    trials = [paused(n, float(n)) for n in range(4)]
    assert due(trials) == []
    assert due(trials, num_search=4) == [2, 3]  # a third of four, rounded up


def play(scores, order):
    """Train a search to its end in some order of what is due; the trials."""
    known, rng = {}, random.Random(order)
    while True:
        trials = [known[n] for n in sorted(known)]
        found = plan(trials, num_search=len(scores))
        work = [t.number for t in trials if found.is_due(t)]
        start = found.num_decided * 9
        work += [n for n in range(start, min(start + 9, len(scores))) if n not in known]
        if not work:
            return trials
        number = rng.choice(work)
        early, middle, final = scores[number]
        before = known.get(number)
        target = found.targets.get(number, 0) if before else 0
        known[number] = (
            complete(number, final, early, middle)
            if target == len(STEPS)
            else paused(number, *(early, middle)[: target + 1])
        )


@pytest.mark.parametrize("seed", range(5))
def test_whoever_trains_what_first_the_trials_are_the_same(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(22, 3)).round(1).tolist()  # with ties
    first = play(scores, 0)
    assert all(play(scores, order) == first for order in range(1, 4))
    states = [trial.state for trial in first]
    assert states.count("complete") == 3 and len(first) == 22
    cost = trainings_done(first, NUM_STEPS)
    assert cost == pytest.approx(3 + sum(max(t.rungs) / 300 for t in first if t.score is None))
    assert cost < 22 / PART


def test_a_rung_has_the_score_of_the_mean_loss_before_it():
    history = np.arange(100.0, dtype=np.float32)
    found = rung_scores(history, (50, 120), 300, lambda loss: -loss)
    assert found == {50: -np.mean(range(35, 50))}


def test_the_end_is_foretold_by_a_line_with_its_own_doubt():
    rng = np.random.default_rng(0)
    early = rng.normal(30, 3, 40)
    final = 1.5 * early - 3 + rng.normal(0, 0.5, 40)
    trials = [complete(i, f, e) for i, (e, f) in enumerate(zip(early, final, strict=True))]
    value, sd = predict_final([*trials, paused(99, 33.0)])[99]
    assert value == pytest.approx(1.5 * 33 - 3, abs=0.5) and sd == pytest.approx(0.5, rel=0.3)
    few = [complete(0, 35.0, 30.0), complete(1, 37.0, 31.0)]
    value, _ = predict_final([*few, paused(99, 40.0)])[99]
    assert 45.0 < value < 50.0  # two say little of the slope, so it stays near 1
    assert predict_final([paused(0, 1.0)]) == {}
    value, sd = predict_final([complete(0, 5.0, 4.0), paused(1, 4.0, 8.0)]).get(1, (0.0, 0.0))
    assert (value, sd) == (0.0, 0.0)  # nobody has been from the second rung to the end
    value, sd = predict_final([complete(0, 5.0, 4.0), paused(1, 3.0)])[1]
    assert value == 4.0 and math.isfinite(sd)


def test_a_paused_trial_says_why():
    trials = [paused(n, float(n)) for n in range(4)]
    assert say_paused(trials[1], trials, 300) == "paused after 50 of 300 steps, rank 3 of 4 there"


def test_plans_of_all_small_orders_agree():
    """The three best of nine go on, whatever the order of the scores."""
    for order in itertools.islice(itertools.permutations(range(9)), 0, None, 5000):
        trials = [paused(n, float(score)) for n, score in enumerate(order)]
        assert due(trials) == sorted(order.index(score) for score in (6, 7, 8))
