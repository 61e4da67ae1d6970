"""Sums of a metric over chunks of points, compiled once for all signals of a kind and a shape.

What differs from one signal to the next, its ranges, are arguments and no constants of a program.

Letters: n points of a chunk, D axes, C channels.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float32

from optiinr_jax.numerics import rescale
from optiinr_jax.signals.continuous import ContinuousSignal
from optiinr_jax.signals.coordinates import coords_at
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.targets import Targets


def add_sums(total: dict[str, float], sums: dict[str, Array]) -> None:
    """Add the sums of one chunk to those of others, in float64."""
    for name, part in sums.items():
        total[name] = total.get(name, 0.0) + float(part)


@partial(jax.jit, static_argnames="kind")
def metric_sums(
    values: ArrayLike, targets: Float32[Array, "n C"], ranges: Any, kind: str
) -> dict[str, Array]:
    """The sums of a kind's metric.

    Args:
        values: natural ones (n, C).
        targets: as they are learned.
        ranges: the range of `targets`, the natural one, and what the metric counts as 1.
    """
    value_range, natural_range, unit = ranges
    natural = rescale(targets, value_range, natural_range)
    return get_kind(kind).metric.sums(jnp.asarray(values) / unit, natural / unit)


@partial(jax.jit, static_argnames="kind")
def place_sums(
    signal: ContinuousSignal,
    values: ArrayLike,
    places: Float32[Array, "n D"],
    ranges: Any,
    kind: str,
) -> dict[str, Array]:
    """`metric_sums` at places of a continuous signal, one per row of `values`."""
    return metric_sums(values, signal.at(places), ranges, kind)


@partial(jax.jit, static_argnames="kind")
def chunk_sums(
    targets: Targets, values: ArrayLike, start: ArrayLike, ranges: Any, kind: str
) -> dict[str, Array]:
    """`metric_sums` over the points from `start` on, one per row of `values`."""
    values = jnp.asarray(values)
    target = targets.at(jnp.arange(values.shape[0]) + jnp.asarray(start))
    return metric_sums(values, target, ranges, kind)


@partial(jax.jit, static_argnames=("shape", "chunk"))
def chunk_coords(start: ArrayLike, shape: tuple[int, ...], chunk: int) -> Float32[Array, "chunk D"]:
    """Coordinates of `chunk` points from `start` on; behind the last point it is repeated."""
    index = jnp.minimum(jnp.arange(chunk), math.prod(shape) - 1 - start) + jnp.asarray(start)
    return coords_at(index, shape)
