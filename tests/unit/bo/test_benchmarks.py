"""The benchmark's problems have the optimum they state, and no point is better."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[3] / "benchmarks" / "mixed_problems.py"


@pytest.fixture(scope="module")
def problems():
    spec = importlib.util.spec_from_file_location("mixed_problems", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mixed_problems"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mixed_problems"]


NAMES = "inr_chain mixed_ackley func_switch conditional_layers category_chain mixint_rastrigin "
NAMES += "branin hartmann6 ackley10"


@pytest.mark.parametrize("name", NAMES.split())
def test_the_optimum_is_attained_and_never_exceeded(problems, name):
    assert set(problems.PROBLEMS) == set(NAMES.split())
    for instance in (0, 17):
        problem = problems.make(name, instance)
        best = problem.space.check_point(problem.best_point)
        assert problem.regret(best) == pytest.approx(0, abs=1e-6)
        assert min(map(problem.regret, problem.space.sample(1, 300))) > -1e-9
        near = problem.space.split(best)
        for step in np.random.default_rng(0).normal(0, 0.02, (200, len(near[0]))):
            moved = problem.space.join(np.clip(near[0] + step, 0, 1), near[1])
            assert problem.regret(moved) > -1e-6
