"""The whole engine on a small conditional space: one structure, so that it compiles once."""

import copy
import json
import math
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import bo
from optiinr_jax.bo import (
    ACQUISITIONS,
    FAILED,
    KERNELS,
    WARPS,
    Choice,
    Float,
    Int,
    Kernel,
    Optimizer,
    Space,
    engine,
)
from tests.optimizers import SPACE, objective, run


@pytest.mark.integration
def test_finds_the_optimum_and_beats_random_search():
    best = [run(Optimizer(SPACE, num_initial=6, seed=s), 25).best_value for s in range(2)]
    random = [max(map(objective, SPACE.sample(s, 25))) for s in range(2)]
    assert min(best) > 9.7 and np.mean(best) > np.mean(random) + 0.5


@pytest.mark.integration
@pytest.mark.parametrize(
    "options", [{"acquisition": "eei", "num_paths": 32}, {"faithful": True, "num_paths": 64}]
)
def test_every_mode_finds_the_optimum(options):
    optimizer = run(Optimizer(SPACE, num_initial=6, seed=0, **options), 25)
    assert optimizer.best_value > 9.3


@pytest.mark.integration
def test_ask_is_a_function_of_seed_and_record():
    first = run(Optimizer(SPACE, num_initial=4, seed=1), 8)
    second = run(Optimizer(SPACE, num_initial=4, seed=1), 8)
    other = run(Optimizer(SPACE, num_initial=4, seed=2), 8)
    assert first.state == second.state != other.state


@pytest.mark.integration
def test_json_continues_identically():
    optimizer = run(Optimizer(SPACE, num_initial=4, seed=1), 7)
    optimizer.tell(optimizer.ask(), FAILED)
    optimizer.ask()  # left pending
    again = Optimizer.from_json(optimizer.to_json())
    assert again.to_json() == optimizer.to_json()
    assert run(again, 3).to_json() == run(optimizer, 3).to_json()


@pytest.mark.integration
def test_importing_and_asking_leave_the_precision_alone():
    run(Optimizer(SPACE, num_initial=1, seed=0), 2)
    assert jnp.ones(()).dtype == jnp.float32


def test_the_caller_may_change_its_copy():
    optimizer = Optimizer(SPACE, seed=0)
    optimizer.ask()["act"] = "changed"
    assert optimizer.state.pending[0]["act"] in "ab"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kernel": "rbf"}, r"kernel is 'rbf'; expected one of \['anova'"),
        ({"acquisition": "ucb"}, r"expected one of \['eei', 'log_ei', 'thompson'\]"),
        ({"warp": "log"}, "half_rank"),
        ({"num_initial": 0}, "from 1 on"),
        ({"seed": -1}, "from 0 on"),
    ],
)
def test_bad_options_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        Optimizer(SPACE, **options)


def test_other_errors_say_what_to_do():
    with pytest.raises(ValueError, match="wrap the dict"):
        Optimizer({"x": Float(0, 1)})
    optimizer = Optimizer(SPACE)
    with pytest.raises(ValueError, match="FAILED for a trial that gave none"):
        optimizer.tell({"act": "b", "n": 1}, "good")
    with pytest.raises(ValueError, match="expected one of"):
        optimizer.tell({"act": "z", "n": 1}, 1.0)
    with pytest.raises(ValueError, match="num is 0"):
        optimizer.ask(0)
    with pytest.raises(ValueError, match=r"Optimizer\.to_json"):
        Optimizer.from_json("[]")
    with pytest.raises(ValueError, match="at most 2048"):
        engine.pad_data([([0.5], [0])] * 2049, np.zeros(2049), [])


@pytest.mark.integration
def test_kernels_acquisitions_and_warps_are_values_too():
    """A row handed in as a value gives the point that its name gives; a new kernel needs no row."""

    def asked(**options):
        optimizer = Optimizer(SPACE, num_initial=4, seed=0, **options)
        for point in SPACE.latin_hypercube(3, 6):
            optimizer.tell(point, objective(point))
        return optimizer.ask()

    by_name = asked(kernel="product", acquisition="log_ei", warp="standardise")
    rows = {"acquisition": ACQUISITIONS["log_ei"], "warp": WARPS["standardise"]}
    assert asked(kernel=KERNELS["product"], **rows) == by_name
    row = KERNELS["product"]
    own = Kernel(lambda params, a, b: 2.0 * row.evaluate(params, a, b), row.prior)
    SPACE.check_point(asked(kernel=own))
    with pytest.raises(ValueError, match="no draw_features"):
        asked(kernel=own, acquisition="eei")
    with pytest.raises(ValueError, match="JSON can hold the name"):
        Optimizer(SPACE, kernel=own).to_json()


STEPPED = Space({"units": Int(16, 80, step=16), "x": Float(-1.0, 1.0)})


def bowl(point):
    """Smallest, 3, at 48 units and x = 0.25."""
    return 3.0 + ((point["units"] - 48) / 16) ** 2 + (point["x"] - 0.25) ** 2


@pytest.mark.integration
def test_minimising_mirrors_maximising():
    """The same points, values as they were told, the best of them in its own direction."""
    low = bo.minimise(bowl, STEPPED, 16, num_initial=6, seed=2)
    high = bo.maximise(lambda point: -bowl(point), STEPPED, 16, num_initial=6, seed=2)
    assert [point for point, _ in low.trials] == [point for point, _ in high.trials]
    assert [value for _, value in low.trials] == [bowl(point) for point, _ in low.trials]
    assert low.best_value == -high.best_value == min(value for _, value in low.trials)
    assert low.best_point["units"] == 48 and low.best_value < 3.05
    again = Optimizer.from_json(low.to_json())
    assert again.direction == "minimize" and again.best_value == low.best_value
    assert again.trials == low.trials and again.ask() == low.ask()
    assert repr(low).startswith("Optimizer(minimize, 16 trials, best 3 at") and len(repr(low)) < 120


def test_a_direction_of_another_name():
    with pytest.raises(ValueError, match="unknown direction 'up'; known are maximize, minimize"):
        Optimizer(STEPPED, direction="up")
    failed = Optimizer(STEPPED, direction="minimize")
    failed.tell({"units": 16, "x": 0.0}, float("nan"))
    assert failed.best_value is None and np.isnan(failed.trials[0][1])


def test_whole_numbers_in_steps():
    assert {point["units"] for point in STEPPED.sample(0, 64)} == {16, 32, 48, 64, 80}
    assert Space.from_json(STEPPED.to_json()).dimensions == STEPPED.dimensions
    with pytest.raises(ValueError, match="in steps of 16"):
        STEPPED.check_point({"units": 40, "x": 0.0})
    for wrong in (Int(0, 10, step=3), Int(0, 10, step=0), Int(0, 10, step=True)):
        with pytest.raises(ValueError, match="in steps of"):
            Space({"n": wrong})
    with pytest.raises(ValueError, match="log=True and a step"):
        Space({"n": Int(2, 10, log=True, step=2)})
    assert "step" not in Space({"n": Int(0, 10)}).to_json()  # as stored studies have it


def test_a_point_is_given_up_without_a_score():
    optimizer = Optimizer(SPACE, num_initial=3)
    first, second = optimizer.ask(2)
    optimizer.forget(first)
    assert optimizer.state.pending == (second,) and optimizer.trials == []
    with pytest.raises(ValueError, match="does not wait for a score"):
        optimizer.forget(first)
    optimizer.tell(first, 1.0)  # it may still be told, as any point may
    assert optimizer.best_value == 1.0


def test_without_a_seed_one_is_drawn():
    seeds = {Optimizer(SPACE, seed=None).settings.seed for _ in range(3)}
    assert len(seeds) == 3 and all(0 <= seed < 2**32 for seed in seeds)
    assert Optimizer(SPACE).settings.seed == 0


def test_infinitely_good_is_best_and_infinitely_bad_has_failed():
    for direction, good in (("maximize", math.inf), ("minimize", -math.inf)):
        optimizer = Optimizer(SPACE, direction=direction, num_initial=4)
        points = SPACE.sample(0, 4)
        for point, value in zip(points, (1.0, good, -good, 2.0), strict=True):
            optimizer.tell(point, value)
        assert optimizer.best_point == points[1] and optimizer.best_value == good
        assert Optimizer.from_json(optimizer.to_json()).best_value == good
        told = engine._impute(np.array([t.value for t in optimizer.state.trials]))
        assert np.argmax(told) == 1 and np.argmin(told) == 2 and np.all(np.isfinite(told))


def test_threads_that_share_an_optimiser_get_points_of_their_own():
    optimizer = Optimizer(bo.Space({"x": bo.Float(0, 1)}), num_initial=40)
    with ThreadPoolExecutor(4) as pool:
        points = list(pool.map(lambda _: optimizer.ask(), range(32)))
    assert len({json.dumps(point) for point in points}) == 32
    assert len(optimizer.state.pending) == 32
    again = pickle.loads(pickle.dumps(optimizer))
    assert copy.deepcopy(again).ask() == optimizer.ask()


@pytest.mark.integration
def test_a_forked_process_is_told_what_to_do():
    """JAX would wait for ever in it."""
    code = (
        "import os, sys\n"
        "from optiinr_jax import bo\n"
        "optimizer = bo.Optimizer(bo.Space({'x': bo.Float(0, 1)}), num_initial=2)\n"
        "for i in range(3):\n"
        "    optimizer.tell(optimizer.ask(), float(i))\n"
        "child = os.fork()\n"
        "if child:\n"
        "    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "try:\n"
        "    optimizer.ask()\n"
        "except RuntimeError as error:\n"
        "    print(error, flush=True)\n"
        "    os._exit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 7 and "spawn" in done.stdout


def test_a_point_that_comes_back_rounded_is_the_one_that_was_asked_for():
    """A machine that takes two decimals: nothing waits for ever or counts twice."""
    space = Space({"x": Float(0, 1), "y": Float(0, 1), "c": Choice("ab")})
    optimizer = Optimizer(space, num_initial=10)
    for _ in range(5):
        asked = optimizer.ask()
        point = asked | {name: round(asked[name], 2) for name in "xy"}
        optimizer.tell(point, point["x"])
        assert optimizer.trials[-1][0] == point
    assert optimizer.state.num_seen == 5 and not optimizer.state.pending
    asked = optimizer.ask()
    other = asked | {"c": "a" if asked["c"] == "b" else "b"}
    optimizer.tell(other, 1.0)  # another option is another point, and so is one further away
    optimizer.tell(asked | {"x": (asked["x"] + 0.5) % 1}, 1.0)
    assert list(optimizer.state.pending) == [asked]
    optimizer.forget(asked | {"x": round(asked["x"], 2)})
    assert not optimizer.state.pending


def test_a_search_of_the_first_versions_goes_on_as_it_was():
    old = json.loads(Optimizer(SPACE).to_json())
    del old["settings"]["quick"]
    assert Optimizer(SPACE).settings.quick
    assert not Optimizer.from_json(json.dumps(old)).settings.quick
