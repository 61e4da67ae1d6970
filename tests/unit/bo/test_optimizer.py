"""The whole engine on a small conditional space: one structure, so that it compiles once."""

import copy
import json
import math
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import jax
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
    gp,
    pathwise,
)
from optiinr_jax.bo.hyperparameters import fit, to_params
from tests.helpers import count_compiled

SPACE = Space(
    {
        "act": Choice(["a", "b"]),
        "omega": Float(1, 100, log=True, when={"act": "a"}),
        "n": Int(1, 8),
    }
)


def objective(point):
    """Best at act a, omega 10, n 5: value 10."""
    if point["act"] == "b":
        return 6 - abs(point["n"] - 2)
    return 10 - abs(math.log10(point["omega"]) - 1) * 8 - abs(point["n"] - 5)


def run(optimizer, num, f=objective):
    for _ in range(num):
        point = optimizer.ask()
        optimizer.tell(point, f(point))
    return optimizer


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
def test_a_batch_is_joint_distinct_and_the_same_as_single_asks():
    one, many = (run(Optimizer(SPACE, num_initial=4, seed=3), 6) for _ in range(2))
    batch = many.ask(4)
    assert batch == [one.ask() for _ in range(4)]
    assert all(a != b for i, a in enumerate(batch) for b in batch[:i])
    assert len(many.state.pending) == 4
    many.tell(batch[2], 1.0)
    assert many.state.pending == tuple(batch[:2] + batch[3:])


def joint_improvement(optimizer, points, num_paths=4000):
    """Mean over exact posterior draws of the best improvement among `points` (joint EEI)."""
    settings, trials = optimizer.settings, optimizer.state.trials
    row, structure = KERNELS[settings.kernel], SPACE.structure
    y = WARPS[settings.warp](np.array([t.value for t in trials]))
    data = engine.pad_data([SPACE.split(t.point) for t in trials], y, [])
    with jax.enable_x64(True):
        z, _ = fit(data, kernel=settings.kernel, structure=structure)
        params = to_params(settings.kernel, structure, z)
        x = jnp.asarray(np.stack([SPACE.encode(t.point) for t in trials]))
        known = jnp.ones(len(x), bool)
        posterior = gp.condition(row.evaluate, params, x, jnp.asarray(y), known)
        queries = jnp.asarray(np.stack([SPACE.encode(p) for p in points]))
        key = jax.random.key(0)
        draws = pathwise.draw_at(key, row, posterior, jnp.asarray(y), queries, num_paths)
        best = np.asarray(draws).max(axis=1)
    return float(np.mean(np.maximum(best - y.max(), 0.0)))


@pytest.mark.integration
@pytest.mark.parametrize("acquisition", ["log_ei", "eei"])
def test_a_batch_of_eight_is_better_together_than_eight_single_asks(acquisition):
    """The single asks know of the scores only, not of each other."""
    optimizer = run(Optimizer(SPACE, num_initial=8, seed=0, acquisition=acquisition), 8)
    singles = []
    for seed in range(8):
        record = json.loads(optimizer.to_json())
        record["settings"]["seed"] = seed
        singles.append(Optimizer.from_json(json.dumps(record)).ask())
    batch = optimizer.ask(8)
    assert len({repr(point) for point in batch}) == 8
    assert joint_improvement(optimizer, batch) > 1.02 * joint_improvement(optimizer, singles)


@pytest.mark.integration
def test_points_are_never_repeated():
    optimizer = Optimizer(SPACE, num_initial=4, seed=0)
    points = []
    for i in range(20):
        points.append(optimizer.ask())
        if i % 3:  # every third stays pending
            optimizer.tell(points[-1], objective(points[-1]))
    texts = [repr(point) for point in points]
    assert len(set(texts)) == len(texts)


@pytest.mark.integration
def test_an_exhausted_space_still_gives_valid_points():
    space = Space({"c": Choice("abc")})
    optimizer = Optimizer(space, num_initial=1, seed=0)
    first = [optimizer.ask()["c"] for _ in range(3)]
    assert sorted(first) == ["a", "b", "c"] and optimizer.ask()["c"] in "abc"
    for value in (1.0, 2.0, 3.0):
        optimizer.tell(optimizer.state.pending[0], value)
    assert optimizer.ask()["c"] in "abc"


@pytest.mark.integration
def test_told_points_count_as_initial_and_the_design_fills_the_rest():
    optimizer = Optimizer(SPACE, num_initial=5, seed=0)
    for point in SPACE.sample(9, 3):
        optimizer.tell(point, objective(point))
    assert [optimizer.ask(), optimizer.ask()] == SPACE.latin_hypercube(0, 2)
    design = SPACE.latin_hypercube(0, 5)
    assert optimizer.ask() not in design


@pytest.mark.parametrize(
    "values",
    [
        [5.0],
        [5.0] * 6,
        [1e12, -1e12, 3.0, 1e12],
        [FAILED] * 5,
        [FAILED, 1.0, math.inf, -math.inf, 2.0],
        [1e300, -1e300, 0.0],
    ],
)
def test_odd_scores_give_valid_proposals(values):
    optimizer = Optimizer(SPACE, num_initial=1, seed=0)
    for point, value in zip(SPACE.sample(0, len(values)), values, strict=True):
        optimizer.tell(point, value)
    point = optimizer.ask()
    assert SPACE.check_point(point) == point


def test_one_point_with_different_scores():
    optimizer = Optimizer(SPACE, num_initial=1, seed=0)
    point = {"act": "a", "omega": 10.0, "n": 3}
    for value in (1.0, 5.0, 3.0):
        optimizer.tell(point, value)
    assert optimizer.best_value == 5.0 and optimizer.best_point == point
    assert optimizer.ask() != point


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([2.0, -8.0], -9.0),
        ([3.0], 2.0),
        ([1e308, -1e308], -1.2e308),
        ([1.7e308, -1.7e308], -sys.float_info.max),
        ([1e-310, 0.0], -1e-311),
    ],
)
def test_a_failed_trial_counts_as_a_little_worse_than_the_worst(scores, expected):
    values = engine._impute(np.array([np.nan, *scores, np.nan]))
    np.testing.assert_allclose(values, [expected, *scores, expected], rtol=1e-12)


def test_a_failed_trial_is_never_best():
    optimizer = Optimizer(SPACE, seed=0)
    assert optimizer.best_value is None and optimizer.best_point is None
    for point, value in zip(SPACE.sample(0, 3), (-math.inf, -7.0, FAILED), strict=True):
        optimizer.tell(point, value)
    assert optimizer.best_value == -7.0


@pytest.mark.integration
def test_the_model_avoids_what_fails():
    optimizer = run(
        Optimizer(SPACE, num_initial=8, seed=0),
        20,
        lambda p: FAILED if p["act"] == "b" else objective(p),
    )
    guided = [trial.point["act"] for trial in optimizer.state.trials[8:]]
    assert guided.count("b") <= 4


@pytest.mark.integration
def test_of_several_kernels_the_likelier_is_used():
    """Asking with several gives the proposal of the one whose fit has the smaller loss."""
    told = run(Optimizer(SPACE, num_initial=6), 8)
    trials = told.state.trials
    asked, loss = {}, {}
    for kernel in ("product", "anova", "product|anova"):
        settings = Optimizer(SPACE, num_initial=6, kernel=kernel).settings
        asked[kernel] = engine.make_suggest(settings, trials)((), 8)
    y = WARPS["half_rank"](np.array([t.value for t in trials]))
    data = engine.pad_data([SPACE.split(t.point) for t in trials], y, [])
    with jax.enable_x64(True):
        for kernel in ("product", "anova"):
            loss[kernel] = fit(data, kernel=kernel, structure=SPACE.structure)[1]
    assert asked["product|anova"] == asked[min(loss, key=lambda k: loss[k])]
    assert asked["product"] != asked["anova"]


@pytest.mark.integration
def test_a_study_compiles_two_programs():
    """One for the parameters and one for the proposal, however many trials up to a capacity."""
    space = Space({"x": Float(0, 1), "c": Choice("abcdefg")})  # of this shape there is no other
    with count_compiled() as compiled:
        optimizer = Optimizer(space, num_initial=3, seed=5)
        for i in range(9):
            optimizer.tell(optimizer.ask(), math.sin(i))
        optimizer.ask(3)
    assert compiled == ["jit(loss_and_grad)", "jit(propose)"]
    other = Space({"y": Int(-5, 900), "c": Choice("abcdefg", when=None)})  # other ranges
    more = Space({"c": Choice(range(7)), "y": Float(1, 2, log=True, when={"c": (1, 2)})})
    with count_compiled() as compiled:
        for another in (other, more):
            run(Optimizer(another, num_initial=3), 4, lambda point: len(point))
    assert compiled == []
    sizes = [
        len(engine.pad_data([([0.5], [0])] * n, np.zeros(n), []).y) for n in (1, 160, 161, 257)
    ]
    assert sizes == [160, 160, 256, 384]
    quick = [
        len(engine.pad_data([([0.5], [0])] * n, np.zeros(n), [], quick=True).y) for n in (1, 64, 65)
    ]
    assert quick == [64, 64, 160]


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


def test_of_many_trials_the_best_and_the_latest_are_known(monkeypatch):
    monkeypatch.setattr(engine, "MAX_KNOWN", 6)
    values = [9.0, FAILED, 1.0, 8.0, 2.0, 7.0, FAILED, 3.0, 0.5, 0.1]
    trials = [engine.Trial({}, value, asked=True) for value in values]
    with pytest.warns(UserWarning, match="it learns from the best 3 and the latest 3"):
        known = engine.most_telling(trials)
    assert [trial.value for trial in known] == [9.0, 8.0, 7.0, 3.0, 0.5, 0.1]
    assert engine.most_telling(trials[:6]) == trials[:6]


@pytest.mark.integration
def test_a_search_goes_on_beyond_what_the_model_can_hold(monkeypatch):
    monkeypatch.setattr(engine, "CAPACITIES", (16,))
    monkeypatch.setattr(engine, "MAX_KNOWN", 12)
    optimizer = Optimizer(SPACE, num_initial=4, seed=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(optimizer, 20)
    assert len(optimizer.state.trials) == 20
    assert {"from the best 6 and the latest 6" in str(one.message) for one in caught} == {True}


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


def ridge(point):
    """Best where x is z, wherever z is."""
    return -4 * (point["x"] - point["z"]) ** 2


@pytest.mark.integration
def test_fixed_names_are_held_while_the_others_are_searched():
    """The best beside what is fixed, not the best of all with something put in its place."""
    optimizer = Optimizer(Space({"x": Float(0, 1), "z": Float(0, 1)}), num_initial=4)
    asked = optimizer.ask(2, fixed={"z": 0.3})  # of the design, too
    assert [point["z"] for point in asked] == [0.3, 0.3] and asked[0]["x"] != asked[1]["x"]
    for point in optimizer.settings.space.sample(1, 24):
        optimizer.tell(point, ridge(point))
    for z in (0.2, 0.8):
        point = optimizer.ask(fixed={"z": z})
        assert point["z"] == z and abs(point["x"] - z) < 0.1
    whole = {"x": 0.1, "z": 0.9}
    assert optimizer.ask(fixed=whole) == whole == optimizer.ask(fixed=whole)  # nothing is free


def test_what_a_fixed_name_depends_on_is_held_too():
    optimizer = Optimizer(SPACE, num_initial=20)
    for point in optimizer.ask(8, fixed={"omega": 3}):
        assert point["act"] == "a" and point["omega"] == 3.0
    assert {point["act"] for point in optimizer.ask(8)} == {"a", "b"}


def test_fixed_names_that_cannot_be():
    optimizer = Optimizer(SPACE)
    for fixed, text in (
        ({"x": 1}, "fixed names 'x'; expected names of"),
        ({"n": 99}, "is 99; expected a whole number from 1 to 8"),
        ({"act": "b", "omega": 2}, "fixed has 'act' at 'b', where 'omega' does not exist"),
    ):
        with pytest.raises(ValueError, match=text):
            optimizer.ask(fixed=fixed)
    assert optimizer.state.pending == ()


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


@pytest.mark.integration
def test_a_search_sees_past_one_huge_penalty():
    """It goes on as beside a small one."""
    found = []
    for penalty in (-1e3, -1e18):
        optimizer = Optimizer(Space({"x": Float(0, 1), "z": Float(0, 1)}), num_initial=6)
        for i in range(9):
            point = optimizer.ask()
            optimizer.tell(point, penalty if i == 3 else ridge(point) - point["x"])
        found.append([list(point.values()) for point, _ in optimizer.trials])
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_a_search_of_the_first_versions_goes_on_as_it_was():
    old = json.loads(Optimizer(SPACE).to_json())
    del old["settings"]["quick"]
    assert Optimizer(SPACE).settings.quick
    assert not Optimizer.from_json(json.dumps(old)).settings.quick


def circle(point):
    """Lowest at 0, which is not allowed: only what is outside of a circle and left of a line is."""
    value = point["x"] ** 2 + point["y"] ** 2
    return value, (0.25 - value, point["x"] - 0.3)


@pytest.mark.integration
def test_constraints_on_outcomes_are_met():
    """Most guided points are allowed, and the best of them is at the circle, 0.25."""
    optimizer = Optimizer(
        Space({name: Float(-1, 1) for name in "xy"}), direction="minimize", num_initial=8, seed=1
    )
    for _ in range(20):
        point = optimizer.ask()
        optimizer.tell(point, *circle(point))
    allowed = [max(circle(point)[1]) <= 0 for point, _ in optimizer.trials]
    assert sum(allowed[8:]) >= 8 and optimizer.best_value == circle(optimizer.best_point)[0]
    assert 0.25 <= optimizer.best_value < 0.26
    again = Optimizer.from_json(optimizer.to_json())
    assert again.best_point == optimizer.best_point and again.ask() == optimizer.ask()


def test_wrong_constraints_are_refused():
    optimizer = Optimizer(SPACE)
    first, second = SPACE.sample(0, 2)
    optimizer.tell(first, 3.0, [1.0, -1.0])
    assert optimizer.best_point is None  # not allowed
    with pytest.raises(ValueError, match="got 1 constraints, expected 2"):
        optimizer.tell(second, 1.0, [0.0])
    with pytest.raises(ValueError, match="0 or less where met"):
        optimizer.tell(second, 1.0, ["a", 0.0])
    optimizer.tell(second, 1.0, [0.0, math.nan])
    assert len(optimizer.trials) == 2 and optimizer.best_point is None  # not known to be allowed
    failed = optimizer.ask()
    optimizer.tell(failed, FAILED)
    optimizer.tell(optimizer.ask(), -5.0, [0, -2])
    assert optimizer.best_value == -5.0
