"""Short-time Fourier transforms against plain NumPy; a tone lies where it should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from optiinr_jax.signals import (
    SignalError,
    load_audio,
    log_stft_error,
    sound,
    spectral_convergence,
    stft_db,
)


def magnitude(wave, window=1024):
    """The definition, window by window."""
    hop, half = window // 4, np.zeros(window // 2)
    padded = np.concatenate([half, wave, half])
    padded = np.concatenate([padded, np.zeros(-(len(padded) - window) % hop)])
    starts = range(0, len(padded) - window + 1, hop)
    frames = [padded[i : i + window] * scipy.signal.get_window("hann", window) for i in starts]
    power = np.abs(np.fft.rfft(frames, axis=1).T) ** 2
    return np.sqrt(np.maximum(power, 1e-7))


def pair(num_samples):
    targets = sound(num_samples).astype(np.float64)
    return targets + 0.01 * np.random.default_rng(0).normal(size=targets.shape), targets


@pytest.mark.parametrize(("num_samples", "window"), [(1024, 1024), (5001, 1024), (700, 256)])
def test_errors_by_their_definition(num_samples, window):
    values, targets = pair(num_samples)
    x, y = magnitude(values[:, 0], window), magnitude(targets[:, 0], window)
    convergence = np.linalg.norm(y - x) / np.linalg.norm(y)
    log_error = np.abs(np.log(y) - np.log(x)).mean()
    with jax.enable_x64(True):
        got = spectral_convergence(values, targets, window=window)
        np.testing.assert_allclose(got, convergence, rtol=1e-10)
        got = log_stft_error(values, targets, window=window)
        np.testing.assert_allclose(got, log_error, rtol=1e-10)
    single = values.astype(np.float32), targets.astype(np.float32)
    np.testing.assert_allclose(
        jax.jit(spectral_convergence, static_argnames="window")(*single, window=window),
        convergence,
        rtol=1e-4,
    )


def test_the_transform_is_scipys():
    values, _ = pair(5000)
    transform = scipy.signal.stft(values[:, 0], nperseg=1024, noverlap=768)[2] * 512
    floored = np.sqrt(np.maximum(np.abs(transform) ** 2, 1e-7))
    np.testing.assert_allclose(magnitude(values[:, 0]), floored, atol=1e-10)


@pytest.mark.integration
@pytest.mark.parametrize("error", [spectral_convergence, log_stft_error])
def test_equality_is_0_and_gradients_are_finite_in_silence(error):
    targets = jnp.asarray(sound(2048))
    assert float(error(targets, targets)) == 0.0
    gradient = jax.jit(jax.grad(error))
    assert np.isfinite(gradient(jnp.zeros_like(targets), targets)).all()
    assert np.isfinite(gradient(targets * 0.5, targets)).all()


def test_a_silent_output_has_lost_everything():
    targets = jnp.asarray(sound(8192))
    lost = float(spectral_convergence(jnp.zeros_like(targets), targets))
    assert lost == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("shape", [(16_000,), (16_000, 1)])
def test_a_full_scale_tone_is_0_db_at_its_frequency(shape):
    time = np.arange(16_000) / 16_000
    picture = stft_db(np.sin(2 * np.pi * 2000 * time).reshape(shape).astype(np.float32), 16_000)
    assert picture.db.shape == (len(picture.freqs), len(picture.times)) == (513, 64)
    inner = picture.db[:, 4:-4]
    np.testing.assert_allclose(inner.max(axis=0), 0.0, atol=1e-3)
    assert (picture.freqs[inner.argmax(axis=0)] == 2000.0).all()
    assert picture.times[0] == 0.0
    assert picture.times[-1] == pytest.approx(1.0, abs=0.02)
    assert picture.db.min() >= -120.0


def test_refuses():
    with pytest.raises(SignalError, match="try window=256"):
        stft_db(np.zeros(1023, np.float32), 8000)
    with pytest.raises(SignalError, match="multiple of 4"):
        stft_db(np.zeros(1023, np.float32), 8000, window=255)


def test_bach_is_music(data_folder):
    """Most of its power lies below 2 kHz, and its first half second is near to silence."""
    bach = load_audio(data_folder / "audio" / "gt_bach.wav")
    picture = stft_db(bach.values, bach.sample_rate)
    power = 10.0 ** (picture.db / 10)
    assert power[picture.freqs < 2000].sum() > 0.95 * power.sum()
    assert power[:, picture.times < 0.5].sum() < 1e-3 * power.sum()
