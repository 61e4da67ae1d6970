"""The static shape of a search space, and the two functions of it that run inside compiled code.

A configuration is a pair (u, c): `u` holds the continuous numbers in [0, 1], `c` the level of each
choice. `embed` turns the pair into the vector the kernel sees, in which whatever is inactive has
one fixed value, so that two configurations that train the same network have the same vector.

Letters: p continuous dimensions, k choices, d = p + total number of levels.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

INACTIVE = 0.5  # value of an inactive continuous dimension: the centre, nearest to all others

Rule = tuple[
    tuple[int, tuple[bool, ...]], ...
]  # (index of a parent choice, its allowed levels), ...


@dataclass(frozen=True)
class Structure:
    """How many dimensions there are and when each is active; hashable, hence a static argument."""

    levels: tuple[int, ...]
    continuous_rules: tuple[Rule, ...]
    choice_rules: tuple[Rule, ...]
    whole: tuple[tuple[float, float, bool, int] | None, ...]  # `Int.ends` of whole numbers

    @property
    def num_continuous(self) -> int:
        """Number of continuous dimensions, p."""
        return len(self.continuous_rules)

    @property
    def num_onehot(self) -> int:
        """Number of one-hot columns, the sum of all levels."""
        return sum(self.levels)

    @property
    def typical_active(self) -> float:
        """Expected number of active continuous dimensions when every choice is uniform."""
        choice: list[float] = []

        def probability(rule: Rule) -> float:
            return float(np.prod([choice[j] * np.mean(allowed) for j, allowed in rule]))

        for rule in self.choice_rules:
            choice.append(probability(rule))
        return float(sum(probability(rule) for rule in self.continuous_rules))

    @property
    def flips(self) -> tuple[tuple[int, int], ...]:
        """Every (choice, level) pair: what a configuration can be changed to by one choice."""
        return tuple((j, level) for j, count in enumerate(self.levels) for level in range(count))


def activity(
    structure: Structure, c: Int[Array, " k"]
) -> tuple[Bool[Array, " p"], Bool[Array, " k"]]:
    """Tell which continuous dimensions and which choices are active at the levels `c`."""
    rules = (*structure.continuous_rules, *structure.choice_rules)
    num_choices = len(structure.levels)
    if not num_choices:
        return jnp.ones(structure.num_continuous, bool), jnp.ones(0, bool)
    allowed = np.ones((len(rules), num_choices, max(structure.levels)), bool)
    is_parent = np.zeros((len(rules), num_choices), bool)
    for i, rule in enumerate(rules):
        for j, levels in rule:
            allowed[i, j, : len(levels)] = levels
            is_parent[i, j] = True
    fits = jnp.asarray(allowed)[:, jnp.arange(num_choices), c]  # (dimension, choice)
    p = structure.num_continuous
    active = jnp.ones(num_choices, bool)
    for _ in range(_depth(structure)):  # one pass per generation of choices
        active = jnp.all(fits[p:] & (active[None] | ~is_parent[p:]), axis=1)
    return jnp.all(fits[:p] & (active[None] | ~is_parent[:p]), axis=1), active


def embed(structure: Structure, u: Float[Array, " p"], c: Int[Array, " k"]) -> Float[Array, " d"]:
    """Encode (u, c): active numbers and one-hot choices; inactive ones neutral (0.5 and zeros)."""
    is_continuous, is_choice = activity(structure, c)
    blocks = [jnp.where(is_continuous, snap(structure, u), INACTIVE)]
    for j, count in enumerate(structure.levels):
        blocks.append(((jnp.arange(count) == c[j]) & is_choice[j]).astype(u.dtype))
    return jnp.concatenate(blocks)


def snap(structure: Structure, u: Float[Array, " p"]) -> Float[Array, " p"]:
    """Move whole numbers to what decoding will make of them; the gradient passes straight through.

    Otherwise the model would see something new between two values that were both tried.
    """
    i = np.array([j for j, ends in enumerate(structure.whole) if ends], int)
    if not i.size:
        return u
    low, high, log, step = (
        np.array(column) for column in zip(*filter(None, structure.whole), strict=True)
    )
    start, stop = (np.where(log, np.log(np.where(log, end, 1)), end) for end in (low, high))
    value = start + (stop - start) * u[i]
    value = jnp.where(log, jnp.exp(jnp.where(log, value, 0.0)), value)
    first = low + step / 2
    value = first + step * jnp.round((value - first) / step)
    value = jnp.clip(value, first, high - step / 2)
    value = jnp.where(log, jnp.log(jnp.where(log, value, 1.0)), value)
    rounded = ((value - start) / (stop - start)).astype(u.dtype)
    return u.at[i].add(jax.lax.stop_gradient(rounded - u[i]))


def _depth(structure: Structure) -> int:
    depth: list[int] = []
    for rule in structure.choice_rules:
        depth.append(1 + max((depth[j] for j, _ in rule), default=0))
    return max(depth, default=0)
