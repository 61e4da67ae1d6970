"""Names of a space that are held at a value while the others are searched.

Letters: p numbers, k choices, l most levels of any.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from optiinr_jax.bo.dimensions import Choice
from optiinr_jax.bo.space import Point, Space

Held = Mapping[str, tuple[Any, ...]]  # name -> the values that it may have

Arr = Array | np.ndarray


class Bounds(NamedTuple):
    """What is held, as arrays: bounds of the numbers, and of each level the one that it becomes."""

    low: Float[Arr, " p"]
    high: Float[Arr, " p"]
    level: Int[Arr, "k l"]


def hold(space: Space, fixed: Mapping[str, Any]) -> Held:
    """Values that the names of a space may have so that a point has the fixed ones.

    A fixed name has to exist: what it depends on is held at the values that allow it.

    Raises:
        ValueError: a name that the space has not, a value outside its range, or one that excludes
            another.
    """
    held: dict[str, tuple[Any, ...]] = {}
    for name, value in fixed.items():
        if name not in space.dimensions:
            raise ValueError(f"fixed names {name!r}; expected names of {list(space.dimensions)}.")
        try:
            held[name] = (space.dimensions[name].check(value),)
        except ValueError as error:
            raise ValueError(f"fixed[{name!r}] is {value!r}; {error}.") from None
    for name in reversed(space.dimensions):
        for parent, allowed in space.conditions[name].items() if name in held else ():
            both = tuple(value for value in held.get(parent, allowed) if value in allowed)
            if not both:
                raise ValueError(
                    f"fixed has {parent!r} at {held[parent][0]!r}, where {name!r} does not exist; "
                    f"leave one of them out, or fix {parent!r} at one of {list(allowed)}."
                )
            held[parent] = both
    return held


def impose(space: Space, held: Held, point: Point, seed: Any) -> Point:
    """A point with the held values; a name that comes to life through them has a random one."""
    if not held:
        return point
    draws = np.random.default_rng(seed).random((2, len(space)))
    rows = zip(space.dimensions.items(), draws[0], strict=True)
    values = {name: dimension.from_unit(float(u)) for (name, dimension), u in rows} | point
    for name, draw in zip(space.dimensions, draws[1], strict=True):
        allowed = held.get(name)
        if allowed and values[name] not in allowed:
            values[name] = allowed[int(draw * len(allowed))]
    return {name: values[name] for name in space.active(values)}


def make_bounds(space: Space, held: Held) -> Bounds:
    """Turn held values into arrays."""
    levels, low, high, rows = space.structure.levels, [], [], []
    for name, dimension in space.dimensions.items():
        if isinstance(dimension, Choice):
            count = len(dimension.options)
            allowed = [i for i, o in enumerate(dimension.options) if o in held.get(name, (o,))]
            row = [i if i in allowed else allowed[i % len(allowed)] for i in range(count)]
            rows.append(row + [0] * (max(levels) - count))
        else:
            units = [dimension.to_unit(value) for value in held.get(name, ())] or [0.0, 1.0]
            low.append(min(units))
            high.append(max(units))
    shape = len(levels), max(levels, default=0)
    level = np.array(rows, np.int32).reshape(shape)
    return Bounds(np.array(low, float), np.array(high, float), level)


def keep_within(
    bounds: Bounds, u: Float[Array, " p"], c: Int[Array, " k"]
) -> tuple[Float[Array, " p"], Int[Array, " k"]]:
    """Move numbers and levels to what they are held at."""
    held_c = jnp.take_along_axis(jnp.asarray(bounds.level), c[:, None], axis=1)[:, 0]
    return jnp.clip(u, jnp.asarray(bounds.low), jnp.asarray(bounds.high)), held_c.astype(c.dtype)
