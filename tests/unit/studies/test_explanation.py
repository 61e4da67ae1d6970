"""The surrogate's answers on scores whose causes are known."""

import math

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.studies import api
from optiinr_jax.studies.explanation import MIN_TRIALS, explain
from tests.unit.studies.test_strategies import GOLDEN, NUM_GIVEN, SPACE

pytestmark = pytest.mark.integration  # a fit that all tests share takes its time


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


def study_of(signal, score, num_trials):
    """A study whose scores are a formula of the point, in the space of the golden sequences.

    It begins with the networks that were published when the figures below were pinned.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "_enqueue_published", lambda *nothing: None)
        study = oi.create_study(
            signal, num_steps=1, width=8, depth=2, strategy="random", seed=1, space=SPACE
        )
    for point in GOLDEN["runs"]["random, 1"][:NUM_GIVEN]:
        study.enqueue(point)
    for _ in range(num_trials):
        trial = study.ask()
        study.tell(trial, score(trial.point))
    return study


@pytest.fixture(scope="module")
def study(signal):
    def score(point):
        rate = math.log10(point["learning_rate_2"])
        return 30.0 - (rate + 3.0) ** 2 + 2.0 * (point["activation_1"] == "finer")

    return study_of(signal, score, 60)


@pytest.fixture(scope="module")
def told(study):
    return explain(study)


def test_what_mattered_is_found(told, study):
    assert [row.name for row in told.importances[:2]] == ["learning_rate_2", "activation_1"]
    assert {row.name for row in told.importances} == set(study.space.dimensions)
    first, second, third = told.importances[:3]
    assert first.median > 0.5 > second.median > 3 * third.median
    assert all(row.low <= row.median <= row.high for row in told.importances)
    assert told.num_trials == 60


def test_the_figures_are_those_of_the_first_version(told):
    """Pinned when the model moved to `bo.surrogate`; nothing changed."""
    parts = [(row.low, row.median, row.high) for row in told.importances[:3]]
    expected = [(0.4989, 0.5250, 0.5472), (0.4595, 0.4815, 0.4979), (0.0025, 0.0038, 0.0057)]
    np.testing.assert_allclose(parts, expected, atol=2e-3)
    rate = next(part for part in told.slices if part.name == "learning_rate_2")
    found = [(line[0], line[20]) for line in (rate.low, rate.mean, rate.high)]
    np.testing.assert_allclose(
        found, [(27.721, 31.673), (27.83, 31.74), (28.226, 31.807)], atol=5e-3
    )
    assert len(told.slices) == 6


def test_slices_follow_the_formula(told, study):
    slices = {part.name: part for part in told.slices}
    rate = slices["learning_rate_2"]
    assert rate.is_log and rate.best == study.best_trial.point["learning_rate_2"]
    top = rate.values[int(np.argmax(rate.mean))]
    assert abs(math.log10(top) + 3.0) < 0.4
    assert np.all(rate.low <= rate.mean) and np.all(rate.mean <= rate.high)
    family = slices["activation_1"]
    assert family.values[int(np.argmax(family.mean))] == "finer"
    assert abs(rate.mean.max() - 32.0) < 0.7  # in the score's own units


def test_few_or_equal_scores_say_nothing(signal):
    assert explain(study_of(signal, lambda point: 1.0, MIN_TRIALS)) is None
    assert explain(study_of(signal, lambda point: point["learning_rate_1"], MIN_TRIALS - 1)) is None
