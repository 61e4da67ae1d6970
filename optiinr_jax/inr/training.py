"""Training: one step, one scan over a chunk of steps, one fit of many chunks.

The compiled program depends on the structure of the network and the number of points alone;
learning rates, frequencies and even the number of steps are arguments of it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Float32, Int, Key

from optiinr_jax.inr.config import NetworkConfig, as_wave, resolve_bounds
from optiinr_jax.inr.model import Variables, apply_features, encode, init_variables
from optiinr_jax.inr.optimizer import make_optimizer

CHUNK_STEPS = 50  # steps between two looks at the loss; fixed, so that it never recompiles

# Called after every chunk with (steps done, steps in all, latest loss).
OnStep = Callable[[int, int, float], None]


class TrainState(NamedTuple):
    """What the next step needs."""

    params: Any
    opt_state: Any
    step: Int[Array, ""]
    is_finite: Bool[Array, ""]


class Fit(NamedTuple):
    """What a fit leaves behind."""

    variables: Variables
    history: Float32[np.ndarray, " num_steps"]  # loss before each update, up to a divergence
    is_finite: bool  # False: the loss stopped being finite and training stopped there


def mse_loss(params: Any, features: Array, targets: Array, config: NetworkConfig) -> Array:
    """Mean squared error over all points and channels."""
    return jnp.mean(jnp.square(apply_features(params, features, config) - targets))


@partial(jax.jit, static_argnames=("num_dims", "num_channels"))
def _start(key, config: NetworkConfig, num_steps, *, num_dims: int, num_channels: int):
    variables = init_variables(key, config, num_dims=num_dims, num_channels=num_channels)
    opt_state = make_optimizer(config, num_steps).init(variables["params"])
    state = TrainState(variables["params"], opt_state, jnp.array(0), jnp.array(True))
    return state, variables["constants"]


@jax.jit
def _encode(constants, coords, config: NetworkConfig):
    return encode({"constants": constants}, coords, config)


@partial(jax.jit, donate_argnames="state")
def train_chunk(
    state: TrainState,
    features: Float[Array, "n f"],
    targets: Float[Array, "n c"],
    config: NetworkConfig,
    num_steps: Int[Array, ""],
) -> tuple[TrainState, Float[Array, " chunk"]]:
    """Run up to CHUNK_STEPS full-batch updates as one compiled scan; `state` is donated.

    Returns the state and the loss before each update. Steps from `num_steps` on, and all steps
    once the loss is not finite, change nothing and report NaN.
    """
    optimizer = make_optimizer(config, num_steps)

    def update(state: TrainState):
        loss, grads = jax.value_and_grad(mse_loss)(state.params, features, targets, config)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return TrainState(params, opt_state, state.step + 1, jnp.isfinite(loss)), loss

    def skip(state: TrainState):
        return state, jnp.full((), jnp.nan, targets.dtype)

    def step(state: TrainState, _):
        return jax.lax.cond((state.step < num_steps) & state.is_finite, update, skip, state)

    return jax.lax.scan(step, state, length=CHUNK_STEPS)


def train(
    key: Key[Array, ""],
    coords: Float[Array, "n d"],
    targets: Float[Array, "n c"],
    config: NetworkConfig,
    *,
    num_steps: int,
    share_program: bool = False,
    on_step: OnStep | None = None,
) -> Fit:
    """Train one network on (coords, targets) by full-batch AdamW.

    Args:
        key: draws the initial parameters and the encoding's basis.
        coords: coordinates in the range the configuration expects, [-1, 1] for images.
        targets: values to represent.
        config: the network and its learning rates.
        num_steps: number of updates.
        share_program: train in the wave form, whose compiled program serves all families;
            slower a step than a program of its own, so for short fits and searches.
        on_step: called after every chunk, for progress; an exception in it stops the fit.
    """
    num_dims, num_channels = coords.shape[1], targets.shape[1]
    lower = as_wave if share_program else resolve_bounds
    # Strong float32 leaves: a Python number and an array of the same number share one program.
    config = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), lower(config, num_dims))
    limit = jnp.asarray(num_steps, jnp.int32)
    state, constants = _start(key, config, limit, num_dims=num_dims, num_channels=num_channels)
    features = _encode(constants, coords, config)
    history: list[np.ndarray] = []
    for done in range(0, num_steps, CHUNK_STEPS):
        state, losses = train_chunk(state, features, targets, config, limit)
        history.append(np.asarray(losses)[: num_steps - done])
        if on_step is not None:
            steps = min(done + CHUNK_STEPS, num_steps)
            on_step(steps, num_steps, float(history[-1][-1]))
        if not bool(state.is_finite):
            break
    losses = np.concatenate(history)
    is_bad = ~np.isfinite(losses)
    if is_bad.any():
        losses = losses[: int(np.argmax(is_bad)) + 1]  # up to and with the first bad one
    is_finite = not is_bad.any() and _all_finite(state.params)
    return Fit({"params": state.params, "constants": constants}, losses, is_finite)


def _all_finite(params: Any) -> bool:
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(params))
