"""All steps of a training in one scan, of several problems side by side."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from optiinr_jax.progress import Progress
from optiinr_jax.trajectories import transport
from optiinr_jax.trajectories.anchors import Problem
from optiinr_jax.trajectories.config import TrajectoryConfig
from optiinr_jax.trajectories.networks import Params
from optiinr_jax.trajectories.transport import Info, State, train_step

_MAX_CHUNKS = 25  # between which progress is told


class Trained(NamedTuple):
    """What a training leaves: networks and how it went, with a leading axis of problems."""

    params: dict[str, Params]
    info: Info  # (problems, steps)


def train(
    seeds: Sequence[int], problems: Sequence[Problem], config: TrajectoryConfig, progress: bool
) -> Trained:
    """Train on problems of one shape side by side, each with its own seed.

    What comes of one does not depend on the others.
    """
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *problems)
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    _, num_anchors, _, num_dims = stacked.outputs.shape
    states = _init(keys, config, num_anchors - 1, num_dims, stacked.conditions.shape[-1])
    length = _chunk(config.num_steps)
    infos: list[Info] = []
    with Progress("trajectories: steps", config.num_steps, enabled=progress) as bar:
        for first in range(0, config.num_steps, length):
            states, info = _run(keys, jnp.int32(first), states, stacked, config, length)
            infos.append(jax.tree.map(np.asarray, info))
            bar.update(first + length, f"residual {infos[-1].residual[:, -1].mean():.2g}")
    joined = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *infos)
    return Trained(states.params, joined)


def _chunk(num_steps: int) -> int:
    """Steps between two lines of progress: a divisor of all, so that one program does."""
    return num_steps // max(n for n in range(1, _MAX_CHUNKS + 1) if num_steps % n == 0)


@partial(jax.jit, static_argnums=(2, 3, 4))
def _init(
    keys: Key[Array, " p"],
    config: TrajectoryConfig,
    num_intervals: int,
    num_dims: int,
    num_conds: int,
) -> State:
    """Networks of all problems."""
    together = jax.vmap(transport.init, in_axes=(0, None, None, None, None))
    return together(keys, config, num_intervals, num_dims, num_conds)


@partial(jax.jit, static_argnames="num_steps", donate_argnames="states")
def _run(
    keys: Key[Array, " p"],
    first: Array,
    states: State,
    problems: Problem,
    config: TrajectoryConfig,
    num_steps: int,
) -> tuple[State, Info]:
    """Some steps of all problems, one scan of one vmap; `first` is the number of the first step."""

    def step(states: State, number: Array) -> tuple[State, Info]:
        drawn = jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)
        together = jax.vmap(train_step, in_axes=(0, None, 0, 0, None))
        return together(drawn, number, states, problems, config)

    states, info = jax.lax.scan(step, states, first + jnp.arange(num_steps))
    return states, jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), info)
