"""The benchmark's problems have the optimum they state, and no point is better."""

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"
OURS = "inr_chain mixed_ackley func_switch conditional_layers category_chain mixint_rastrigin "
OURS += "branin hartmann6 ackley10"
KNOWN = "func2c func3c ackley53 maxsat18 pressure_vessel"  # published problems of known optimum
UNKNOWN = {"pest15", "svm_digits", "pipeline"}


@pytest.fixture(scope="module")
def problems():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        import external_problems
        import mixed_problems

        yield mixed_problems.PROBLEMS | external_problems.EXTERNAL
    del sys.modules["external_problems"], sys.modules["mixed_problems"]


def test_every_problem_is_tried_here(problems):
    named = {*OURS.split(), *KNOWN.split(), *UNKNOWN}
    assert {name for name in problems if not name.startswith("bbob")} == named


@pytest.mark.integration
@pytest.mark.parametrize("name", [*OURS.split(), *KNOWN.split(), "bbob_f3_d5", "bbob_f15_d10"])
def test_the_optimum_is_attained_and_never_exceeded(problems, name):
    if name.startswith("bbob"):
        pytest.importorskip("cocoex")
    for instance in (0, 17):
        problem = problems[name](instance)
        best = problem.space.check_point(problem.best_point)
        rounding = 1e-6 + 1e-7 * abs(problem.optimum)
        assert problem.regret(best) == pytest.approx(0, abs=rounding)
        assert min(map(problem.regret, problem.space.sample(1, 300))) > -1e-9
        near = problem.space.split(best)
        for step in np.random.default_rng(0).normal(0, 0.02, (200, len(near[0]))):
            moved = problem.space.join(np.clip(near[0] + step, 0, 1), near[1])
            assert problem.regret(moved) > -rounding


@pytest.mark.integration
@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_problems_without_a_known_optimum_give_the_same_finite_value_again(problems, name):
    if name != "pest15":
        pytest.importorskip("sklearn")
    problem = problems[name](0)
    for point in problem.space.sample(0, 2):
        assert 0 < problem.regret(point) == problem.regret(point) < np.inf
