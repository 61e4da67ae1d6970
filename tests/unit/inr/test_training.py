"""Training: no recompilation for numbers, one program for all families, divergence, schedule."""

import dataclasses
import re
import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr import cost, encodings, formulas, training
from optiinr_jax.inr.batches import list_points
from optiinr_jax.inr.lowering import resolve_bounds
from optiinr_jax.inr.task import points_of
from tests.helpers import draw_variables

SIZES = {"num_dims": 2, "num_channels": 3}
FAMILIES = ["siren", "finer", "gauss", "wire_real", "gf"]
# Fits of a few steps, which learn nothing; the warning has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.inr.FloorWarning")


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


def fit(signal, config, **options):
    return oi.fit(signal, config, **({"num_steps": 60, "progress": False} | options))


@pytest.mark.integration
@pytest.mark.parametrize("family", FAMILIES)
def test_shared_program_trains_as_the_specialised_one(signal, family):
    config = inr.preset(family, width=8, depth=2)
    shared = fit(signal, config, share_program=True)
    special = fit(signal, config, share_program=False)
    # The same up to float32 rounding, which Gauss and WIRE at their rates amplify.
    np.testing.assert_allclose(shared.history[:5], special.history[:5], rtol=1e-4)
    assert shared.score == pytest.approx(special.score, abs=0.5)


@pytest.mark.parametrize("family", ["siren", "wire_original"])
def test_no_product_of_a_step_takes_its_left_array_transposed(family):
    """XLA folds transpositions into products, and has slow kernels for these on a CPU."""
    config = inr.preset(family, width=16, depth=2)
    variables = inr.init(jax.random.key(0), config, **SIZES)
    rows = (jnp.ones((64, 2)), jnp.ones((64, 3)))
    step = jax.jit(lambda *arrays: training.loss_and_grads(*arrays, config))
    text = step.lower(variables["params"], variables["constants"], rows).compile().as_text()
    found = re.findall(r"lhs_contracting_dims={(\d)}, rhs_contracting_dims={(\d)}", text)
    assert len(found) >= 3 * 3 - 1  # of three layers; the coordinates are not trained
    assert {left for left, _ in found} == {"1"}


@pytest.mark.integration
def test_numbers_and_families_never_recompile(signal):
    mixed = [
        inr.NetworkConfig(
            layers=(
                inr.make_layer(a, omega=w, learning_rate=r),
                inr.make_layer(b, learning_rate=r / 2),
            ),
            width=12,
            lr_decay=d,
        )
        for a, b, w, r, d in [
            ("siren", "gauss", 20.0, 1e-3, 1.0),
            ("finer", "wire", 30.0, 1e-4, 0.1),
            ("gf", "siren", 5.0, 1e-2, 0.5),
        ]
    ]
    fit(signal, mixed[0], share_program=True)
    sizes = training.train_chunk._cache_size(), training._start._cache_size()
    for config in mixed[1:]:
        fit(signal, config, share_program=True, num_steps=110, seed=3)
    assert (training.train_chunk._cache_size(), training._start._cache_size()) == sizes
    fit(signal, inr.preset("siren", width=12, depth=2), share_program=False)
    assert training.train_chunk._cache_size() == sizes[0] + 1  # a name may


@pytest.mark.integration
def test_history_and_callback_of_an_odd_number_of_steps(signal):
    seen, longest = [], max(cost.CHUNK_STEPS)
    found = fit(
        signal,
        inr.preset("siren", width=8),
        num_steps=longest + 7,
        on_step=lambda done, total, loss: seen.append((done, total, loss)),
    )
    assert len(found.history) == longest + 7 == found.num_steps
    assert [done for done, *_ in seen] == [longest, longest + 7]
    assert seen[-1][2] == found.history[-1]
    assert found.history[-1] < found.history[0]


@pytest.mark.integration
def test_the_length_of_a_chunk_changes_nothing(signal, monkeypatch):
    config = inr.preset("siren", width=8, depth=2)
    whole = fit(signal, config, num_steps=12)
    monkeypatch.setattr(cost, "CHUNK_STEPS", (5,))
    seen = []
    parts = fit(signal, config, num_steps=12, on_step=lambda done, *_: seen.append(done))
    assert seen == [5, 10, 12]
    np.testing.assert_array_equal(parts.history, whole.history)


@pytest.mark.integration
def test_more_steps_begin_like_fewer(signal):
    config = inr.preset("siren", width=8, protocol="paper")
    few, many = fit(signal, config, num_steps=20), fit(signal, config, num_steps=70)
    np.testing.assert_array_equal(many.history[:20], few.history)


@pytest.mark.integration
def test_score_is_that_of_the_rendered_values(signal):
    found = fit(signal, inr.preset("finer", width=8))
    error = found.render() - signal.samples
    assert found.score == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-3)


@pytest.mark.integration
def test_divergence_stops_and_says_where(signal):
    layer = inr.make_layer("siren", omega=1e30, learning_rate=1e30)
    config = inr.NetworkConfig(layers=(layer,) * 2, width=8)
    with pytest.raises(inr.DivergedError, match=r"stopped being finite at step \d+ of 200"):
        fit(signal, config, num_steps=200)
    points = list_points(signal.grid_coords(), jnp.asarray(signal.values))
    done = training.train(jax.random.key(0), points, config, num_steps=200)
    assert not done.is_finite and len(done.history) < 200
    assert np.isfinite(done.history[:-1]).all()


@pytest.mark.integration
@pytest.mark.parametrize("keep_best", [False, True])
def test_divergence_keeps_the_last_good_parameters(signal, tmp_path, keep_best):
    """The first step throws the weights so far that the second loss is no number."""
    layers = (inr.make_layer("siren", learning_rate=1e37),) * 2
    config = inr.NetworkConfig(layers=layers, width=8, sampling="grid")
    with pytest.raises(inr.DivergedError, match="stopped being finite at step 2 of 9") as raised:
        fit(signal, config, num_steps=9, keep_best=keep_best)
    left = raised.value.inr
    start = draw_variables(config, 0, num_dims=2, num_channels=3)
    jax.tree.map(np.testing.assert_array_equal, left.variables, start)
    values = left.predict(signal.grid_coords())
    assert left.num_steps == 0 and np.isnan(left.history[-1]) and len(left.history) == 2
    learned = 2.0 * values - 1.0
    assert np.mean((learned - signal.values) ** 2) == pytest.approx(left.history[0], rel=1e-5)
    assert left.score == pytest.approx(signal.score(values), abs=1e-4)
    again = oi.load_inr(left.save(tmp_path / "left.inr.safetensors"))
    np.testing.assert_array_equal(again.predict(signal.grid_coords()), values)


@pytest.mark.integration
def test_the_best_parameters_are_kept(signal):
    layer = inr.make_layer("siren", learning_rate=0.3)  # too large: the loss jumps about
    config = inr.NetworkConfig(layers=(layer,) * 2, width=8, sampling="grid")
    # Where it has jumped to at the end is up to rounding, so up to the version of JAX.
    fits = ((seed, fit(signal, config, seed=seed)) for seed in range(10))
    seed, last = next(
        found for found in fits if found[1].history.min() < 0.98 * found[1].history[-1]
    )
    best = fit(signal, config, seed=seed, keep_best=True)
    np.testing.assert_array_equal(best.history, last.history)
    lowest = best.history.min()

    def loss(found):
        error = found.predict(signal.grid_coords()).reshape(signal.samples.shape) - signal.samples
        return 4.0 * np.mean(error**2)  # in the range that it learns, [-1, 1]

    assert loss(best) == pytest.approx(lowest, rel=1e-4)
    assert loss(last) > loss(best) and best.score > last.score


def hopeless(kind, size, **fields):
    layers = (inr.make_layer("siren", learning_rate=0.0),) * 2
    config = inr.NetworkConfig(layers=layers, width=8, weight_decay=0.0, **fields)
    return oi.sample_signal(kind, size=size), config


@pytest.mark.integration
@pytest.mark.parametrize(
    ("kind", "size", "fields"), [("image", 8, {}), ("audio", 200, {"output_init": "tiny"})]
)
def test_a_fit_that_learns_nothing_says_so(kind, size, fields):
    signal, config = hopeless(kind, size, **fields)
    with pytest.warns(inr.FloorWarning, match="no better than the .* of a constant output"):
        fit(signal, config, num_steps=5)


@pytest.mark.integration
def test_a_fit_that_learns_does_not_warn(signal):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(signal, inr.preset("siren", width=16, depth=2), num_steps=100)
    assert found.history[-1] < 0.5 * signal.variance()


@pytest.mark.integration
def test_fourier_features_are_drawn_once_and_not_trained(signal):
    layer = inr.make_layer("siren")
    encoding = inr.FourierFeatures(sigma=2.0, num_frequencies=6)
    config = inr.NetworkConfig(layers=(layer,) * 2, width=8, encoding=encoding)
    one, two = fit(signal, config, num_steps=1), fit(signal, config, num_steps=30)
    basis = one.variables["constants"]["basis"]
    assert basis.shape == (2, 6)
    np.testing.assert_array_equal(basis, two.variables["constants"]["basis"])
    assert one.params["hidden_0"]["kernel"].shape == (12, 8)


@pytest.mark.parametrize("num_steps", [0, -5, True])
def test_number_of_steps_is_checked(signal, num_steps):
    with pytest.raises(ValueError, match=r"num_steps is .*; it must be a whole number from 1 on"):
        fit(signal, inr.preset("siren"), num_steps=num_steps)


@pytest.mark.integration
@pytest.mark.parametrize("size", [1, 7, 32, 64, 100])
def test_parts_add_up_to_the_gradient_of_all_points(size):
    """Also where the last part is filled up: 64 points in parts of 7."""
    config = resolve_bounds(inr.preset("finer", width=8, depth=2), 2)
    coords = jax.random.uniform(jax.random.key(0), (64, 2))
    targets = jax.random.normal(jax.random.key(1), (64, 3))
    variables = draw_variables(config, 2, num_dims=2, num_channels=3)

    def predict(params, coords):
        return inr.apply({**variables, "params": params}, config, coords)

    def loss(params):
        return jnp.mean(jnp.square(predict(params, coords) - targets))

    params = variables["params"]
    found = training.mse_and_grads(predict, params, coords, targets, size)
    expected = jax.value_and_grad(loss)(params)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for got, exact in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(got, exact, rtol=1e-4, atol=1e-5 * np.abs(exact).max())


@pytest.mark.integration
@pytest.mark.parametrize("max_part", [1, 7, 100])
@pytest.mark.parametrize("batch_size", [None, 48])
def test_a_fit_in_smaller_parts_is_the_same(signal, max_part, batch_size):
    """64 points, or 48 of them, at once and in parts, the last of which may be filled up."""
    config = dataclasses.replace(inr.preset("finer", width=8, depth=2), batch_size=batch_size)
    whole, parts = (fit(signal, config, max_part=size) for size in (None, max_part))
    np.testing.assert_allclose(parts.history, whole.history, rtol=1e-3)
    assert parts.score == pytest.approx(whole.score, abs=0.01)


@pytest.mark.integration
def test_smaller_parts_take_less_memory():
    """What the compiled program asks for besides its arguments: 64 x 64 points, half of them."""
    signal, config = oi.sample_signal("image", size=64), inr.preset("siren", width=32, depth=2)
    state, data, config = training.prepare(
        jax.random.key(0), points_of(signal), config, 1, share_program=True, keep_best=False
    )

    def num_bytes(max_part):
        chunk = partial(training.run_chunk, length=1, max_part=max_part)
        program = jax.jit(lambda *now: chunk(*now, config, jnp.array(1), jnp.array(0)))
        return program.lower(state, data).compile().memory_analysis().temp_size_in_bytes

    assert num_bytes(2048) < 0.6 * num_bytes(None)


@pytest.mark.parametrize("max_part", [0, -1, True])
def test_the_size_of_a_part_is_checked(signal, max_part):
    with pytest.raises(ValueError, match=r"max_part is .*; it must be a whole number from 1 on"):
        fit(signal, inr.preset("siren"), max_part=max_part)


@pytest.mark.integration
def test_matmul_precision_is_the_callers(signal):
    """On a CPU all precisions are the same; what counts is that the setting arrives."""
    config = inr.preset("siren", width=8, depth=2)
    with jax.default_matmul_precision("highest"):
        found = fit(signal, config)
        (many,) = oi.fit_many(signal, config, num_steps=60, layout="threads", progress=False)
    assert found.info["matmul_precision"] == many.info["matmul_precision"] == "highest"
    np.testing.assert_allclose(found.history[:5], many.history[:5], rtol=1e-4)


LIBRARY = {"sine": jnp.sin, "cosine": jnp.cos}
NETWORKS = [*((name, "image") for name in FAMILIES), ("siren", "audio")]


@pytest.mark.slow
def test_fast_functions_train_as_the_library_does(monkeypatch):
    """The score differs less than between seeds, the first losses by rounding alone."""

    def train(family, modality):
        signal = oi.sample_signal(modality, size=16 if modality == "image" else 256)
        config = inr.preset(family, modality=modality, width=16, depth=2)
        seeds = [fit(signal, config, num_steps=300, seed=s, share_program=False) for s in range(3)]
        return [found.history for found in seeds], [found.score for found in seeds]

    fast = [train(*network) for network in NETWORKS]
    for module in (formulas, encodings):
        for name in LIBRARY.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, LIBRARY[name])
    jax.clear_caches()
    library = [train(*network) for network in NETWORKS]
    jax.clear_caches()
    for network, (losses, ours), (library_losses, theirs) in zip(
        NETWORKS, fast, library, strict=True
    ):
        for of_ours, of_theirs in zip(losses, library_losses, strict=True):
            np.testing.assert_allclose(of_ours[:3], of_theirs[:3], rtol=2e-4, err_msg=str(network))
        difference = abs(np.mean(ours) - np.mean(theirs))
        assert difference < max(0.2, 2 * np.std(theirs)), network
