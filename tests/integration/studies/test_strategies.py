"""Strategies with a model: the trials that a seed always gave, and how they tie the layers."""

import json
import os
import subprocess
import sys

import pytest

from optiinr_jax.bo.ties import Ties
from optiinr_jax.studies.points import layer_ties
from tests.unit.studies.test_strategies import CHEAP, GOLDEN, NUM_GIVEN, SPACE, check_golden

RUNS = [(name, int(size)) for name, size in (run.split(", ") for run in GOLDEN["runs"])]
MODELS = [run for run in RUNS if run not in CHEAP]
UNTIL = {"optiinr": 26}  # past the end of its ties; four trials of a model show the others
SAME = 22  # in the whole space the best of many maxima is up to the rounding of a processor


REPLAY = """
import json, sys
import pytest
from tests.integration.studies.test_strategies import MODELS, UNTIL
from tests.unit.studies.test_strategies import replay
for strategy, batch_size in MODELS:
    with pytest.MonkeyPatch.context() as monkeypatch:
        study = replay(monkeypatch, strategy, batch_size, UNTIL.get(strategy, 13))
    rows = [[trial.point, trial.state] for trial in study.trials]
    print(json.dumps([strategy, batch_size, rows]), flush=True)
"""


@pytest.fixture(scope="module")
def replayed(pytestconfig):
    """Compiled as users have it, in a process of its own: tests compile otherwise, and round so."""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=3"  # the usual one
    done = subprocess.run(
        [sys.executable, "-c", REPLAY],
        cwd=pytestconfig.rootpath,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = map(json.loads, done.stdout.splitlines())
    return {(strategy, batch_size): trials for strategy, batch_size, trials in rows}


@pytest.mark.parametrize(("strategy", "batch_size"), MODELS)
def test_a_seed_gives_the_trials_that_it_always_gave(replayed, strategy, batch_size):
    trials = replayed[strategy, batch_size]
    same = min(len(trials), SAME)
    check_golden(trials[:same], strategy, batch_size, same)
    points = [point for point, _ in trials[NUM_GIVEN:]]
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
