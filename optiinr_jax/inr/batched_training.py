"""Many fits in one program: vmap over everything that a single fit is made of.

On a GPU a small network leaves most of the device idle, so many are trained at once; on several
devices each gets a part of them. On a CPU one fit on each core is faster (`fitting._in_threads`).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Key

from optiinr_jax.blas import one_blas_thread
from optiinr_jax.inr.batches import Points
from optiinr_jax.inr.compilation_cache import forget_compiled_programs
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.cost import chunk_steps
from optiinr_jax.inr.lowering import as_wave
from optiinr_jax.inr.model import Variables
from optiinr_jax.inr.training import Fit, OnStep, finish, prepare, run_chunk
from optiinr_jax.numerics import COMPILER_OPTIONS


@partial(
    jax.jit,
    donate_argnames="state",
    static_argnames="length",
    compiler_options=COMPILER_OPTIONS,
)
def _train_chunks(
    state: Any, data: Any, config: NetworkConfig, num_steps: Array, start: Array, *, length: int
):
    chunk = partial(run_chunk, length=length)
    return jax.vmap(chunk, in_axes=(0, 0, 0, None, None))(state, data, config, num_steps, start)


def structure_of(points: Points, config: NetworkConfig) -> Any:
    """Fits with the same one can be trained in one program."""
    wave = as_wave(config, points.num_dims)
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(points)]
    return jax.tree.structure(wave), jax.tree.structure(points), shapes


@one_blas_thread()
def train_many(
    keys: Sequence[Key[Array, ""]],
    points: Sequence[Points],
    configs: Sequence[NetworkConfig],
    *,
    num_steps: int,
    init: Variables | None = None,
    keep_best: bool = False,
    on_step: OnStep | None = None,
) -> list[Fit]:
    """Train networks of one structure at once, in the wave form; see `train` for one of them.

    Members that have diverged stand still while the others go on.

    Args:
        keys: one of each fit.
        points: of each fit; all of one shape.
        configs: of each fit; all of one structure in the wave form.
        num_steps: number of updates of every fit.
        init: variables that all begin with; None: each draws its own.
        keep_best: keep the parameters of the step with the lowest loss, not the last ones.
        on_step: called after every chunk with the mean of the losses.
    """
    forget_compiled_programs()
    parts = [
        prepare(key, p, config, num_steps, init=init, share_program=True, keep_best=keep_best)
        for key, p, config in zip(keys, points, configs, strict=True)
    ]
    devices = jax.local_devices()
    filled = parts + parts[:1] * (-len(parts) % len(devices))  # every device gets as many
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *filled)
    by_member = NamedSharding(Mesh(np.array(devices), ("member",)), PartitionSpec("member"))
    state, data, config = jax.device_put(stacked, by_member)
    limit = jnp.asarray(num_steps, jnp.int32)
    first = points[0]
    length = chunk_steps(parts[0][2], first.num_points, first.targets.num_channels)
    history: list[np.ndarray] = []
    for done in range(0, num_steps, length):
        start = jnp.asarray(done, jnp.int32)
        state, losses = _train_chunks(state, data, config, limit, start, length=length)
        history.append(np.asarray(losses)[:, : num_steps - done])
        if on_step is not None:
            steps = min(done + length, num_steps)
            on_step(steps, num_steps, _mean(history[-1][:, -1]))
        if not bool(state.is_finite.any()):
            break
    losses = np.concatenate(history, axis=1)
    members = [jax.tree.map(lambda leaf, i=i: leaf[i], (state, data)) for i in range(len(parts))]
    return [
        finish(member, constants, row)
        for (member, constants), row in zip(members, losses[: len(parts)], strict=True)
    ]


def _mean(losses: np.ndarray) -> float:
    """Mean of the losses that are finite; infinity where none is."""
    finite = losses[np.isfinite(losses)]
    return float(finite.mean()) if len(finite) else math.inf
