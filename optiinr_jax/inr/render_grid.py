"""The grid of a rendering: which part of the signal, and what a coarse point is the mean of."""

import itertools
import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, cast

import numpy as np
from jaxtyping import Float64

from optiinr_jax.signals import Frame
from optiinr_jax.signals.coordinates import coords_of_places, places_of_coords


def inside_cell(cell: float) -> Float64[np.ndarray, " m"]:
    """Offsets, in samples, of the points whose mean is a point of a grid with cells of this size.

    One where the grid is at least as fine as the samples.
    """
    count = math.ceil(cell - 1e-9)
    return ((np.arange(count) + 0.5) / count - 0.5) * cell


def check_region(
    region: Sequence[tuple[float, float]] | None, num_dims: int
) -> list[tuple[float, float]]:
    """Parts of every side as pairs of numbers from 0 to 1.

    Raises:
        ValueError: it is something else.
    """
    if region is None:
        return [(0.0, 1.0)] * num_dims
    try:
        parts = [tuple(map(float, part)) for part in region]
    except TypeError:  # one pair instead of a list of pairs
        parts = []
    is_valid = len(parts) == num_dims and all(
        len(part) == 2 and 0.0 <= part[0] < part[1] <= 1.0 for part in parts
    )
    if not is_valid:
        raise ValueError(
            f"region is {region!r}, but {num_dims} pairs (start, stop) with 0 <= start < stop <= 1 "
            "were expected, one for every axis."
        )
    return cast(list[tuple[float, float]], parts)


def on_grid_of(network: Callable[[Any], Any], own: Frame, other: Frame) -> Callable[[Any], Any]:
    """A network as a function of the coordinates of another grid over the same extent.

    On a coarser grid a value is the mean over its cell, as in `INR.render`.
    """
    if other.shape == own.shape:
        return network
    cells = [n / m for n, m in zip(own.shape, other.shape, strict=True)]
    inside = [np.array([offset]) for offset in itertools.product(*map(inside_cell, cells))]

    def apply_there(coords: Any) -> Any:
        places = places_of_coords(coords, other.shape)
        here = (places - other.edge) * np.array([cells], places.dtype) + own.edge
        moved = [here + offset.astype(places.dtype) for offset in inside]
        values = [network(coords_of_places(p, own.shape)) for p in moved]
        return reduce(lambda a, b: a + b, values) / len(values)

    return apply_there
