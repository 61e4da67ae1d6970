"""Training: one step, one scan over a chunk of steps, one fit of many chunks.

The compiled program depends on the structure of the network and the number of points alone;
learning rates, frequencies and even the number of steps are arguments of it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Float32, Int, Key

from optiinr_jax.blas import one_blas_thread
from optiinr_jax.inr.batches import Points, batch_index
from optiinr_jax.inr.checkpoints import Checkpoint, load_state, save_state
from optiinr_jax.inr.compilation_cache import forget_compiled_programs
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.cost import chunk_steps, part_size
from optiinr_jax.inr.encodings import Constants
from optiinr_jax.inr.gradient_adjustment import adjusted_gradient, group_points
from optiinr_jax.inr.lowering import LoweredConfig, lower
from optiinr_jax.inr.model import Variables, forward, init
from optiinr_jax.inr.optimizer import make_optimizer
from optiinr_jax.inr.sampling import GRID, SAMPLINGS, Rows
from optiinr_jax.inr.task import check_batches
from optiinr_jax.inr.waiting import wait_for
from optiinr_jax.numerics import COMPILER_OPTIONS, ONE_THREAD

_SAVE_SECONDS = 60.0  # between two checkpoints
_BATCH_KEY, _OFFSET_KEY = 1, 2  # folded into the key of a fit for what its steps draw

OnStep = Callable[[int, int, float], None]  # after a chunk: steps done, in all, latest loss


class TrainState(NamedTuple):
    """What the next step needs."""

    params: Any
    opt_state: Any
    step: Int[Array, ""]
    is_finite: Bool[Array, ""]
    good: Any  # the last parameters whose loss and gradient are known to be finite
    best: tuple[Any, Float[Array, ""]] | None  # parameters of the lowest loss, where wanted


class Data(NamedTuple):
    """What does not change during a fit."""

    points: Points | None  # where every step has points of its own
    rows: Rows | None  # or all coordinates and targets, made once
    constants: Constants
    key: Key[Array, ""]  # of what the steps draw


class Fit(NamedTuple):
    """What a fit leaves behind."""

    variables: Variables  # the last ones, the best ones, or the last good ones of a divergence
    history: Float32[np.ndarray, " num_steps"]  # loss before each update, up to a divergence
    is_finite: bool  # False: the loss or its gradient stopped being finite, and training stopped


@partial(jax.jit, static_argnames=("num_dims", "num_channels", "keep_best"))
def _start(key, config: NetworkConfig, num_steps, *, num_dims, num_channels, keep_best):
    variables = init(key, config, num_dims=num_dims, num_channels=num_channels)
    params = variables["params"]
    opt_state = make_optimizer(config, num_steps).init(params)
    best = (params, jnp.array(jnp.inf, jnp.float32)) if keep_best else None
    state = TrainState(params, opt_state, jnp.array(0), jnp.array(True), params, best)
    return state, variables["constants"]


@jax.jit
def _all_rows(points: Points, config: NetworkConfig) -> Rows:
    coords, targets = points.all()
    if config.adjustment is None:
        return coords, targets
    groups = group_points(points.shape, config.adjustment.group)
    return coords[groups], targets[groups]


def draw_rows(data: Data, step: Int[Array, ""], config: NetworkConfig) -> Rows:
    """Coordinates and targets of a step, in groups (g, p, _) where the gradient is adjusted."""
    if data.rows is not None:
        return data.rows
    assert data.points is not None and config.sampling is not None  # `prepare` gives both
    index, groups = _draw_index(data, step, config)
    key = jax.random.fold_in(jax.random.fold_in(data.key, _OFFSET_KEY), step)
    coords, targets = SAMPLINGS[config.sampling](key, data.points, index, config.grid_share)
    if groups is None:
        return coords, targets
    return coords.reshape(*groups, -1), targets.reshape(*groups, -1)


def _draw_index(
    data: Data, step: Int[Array, ""], config: NetworkConfig
) -> tuple[Int[Array, " n"] | None, tuple[int, ...] | None]:
    """Points of the grid for a step (None: all), and how many groups of what size they make."""
    assert data.points is not None
    num_points, batch_size = data.points.num_points, config.batch_size
    if config.adjustment is None:
        if batch_size is None:
            return None, None
        return batch_index(data.key, step, num_points, min(batch_size, num_points)), None
    if batch_size is None:
        grouped = group_points(data.points.shape, config.adjustment.group)
        return jnp.asarray(grouped.reshape(-1)), grouped.shape
    (run,) = config.adjustment.group  # `check_batches` has seen that it is one
    num_groups = -(-num_points // run)
    groups = batch_index(data.key, step, num_groups, min(batch_size // run, num_groups))
    start = jnp.minimum(groups * run, num_points - run)  # the last run ends with the last point
    index = start[:, None] + jnp.arange(run)[None, :]
    return index.reshape(-1), index.shape


def loss_and_grads(
    params: Any,
    constants: Constants,
    rows: Rows,
    config: NetworkConfig,
    *,
    on_one_core: bool = False,
    max_part: int | None = None,
) -> tuple[Float[Array, ""], Any]:
    """The mean squared error of a step, and the gradient it is trained with."""

    def predict(params: Any, coords: Array) -> Array:
        return forward({"params": params, "constants": constants}, coords, config)

    if config.adjustment is None:
        size = part_size(config.width, len(rows[0]), on_one_core, max_part)
        return mse_and_grads(predict, params, *rows, size)
    return adjusted_gradient(predict, params, *rows, config.adjustment)


def mse_and_grads(
    predict: Callable[[Any, Array], Array],
    params: Any,
    coords: Float[Array, "n d"],
    targets: Float[Array, "n c"],
    size: int,
) -> tuple[Float[Array, ""], Any]:
    """Mean squared error over all points and channels and its gradient, `size` points at a time.

    The gradient is that of all points, exactly: the parts are added up. Memory is that of one part.
    """
    num_points, num_parts = len(coords), -(-len(coords) // size)
    missing = num_parts * size - num_points  # the last part is filled up with points of weight 0

    def loss(params: Any, coords: Array, targets: Array, weights: ArrayLike) -> Array:
        squares = jnp.square(predict(params, coords) - targets)
        return jnp.sum(weights * squares) / (num_points * targets.shape[1])

    def split(column: Array) -> Array:
        filled = jnp.pad(column, ((0, missing), (0, 0)))
        return filled.reshape(num_parts, size, column.shape[1])

    if num_parts == 1:
        return jax.value_and_grad(loss)(params, coords, targets, 1.0)

    def add(total: Any, part: tuple[Array, Array, ArrayLike]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, jax.value_and_grad(loss)(params, *part)), None

    weights = split(jnp.ones((num_points, 1), coords.dtype)) if missing else jnp.ones(num_parts)
    nothing = jax.tree.map(jnp.zeros_like, (jnp.zeros((), targets.dtype), params))
    return jax.lax.scan(add, nothing, (split(coords), split(targets), weights))[0]


def run_chunk(
    state: TrainState,
    data: Data,
    config: NetworkConfig,
    num_steps: Int[Array, ""],
    start: Int[Array, ""],
    *,
    length: int,
    on_one_core: bool = False,
    max_part: int | None = None,
) -> tuple[TrainState, Float[Array, " length"]]:
    """Run up to `length` updates as one scan; `on_one_core` suits the parts to a single thread.

    `start` is the number of the first one, the same for all networks under `vmap`. Returns the
    state and the loss before each update. Steps from `num_steps` on, and all steps once the loss or
    its gradient is not finite, change nothing and report infinity, which JAX_DEBUG_NANS lets pass.
    """
    optimizer = make_optimizer(config, num_steps)

    def update(state: TrainState, step: Int[Array, ""]) -> tuple[TrainState, Array]:
        rows = draw_rows(data, step, config)
        loss, grads = loss_and_grads(
            state.params,
            data.constants,
            rows,
            config,
            on_one_core=on_one_core,
            max_part=max_part,
        )
        is_finite = jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(grads))
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params, step=step)
        after = optax.apply_updates(state.params, updates)
        keep = partial(jax.tree.map, partial(jnp.where, is_finite))
        best = state.best
        if best is not None:
            is_lower = loss < best[1]  # not where the loss is not a number
            best = jax.tree.map(partial(jnp.where, is_lower), (state.params, loss), best)
        return TrainState(
            params=keep(after, state.good),
            opt_state=opt_state,  # worth nothing after a divergence, and never used
            step=state.step + is_finite,
            is_finite=is_finite,
            good=keep(state.params, state.good),
            best=best,
        ), loss

    def skip(state: TrainState, step: Int[Array, ""]) -> tuple[TrainState, Array]:
        del step
        return state, jnp.full((), jnp.inf, jnp.float32)

    def one(state: TrainState, step: Int[Array, ""]) -> tuple[TrainState, Array]:
        return jax.lax.cond((step < num_steps) & state.is_finite, update, skip, state, step)

    return jax.lax.scan(one, state, start + jnp.arange(length))


# None of them donates `state`, which an interrupt or a pause may have to keep: beside the points it
# is small. The second one stays on the thread that calls it, so that fits side by side do not wait
# for each other.
_jit = partial(jax.jit, static_argnames=("length", "max_part"))
train_chunk = _jit(run_chunk, compiler_options=COMPILER_OPTIONS)
_train_chunk_on_one_core = _jit(
    partial(run_chunk, on_one_core=True), compiler_options=COMPILER_OPTIONS | ONE_THREAD
)
_compiling = threading.Lock()  # so that threads of the same need do not all compile


@one_blas_thread()
def train(
    key: Key[Array, ""],
    points: Points,
    config: NetworkConfig,
    *,
    num_steps: int,
    init: Variables | None = None,
    share_program: bool = False,
    keep_best: bool = False,
    on_one_core: bool = False,
    max_part: int | None = None,
    checkpoint: Checkpoint | None = None,
    pause_at: int | None = None,
    keep_interrupted: bool = False,
    on_step: OnStep | None = None,
) -> Fit:
    """Train one network on points, all of them in every step or in mini-batches.

    Args:
        key: draws the initial parameters, the encoding's basis and the mini-batches.
        points: coordinates in the range the configuration expects, and targets.
        config: the network and how it is trained.
        num_steps: number of updates.
        init: what to begin with; None: it is drawn.
        share_program: train in the wave form, whose compiled program serves all families;
            slower a step than a program of its own, so for short fits and searches.
        keep_best: keep the parameters of the step with the lowest loss, not the last ones.
        on_one_core: leave the other cores alone, for fits side by side in threads; not with a
            checkpoint.
        max_part: see `fit`.
        checkpoint: where the state is kept now and then, and when the fit is interrupted, for the
            same call to go on; deleted at the end, unless there is a `pause_at`.
        pause_at: steps after which the training pauses, its state kept; the same call with a later
            one, or none, goes on to the same result. See `pause_step`.
        keep_interrupted: an interrupt ends the training with what there is, after the first chunk.
        on_step: called after every chunk, for progress; an exception in it stops the fit.

    Raises:
        ValueError: the points do not divide into the groups of the gradient adjustment.
    """
    forget_compiled_programs()
    run = _train_chunk_on_one_core if on_one_core else train_chunk
    if max_part is not None:
        run = partial(run, max_part=max_part)
    limit, nothing = jnp.asarray(num_steps, jnp.int32), jnp.asarray(0, jnp.int32)
    length = chunk_steps(config, points.num_points, points.targets.num_channels)
    with _compiling:
        state, data, config = prepare(
            key,
            points,
            config,
            num_steps,
            init=init,
            share_program=share_program,
            keep_best=keep_best,
        )
        state, _ = run(state, data, config, nothing, nothing, length=length)  # compiles only
    history: list[np.ndarray] = []
    if checkpoint is not None:
        restored, losses = load_state(checkpoint, state)
        if len(losses) == int(restored.step):  # an interruption between the two is not
            state = restored
            history.append(losses)
    saved, end = time.monotonic(), num_steps if pause_at is None else min(pause_at, num_steps)
    try:
        for done in range(int(state.step), end, length):
            begin = jnp.asarray(done, jnp.int32)
            after, losses = run(state, data, config, limit, begin, length=length)
            losses = wait_for(losses)[: num_steps - done]
            state, history = after, [*history, losses]
            if on_step is not None:
                on_step(min(done + length, num_steps), num_steps, float(history[-1][-1]))
            if not bool(state.is_finite):
                break
            if checkpoint is not None and time.monotonic() - saved > _SAVE_SECONDS:
                save_state(checkpoint, state, history)
                saved = time.monotonic()
    except BaseException as interrupt:
        if checkpoint is not None:
            save_state(checkpoint, state, history)
        if not (keep_interrupted and history and isinstance(interrupt, KeyboardInterrupt)):
            raise
        return finish(state, data, np.concatenate(history))
    if checkpoint is not None and pause_at is None:
        checkpoint.path.unlink(missing_ok=True)
    elif checkpoint is not None and bool(state.is_finite):
        save_state(checkpoint, state, history)
    return finish(state, data, np.concatenate(history))


def prepare(
    key: Key[Array, ""],
    points: Points,
    config: NetworkConfig,
    num_steps: int,
    *,
    init: Variables | None = None,
    share_program: bool,
    keep_best: bool,
) -> tuple[TrainState, Data, LoweredConfig]:
    """Everything on the device before the first step, and the configuration as it is trained."""
    check_batches(points.shape, config)
    num_dims, num_channels = points.num_dims, points.targets.num_channels
    lowered = lower(replace(config, sampling=config.sampling or GRID), num_dims, wave=share_program)
    # Strong float32 leaves: a Python number and an array of the same number share one program.
    lowered = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), lowered)
    limit = jnp.asarray(num_steps, jnp.int32)
    state, constants = _start(
        key, lowered, limit, num_dims=num_dims, num_channels=num_channels, keep_best=keep_best
    )
    if init is not None:
        state, constants = _begin_with(init, state, constants)
    is_full = lowered.batch_size is None and lowered.sampling == GRID
    data = Data(
        points=None if is_full else points,
        rows=_all_rows(points, lowered) if is_full else None,
        constants=constants,
        key=jax.random.fold_in(key, _BATCH_KEY),
    )
    return state, data, lowered


def _begin_with(
    init: Variables, state: TrainState, constants: Constants
) -> tuple[TrainState, Constants]:
    """The state before the first step with other parameters; an optimiser's does not hold any.

    Those of another number of channels have no say in the output layer; those of another network
    are refused with a ValueError.
    """
    if np.shape(init["params"]["output"]["bias"]) != state.params["output"]["bias"].shape:
        init = {**init, "params": {**init["params"], "output": state.params["output"]}}
    ours, theirs = (
        {jax.tree_util.keystr(path): jnp.shape(leaf) for path, leaf in jax.tree.leaves_with_path(t)}
        for t in ({"params": state.params, "constants": constants}, dict(init))
    )
    if ours != theirs:
        differs = sorted(n for n in {*ours, *theirs} if ours.get(n) != theirs.get(n))
        raise ValueError(
            f"init is another network: {differs[0]} has shape {theirs.get(differs[0])}, but "
            f"{ours.get(differs[0])} was expected; give one of the same width, depth, encoding and "
            "kind of signal."
        )
    as_float = partial(jax.tree.map, lambda a: jnp.asarray(a, jnp.float32))
    params, constants = as_float(init["params"]), as_float(init["constants"])
    best = None if state.best is None else (params, state.best[1])
    return state._replace(params=params, good=params, best=best), constants


def finish(state: TrainState, data: Data, losses: np.ndarray) -> Fit:
    """What is left of a fit whose last chunk has run."""
    is_finite = bool(state.is_finite)
    if not is_finite:
        losses = losses[: int(state.step) + 1]  # up to and with the step that went wrong
    params = state.params if state.best is None else state.best[0]
    return Fit({"params": params, "constants": data.constants}, losses, is_finite)
