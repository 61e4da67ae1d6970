"""Kernels against tinygp and against their own definition; features against the kernel."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tinygp

from optiinr_jax.bo import Choice, Float, Space
from optiinr_jax.bo.kernels import KERNELS, ProductParams, SumProductParams, gram

SPACE = Space({"a": Float(0, 1), "b": Float(0, 1), "c": Choice("xyz"), "d": Choice("uv")})
NUM_CONTINUOUS, NUM_ONEHOT = 2, 5


def draw(name, seed=0):
    """Parameters from the prior, and points."""
    mean, sd = KERNELS[name].prior(SPACE.structure)
    rng = np.random.default_rng(seed)
    x = jnp.asarray(np.stack([SPACE.encode(p) for p in SPACE.sample(seed, 12)]))
    params = jax.tree.map(
        lambda m, s: jnp.asarray(m + 0.3 * s * rng.standard_normal(jnp.shape(m)), x.dtype), mean, sd
    )
    return params, x


def amplitude(params):
    """Prior variance."""
    return float(jnp.exp(getattr(params, "anova", params).log_amplitude))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "stationary"),
    [
        ("product", tinygp.kernels.Matern52),
        ("product_matern12", tinygp.kernels.Exp),
        ("product_matern32", tinygp.kernels.Matern32),
        ("product_se", tinygp.kernels.ExpSquared),
    ],
)
def test_product_is_that_of_tinygp(name, stationary):
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):  # tinygp promotes
        params, x = draw(name)
        distance = tinygp.kernels.distance.L2Distance()
        continuous = stationary(scale=jnp.exp(params.log_lengthscale), distance=distance)
        onehot = tinygp.kernels.ExpSquared(distance=distance)
        expected = (
            jnp.exp(params.log_amplitude)
            * continuous(x[:, :NUM_CONTINUOUS], x[:, :NUM_CONTINUOUS])
            * onehot(*[x[:, NUM_CONTINUOUS:] / jnp.exp(params.log_onehot_lengthscale)] * 2)
        )
        actual = gram(KERNELS[name].evaluate, params, x, x)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.integration
def test_sum_product_is_that_of_tinygp():
    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        params, x = draw("sum_product")
        distance = tinygp.kernels.distance.L2Distance()
        matern, se = (
            lambda log_scale, block, kernel=kernel: kernel(distance=distance)(
                *[block / jnp.exp(log_scale)] * 2
            )
            for kernel in (tinygp.kernels.Matern52, tinygp.kernels.ExpSquared)
        )
        w = jnp.exp(params.logits) / jnp.sum(jnp.exp(params.logits))
        expected = jnp.exp(params.log_amplitude) * (
            w[0] * matern(params.log_lengthscale, x[:, :NUM_CONTINUOUS])
            + w[1] * se(params.log_onehot_lengthscale, x[:, NUM_CONTINUOUS:])
            + w[2]
            * matern(params.log_lengthscale_product, x[:, :NUM_CONTINUOUS])
            * se(params.log_onehot_lengthscale_product, x[:, NUM_CONTINUOUS:])
        )
        actual = gram(KERNELS["sum_product"].evaluate, params, x, x)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_value_at_zero_distance_is_the_amplitude(name):
    params, x = draw(name)
    diagonal = jax.jit(jax.vmap(lambda a: KERNELS[name].evaluate(params, a, a)))(x)
    np.testing.assert_allclose(diagonal, amplitude(params), rtol=1e-6)
    assert diagonal.dtype == jnp.float32


@pytest.mark.integration
@pytest.mark.parametrize("name", KERNELS)
def test_gradients_are_finite_at_zero_distance_and_right_elsewhere(name):
    evaluate = jax.jit(KERNELS[name].evaluate)
    with jax.enable_x64(True):
        params, x = draw(name)
        at_zero = jax.jit(jax.grad(evaluate, argnums=(0, 1)))(params, x[0], x[0])
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(at_zero))
        direction = jnp.linspace(-1, 1, NUM_CONTINUOUS + NUM_ONEHOT)
        slope = jnp.dot(jax.grad(evaluate, argnums=1)(params, x[0], x[1]), direction)
        h = 1e-6
        up, down = (evaluate(params, x[0] + s * h * direction, x[1]) for s in (1, -1))
        np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=1e-6, atol=1e-9)


@pytest.mark.integration
@pytest.mark.parametrize("name", KERNELS)
def test_features_approach_the_kernel(name):
    """The largest of 144 errors of a mean of f bounded terms is below 5 / sqrt(f) amplitudes."""
    num_features = 4096
    params, x = draw(name)
    draw_features = jax.jit(KERNELS[name].draw_features, static_argnums=(2, 3))
    features = draw_features(jax.random.key(1), params, NUM_CONTINUOUS + NUM_ONEHOT, num_features)
    phi = features.scale[None] * jnp.cos(x @ features.frequency.T + features.phase[None])
    error = phi @ phi.T - gram(KERNELS[name].evaluate, params, x, x)
    assert phi.shape == (12, num_features)
    assert np.max(np.abs(error)) < 5 / num_features**0.5 * amplitude(params)


@pytest.mark.integration
@pytest.mark.parametrize("name", ["anova", "anova_matern52", "low_orders"])
def test_anova_is_the_sum_over_all_subsets_and_low_orders_adds_singles_and_pairs(name):
    """Multiplied out: a subset of the numbers adds share k of each in it, 1 - share of others."""
    with jax.enable_x64(True):
        params, x = draw(name)
        anova = params.anova if name == "low_orders" else params
        scale = np.exp(anova.log_lengthscale + anova.lengthscale_offset)
        share = 1 / (1 + np.exp(-anova.logit_share - anova.share_offset))
        r = np.abs(x[0, :NUM_CONTINUOUS] - x[1, :NUM_CONTINUOUS]) / scale
        t = np.sqrt(5) * r
        k = (1 + t + t**2 / 3) * np.exp(-t) if "matern" in name else np.exp(-(r**2) / 2)
        subsets = itertools.product([False, True], repeat=NUM_CONTINUOUS)
        total = sum(np.prod(np.where(s, share * k, 1 - share)) for s in subsets)
        onehot = (x[0] - x[1])[NUM_CONTINUOUS:] / np.exp(
            anova.log_onehot_lengthscale + anova.onehot_offset
        )
        expected = total * np.exp(-np.sum(onehot**2) / 2)
        if name == "low_orders":
            k = [*k, *np.exp(-(onehot**2) / 2)]
            pairs = np.mean([a * b for a, b in itertools.combinations(k, 2)])
            w = np.exp(params.logits) / np.sum(np.exp(params.logits))
            expected = w @ np.stack([np.mean(k), pairs, expected])
        actual = KERNELS[name].evaluate(params, x[0], x[1]) / np.exp(anova.log_amplitude)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.integration
def test_lengthscales_act_on_their_own_term():
    params, x = draw("sum_product")
    only_c = params._replace(logits=jnp.array([-50.0, 50.0, -50.0]))
    moved = x[0].at[:NUM_CONTINUOUS].add(0.3)
    evaluate = KERNELS["sum_product"].evaluate
    np.testing.assert_allclose(
        evaluate(only_c, x[0], moved), jnp.exp(params.log_amplitude), rtol=1e-6
    )
    assert isinstance(params, SumProductParams) and isinstance(draw("product")[0], ProductParams)
