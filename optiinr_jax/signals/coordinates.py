"""Coordinates are a rule, not an array: a grid is its shape and its range.

Conventions, the same for every kind of signal. A side of n points covers [low, high] with both ends
included, as `numpy.linspace`. Points are in row-major order of the grid. With indexing "ij", the
rule everywhere unless said otherwise, column 0 of `coords` is the first axis of the grid, which for
a picture is the row. With "xy", as in WIRE's code, columns 0 and 1 change places: (column, row) for
a picture, (x, y, z) for an array of shape (rows, columns, slices). The rows keep their order. A
side of length 1 lies in the middle of the range, at 0 for [-1, 1].

An index is an int32, which reaches any grid of less than 2^31 points.

Letters: N points, D axes.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

AnyArray = np.ndarray | Array
Indexing = Literal["ij", "xy"]


def grid_coords(
    shape: Sequence[int], low: float = -1.0, high: float = 1.0, indexing: Indexing = "ij"
) -> Float32[Array, "N D"]:
    """Coordinates of every point of a grid, made on the device from D short arrays."""
    columns = jnp.meshgrid(*_axes(shape, low, high), indexing="ij")
    coords = jnp.stack(_ordered(columns, indexing), axis=-1)
    return coords.reshape(math.prod(shape), len(shape))


def coords_at(
    index: Int[Array, " N"],
    shape: Sequence[int],
    low: float = -1.0,
    high: float = 1.0,
    indexing: Indexing = "ij",
) -> Float32[Array, "N D"]:
    """Rows `index` of `grid_coords`, without making the others: for chunks of a large grid."""
    positions = jnp.unravel_index(index, tuple(shape))
    columns = [axis[i] for axis, i in zip(_axes(shape, low, high), positions, strict=True)]
    return jnp.stack(_ordered(columns, indexing), axis=-1)


def coords_of_places(
    places: Float[Any, "N D"], shape: Sequence[int], low: float = -1.0, high: float = 1.0
) -> Any:
    """Coordinates (N, D) of places, which are counted in points of a grid; 0 is the first one.

    NumPy's arrays stay such, JAX's too.
    """
    starts, steps = _first_and_step(shape, low, high)
    return starts.astype(places.dtype) + places * steps.astype(places.dtype)


def places_of_coords(
    coords: Float[Any, "N D"], shape: Sequence[int], low: float = -1.0, high: float = 1.0
) -> Any:
    """Places (N, D) of coordinates; `coords_of_places` goes back."""
    starts, steps = _first_and_step(shape, low, high)
    return (coords - starts.astype(coords.dtype)) / steps.astype(coords.dtype)


def _first_and_step(shape: Sequence[int], low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows (1, D): the first point of each axis and the way to the next one."""
    starts = [low if n > 1 else (low + high) / 2 for n in shape]
    steps = [(high - low) / (n - 1) if n > 1 else high - low for n in shape]
    return np.array([starts]), np.array([steps])


def _ordered(columns: Sequence[Array], indexing: Indexing) -> list[Array]:
    """The columns of the first two axes, exchanged for "xy"."""
    found = list(columns)  # newer JAX has a tuple here
    return found if indexing == "ij" else found[:2][::-1] + found[2:]


def _axes(shape: Sequence[int], low: float, high: float) -> list[Float32[Array, " _"]]:
    """One array of positions per axis; linspace in float64, rounded once to float32."""
    sides = [np.linspace(low, high, n) if n > 1 else np.full(n, (low + high) / 2) for n in shape]
    return [jnp.asarray(side, jnp.float32) for side in sides]
