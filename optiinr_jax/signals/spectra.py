"""What a sound is made of from moment to moment: short-time Fourier transforms.

One convention everywhere: a periodic Hann window of 1024 samples moved by a quarter of itself, 256;
half a window of zeros on each side and as many more as complete the last window, so that every
sample is seen; the transform is a plain sum, not normalised.

The two errors are those of Arik, Jun and Diamos (2019) and of Yamamoto, Song and Kim (2020,
Parallel WaveGAN, eq. 4 and 5); lower is better, 0 is equal. Unlike PSNR they hear what is lost in
the quiet, high part of a sound.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.signal
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from optiinr_jax.signals.errors import SignalError

WINDOW = 1024
POWER_FLOOR = 1e-7  # of |transform|^2, as in Parallel WaveGAN: keeps the logarithm finite
DB_FLOOR = -120.0


class Spectrogram(NamedTuple):
    """A picture of a sound.

    Attributes:
        freqs: Hz, ascending.
        times: of the middles of the windows, s.
        db: (frequency, time); 0 dB is a sine at full scale, -120 dB the floor.
    """

    freqs: Float[np.ndarray, " F"]
    times: Float[np.ndarray, " T"]
    db: Float[np.ndarray, "F T"]


def spectral_convergence(
    values: Float[ArrayLike, "*s"], targets: Float[ArrayLike, "*s"], *, window: int = WINDOW
) -> Float[Array, ""]:
    """|| |Y| - |X| ||_F / || |Y| ||_F with X, Y the transforms of values and targets."""
    x, y = _magnitudes(values, targets, window)
    return jnp.sqrt(jnp.sum(jnp.square(y - x)) / jnp.sum(jnp.square(y)))


def log_stft_error(
    values: Float[ArrayLike, "*s"], targets: Float[ArrayLike, "*s"], *, window: int = WINDOW
) -> Float[Array, ""]:
    """Mean of | log |Y| - log |X| | over frequencies and times, natural logarithm."""
    x, y = _magnitudes(values, targets, window)
    return jnp.mean(jnp.abs(jnp.log(y) - jnp.log(x)))


def stft_db(
    values: Float[ArrayLike, "*s"], sample_rate: int | float, *, window: int = WINDOW
) -> Spectrogram:
    """Spectrogram for a figure, in dB of full scale, of (N,) samples or the mean of (N, C)."""
    wave = np.asarray(values)
    wave = wave.mean(axis=1) if wave.ndim == 2 else wave
    magnitude = np.asarray(_magnitude(wave, window), np.float64)
    amplitude = magnitude / (window / 4)  # a sine of amplitude 1 sums to half the window's sum
    db = 20.0 * np.log10(np.maximum(amplitude, 10.0 ** (DB_FLOOR / 20)))
    freqs = np.fft.rfftfreq(window, 1.0 / sample_rate)
    times = np.arange(db.shape[1]) * (window // 4) / sample_rate
    return Spectrogram(freqs, times, db)


def _magnitudes(
    values: ArrayLike, targets: ArrayLike, window: int
) -> tuple[Float[Array, "F T"], Float[Array, "F T"]]:
    if jnp.shape(values) != jnp.shape(targets):
        raise SignalError(
            f"values has shape {jnp.shape(values)} and targets {jnp.shape(targets)}, but a metric "
            "compares arrays of one shape; reshape one of them."
        )
    return _magnitude(values, window), _magnitude(targets, window)


@partial(jax.jit, static_argnames="window")
def _magnitude(values: ArrayLike, window: int) -> Float[Array, "F T"]:
    channels = jnp.atleast_2d(jnp.asarray(values).T)  # (C, N)
    if channels.shape[1] < window or window < 4 or window % 4:
        raise SignalError(
            f"a sound of {channels.shape[1]} samples has no spectrum with a window of {window}, "
            "but at least as many samples and a multiple of 4 were expected; try window=256."
        )
    transform = jax.scipy.signal.stft(
        channels, window="hann", nperseg=window, noverlap=window - window // 4, boundary="zeros"
    )[2]
    transform = jnp.concatenate(list(transform), axis=-1)  # one channel after the other
    gain = window / 2  # jax, as SciPy, divides by the sum of the window
    power = jnp.square(transform.real * gain) + jnp.square(transform.imag * gain)
    return jnp.sqrt(jnp.maximum(power, POWER_FLOOR))
