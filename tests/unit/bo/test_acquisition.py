"""Closed forms against quadrature and erfcx; the path estimate against the closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from optiinr_jax.bo import ACQUISITIONS, KERNELS, Choice, Float, Space, gp
from optiinr_jax.bo.acquisition import (
    Belief,
    eei,
    expected_improvement,
    log_eei,
    log_expected_improvement,
)

SPACE = Space({"a": Float(0, 1), "b": Float(0, 1), "c": Choice("xyz")})


def make_belief(kernel, num_observed=6, num_pending=0):
    mean, _ = KERNELS[kernel].prior(SPACE.structure)
    x = jnp.asarray(np.stack([SPACE.encode(p) for p in SPACE.sample(1, 10)]))
    params = gp.GPParams(jax.tree.map(lambda leaf: jnp.asarray(leaf, x.dtype), mean), jnp.log(1e-6))
    row = jnp.arange(10)
    observed, pending = (
        row < num_observed,
        (row >= num_observed) & (row < num_observed + num_pending),
    )
    return Belief(params, x, jnp.where(observed, jnp.sin(7 * x[:, 0]), 0.0), observed, pending)


@pytest.mark.parametrize(("mean", "sigma"), [(0.3, 0.5), (-2.0, 1.0), (1.0, 1e-3), (0.0, 3.0)])
def test_expected_improvement_is_the_integral(mean, sigma):
    def integrand(t):
        return (t - 0.2) * stats.norm.pdf(t, mean, sigma)

    expected, _ = integrate.quad(integrand, 0.2, max(mean, 0.2) + 12 * sigma, epsabs=0, limit=200)
    with jax.enable_x64(True):
        value = expected_improvement(jnp.asarray(mean), jnp.asarray(sigma**2), jnp.asarray(0.2))
    np.testing.assert_allclose(value, expected, rtol=1e-7)


@pytest.mark.integration
@pytest.mark.parametrize(("x64", "rtol"), [(True, 2e-6), (False, 2e-5)])
def test_log_ei_is_accurate_far_in_the_tail(x64, rtol):
    z = np.concatenate([np.linspace(-60, -1.5, 400), [-300.0, -9.999, -10.001]])
    # h(z) = phi(z) (1 + z sqrt(pi/2) erfcx(-z / sqrt 2)), whose bracket loses z^2 eps
    bracket = 1 + z * np.sqrt(np.pi / 2) * special.erfcx(-z / np.sqrt(2))
    expected = stats.norm.logpdf(z) + np.log(bracket)
    with jax.enable_x64(x64):
        one = jnp.ones(())
        value = log_expected_improvement(jnp.asarray(z), jnp.ones(len(z)), 0 * one)
        slope = jax.vmap(jax.grad(lambda m: log_expected_improvement(m, one, 0 * one)))(
            jnp.asarray([-300.0, -10.0, -3.0, 0.0, 5.0])
        )
    np.testing.assert_allclose(value, expected, rtol=rtol)
    slope = np.asarray(slope)
    assert np.all(slope > 0) and np.all(np.diff(slope) < 0)  # concave and rising


@pytest.mark.integration
def test_log_ei_is_the_logarithm_of_ei():
    mean, variance = jnp.linspace(-1, 2, 7), jnp.linspace(0.1, 2, 7)
    best = jnp.asarray(0.3)
    np.testing.assert_allclose(
        log_expected_improvement(mean, variance, best),
        jnp.log(expected_improvement(mean, variance, best)),
        rtol=1e-5,
    )


@pytest.mark.integration
def test_eei_converges_to_ei():
    """Mean of S draws of relu, standard error below sd / sqrt(S); four of them."""
    mean, sd, best, num = jnp.array([0.0, -0.5, 1.0]), 0.8, jnp.asarray(0.5), 40_000
    values = mean[None] + sd * jax.random.normal(jax.random.key(0), (num, 3))
    expected = expected_improvement(mean, jnp.full(3, sd**2), best)
    np.testing.assert_allclose(eei(values, best), expected, atol=4 * sd / num**0.5)
    # the softplus adds at most log(2) temperatures of it
    np.testing.assert_allclose(jnp.exp(log_eei(values, best)), eei(values, best), atol=7e-3)


@pytest.mark.integration
def test_log_eei_has_a_gradient_where_eei_has_none():
    values = jnp.full((8, 1), -5.0)
    value, slope = jax.value_and_grad(lambda v: log_eei(v, jnp.zeros(()))[0])(values)
    assert eei(values, jnp.zeros(()))[0] == 0.0
    assert np.isfinite(value) and np.all(slope > 0)


def score_all(acquisition, kernel, belief, x, num_paths=4096):
    def score(belief, x):
        key = jax.random.key(2)
        return jax.vmap(ACQUISITIONS[acquisition](key, KERNELS[kernel], belief, num_paths))(x)

    return np.asarray(jax.jit(score)(belief, x))


@pytest.mark.integration
@pytest.mark.parametrize("kernel", ["product", "sum_product"])
def test_rows_agree_where_improvement_is_likely(kernel):
    """4096 paths, 1024 features: 5 % of the largest EI covers both errors."""
    with jax.enable_x64(True):
        belief = make_belief(kernel)
        x = jnp.asarray(np.stack([SPACE.encode(p) for p in SPACE.sample(5, 30)]))
        exact = np.exp(score_all("log_ei", kernel, belief, x))
        paths = np.exp(score_all("eei", kernel, belief, x))
    np.testing.assert_allclose(paths, exact, atol=0.05 * exact.max() + 0.007)
    assert exact.max() > 0.1


@pytest.mark.integration
@pytest.mark.parametrize("acquisition", ["log_ei", "eei"])
def test_a_pending_point_is_not_wanted_again(acquisition):
    with jax.enable_x64(True):
        free, waiting = make_belief("sum_product"), make_belief("sum_product", num_pending=1)
        x = free.x[6:7]
        before = score_all(acquisition, "sum_product", free, x, 256)
        after = score_all(acquisition, "sum_product", waiting, x, 256)
    assert after < before - 1.0  # logarithms: less than a third of what it was


@pytest.mark.integration
def test_thompson_scores_are_draws_from_the_posterior():
    """Over 400 keys; four standard errors of a mean, and of a standard deviation."""
    with jax.enable_x64(True):
        belief, row, num = make_belief("sum_product"), KERNELS["sum_product"], 400
        x = jnp.asarray(np.stack([SPACE.encode(p) for p in SPACE.sample(5, 3)]))

        @jax.jit
        @jax.vmap
        def draw(key):
            return jax.vmap(ACQUISITIONS["thompson"](key, row, belief, 1))(x)

        draws = np.asarray(draw(jax.random.split(jax.random.key(0), num)))
        posterior = gp.condition(row.evaluate, belief.params, belief.x, belief.y, belief.observed)
        mean, variance = map(np.asarray, gp.predict(row.evaluate, posterior, x))
    sd = np.sqrt(variance)
    assert np.all(np.abs(draws.mean(0) - mean) < 4 * sd / num**0.5)
    assert np.all(np.abs(draws.std(0) / sd - 1) < 4 / (2 * num) ** 0.5 + 0.02)


@pytest.mark.integration
@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_scores_are_finite_with_gradients(acquisition):
    belief = make_belief("sum_product", num_observed=0)

    def score(a):
        row = KERNELS["sum_product"]
        return ACQUISITIONS[acquisition](jax.random.key(0), row, belief, 64)(a)

    value, slope = jax.jit(jax.value_and_grad(score))(belief.x[0])
    assert np.isfinite(value) and np.all(np.isfinite(slope))


@pytest.mark.integration
@pytest.mark.parametrize("acquisition", ACQUISITIONS)
@pytest.mark.parametrize("kernel", ["product", "anova"])
def test_gradients_are_those_of_finite_differences(acquisition, kernel):
    with jax.enable_x64(True):
        belief = make_belief(kernel, num_pending=1)
        row = KERNELS[kernel]

        @jax.jit
        def value_and_slope(belief, a):
            score = ACQUISITIONS[acquisition](jax.random.key(0), row, belief, 64)
            return jax.value_and_grad(score)(a)

        a, h = belief.x[8], 1e-6
        _, slope = value_and_slope(belief, a)
        direction = jnp.array([0.6, -0.8, 0.0, 0.0, 0.0])  # the numbers; choices do not climb
        up, down = (value_and_slope(belief, a + s * h * direction)[0] for s in (1, -1))
        np.testing.assert_allclose(slope @ direction, (up - down) / (2 * h), rtol=1e-4)
