"""A signal on a finer grid than its own: what a network has to match between the samples."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optiinr_jax.signals import Signal
from optiinr_jax.signals.coordinates import coords_of_places

_POINTS = 2**18  # places looked up at once

Region = Sequence[tuple[float, float]]  # (start, stop) of every axis as parts of it


def sampled(signal: Signal, shape: tuple[int, ...], region: Region | None = None) -> np.ndarray:
    """The continuous signal on a grid over its extent, or over a part, natural (*shape, C).

    The points are those of `INR.render` with the same shape and region.
    """
    frame, parts = signal.frame, region or [(0.0, 1.0)] * signal.num_dims
    sides = zip(shape, parts, strict=True)
    axes = [frame.places(axis, count, part) for axis, (count, part) in enumerate(sides)]
    at_once = max(1, _POINTS // math.prod(shape[1:]))
    slabs = []
    for start in range(0, shape[0], at_once):
        grid = np.meshgrid(axes[0][start : start + at_once], *axes[1:], indexing="ij")
        places = np.stack(grid, axis=-1).reshape(-1, signal.num_dims)
        slabs.append(signal.at(coords_of_places(places, signal.shape)))
    return np.concatenate(slabs).reshape(*shape, signal.num_channels)


def control_of(signal: Signal) -> Signal:
    """The signal as its samples alone say it, by the interpolation that a network has to beat."""
    return replace(signal, finer=None, interpolation=signal.control)
