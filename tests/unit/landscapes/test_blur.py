"""The blur against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from optiinr_jax.landscapes import grid_blur, kernel_average, make_grid, sampled_blur

OMEGA = np.array([9.0, 14.0])


def waves(x):
    return np.prod(np.cos(x * OMEGA), axis=-1)


@pytest.mark.parametrize("is_wide", [False, True])
def test_waves_are_damped_as_the_gaussian_says(is_wide):
    """Inside the box cos(w x) becomes exp(-(w s)^2 / 2) cos(w x)."""
    scale, z = 0.05, np.array([0.45, 0.52])
    expected = waves(z) * np.exp(-0.5 * np.sum((OMEGA * scale) ** 2))
    with jax.enable_x64(is_wide):
        values = jnp.asarray(waves(make_grid(64, 2)).reshape(64, 64))
        found = grid_blur(jnp.asarray(z, values.dtype), values, scale)
        assert found.dtype == (jnp.float64 if is_wide else jnp.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-9 if is_wide else 1e-5)


@pytest.mark.integration
def test_at_the_border_the_average_is_one_sided():
    scale, z = 0.1, 0.03
    weight = lambda x: np.exp(-0.5 * ((x - z) / scale) ** 2)  # noqa: E731
    top = quad(lambda x: weight(x) * np.cos(9.0 * x), 0.0, 1.0)[0]
    expected = top / quad(weight, 0.0, 1.0)[0]
    with jax.enable_x64(True):
        values = jnp.cos(9.0 * jnp.asarray(make_grid(2000, 1).ravel()))
        found = grid_blur(jnp.array([z]), values, scale)
        assert np.isfinite(jax.grad(grid_blur)(jnp.array([-0.5]), values, 0.01)).all()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.integration
def test_scattered_points_and_a_grid_give_the_same():
    grid = make_grid(32, 2)
    values, z = jnp.asarray(waves(grid), jnp.float32), jnp.array([0.1, 0.8])
    found = kernel_average(z, jnp.asarray(grid, jnp.float32), values, 0.06)
    np.testing.assert_allclose(found, grid_blur(z, values.reshape(32, 32), 0.06), rtol=1e-4)


@pytest.mark.integration
def test_sampled_blur_of_a_square():
    """E (z + s e)^2 = z^2 + s^2, where the draws have this mean and variance."""
    draws = np.random.default_rng(0).standard_normal((256, 3))
    draws = np.concatenate([draws, -draws]) / draws.std(axis=0) * np.sqrt(1.0)
    draws /= np.sqrt(np.mean(draws**2, axis=0))
    z = jnp.array([0.5, 0.4, 0.6])
    found = sampled_blur(lambda x: jnp.sum(x**2), z, jnp.asarray(draws, jnp.float32), 0.05)
    np.testing.assert_allclose(found, jnp.sum(z**2) + 3 * 0.05**2, rtol=1e-5)


def test_sampled_blur_leaves_out_what_lies_outside():
    draws = jnp.array([[-1.0], [1.0], [2.0]])
    found = sampled_blur(lambda x: x[0], jnp.array([0.05]), draws, 0.1)
    np.testing.assert_allclose(found, (0.15 + 0.25) / 2, rtol=1e-6)
