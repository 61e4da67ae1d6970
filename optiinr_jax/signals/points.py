"""Scattered points: positions and values that lie on no grid, in 1 to 12 dimensions.

Positions and values keep their units. The box of the positions is brought to [-1, 1] on every axis;
`origin_i` and `spacing_i` are the attributes of a grid over that box, with about as many points,
on which the signal is drawn and rendered; `low` and `high` are the least and the greatest value.

A text file has one point a line, its coordinates first and its value last, with commas, and a first
line of names where it likes; an .npz file has `coords` (N, D) and `values` (N) or (N, C).
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.signals import synthetic_fields
from optiinr_jax.signals.arrays import read_source
from optiinr_jax.signals.errors import SignalError, say_lost
from optiinr_jax.signals.fields import range_of, write_field
from optiinr_jax.signals.formats import check_exists, suffix_of

MAX_DIMS = 12
AXES = tuple(f"x_{i}" for i in range(MAX_DIMS))
SUFFIXES = (".csv", ".npz")
OPTIONS = ("num_values",)  # of `read_points`, for the table of kinds
MAX_POINTS = 16_000_000
_SAMPLE_SIZE = 1000


class PointSet(NamedTuple):
    """Values at positions."""

    positions: Float[np.ndarray, "N D"]
    values: Float32[np.ndarray, "N C"]


def read_points(
    path: Path, size: Any = None, *, num_values: int = 1, max_points: int = MAX_POINTS
) -> PointSet:
    """Read points of a .csv or .npz file.

    Args:
        size: points that are kept, of a fixed random order; None, or more than there are: all.
        num_values: columns of a text file, the last ones, that are values.
        max_points: refuse to read more.

    Raises:
        SignalError: no such file, or none with points.
    """
    check_exists(path, "a table of points")
    if suffix_of(path) == ".csv":
        table = _read_table(path)
        found = PointSet(table[:, :-num_values], table[:, -num_values:].astype(np.float32))
    else:
        limit = MAX_DIMS * max_points
        positions, values = (read_source(path, key, limit).values for key in ("coords", "values"))
        found = PointSet(positions.astype(np.float64), values.reshape(len(values), -1))
    found = check_points(str(path), found.positions, found.values)
    if len(found.values) > max_points:
        raise SignalError(
            f"{path} has {len(found.values)} points, but the limit is {max_points}; thin them out."
        )
    if size is None or size >= len(found.values):
        return found
    say_lost(f"of the {len(found.values)} points of {path.name} {size} are kept.")
    kept = np.sort(np.random.default_rng(0).permutation(len(found.values))[:size])
    return PointSet(found.positions[kept], found.values[kept])


def _read_table(path: Path) -> Float[np.ndarray, "N columns"]:
    text = path.read_text(errors="replace").lstrip("\ufeff")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    delimiter = next((mark for mark in (";", "\t", ",") if lines and mark in lines[0]), None)
    try:
        [float(word) for word in lines[0].split(delimiter)]
    except (ValueError, IndexError):
        lines = lines[1:]  # names of the columns
    try:
        return np.loadtxt(lines, delimiter=delimiter, ndmin=2)
    except ValueError as error:
        raise SignalError(
            f"{path} is no table of numbers ({str(error)[:100]}), but one point a line, its "
            "coordinates first and its value last, was expected; correct it."
        ) from None


def check_points(name: str, positions: Any, values: Any) -> PointSet:
    """Points with finite numbers, in a box that has a size along every axis.

    Raises:
        SignalError: it is something else.
    """
    positions = np.asarray(positions, np.float64)
    values = np.asarray(values, np.float32)
    values = values[:, None] if values.ndim == 1 else values
    is_table = positions.ndim == values.ndim == 2 and len(positions) == len(values) >= 4
    if not is_table or not 1 <= positions.shape[1] <= MAX_DIMS or not 1 <= values.shape[1] <= 8:
        raise SignalError(
            f"{name} has positions of shape {positions.shape} and values of shape {values.shape}, "
            f"but at least 4 rows of 1 to {MAX_DIMS} coordinates, with 1 to 8 values each, were "
            "expected; reshape them."
        )
    if not (np.isfinite(positions).all() and np.isfinite(values).all()):
        raise SignalError(
            f"{name} has numbers that are nan or infinite, but finite ones were expected; leave "
            "those points out."
        )
    flat = np.flatnonzero(np.ptp(positions, axis=0) <= 0.0)
    if len(flat):
        raise SignalError(
            f"{name} has the same coordinate {flat[0]} at every point, but different ones were "
            "expected; leave that column out."
        )
    return PointSet(positions, values)


def grid_of(points: PointSet) -> tuple[tuple[int, ...], dict[str, float]]:
    """Shape and attributes of a grid over the box of the points, with about as many."""
    num_points, num_dims = points.positions.shape
    side = max(2, round(num_points ** (1.0 / num_dims)))
    first, last = points.positions.min(axis=0), points.positions.max(axis=0)
    attributes = range_of("the points", points.values)
    attributes |= {f"origin_{i}": float(x) for i, x in enumerate(first)}
    steps = (last - first) / (side - 1)
    return (side,) * num_dims, attributes | {f"spacing_{i}": float(x) for i, x in enumerate(steps)}


def sample_points(size: Any = None, *, max_points: int = MAX_POINTS) -> PointSet:
    """Embedded points: `size` places drawn in a cube, and a rough quantity there."""
    count = min(_SAMPLE_SIZE if size is None else int(size), max_points)
    positions = np.random.default_rng(1).uniform(-1.0, 1.0, (max(count, 4), 3))
    return PointSet(positions, synthetic_fields.quantity(positions))


def write_points(
    path: Path, values: Float[np.ndarray, "*shape C"], attributes: Mapping[str, float]
) -> Path:
    """Write what was rendered on a grid: .csv, one point a line; else as `write_field`.

    Raises:
        SignalError: another suffix, or a folder that is missing.
    """
    path = Path(path)
    if suffix_of(path) != ".csv":
        return write_field(path, values, attributes)
    shape = values.shape[:-1]
    index = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=-1)
    steps, first = (
        np.array([attributes.get(f"{name}_{i}", usual) for i in range(len(shape))])
        for name, usual in (("spacing", 1.0), ("origin", 0.0))
    )
    table = np.concatenate([first + index * steps, values.reshape(-1, values.shape[-1])], axis=1)
    names = [*AXES[: len(shape)], *(f"value_{i}" for i in range(values.shape[-1]))]
    text = io.StringIO()
    np.savetxt(text, table, "%.7g", ",", header=",".join(names), comments="")
    try:
        return write_atomic(path, text.getvalue().encode())
    except OSError as error:
        raise SignalError(str(error)) from error
