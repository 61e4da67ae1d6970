"""PSNR against scikit-image; wrong input is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from optiinr_jax.signals import mse, psnr


@pytest.mark.parametrize("data_range", [1.0, 2.0, 255.0])
def test_equals_scikit_image(data_range):
    rng = np.random.default_rng(0)
    targets = rng.uniform(0, data_range, (300, 400, 3)).astype(np.float32)
    values = (targets + 0.02 * data_range * rng.normal(size=targets.shape)).astype(np.float32)
    expected = peak_signal_noise_ratio(targets, values, data_range=data_range)
    np.testing.assert_allclose(psnr(values, targets, data_range), expected, rtol=1e-5)  # float32
    np.testing.assert_allclose(mse(values, targets), mean_squared_error(targets, values), rtol=1e-4)


def test_by_hand_and_at_equality():
    assert float(psnr(jnp.full(4, 0.1), jnp.zeros(4))) == pytest.approx(20.0, abs=1e-5)
    assert float(psnr(jnp.ones(4), jnp.ones(4))) == np.inf


def test_keeps_the_dtype():
    assert psnr(jnp.ones(3), jnp.zeros(3)).dtype == jnp.float32
    assert psnr(jnp.ones(3, jnp.bfloat16), jnp.zeros(3, jnp.bfloat16)).dtype == jnp.bfloat16
    with jax.enable_x64(True):
        assert psnr(jnp.ones(3, jnp.float64), jnp.zeros(3, jnp.float64)).dtype == jnp.float64


def test_plain_compiled_and_mapped_agree():
    values = jnp.linspace(0, 1, 24).reshape(4, 6)
    targets = values**2
    plain = [float(psnr(v, t)) for v, t in zip(values, targets, strict=True)]
    np.testing.assert_allclose(jax.jit(jax.vmap(psnr))(values, targets), plain, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "targets"),
    [(np.zeros((4, 1)), np.zeros(4)), (np.zeros(4, np.uint8), np.ones(4, np.uint8))],
    ids=["shapes that would broadcast", "integers that would wrap"],
)
def test_refuses(values, targets):
    with pytest.raises((ValueError, TypeError)):  # TypeError where jaxtyping looks first
        psnr(values, targets)
