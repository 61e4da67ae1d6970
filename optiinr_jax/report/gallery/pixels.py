"""Pictures and error maps as PNG, pixel by pixel, inside data addresses.

Values are fractions of the full range.

Letters: h height, w width, c channels (1 or 3).
"""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

COLORMAP = "magma"
_LEVELS = 255.0

Picture = Float[np.ndarray, "h w c"]
ErrorMap = Float[np.ndarray, "h w"]


class Scale(NamedTuple):
    """Colour scale that several error maps share, from 0 to `high`."""

    high: float
    is_clipped: bool  # some errors are larger than `high`


def error_map(samples: Picture, target: Picture) -> ErrorMap:
    """Absolute difference, mean over the channels."""
    return np.abs(samples - target).mean(axis=-1)


def reduced(error: ErrorMap, block: int) -> ErrorMap:
    """Means over square blocks of points, which divide the map."""
    height, width = error.shape
    return error.reshape(height // block, block, width // block, block).mean(axis=(1, 3))


def shared_scale(maps: Sequence[np.ndarray]) -> Scale:
    """One scale for error maps of any size: one error in a thousand at most passes its end."""
    errors = np.concatenate([errors.ravel() for errors in maps])
    high = float(np.quantile(errors, 0.999)) or 1.0 / _LEVELS
    return Scale(high, bool(errors.max() > high))


def levels_label(fraction: float) -> str:
    """A fraction of the full range in levels of 255, the unit of an error map.

    >>> levels_label(0.1)
    '25.5'
    """
    return f"{fraction * _LEVELS:.3g}"


def picture_png(samples: Picture) -> bytes:
    """A picture as it is, clipped to [0, 1], 8 bits a channel."""
    levels = np.round(np.clip(samples, 0.0, 1.0) * _LEVELS).astype(np.uint8)
    return _png(levels[..., 0] if levels.shape[-1] == 1 else levels)


def error_png(errors: ErrorMap, scale: Scale) -> bytes:
    """An error map in colours: black is no error, white is `scale.high` or more."""
    from PIL import Image

    index = np.round(np.clip(errors / scale.high, 0.0, 1.0) * _LEVELS).astype(np.uint8)
    image = Image.fromarray(index, mode="P")
    image.putpalette(_palette().tobytes())
    return _save(image)


def scale_gradient(stops: int = 12) -> str:
    """The colour scale as a CSS gradient from left to right."""
    picked = _palette()[np.linspace(0, 255, stops).astype(int)]
    return f"linear-gradient(to right, {', '.join('#' + bytes(c).hex() for c in picked)})"


def data_url(png: bytes) -> str:
    """Address that holds the picture itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _palette() -> UInt8[np.ndarray, "256 3"]:
    from matplotlib import colormaps

    return np.round(colormaps[COLORMAP](np.arange(256))[:, :3] * _LEVELS).astype(np.uint8)


def _png(levels: UInt8[np.ndarray, "..."]) -> bytes:
    from PIL import Image

    return _save(Image.fromarray(levels))


def _save(image) -> bytes:
    stream = BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
