"""The shape of a search space, and the functions of it that run inside compiled code.

A configuration is a pair (u, c): `u` holds the numbers in [0, 1], `c` the level of each choice.
`embed` turns the pair into the vector the kernel sees, in which whatever is inactive has one fixed
value, so that two configurations that train the same network have the same vector.

A compiled program serves every space of one shape: as many numbers, as many levels. What a range
is, which numbers are whole and what depends on what are arrays, and another space brings others.

Letters: p numbers, k choices, l most levels of any, q numbers on which something depends, m most
values of those, d = p + total number of levels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

INACTIVE = 0.5  # value of an inactive number: the centre, nearest to all others

Arr = Array | np.ndarray


class Grid(NamedTuple):
    """Where numbers in [0, 1] are rounded: bins of one step from `low` to `high`."""

    is_whole: Bool[Arr, " p"]  # the others are not rounded
    low: Float[Arr, " p"]  # where the first bin begins
    high: Float[Arr, " p"]
    is_log: Bool[Arr, " p"]
    step: Float[Arr, " p"]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["grid", "allowed_levels", "parents", "allowed_values", "typical_active"],
    meta_fields=["levels", "num_continuous"],
)
@dataclass(frozen=True, eq=False)
class Structure:
    """How many dimensions there are, when each is active and where numbers are rounded.

    Two are equal when the same compiled programs serve them.

    Attributes:
        levels: number of levels of each choice.
        num_continuous: numbers, p.
        grid: of the numbers.
        allowed_levels: whether a dimension, numbers first, may be active at a level of a choice;
            what its parents depend on counts too.
        parents: the numbers on which something depends.
        allowed_values: whether a dimension may be active at the i-th value of such a number.
        typical_active: expected number of active numbers when every choice is uniform.
    """

    levels: tuple[int, ...]
    num_continuous: int
    grid: Grid
    allowed_levels: Bool[Arr, "pk k l"]
    parents: Int[Arr, " q"]
    allowed_values: Bool[Arr, "pk q m"]
    typical_active: Float[Arr, ""]

    @property
    def num_onehot(self) -> int:
        """Number of one-hot columns, the sum of all levels."""
        return sum(self.levels)

    @property
    def flips(self) -> tuple[tuple[int, int], ...]:
        """Every (choice, level) pair: what a configuration can be changed to by one choice."""
        return tuple((j, level) for j, count in enumerate(self.levels) for level in range(count))

    @property
    def shape(self) -> tuple[Any, ...]:
        """What a compiled program depends on."""
        return self.levels, self.num_continuous, self.allowed_values.shape[1:]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.shape == other.shape

    def __hash__(self) -> int:
        return hash(self.shape)


Rule = Mapping[
    str, Sequence[bool]
]  # parent -> which of its levels, or values in order, are allowed


def make_structure(
    levels: Mapping[str, int],
    grids: Mapping[str, tuple[float, float, bool, int] | None],
    rules: Mapping[str, Rule],
) -> Structure:
    """Build a structure from the names of a space.

    Args:
        levels: number of levels of each choice.
        grids: of each number where its bins begin and end, whether on a logarithmic scale, and
            their step; None: it is not rounded.
        rules: of each name, parents before what depends on them.
    """
    reach: dict[str, dict[str, np.ndarray]] = {}  # with what the parents depend on
    for name, rule in rules.items():
        reach[name] = {}
        for parent, allowed in rule.items():
            for other, mask in ((parent, np.asarray(allowed, bool)), *reach[parent].items()):
                reach[name][other] = reach[name].get(other, True) & mask
    names, numbers, choices = [*grids, *levels], list(grids), list(levels)
    parents = [n for n in numbers if any(n in rule for rule in reach.values())]
    sizes = {name: len(rule[name]) for rule in reach.values() for name in rule if name in numbers}
    by_level = np.ones((len(names), len(choices), max(levels.values(), default=0)), bool)
    by_value = np.ones((len(names), len(parents), max(sizes.values(), default=0)), bool)
    for i, name in enumerate(names):
        for parent, allowed in reach[name].items():
            if parent in levels:
                by_level[i, choices.index(parent), : len(allowed)] = allowed
            else:
                by_value[i, parents.index(parent), : len(allowed)] = allowed
    typical = sum(np.prod([np.mean(mask) for mask in reach[name].values()]) for name in numbers)
    columns = zip(*(grid or (0.0, 1.0, False, 1) for grid in grids.values()), strict=True)
    low, high, is_log, step = columns if grids else ((), (), (), ())
    return Structure(
        levels=tuple(levels.values()),
        num_continuous=len(numbers),
        grid=Grid(
            np.array([grid is not None for grid in grids.values()], bool),
            np.array(low, float),
            np.array(high, float),
            np.array(is_log, bool),
            np.array(step, float),
        ),
        allowed_levels=by_level,
        parents=np.array([numbers.index(name) for name in parents], np.int32),
        allowed_values=by_value,
        typical_active=np.array(typical, float),
    )


def activity(
    structure: Structure, u: Float[Array, " p"], c: Int[Array, " k"]
) -> tuple[Bool[Array, " p"], Bool[Array, " k"]]:
    """Tell which numbers and which choices are active at the numbers `u` and the levels `c`."""
    num_choices, num_parents = len(structure.levels), len(structure.parents)
    active = jnp.ones(structure.num_continuous + num_choices, bool)
    if num_choices:
        fits = jnp.asarray(structure.allowed_levels)[:, jnp.arange(num_choices), c]
        active = active & jnp.all(fits, axis=1)
    if num_parents:
        _, value = _round(structure.grid, u)
        index = value.astype(jnp.int32)[jnp.asarray(structure.parents)]
        fits = jnp.asarray(structure.allowed_values)[:, jnp.arange(num_parents), index]
        active = active & jnp.all(fits, axis=1)
    p = structure.num_continuous
    return active[:p], active[p:]


def embed(structure: Structure, u: Float[Array, " p"], c: Int[Array, " k"]) -> Float[Array, " d"]:
    """Encode (u, c): active numbers and one-hot choices; inactive ones neutral (0.5 and zeros)."""
    is_number, is_choice = activity(structure, u, c)
    blocks = [jnp.where(is_number, snap(structure, u), INACTIVE)]
    for j, count in enumerate(structure.levels):
        blocks.append(((jnp.arange(count) == c[j]) & is_choice[j]).astype(u.dtype))
    return jnp.concatenate(blocks)


def snap(structure: Structure, u: Float[Array, " p"]) -> Float[Array, " p"]:
    """Move whole numbers to what decoding will make of them; the gradient passes straight through.

    Otherwise the model would see something new between two values that were both tried.
    """
    rounded, _ = _round(structure.grid, u)
    return jnp.where(structure.grid.is_whole, u + jax.lax.stop_gradient(rounded - u), u)


def _round(grid: Grid, u: Float[Array, " p"]) -> tuple[Float[Array, " p"], Float[Array, " p"]]:
    """The centre of the bin that a number is in, and the bin's index."""
    is_log, step = jnp.asarray(grid.is_log), jnp.asarray(grid.step, u.dtype)
    low, high = jnp.asarray(grid.low, u.dtype), jnp.asarray(grid.high, u.dtype)
    start, stop = (jnp.where(is_log, jnp.log(jnp.where(is_log, e, 1.0)), e) for e in (low, high))
    value = start + (stop - start) * u
    value = jnp.where(is_log, jnp.exp(jnp.where(is_log, value, 0.0)), value)
    first, last = low + step / 2, jnp.round((high - low) / step) - 1
    index = jnp.clip(jnp.round((value - first) / step), 0.0, last)
    value = first + step * index
    value = jnp.where(is_log, jnp.log(jnp.where(is_log, value, 1.0)), value)
    return (value - start) / (stop - start), index
