"""Masks in files: pictures that are white where samples are hidden, arrays that are not 0 there.

A mask is brought to the size of its signal. A sample is hidden where a twentieth of it is, or more:
what lies behind the mask shall not be trained by way of its neighbours.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from optiinr_jax.signals.arrays import SUFFIXES as ARRAYS
from optiinr_jax.signals.arrays import read_source
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.fields import MAX_POINTS
from optiinr_jax.signals.formats import suffix_of
from optiinr_jax.signals.image import SUFFIXES as PICTURES
from optiinr_jax.signals.image import load_image
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.resampling import bring_down, shape_for
from optiinr_jax.signals.signal import Signal

_LEAST = 0.05  # part of a sample


def read_mask(path: Path, signal: Signal) -> Bool[np.ndarray, "*shape"]:
    """True where a sample of a signal on a grid is hidden, by a file.

    Args:
        path: a picture for two axes, or for every frame of a video; else an array (.npy, .npz,
            NIfTI, HDF5) of the signal's shape, or of a finer one with its aspect.

    Raises:
        SignalError: no such file, or none that fits the signal.
    """
    if signal.is_scattered:
        raise SignalError(
            f"{path} is a mask, but {signal.name} has points on no grid, or a mask already; leave "
            "the mask out, and what is to be hidden out of the file."
        )
    suffix = suffix_of(path)
    has_plane = signal.num_dims == 2 or get_kind(signal.kind).first_axis_is_time
    if suffix in PICTURES and has_plane:
        part = _picture(path, signal.shape[-2:])
    elif suffix in ARRAYS:
        part = _array(path, signal)
    else:
        kinds = (*PICTURES, *ARRAYS) if has_plane else ARRAYS
        raise SignalError(
            f"{path} is a mask for a signal of kind {signal.kind}, but a file that ends in one of "
            f"{', '.join(kinds)} was expected; convert it."
        )
    return np.broadcast_to(part > _LEAST, signal.shape)


def _picture(path: Path, shape: tuple[int, ...]) -> Float32[np.ndarray, "h w"]:
    levels = load_image(path, max(shape))
    if levels.shape[:2] != shape:  # a part of the picture was taken, out of its middle
        levels = load_image(path, shape)
    return levels.max(axis=-1)


def _array(path: Path, signal: Signal) -> Float32[np.ndarray, "*shape"]:
    hidden = (read_source(path, None, MAX_POINTS).values != 0).astype(np.float32)
    shape = signal.shape
    if hidden.shape == shape:
        return hidden
    if hidden.ndim < 2 or shape_for(max(shape), hidden.shape) != shape:
        raise SignalError(
            f"{path} has shape {hidden.shape}, but the signal {signal.name} as it is read has "
            f"{shape}, which was expected, or a finer one of the same aspect; make one number for "
            "every sample."
        )
    return bring_down(hidden[..., None], shape)[0][..., 0]
