"""The density: against SciPy, its grid against its kernels, its slope against differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from optiinr_jax.trajectories.density import FLOOR, Kernels, log_density, make_grid

WIDTH = 0.2


def kernels(conditions, condition_bandwidth, num_dims=2):
    points = np.random.default_rng(0).normal(size=(len(conditions), num_dims))
    parts = (points, conditions, WIDTH, condition_bandwidth)
    return Kernels(*(jnp.asarray(part) for part in parts))


@jax.jit
def logs(density, places, x):
    return jax.vmap(lambda y: log_density(density, y, x))(places)


@jax.jit
def slopes(density, places, x):
    return jax.vmap(jax.grad(partial(log_density, density)), in_axes=(0, None))(places, x)


def by_scipy(density, places, weights):
    each = [multivariate_normal(p, WIDTH**2).pdf(places) for p in np.asarray(density.points)]
    return np.log(weights @ np.array(each) / weights.sum() + FLOOR)


@pytest.mark.parametrize("is_double", [False, True])
def test_conditions_that_are_numbers_weigh_the_kernels(is_double):
    with jax.enable_x64(is_double):
        conditions = np.random.default_rng(1).normal(size=(20, 3))
        density = kernels(conditions, 0.7, num_dims=3)
        places, x = np.random.default_rng(2).normal(size=(5, 3)), np.array([0.5, 0.0, -0.5])
        weights = np.exp(-0.5 * ((x - conditions) ** 2).sum(-1) / 0.7**2)
        found = logs(density, jnp.asarray(places), jnp.asarray(x))
    rtol = 1e-10 if is_double else 1e-3
    np.testing.assert_allclose(found, by_scipy(density, places, weights), rtol=rtol)


@pytest.mark.integration
def test_classes_see_their_own_outputs_alone_and_the_grid_is_exact_enough():
    conditions = np.eye(2)[np.arange(30) % 2]
    density = kernels(conditions, 0.0)
    grid = make_grid(density, 2)
    places = jnp.asarray(np.random.default_rng(2).uniform(-1.5, 1.5, (200, 2)))
    for k, x in enumerate(jnp.eye(2)):
        truth = by_scipy(density, places, conditions[:, k])
        np.testing.assert_allclose(logs(density, places, x), truth, atol=1e-3)
        np.testing.assert_allclose(logs(grid, places, x), truth, atol=0.05)


@pytest.mark.integration
@pytest.mark.parametrize("on_grid", [False, True])
def test_its_slope_is_that_of_differences(on_grid):
    density = kernels(np.zeros((10, 0)), 0.0)
    density = make_grid(density, 1) if on_grid else density
    with jax.enable_x64(True):
        density = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), density)
        places, x = jnp.asarray(np.random.default_rng(3).uniform(-1, 1, (5, 2))), jnp.zeros(0)
        for axis, h in enumerate(1e-5 * np.eye(2)):
            above, below = (logs(density, places + sign * h[None], x) for sign in (1, -1))
            expected = (above - below) / 2e-5
            found = slopes(density, places, x)[:, axis]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("on_grid", [False, True])
def test_far_away_it_is_the_floor_and_its_slope_is_finite(on_grid):
    density = kernels(np.zeros((10, 0)), 0.0)
    density = make_grid(density, 1) if on_grid else density
    far = jnp.array([[100.0, -100.0]])
    np.testing.assert_allclose(logs(density, far, jnp.zeros(0)), np.log(FLOOR), rtol=1e-3)
    np.testing.assert_allclose(slopes(density, far, jnp.zeros(0)), 0.0, atol=1e-6)
