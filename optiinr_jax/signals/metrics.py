"""Quality of a reconstruction, one formula each; in jax.numpy, in the dtype they are given.

A `Metric` is a score that can be had in pieces: sums over any chunk of the points, added up in
float64 on the host, then one formula. So a grid too large for the memory is scored as any other.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float

_GAUSS = [math.exp(-0.5 * (i / 1.5) ** 2) for i in range(-5, 6)]
_WINDOW = [weight / sum(_GAUSS) for weight in _GAUSS]  # of SSIM, along one axis


def mse(values: Float[ArrayLike, "*s"], targets: Float[ArrayLike, "*s"]) -> Float[Array, ""]:
    """Mean of the squared differences over all points and channels together."""
    values, targets = jnp.asarray(values), jnp.asarray(targets)
    if values.shape != targets.shape:
        raise ValueError(
            f"values has shape {values.shape} and targets {targets.shape}, but a metric compares "
            "arrays of one shape; reshape one of them."
        )
    if not jnp.issubdtype(jnp.result_type(values, targets), jnp.floating):
        raise ValueError(
            f"values has type {values.dtype} and targets {targets.dtype}, but differences of "
            "integers wrap around; convert them to float first."
        )
    return jnp.mean(jnp.square(values - targets))


def psnr(
    values: Float[ArrayLike, "*s"],
    targets: Float[ArrayLike, "*s"],
    data_range: float = 1.0,
    *,
    clip: bool = False,
) -> Float[Array, ""]:
    """Peak signal-to-noise ratio in dB, 10 log10(data_range^2 / mse).

    Equal arrays give inf. `data_range` is the distance from the least to the greatest value that
    a target can take.

    Args:
        clip: first bring values into [0, data_range], as SIREN's and FINER++'s code; FINER's and
            ours does not.
    """
    error = mse(jnp.clip(jnp.asarray(values), 0.0, data_range) if clip else values, targets)
    return 10.0 * jnp.log10(jnp.square(jnp.asarray(data_range, error.dtype)) / error)


def snr(values: Float[ArrayLike, "*s"], targets: Float[ArrayLike, "*s"]) -> Float[Array, ""]:
    """Signal-to-noise ratio in dB, 10 log10(sum targets^2 / sum (targets - values)^2).

    Equal arrays give inf; values of 0 give 0 dB.
    """
    error = mse(values, targets)
    return 10.0 * jnp.log10(jnp.mean(jnp.square(jnp.asarray(targets))) / error)


@partial(jax.jit, static_argnames="data_range")
def ssim(
    values: Float[ArrayLike, "height width channels"],
    targets: Float[ArrayLike, "height width channels"],
    data_range: float = 1.0,
) -> Float[Array, ""]:
    """Structural similarity of Wang, Bovik, Sheikh and Simoncelli (2004, eq. 13); 1 is equal.

    With their settings: Gaussian window of 11 x 11 and sigma 1.5, K1 = 0.01, K2 = 0.03, plain (not
    sample) covariance; the mean over all places where the window lies in the picture and over the
    channels. scikit-image gives the same number with gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, channel_axis=-1 and the same data_range.
    """
    mse(values, targets)  # for its checks
    x, y = jnp.asarray(values), jnp.asarray(targets)
    if min(x.shape[:2]) < len(_WINDOW):
        raise ValueError(
            f"a picture of {x.shape[0]} x {x.shape[1]} has no SSIM, but at least "
            f"{len(_WINDOW)} x {len(_WINDOW)} was expected; use psnr."
        )
    maps = _blur(jnp.stack([x, y, x * x, y * y, x * y]))
    mean_x, mean_y = maps[0], maps[1]
    variance_x, variance_y = maps[2] - mean_x * mean_x, maps[3] - mean_y * mean_y
    covariance = maps[4] - mean_x * mean_y
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return jnp.mean(luminance * structure)


def _blur(
    maps: Float[Array, "maps height width C"],
) -> Float[Array, "maps inner_height inner_width C"]:
    """Weighted mean under the window of SSIM, wherever it fits; one axis after the other."""
    count, height, width, channels = maps.shape
    weights = jnp.asarray(_WINDOW, maps.dtype)
    planes = jnp.moveaxis(maps, -1, 1).reshape(count * channels, 1, height, width)
    for window in (weights[None, None, :, None], weights[None, None, None, :]):
        planes = lax.conv_general_dilated(
            planes, window, (1, 1), "VALID", precision=lax.Precision.HIGHEST
        )
    return jnp.moveaxis(planes.reshape(count, channels, *planes.shape[2:]), 1, -1)


def iou(values: Float[ArrayLike, "*s"], targets: Float[ArrayLike, "*s"]) -> float:
    """Intersection over union of two solids, inside where a number is at least 0.5.

    Two empty solids are equal, 1. A value that is not finite belongs to no solid and gives nan.
    """
    return IOU.finish({name: float(s) for name, s in IOU.sums(values, targets).items()})


class Metric(NamedTuple):
    """A score, higher is better, that is a formula of sums over the points.

    Attributes:
        name: with the unit in brackets, where it has one.
        sums: natural values and targets of one chunk, (n, C), to named sums, `count` among them.
            Pure, may be compiled.
        finish: the sums over all points, added by the caller in float64, to the score.
        margin: a difference that a person notices.
        unit: of the score, as it follows a number; empty: none.
    """

    name: str
    sums: Callable[[ArrayLike, ArrayLike], dict[str, Array]]
    finish: Callable[[dict[str, float]], float]
    margin: float
    unit: str = ""


def _error_sums(values: ArrayLike, targets: ArrayLike) -> dict[str, Array]:
    difference = jnp.asarray(values) - jnp.asarray(targets)
    return {"squared_error": jnp.sum(jnp.square(difference)), "count": jnp.asarray(difference.size)}


def _finish_psnr(sums: dict[str, float]) -> float:
    """`psnr` at data_range 1."""
    error = sums["squared_error"] / sums["count"]
    return math.inf if error == 0.0 else -10.0 * math.log10(error)


def _solid_sums(values: ArrayLike, targets: ArrayLike) -> dict[str, Array]:
    values = jnp.asarray(values)
    inside, target = values >= 0.5, jnp.asarray(targets) >= 0.5
    return {
        "intersection": jnp.sum(inside & target),
        "union": jnp.sum(inside | target),
        "not_finite": jnp.sum(~jnp.isfinite(values)),
        "count": jnp.asarray(values.size),
    }


def _finish_iou(sums: dict[str, float]) -> float:
    if sums["not_finite"]:
        return math.nan
    return sums["intersection"] / sums["union"] if sums["union"] else 1.0


PSNR = Metric("PSNR (dB)", _error_sums, _finish_psnr, 1.0, "dB")
IOU = Metric("IoU", _solid_sums, _finish_iou, 0.02)
