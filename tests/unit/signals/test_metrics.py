"""Metrics against scikit-image and the official codes; wrong input is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage.metrics import (
    mean_squared_error,
    peak_signal_noise_ratio,
    structural_similarity,
)

from optiinr_jax.signals import iou, mse, picture, psnr, snr, ssim


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


@pytest.mark.integration
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


@pytest.mark.integration
def test_the_official_codes_give_the_same(golden):
    """FINER does not clip, FINER++ does, WIRE divides max and not max^2 by the error."""
    with jax.enable_x64(True):
        values, targets = (jnp.asarray(golden[f"metric/{name}"]) for name in ("pred", "gt"))
        np.testing.assert_allclose(
            psnr(values, targets), golden["metric/psnr_finer_unclipped"], rtol=1e-12
        )
        np.testing.assert_allclose(
            psnr(values, targets, clip=True), golden["metric/psnr_finerpp_clipped"], rtol=1e-12
        )
        root = float(np.sqrt(golden["metric/gt"].max()))
        np.testing.assert_allclose(
            psnr(values, targets, root), golden["metric/psnr_wire_utils"], rtol=1e-12
        )
        overlap = iou(golden["metric/iou_pred"], golden["metric/iou_gt"])
        np.testing.assert_allclose(overlap, golden["metric/iou_thr0.5"], rtol=1e-7)


def test_clipping_reaches_the_data_range():
    assert float(psnr(jnp.full(4, 300.0), jnp.full(4, 255.0), 255.0, clip=True)) == np.inf


def noisy(shape, strength=0.1):
    targets = picture(*shape[:2]).astype(np.float64)[..., : shape[2]]
    return targets + strength * np.random.default_rng(0).normal(size=targets.shape), targets


def official_ssim(values, targets, data_range=1.0):
    return structural_similarity(
        targets,
        values,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
    )


@pytest.mark.parametrize("shape", [(48, 32, 3), (64, 64, 1), (11, 11, 3), (11, 30, 1)])
@pytest.mark.parametrize("strength", [0.01, 0.1, 1.0])
def test_ssim_is_scikit_images(shape, strength):
    values, targets = noisy(shape, strength)
    with jax.enable_x64(True):
        assert float(ssim(values, targets)) == pytest.approx(
            official_ssim(values, targets), abs=1e-10
        )
        assert float(ssim(255 * values, 255 * targets, 255.0)) == pytest.approx(
            official_ssim(values, targets), abs=1e-10
        )
    single = ssim(values.astype(np.float32), targets.astype(np.float32))
    assert single.dtype == jnp.float32
    assert float(single) == pytest.approx(official_ssim(values, targets), abs=1e-4)


def test_ssim_knows_equality_and_has_a_gradient():
    values, targets = (jnp.asarray(a, jnp.float32) for a in noisy((16, 16, 3)))
    assert float(ssim(targets, targets)) == pytest.approx(1.0, abs=1e-6)
    gradient = jax.jit(jax.grad(ssim))
    assert np.isfinite(gradient(values, targets)).all()
    flat = jnp.full((16, 16, 3), 0.5)
    assert np.isfinite(gradient(flat, flat)).all()


def test_ssim_refuses_what_its_window_does_not_fit():
    with pytest.raises(ValueError, match="at least 11 x 11"):
        ssim(jnp.zeros((10, 30, 3)), jnp.zeros((10, 30, 3)))


def test_snr_by_hand():
    targets = np.array([3.0, 4.0], np.float32)
    assert float(snr(targets * np.float32(1.1), targets)) == pytest.approx(20.0, abs=1e-4)
    assert float(snr(0 * targets, targets)) == 0.0
    assert float(snr(targets, targets)) == np.inf
    assert np.isfinite(jax.grad(snr)(jnp.asarray(targets) + 1, jnp.asarray(targets))).all()
