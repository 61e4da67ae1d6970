"""Where the points of a training step lie: at the samples, or between them; one row each.

A network that is trained at the samples alone is free between them. Every row that is not the grid
takes its values from the continuous signal (`signals.continuous`), over whole cells: a picture's up
to half a pixel beyond its outermost ones. Offsets are drawn by (key of the fit, number of the
step), so a fit that goes on draws what it would have drawn.

Letters: n points, d dimensions, c channels.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Key

from optiinr_jax.inr.batches import Points
from optiinr_jax.signals.coordinates import coords_of_places

Rows = tuple[Float[Array, "*n d"], Float[Array, "*n c"]]  # coordinates and targets
Index = Int[Array, " n"] | None  # points of the grid; None: all of them
GRID = "grid"
_REACH = 1.5  # samples on each side of a surface


def _grid(key: Key[Array, ""], points: Points, index: Index, grid_share: ArrayLike) -> Rows:
    """The samples, as all authors train."""
    del key, grid_share
    return points.all() if index is None else points.at(index)


def _shifted(key: Key[Array, ""], points: Points, index: Index, grid_share: ArrayLike) -> Rows:
    """The grid moved by one random part of a cell, another one in every step."""
    (offset,) = _offsets(key, points, 1, grid_share)
    if index is not None:
        return points.between(points.places_of(index) + offset[None, :])
    assert points.continuous is not None
    coords, _ = points.all()
    still, moved = (
        coords_of_places(place[None, :], points.shape) for place in (jnp.zeros_like(offset), offset)
    )
    return coords + (moved - still), points.continuous.on_grid(offset)


def _jittered(key: Key[Array, ""], points: Points, index: Index, grid_share: ArrayLike) -> Rows:
    """Every point at a random place of its own cell."""
    index = jnp.arange(points.num_points) if index is None else index
    offsets = _offsets(key, points, len(index), grid_share)
    return points.between(points.places_of(index) + offsets)


def _surface(key: Key[Array, ""], points: Points, index: Index, grid_share: ArrayLike) -> Rows:
    """Half of the points as "jittered", half around the surface of a solid."""
    key_offset, key_pick, key_reach = jax.random.split(key, 3)
    index = jnp.arange(points.num_points) if index is None else index
    assert points.surface is not None and points.continuous is not None
    pick = jax.random.randint(key_pick, (len(index) // 2,), 0, len(points.surface), jnp.int32)
    near = points.surface[pick]
    rest = index[::2]  # every other point makes room, so that the rest lies all over the grid
    offsets = _offsets(key_offset, points, len(rest), grid_share)
    reach = _REACH * _uniform(key_reach, (len(near), len(points.shape)), low=-1.0)
    edge = points.continuous.edge
    places = points.continuous.snap(points.places_of(near) + reach)
    places = jnp.clip(places, edge, jnp.asarray(points.shape)[None, :] - 1.0 - edge)
    return points.between(jnp.concatenate([points.places_of(rest) + offsets, places]))


def _offsets(
    key: Key[Array, ""], points: Points, count: int, grid_share: ArrayLike
) -> Float[Array, "count d"]:
    """Random offsets inside the cells of samples; 0, the sample itself, with some probability."""
    assert points.continuous is not None
    key_offset, key_share = jax.random.split(key)
    unit = _uniform(key_offset, (count, len(points.shape)))
    offsets = points.continuous.snap(unit + points.continuous.edge)
    is_sample = _uniform(key_share, (count, 1)) < grid_share
    return jnp.where(is_sample, 0.0, offsets)


def _uniform(key: Key[Array, ""], shape: tuple[int, int], low: float = 0.0) -> Float[Array, "n d"]:
    """Numbers up to 1, in float32 under jax_enable_x64 too, as everything in a training."""
    return jax.random.uniform(key, shape, jnp.float32, low, 1.0)


# name -> coordinates and targets of a step, from (key of the step, points, index, grid_share)
SAMPLINGS: dict[str, Callable[[Key[Array, ""], Points, Index, ArrayLike], Rows]] = {
    GRID: _grid,
    "shifted": _shifted,
    "jittered": _jittered,
    "surface": _surface,
}

# kind of signal -> where the points lie, where the signal between its samples counts
_CONTINUOUS = {"image": "shifted", "audio": "shifted", "volume": "surface"}


def sampling_of(kind: str, objective: str) -> str:
    """The sampling that serves an objective on a kind of signal."""
    return GRID if objective == "samples" else _CONTINUOUS.get(kind, "shifted")
