"""Strategies with a model: the trials that a seed always gave, and how they tie the layers."""

import pytest

from optiinr_jax.bo.ties import Ties
from optiinr_jax.studies.points import layer_ties
from tests.unit.studies.test_strategies import CHEAP, GOLDEN, NUM_GIVEN, SPACE, check_golden, replay

RUNS = [(name, int(size)) for name, size in (run.split(", ") for run in GOLDEN["runs"])]
MODELS = [run for run in RUNS if run not in CHEAP]


@pytest.mark.parametrize(("strategy", "batch_size"), MODELS)
def test_a_seed_gives_the_trials_that_it_always_gave(monkeypatch, strategy, batch_size):
    study = replay(monkeypatch, strategy, batch_size)
    check_golden(study, strategy, batch_size)
    points = [trial.point for trial in study.trials[NUM_GIVEN:]]
    assert all(point not in points[:i] for i, point in enumerate(points))
    ties = Ties(SPACE, layer_ties(SPACE))
    is_tied = [ties.contract(point) is not None for point in points]
    if strategy == "optiinr":  # up to 2.5 times the initial trials, then each layer by itself
        assert all(is_tied[: 22 - NUM_GIVEN]) and not all(is_tied[22 - NUM_GIVEN :])
    elif strategy.endswith("family"):
        assert all(is_tied)
        encodings = {point["encoding"] for point in points}
        assert encodings == ({"none"} if strategy == "single_family" else {"none", "fourier"})
    else:
        assert sum(is_tied) < len(points) / 2
