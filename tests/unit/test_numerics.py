"""The vectorised sine against float64, its derivative, and the routes it takes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import numerics


@pytest.mark.parametrize("limit", [1.0, 1e2, 1e4, 1e5, 1e6])
def test_sincos_is_as_accurate_as_it_says(limit):
    x = np.random.default_rng(0).uniform(-limit, limit, 100_000).astype(np.float32)
    sin_x, cos_x = jax.jit(numerics.sincos)(x)
    assert np.abs(np.asarray(sin_x, float) - np.sin(x.astype(float))).max() < 2e-7
    assert np.abs(np.asarray(cos_x, float) - np.cos(x.astype(float))).max() < 2e-7


def test_sine_at_multiples_of_a_quarter_turn():
    k = np.arange(-1000, 1001)
    x = (k * np.pi / 2).astype(np.float32)
    sin_x, cos_x = numerics.sincos(jnp.asarray(x))
    np.testing.assert_allclose(sin_x, np.sin(x.astype(float)), rtol=0, atol=2e-7)
    np.testing.assert_allclose(cos_x, np.cos(x.astype(float)), rtol=0, atol=2e-7)


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
