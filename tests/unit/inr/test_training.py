"""Training: no recompilation for numbers, one program for all families, divergence, schedule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr import training
from optiinr_jax.inr.config import resolve_bounds
from optiinr_jax.inr.model import init_variables
from optiinr_jax.inr.optimizer import make_optimizer

FAMILIES = ["siren", "finer", "gauss", "wire", "gf"]


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


def fit(signal, config, **options):
    return oi.fit(signal, config, **({"num_steps": 60, "progress": False} | options))


@pytest.mark.parametrize("family", FAMILIES)
def test_shared_program_trains_as_the_specialised_one(signal, family):
    config = inr.preset(family, width=8, depth=2)
    shared = fit(signal, config, share_program=True)
    special = fit(signal, config, share_program=False)
    # The same up to float32 rounding, which Gauss and WIRE at their rates amplify.
    np.testing.assert_allclose(shared.history[:5], special.history[:5], rtol=1e-4)
    assert shared.score == pytest.approx(special.score, abs=0.5)


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


def test_history_and_callback_of_an_odd_number_of_steps(signal):
    seen = []
    found = fit(
        signal,
        inr.preset("siren", width=8),
        num_steps=training.CHUNK_STEPS + 7,
        on_step=lambda done, total, loss: seen.append((done, total, loss)),
    )
    assert len(found.history) == training.CHUNK_STEPS + 7 == found.num_steps
    assert [done for done, *_ in seen] == [training.CHUNK_STEPS, training.CHUNK_STEPS + 7]
    assert seen[-1][2] == found.history[-1]
    assert found.history[-1] < found.history[0]


def test_more_steps_begin_like_fewer(signal):
    config = inr.preset("siren", width=8, protocol="paper")
    few, many = fit(signal, config, num_steps=20), fit(signal, config, num_steps=70)
    np.testing.assert_array_equal(many.history[:20], few.history)


def test_score_is_that_of_the_rendered_values(signal):
    found = fit(signal, inr.preset("finer", width=8))
    error = found.render() - signal.samples
    assert found.score == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-3)


def test_divergence_stops_and_says_where(signal):
    layer = inr.make_layer("siren", omega=1e30, learning_rate=1e30)
    config = inr.NetworkConfig(layers=(layer,) * 2, width=8)
    with pytest.raises(inr.DivergedError, match=r"stopped being finite at step \d+ of 200"):
        fit(signal, config, num_steps=200)
    done = training.train(
        jax.random.key(0), signal.grid_coords(), jnp.asarray(signal.values), config, num_steps=200
    )
    assert not done.is_finite and len(done.history) < 200
    assert np.isfinite(done.history[:-1]).all()


def test_each_layer_moves_by_its_own_rate():
    """Adam's first step moves every number by its learning rate, whatever the gradient."""
    rates = [1e-3, 3e-3]
    layers = tuple(inr.make_layer("siren", learning_rate=rate) for rate in rates)
    config = inr.NetworkConfig(layers=layers, width=4, weight_decay=0.0)
    params = init_variables(jax.random.key(0), config, num_dims=2, num_channels=1)["params"]
    optimizer = make_optimizer(resolve_bounds(config, 2), 10)
    grads = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    for name, rate in {"hidden_0": 1e-3, "hidden_1": 3e-3, "output": 3e-3}.items():
        np.testing.assert_allclose(updates[name]["kernel"], -rate, rtol=1e-5)


@pytest.mark.parametrize(
    ("decay", "cooldown", "expected"),
    [
        (1.0, 0.0, np.ones(10)),
        (0.1, 0.0, 0.1 ** (np.arange(10) / 10)),
        (1.0, 0.3, np.minimum(1.0, (10 - np.arange(10)) / 3)),
        (0.1, 0.5, 0.1 ** (np.arange(10) / 10) * np.minimum(1.0, (10 - np.arange(10)) / 5)),
    ],
)
def test_schedule(decay, cooldown, expected):
    layer = inr.make_layer("siren", learning_rate=1.0)
    config = inr.NetworkConfig(
        layers=(layer,), width=1, weight_decay=0.0, lr_decay=decay, lr_cooldown=cooldown
    )
    params = init_variables(jax.random.key(0), config, num_dims=1, num_channels=1)["params"]
    optimizer = make_optimizer(config, 10)
    state, grads, steps = optimizer.init(params), jax.tree.map(jnp.ones_like, params), []
    for _ in range(10):  # constant gradients: Adam's step is the rate itself
        updates, state = optimizer.update(grads, state, params)
        steps.append(-float(updates["output"]["bias"][0]))
    np.testing.assert_allclose(steps, expected, rtol=1e-4)


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
