"""The Gaussian process against tinygp, numpy and finite differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tinygp
from jax.test_util import check_grads

from optiinr_jax.bo import Choice, Float, Space, gp
from optiinr_jax.bo.kernels import KERNELS, gram
from optiinr_jax.numerics import cholesky, masked_mean, masked_std, safe_sqrt

SPACE = Space({"a": Float(0, 1), "b": Float(0, 1), "c": Choice("xyz")})
EVALUATE = KERNELS["sum_product"].evaluate
condition, predict, log_marginal_likelihood = (
    jax.jit(partial(function, EVALUATE))
    for function in (gp.condition, gp.predict, gp.log_marginal_likelihood)
)


def problem(n=7, m=4, log_noise=-3.0):
    mean, _ = KERNELS["sum_product"].prior(SPACE.structure)
    x = jnp.asarray(np.stack([SPACE.encode(p) for p in SPACE.sample(0, n + m)]))
    params = gp.GPParams(jax.tree.map(jnp.asarray, mean), jnp.asarray(log_noise))
    params = jax.tree.map(lambda leaf: leaf.astype(x.dtype), params)
    y = jnp.sin(5 * x[:n, 0]) + x[:n, 3]
    return params, x[:n], y, x[n:]


def _condition(reference, y, x_test):
    value, conditioned = reference.condition(y, x_test, diag=0.0)
    return value, (conditioned.loc, conditioned.variance)


@pytest.mark.integration
@pytest.mark.parametrize("has_own_noise", [False, True])
@pytest.mark.parametrize(("x64", "rtol"), [(True, 1e-9), (False, 2e-3)])  # float32: jitter 1e-4
def test_posterior_and_likelihood_are_those_of_tinygp(x64, rtol, has_own_noise):
    with jax.enable_x64(x64), jax.numpy_rank_promotion("allow"):  # tinygp promotes
        params, x, y, x_test = problem()
        own = (jnp.linspace(0.0, 0.5, len(x)),) if has_own_noise else ()

        class Same(tinygp.kernels.Kernel):
            def evaluate(self, a, b):
                return EVALUATE(params.kernel, a, b)

        noise = gp.noise_variance(params, *own)
        reference = tinygp.GaussianProcess(Same(), x, diag=noise)
        value, (loc, variance_there) = jax.jit(lambda y: _condition(reference, y, x_test))(y)
        mask = jnp.ones(len(x), bool)
        posterior = condition(params, x, y, mask, *own)
        mean, variance = predict(posterior, x_test)
        likelihood = log_marginal_likelihood(params, x, y, mask, *own)
    np.testing.assert_allclose(mean, loc, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(variance, variance_there, rtol=rtol, atol=rtol / 100)
    np.testing.assert_allclose(likelihood, value, rtol=rtol)


@pytest.mark.integration
def test_padding_changes_no_answer():
    with jax.enable_x64(True):
        params, x, y, x_test = problem()
        n, capacity = len(x), 12
        mask = jnp.arange(capacity) < n
        padded = jnp.pad(x, ((0, 5), (0, 0)), constant_values=9.0), jnp.pad(y, (0, 5))
        padded = padded[0], padded[1].at[n:].set(jnp.nan)
        answers = []
        for arrays in ((x, y, jnp.ones(n, bool)), (*padded, mask)):
            posterior = condition(params, *arrays)
            likelihood = log_marginal_likelihood(params, *arrays)
            answers.append((*predict(posterior, x_test), likelihood))
    for padded_answer, exact in zip(answers[1], answers[0], strict=True):
        np.testing.assert_allclose(padded_answer, exact, rtol=1e-12)


@pytest.mark.integration
def test_likelihood_gradient_is_that_of_finite_differences():
    """The hand-written reverse rule (GPML 5.9), through kernel and noise, with a masked row."""
    with jax.enable_x64(True):
        params, x, y, _ = problem()
        mask = jnp.arange(len(x)) != 2

        def f(params):
            return log_marginal_likelihood(params, x, y, mask)

        check_grads(f, (params,), order=1, modes=["rev"], rtol=1e-6)
        slope = jax.grad(lambda y: log_marginal_likelihood(params, x, y, mask))(y)
        assert slope[2] == 0.0
        gram_matrix = gp.noisy_gram(EVALUATE, params, x, mask)
        np.testing.assert_allclose(
            slope, -np.linalg.solve(gram_matrix, np.where(mask, y, 0.0)), rtol=1e-9, atol=1e-12
        )


@pytest.mark.integration
def test_noiseless_prediction_interpolates():
    with jax.enable_x64(True):
        params, x, y, _ = problem(log_noise=-40.0)
        posterior = condition(params, x, y, jnp.ones(len(x), bool))
        mean, variance = predict(posterior, x)
    np.testing.assert_allclose(mean, y, atol=1e-3)  # floor of the noise: sd 1e-3
    assert np.all(np.asarray(variance) < 1e-5)


@pytest.mark.integration
def test_cholesky_takes_the_smallest_jitter_that_works():
    good = jnp.array([[2.0, 0.5], [0.5, 1.0]])
    np.testing.assert_allclose(cholesky(good), np.linalg.cholesky(good), rtol=1e-6)
    singular = jnp.ones((3, 3)) - jnp.diag(jnp.array([0.0, 0.0, 5e-6]))  # not positive definite
    factor = cholesky(singular)
    assert np.all(np.isfinite(factor))
    np.testing.assert_allclose(factor @ factor.T, singular, atol=3e-5)  # one rung of 1e-5, not 1e-4
    assert np.all(np.isnan(cholesky(-good)))


def test_safe_sqrt_and_masked_moments():
    values, slopes = jax.vmap(jax.value_and_grad(safe_sqrt))(jnp.array([4.0, 0.0, -1.0]))
    np.testing.assert_array_equal(values, [2.0, 0.0, 0.0])
    np.testing.assert_array_equal(slopes, [0.25, 0.0, 0.0])
    x, mask = jnp.array([1.0, jnp.nan, 4.0]), jnp.array([True, False, True])
    assert masked_mean(x, mask) == 2.5 and masked_std(x, mask) == 1.5
    assert masked_mean(x, mask & False) == 0.0


@pytest.mark.integration
def test_gram_is_all_pairs():
    params, x, _, x_test = problem()
    one = EVALUATE(params.kernel, x[2], x_test[1])
    np.testing.assert_allclose(gram(EVALUATE, params.kernel, x, x_test)[2, 1], one, rtol=1e-6)


@pytest.mark.integration
def test_rows_with_a_noise_of_their_own_count_less():
    """Within the rules that a program lives by: no rank is promoted."""
    with jax.enable_x64(True):
        params, x, y, _ = problem(log_noise=-10.0)
        mask, own = jnp.ones(len(x), bool), jnp.zeros(len(x)).at[2].set(1e6)
        doubted = condition(params, x, y.at[2].set(50.0), mask, own)
        left_out = condition(params, x, y, mask.at[2].set(False))
        mean, _ = predict(doubted, x)
        expected, _ = predict(left_out, x)
    np.testing.assert_allclose(mean, expected, atol=1e-3)
