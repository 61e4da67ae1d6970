"""Matheron paths against the exact posterior, within the Monte-Carlo error that is stated."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.bo import KERNELS, Choice, Float, Space, gp, pathwise

SPACE = Space({"a": Float(0, 1), "b": Float(0, 1), "c": Choice("xyz")})
NUM = 20_000
draw_at = jax.jit(pathwise.draw_at, static_argnums=(1, 5))
draw_paths = jax.jit(pathwise.draw_paths, static_argnums=(1, 4, 5))
evaluate_paths = jax.jit(pathwise.evaluate_paths, static_argnums=0)


@partial(jax.jit, static_argnums=0)
def predict(row, posterior, x_test):
    return gp.predict(row.evaluate, posterior, x_test)


def problem(kernel, noise):
    mean, _ = KERNELS[kernel].prior(SPACE.structure)
    x = jnp.asarray(np.stack([SPACE.encode(p) for p in SPACE.sample(0, 9)]))
    params = gp.GPParams(
        jax.tree.map(lambda leaf: jnp.asarray(leaf, x.dtype), mean), jnp.log(noise)
    )
    y, mask = jnp.sin(7 * x[:6, 0]).at[5].set(jnp.nan), jnp.arange(6) < 5
    condition = jax.jit(partial(gp.condition, KERNELS[kernel].evaluate))
    posterior = condition(params, x[:6], y, mask)
    x_test = jnp.concatenate([x[:2], x[6:]])  # two observed points, three new ones
    return posterior, jnp.where(mask, y, 0.0), x_test


def check_moments(values, mean, variance, slack=0.0):
    """Sample mean within 4 sd / sqrt(S), sample variance within 4 sqrt(2 / S), plus `slack`."""
    np.testing.assert_array_less(np.abs(values.mean(0) - mean), 4 * np.sqrt(variance / NUM) + slack)
    np.testing.assert_array_less(
        np.abs(values.var(0) / variance - 1), 4 * np.sqrt(2 / NUM) + slack / variance
    )


@pytest.mark.integration
@pytest.mark.parametrize("kernel", KERNELS)
def test_draws_on_a_finite_set_are_exact(kernel):
    """Noise 0.1: without eps the variance at the observed points would be several times less."""
    with jax.enable_x64(True):
        posterior, y, x_test = problem(kernel, 0.1)
        key, row = jax.random.key(0), KERNELS[kernel]
        values = np.asarray(draw_at(key, row, posterior, y, x_test, NUM))
        check_moments(values, *predict(row, posterior, x_test))
        cross = gp.cross(row.evaluate, posterior, x_test)
        prior = row.evaluate(posterior.params.kernel, x_test[2], x_test[4])
        K_inverse = posterior.L_inverse.T @ posterior.L_inverse
        expected = prior - cross[:, 2] @ K_inverse @ cross[:, 4]
    covariance = np.cov(values[:, 2], values[:, 4])
    error = np.sqrt(covariance[0, 0] * covariance[1, 1] / NUM)
    np.testing.assert_allclose(covariance[0, 1], expected, atol=5 * error)


@pytest.mark.integration
@pytest.mark.parametrize("kernel", ["product", "sum_product", "anova"])
def test_random_feature_paths_have_the_moments_of_the_posterior(kernel):
    """4096 features: kernel error below 5 / sqrt(f) = 0.08, less after conditioning."""
    with jax.enable_x64(True):
        posterior, y, x_test = problem(kernel, 0.05)
        row = KERNELS[kernel]
        paths = draw_paths(jax.random.key(1), row, posterior, y, NUM, 4096)
        values = np.asarray(evaluate_paths(row, paths, x_test))
        check_moments(values, *predict(row, posterior, x_test), slack=0.08)


@pytest.mark.integration
def test_paths_are_differentiable_functions():
    with jax.enable_x64(True):
        posterior, y, x_test = problem("sum_product", 0.05)
        row = KERNELS["sum_product"]
        paths = draw_paths(jax.random.key(1), row, posterior, y, 3, 64)

        def first(a):
            return evaluate_paths(row, paths, a[None])[0, 0]

        a, step = x_test[3], jnp.linspace(-1, 1, len(x_test[3]))
        slope, h = jnp.dot(jax.grad(first)(a), step), 1e-6
        np.testing.assert_allclose(
            slope, (first(a + h * step) - first(a - h * step)) / (2 * h), rtol=1e-6
        )
        at_data = jax.grad(first)(posterior.x[0])  # distance 0 to a kernel centre
        assert np.all(np.isfinite(at_data))


@pytest.mark.integration
def test_noiseless_paths_pass_through_the_data():
    with jax.enable_x64(True):
        posterior, y, x_test = problem("sum_product", 1e-12)
        row = KERNELS["sum_product"]
        values = draw_at(jax.random.key(0), row, posterior, y, x_test, 16)
    np.testing.assert_allclose(values[:, :2], np.tile(y[:2], (16, 1)), atol=0.02)  # floor 1e-6
