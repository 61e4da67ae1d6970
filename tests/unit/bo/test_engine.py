"""What the engine makes of its record: batches, failures, odd scores, many trials, compilations."""

import json
import math
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.bo import (
    FAILED,
    KERNELS,
    WARPS,
    Choice,
    Float,
    Int,
    Optimizer,
    Space,
    engine,
    gp,
    pathwise,
)
from optiinr_jax.bo.hyperparameters import fit, to_params
from tests.helpers import count_compiled
from tests.optimizers import SPACE, objective, ridge, run


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


@pytest.mark.integration
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
@pytest.mark.parametrize("kernel", ["anova", "product", "sum_product"])
def test_ripples_are_not_taken_for_noise(kernel):
    """A descent from the prior's median alone ends where noise explains them."""
    rng, structure = np.random.default_rng(0), Space({"x": Float(0, 1), "y": Float(0, 1)}).structure
    places = rng.random((120, 2))
    y = np.sin(2 * np.pi * 10 * places[:, 0]) - 4 * np.square(places[:, 1] - 0.4)
    noise = {}
    for name, scores in (("ripples", y), ("noise", rng.standard_normal(120))):
        known = [(place, np.zeros(0, np.int32)) for place in places]
        data = engine.pad_data(known, (scores - scores.mean()) / scores.std(), [], quick=True)
        with jax.enable_x64(True):
            z, _ = fit(data, kernel=kernel, structure=structure, quick=True)
            noise[name] = float(jnp.exp(to_params(kernel, structure, z).log_noise))
    assert noise["ripples"] < 0.01 and noise["noise"] > 0.3


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
