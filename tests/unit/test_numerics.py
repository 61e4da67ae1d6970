"""The vectorised sine against float64, its derivative, and the routes it takes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import numerics


@pytest.mark.parametrize("limit", [1e-3, 1.0, 1e2, 1e4, 1e5, 1e6])
@pytest.mark.parametrize("options", [None, numerics.COMPILER_OPTIONS])
def test_sine_and_cosine_are_as_accurate_as_they_say(limit, options):
    x = np.random.default_rng(0).uniform(-limit, limit, 100_000).astype(np.float32)
    for ours, exact in [(numerics.sine, np.sin), (numerics.cosine, np.cos)]:
        got = np.asarray(jax.jit(ours, compiler_options=options)(x), float)
        assert np.abs(got - exact(x.astype(float))).max() < 2e-7


def test_sine_at_multiples_of_a_quarter_turn():
    k = np.arange(-1000, 1001)
    x = jnp.asarray(k * np.pi / 2, jnp.float32)
    exact = np.asarray(x, float)
    np.testing.assert_allclose(numerics.sine(x), np.sin(exact), rtol=0, atol=2e-7)
    np.testing.assert_allclose(numerics.cosine(x), np.cos(exact), rtol=0, atol=2e-7)


@pytest.mark.parametrize("function", [numerics.sine, numerics.cosine])
def test_a_sine_stays_a_sine_however_large_its_argument(function):
    x = jnp.asarray([-3e38, -1e20, 1e9, 2.0**31, 1e12, 3e38], jnp.float32)
    assert np.abs(function(x)).max() <= 1.0 + 1e-6


@pytest.mark.integration
def test_sine_derivatives():
    x = jnp.linspace(-30.0, 30.0, 201)
    slope = jax.vmap(jax.grad(numerics.sine))(x)
    np.testing.assert_allclose(slope, jnp.cos(x), rtol=0, atol=3e-7)
    value, tangent = jax.jvp(numerics.sine, (x,), (2.0 * jnp.ones_like(x),))
    np.testing.assert_allclose(value, jnp.sin(x), rtol=0, atol=3e-7)
    np.testing.assert_allclose(tangent, 2.0 * jnp.cos(x), rtol=0, atol=6e-7)


def test_float64_takes_the_library():
    with jax.enable_x64(True):
        x = jnp.linspace(-1e3, 1e3, 101, dtype=jnp.float64)
        np.testing.assert_array_equal(numerics.sine(x), jnp.sin(x))


def test_not_a_number_goes_through():
    assert np.isnan(numerics.sine(jnp.array([jnp.nan, jnp.inf]))).all()
