"""Several objectives: the front, the scores that one proposal sees, and what a search finds."""

import math

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from optiinr_jax.bo import Choice, Float, OptiINRSampler, ParetoOptimizer, Space
from optiinr_jax.bo.pareto import draw_weights, on_front, scalarise

SPACE = Space({"kind": Choice("ab"), "x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
DIRECTIONS = ("minimize", "maximize")
NUM_TRIALS = 24


def values_of(point):
    """Error and gain: they pull x apart; y should be 0.3, and kind b costs both something."""
    away = (point["y"] - 0.3) ** 2 + (0.2 if point["kind"] == "b" else 0.0)
    return point["x"] ** 2 + away, 1.0 - (point["x"] - 1.0) ** 2 - away


def volume(pairs):
    """Area under a front of (error, gain), up to error 2 and down to gain -1."""
    area, best = 0.0, -1.0
    for error, gain in sorted(pairs):
        if error < 2.0 and gain > best:
            area, best = area + (2.0 - error) * (gain - best), gain
    return area


def search(seed=0, num=NUM_TRIALS):
    found = ParetoOptimizer(SPACE, DIRECTIONS, num_initial=8, seed=seed)
    for _ in range(num):
        point = found.ask()
        found.tell(point, values_of(point))
    return found


@pytest.fixture(scope="module")
def found():
    return search()


tables = arrays(
    np.float64, st.tuples(st.integers(1, 12), st.integers(2, 3)), elements=st.integers(-3, 3)
)


@pytest.mark.integration
@given(tables)
def test_the_front_is_what_nobody_betters(values):
    for i, kept in enumerate(on_front(values)):
        betters = [(row >= values[i]).all() and (row > values[i]).any() for row in values]
        assert kept == (not any(betters))


@given(tables, st.integers(0, 99))
def test_the_highest_score_is_on_the_front(values, seed):
    """Whatever the weights; and a trial that failed has none."""
    scores = scalarise(values, draw_weights(values.shape[1], seed, 0))
    assert np.isfinite(scores).all() and scores.max() <= 0.0
    assert on_front(values)[scores == scores.max()].any()
    values[0, 0] = math.nan
    assert math.isnan(scalarise(values, draw_weights(values.shape[1], seed, 0))[0])


def test_weights_cover_all_and_depend_on_their_numbers_alone():
    drawn = np.array([draw_weights(2, 0, i) for i in range(400)])
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
    assert drawn.min() < 0.02 and abs(drawn.mean() - 0.5) < 0.05
    np.testing.assert_array_equal(draw_weights(3, 7, 5), draw_weights(3, 7, 5))


@pytest.mark.integration
def test_it_covers_more_than_chance(found):
    volumes = [volume([values_of(p) for p in SPACE.sample(seed, NUM_TRIALS)]) for seed in range(20)]
    assert volume([values for _, values in found.trials]) > max(volumes)
    assert {point["kind"] for point, _ in found.front} == {"a"}
    x = sorted(point["x"] for point, _ in found.front)
    assert x[0] < 0.2 and x[-1] > 0.8  # both ends


@pytest.mark.integration
def test_the_same_seed_gives_the_same_points(found):
    assert search(num=11).trials == found.trials[:11]
    assert search(seed=1, num=2).trials != found.trials[:2]


@pytest.mark.integration
def test_batches_failures_and_constraints(found):
    again = ParetoOptimizer(SPACE, DIRECTIONS, num_initial=8)
    for point, values in found.trials[:12]:
        again.tell(point, values)
    again.tell({"kind": "a", "x": 0.5, "y": 0.3}, (0.0, 2.0), constraints=[1.0])  # not allowed
    again.tell({"kind": "a", "x": 0.6, "y": 0.3}, (math.nan, 2.0))
    assert all(values != (0.0, 2.0) and values[1] < 2.0 for _, values in again.front)
    batch = again.ask(3)
    assert len({str(point) for point in batch}) == 3
    assert again.ask(fixed={"kind": "b"})["kind"] == "b"


def test_bad_uses_are_one_sentence():
    with pytest.raises(ValueError, match="directions is 'minimize', but two or more"):
        ParetoOptimizer(SPACE, "minimize")
    with pytest.raises(ValueError, match="'up'"):
        ParetoOptimizer(SPACE, ("up", "minimize"))
    with pytest.raises(ValueError, match="got 1 values, but 2 were expected"):
        ParetoOptimizer(SPACE, DIRECTIONS).tell({"kind": "a", "x": 0.5, "y": 0.3}, (1.0,))


@pytest.mark.integration
def test_an_optuna_study_of_two_objectives():
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        names = {"x": trial.suggest_float("x", 0.0, 1.0), "y": trial.suggest_float("y", 0.0, 1.0)}
        return values_of({"kind": trial.suggest_categorical("kind", ["a", "b"]), **names})

    study = optuna.create_study(
        directions=DIRECTIONS, sampler=OptiINRSampler(seed=0, num_initial=8)
    )
    study.optimize(objective, n_trials=NUM_TRIALS)
    chance = [volume([values_of(p) for p in SPACE.sample(seed, NUM_TRIALS)]) for seed in range(20)]
    assert volume([trial.values for trial in study.trials]) > np.quantile(chance, 0.9)
    assert sum(trial.params["kind"] == "a" for trial in study.best_trials) > 3
