"""Small pictures of signals, for notebooks: a curve, a surface, planes, so that any kind has one.

Letters: arrays are natural samples (*shape, channels); pictures are (height, width, 3) in [0, 1].
"""

import base64
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from jaxtyping import Float

from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.frame import Frame
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.planes import planes
from optiinr_jax.signals.rendering import mesh_of, render_mesh

SIZE = 160  # pixels of the longest side
_INK, _PAPER = 0.25, 1.0

Picture = Float[np.ndarray, "height width 3"]


def thumbnail(samples: Float[np.ndarray, "..."], frame: Frame, size: int = SIZE) -> Picture:
    """A picture of a waveform, of a picture, of a solid's surface, of slices or frames."""
    if frame.num_dims == 1:
        low, high = frame.natural_range
        return _waveform(2.0 * (samples[:, 0] - low) / (high - low) - 1.0, size)
    if get_kind(frame.kind).is_binary:
        return _surface(samples, frame, size)
    shown = planes(frame)
    pictures = [_picture(plane.of(samples, frame), size // len(shown)) for plane in shown]
    height = max(len(picture) for picture in pictures)
    padded = [
        np.pad(p, ((0, height - len(p)), (0, 0), (0, 0)), constant_values=_PAPER) for p in pictures
    ]
    return np.concatenate(padded, axis=1)


def draw_pair(axes: Any, samples: np.ndarray, target: np.ndarray, frame: Frame) -> None:
    """Draw into three of matplotlib's axes: the target, what was made of it, and the error."""
    shown = zip(axes, ("target", "network"), (target, samples), strict=False)
    for axis, title, values in shown:
        if frame.num_dims == 1:
            low, high = frame.natural_range
            axis.plot(values[:, 0], lw=0.6)
            axis.set_ylim(low - 0.025 * (high - low), high + 0.025 * (high - low))
        else:
            axis.imshow(thumbnail(values, frame, 4 * SIZE))
            axis.set_axis_off()
        axis.set_title(title)
    error = samples - target
    axes[2].set_title("error")
    if frame.num_dims == 1:
        axes[2].plot(error[:, 0], lw=0.6)
        return
    size = np.abs(error).mean(axis=-1)
    while size.ndim > 2:  # of a solid: how much of every column is wrong
        size = size.mean(axis=-1)
    drawn = axes[2].imshow(size, cmap="magma", vmin=0.0)
    axes[2].set_axis_off()
    axes[2].figure.colorbar(drawn, ax=axes[2], shrink=0.8)


def _picture(samples: np.ndarray, size: int) -> Picture:
    """Pixels left out or repeated: what is seen are the samples themselves."""
    factor = size / max(samples.shape[:2])
    rows, columns = (
        np.minimum((np.arange(max(1, round(n * factor))) / factor).astype(int), n - 1)
        for n in samples.shape[:2]
    )
    small = np.clip(samples[rows][:, columns], 0.0, 1.0)
    return np.repeat(small, 3, axis=-1) if small.shape[-1] == 1 else small[..., :3]


def _waveform(wave: np.ndarray, size: int) -> Picture:
    """Highest and lowest sample of every column."""
    parts = np.array_split(np.clip(wave, -1.0, 1.0), min(size, len(wave)))
    width, height = len(parts), size // 2
    rows = np.linspace(1.0, -1.0, height)[:, None]
    reach = 1.0 / height
    low, high = (np.array([end(part) for part in parts])[None, :] for end in (np.min, np.max))
    is_ink = (rows <= high + reach) & (rows >= low - reach)
    return np.repeat(np.where(is_ink, _INK, _PAPER)[..., None], 3, axis=-1).reshape(
        height, width, 3
    )


def _surface(samples: np.ndarray, frame: Frame, size: int) -> Picture:
    try:
        mesh = mesh_of(samples, frame)
        return np.asarray(render_mesh(mesh.vertices, mesh.faces, size), float)
    except SignalError:  # nothing is inside, or not three axes
        return np.full((size, size, 3), _PAPER)


def image_tag(picture: Picture, title: str = "") -> str:
    """HTML that shows a picture, which is inside of it."""
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(np.rint(255.0 * np.clip(picture, 0.0, 1.0)).astype(np.uint8)).save(
        stream, "PNG"
    )
    data = base64.b64encode(stream.getvalue()).decode()
    text = escape(title, quote=True)
    return f'<img src="data:image/png;base64,{data}" alt="{text}" title="{text}">'
