"""A grid with any number of axes, brought down by Lanczos' filter, and what lies between."""

import numpy as np
from jaxtyping import Float

from optiinr_jax.signals.continuous import lanczos_matrix

FINER = 3  # points to a sample of a signal that was brought down, on each axis
_MAX_FINER = 2**26  # numbers of such a lattice; a larger signal has none

Grid = Float[np.ndarray, "..."]


def bring_down(values: Grid, shape: tuple[int, ...]) -> tuple[Grid, Grid | None]:
    """Values (*old shape, C) on a coarser grid over the same extent, and FINER times as many.

    The second one is None where some axis keeps its points, because there the source knows no more
    than the samples, or where it would be too large.
    """
    coarse = _resized(values, shape, 1)
    is_coarser = all(n < old for n, old in zip(shape, values.shape, strict=False))
    if not is_coarser or coarse.size * FINER ** len(shape) > _MAX_FINER:
        return coarse, None
    return coarse, _resized(values, shape, FINER)


def shape_for(size: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A grid with `size` points along the longest side, never more than there are."""
    scale = min(size / max(shape), 1.0)
    return tuple(max(2, round(n * scale)) for n in shape)


def _resized(values: Grid, shape: tuple[int, ...], factor: int) -> Grid:
    for axis, n in enumerate(shape):
        old = values.shape[axis]
        if n == old:
            continue
        places = (np.arange(n * factor) + 0.5) * old / (n * factor)
        weights = lanczos_matrix(places, max(old / n, 1.0), old)
        moved = np.moveaxis(values, axis, 0)
        summed = np.asarray(weights @ moved.reshape(old, -1), np.float32)
        values = np.moveaxis(summed.reshape(n * factor, *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(values)
