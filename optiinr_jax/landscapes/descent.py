"""Quasi-Newton minimisation of many starts at once, and of a learned landscape before the true one.

All methods see the same thing: guesses in [0, 1] in every unknown, a first step of the same length,
and outside the box the value at the nearest point of it plus 50 times the squared distance. That
matters more than it looks: SciPy's BFGS takes a first step of length 1 whatever the scale, which on
the unit box is a random jump across it.
"""

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

_WALL = 50.0
_DECREASE, _CURVATURE = 1e-4, 0.9  # constants of the weak Wolfe conditions
_MAX_TRIALS = 40  # of one line search
_ROUND = 20  # evaluations between two looks at who is done
Method = Literal["bfgs", "gradient descent"]


class Minimised(NamedTuple):
    """Where each start ended.

    Attributes:
        x: the best point, in the box.
        value: of the function there.
        num_evals: values with their gradients that it took.
        is_converged: whether the slope was below the tolerance, or no step could go further down.
    """

    x: Float[np.ndarray, "n d"]
    value: Float[np.ndarray, " n"]
    num_evals: Int[np.ndarray, " n"]
    is_converged: Bool[np.ndarray, " n"]


class _State(NamedTuple):
    """One start: the present point, its direction, and the line search along it."""

    x: Any
    value: Any
    slope: Any
    inverse: Any  # inverse Hessian
    direction: Any
    step: Any  # to try next
    low: Any  # a step that is too short
    high: Any  # a step that is too long
    trials: Any  # of this line search
    num_updates: Any
    num_evals: Any
    is_done: Any


def in_box(
    function: Callable[..., Float[Array, ""]], x: Float[Array, " d"], *arguments: Any
) -> Float[Array, ""]:
    """The function in the unit box, with a rising wall around it."""
    inside = jnp.clip(x, 0.0, 1.0)
    return function(inside, *arguments) + _WALL * jnp.sum((x - inside) ** 2)


def minimise(
    function: Callable[..., Float[Array, ""]],
    starts: Float[ArrayLike, "n d"],
    *arguments: Any,
    shared: tuple[Any, ...] = (),
    method: Method = "bfgs",
    first_step: float = 0.1,
    max_evals: int = 200,
    tolerance: float = 1e-6,
    mode: Literal["forward", "reverse"] = "reverse",
) -> Minimised:
    """Minimise a function over the unit box from many starts at once, in float64.

    BFGS with the line search of Lewis and Overton (2013), which bisects until the weak Wolfe
    conditions hold and needs no smoothness. Every start evaluates once a round, whatever its line
    search is at, so that none waits for another; those that are done leave.

    Args:
        function: (x, *arguments, *shared) -> value of one point; a function of a module, or one
            that is made once, since every new one is compiled.
        arguments: arrays with a leading axis of n, one entry a start.
        shared: what is the same for all starts, as a network.
        method: "gradient descent" takes its steps' lengths from the last one (Barzilai and Borwein
            1988) and has the same line search.
        first_step: length of the first step.
        tolerance: largest slope at which a start is done.
        mode: how gradients are taken; "forward" is quicker for a simulator of few unknowns.

    Raises:
        ValueError: starts outside the box.

    >>> found = minimise(lambda x: ((x - 0.25) ** 2).sum(), np.array([[0.9, 0.1]]))
    >>> found.x.round(6).tolist()
    [[0.25, 0.25]]
    """
    starts = np.asarray(starts, np.float64)
    if not np.all((starts >= 0.0) & (starts <= 1.0)):
        raise ValueError(
            f"starts lie in [{starts.min():.3g}, {starts.max():.3g}]; scale them to [0, 1]."
        )
    options = {"function": function, "mode": mode}
    with jax.enable_x64(True):
        wide, shared = jax.tree.map(_widen, (arguments, shared))
        lengths = {"first_step": first_step, "tolerance": tolerance}
        state = jax.tree.map(np.array, _first(starts, wide, shared, **lengths, **options))
        for _ in range(0, max_evals, _ROUND):
            lanes = np.flatnonzero(~state.is_done & (state.num_evals < max_evals))
            if not len(lanes):
                break
            some = np.resize(lanes, _round_up(len(lanes)))  # few sizes are few programs
            part, inputs = jax.tree.map(itemgetter(some), (state, wide))
            limits = {"tolerance": tolerance, "max_evals": max_evals}
            part = _go_on(part, inputs, shared, **limits, method=method, **options)
            for old, new in zip(state, part, strict=True):
                old[some] = np.asarray(new)
    return Minimised(np.clip(state.x, 0.0, 1.0), state.value, state.num_evals, state.is_done)


def _widen(leaf: Any) -> np.ndarray:
    leaf = np.asarray(leaf)
    return leaf.astype(np.float64) if np.issubdtype(leaf.dtype, np.floating) else leaf


def _round_up(count: int) -> int:
    """The next power of two, at least 8."""
    return max(8, 1 << (count - 1).bit_length())


def _value_and_slope(function: Callable[..., Any], mode: str) -> Callable[..., Any]:
    boxed = partial(in_box, function)
    if mode == "reverse":
        return jax.value_and_grad(boxed)

    def forward(x: Array, *arguments: Any) -> tuple[Array, Array]:
        along = partial(jax.jvp, lambda x: boxed(x, *arguments), (x,))
        values, slope = jax.vmap(lambda unit: along((unit,)), out_axes=(None, 0))(jnp.eye(len(x)))
        return values, slope

    return forward


@partial(jax.jit, static_argnames=("function", "mode"))
def _first(
    starts: Array,
    arguments: Any,
    shared: Any,
    *,
    function: Callable[..., Any],
    mode: str,
    first_step: Array,
    tolerance: Array,
) -> _State:
    def one(x: Array, arguments: Any) -> _State:
        value, slope = _value_and_slope(function, mode)(x, *arguments, *shared)
        length = jnp.linalg.norm(slope)
        inverse = jnp.eye(len(x)) * first_step / jnp.where(length > 0, length, 1.0)
        zero, none = jnp.zeros(()), jnp.zeros((), jnp.int32)
        is_done = (jnp.max(jnp.abs(slope)) < tolerance) | ~jnp.isfinite(value)
        line = (-inverse @ slope, jnp.ones(()), zero, zero + jnp.inf, none)
        return _State(x, value, slope, inverse, *line, none, none + 1, is_done)

    return jax.vmap(one)(starts, arguments)


@partial(jax.jit, static_argnames=("function", "mode", "method"))
def _go_on(
    state: _State,
    arguments: Any,
    shared: Any,
    *,
    function: Callable[..., Any],
    mode: str,
    method: Method,
    tolerance: Array,
    max_evals: Array,
) -> _State:
    """Some evaluations of every start; those that are done stay as they are."""
    evaluate = _value_and_slope(function, mode)

    def one(state: _State, arguments: Any) -> _State:
        value, slope = evaluate(state.x + state.step * state.direction, *arguments, *shared)
        new = _advance(state, value, slope, method, tolerance)
        is_over = state.is_done | (state.num_evals >= max_evals)
        return jax.tree.map(lambda a, b: jnp.where(is_over, a, b), state, new)

    def every(state: _State, _: None) -> tuple[_State, None]:
        return jax.vmap(one)(state, arguments), None

    return jax.lax.scan(every, state, length=_ROUND)[0]


def _advance(state: _State, value: Array, slope: Array, method: Method, tolerance: Array) -> _State:
    """One evaluation at the step to try: go there, or narrow the line search."""
    descent = jnp.dot(state.slope, state.direction)
    is_low = (value <= state.value + _DECREASE * state.step * descent) & jnp.isfinite(value)
    is_flat = jnp.dot(slope, state.direction) >= _CURVATURE * descent
    is_last = state.trials + 1 >= _MAX_TRIALS
    moves = is_low & (is_flat | is_last)
    # Narrow: a step without enough descent is too long, one that still falls steeply too short.
    low, high = jnp.where(is_low, state.step, state.low), jnp.where(is_low, state.high, state.step)
    step = jnp.where(jnp.isinf(high), 2.0 * low, 0.5 * (low + high))
    is_next_last = (state.trials + 2 >= _MAX_TRIALS) & (low > 0.0)
    narrower = state._replace(
        low=low,
        high=high,
        step=jnp.where(is_next_last, low, step),  # the last trial goes where it was lower
        trials=state.trials + 1,
        num_evals=state.num_evals + 1,
        is_done=is_last,
    )
    inverse = _update(state, slope, method)
    direction = -inverse @ slope
    zero, none = jnp.zeros_like(value), jnp.zeros_like(state.trials)
    moved = _State(
        state.x + state.step * state.direction,
        value,
        slope,
        inverse,
        direction,
        zero + 1.0,
        zero,
        zero + jnp.inf,
        none,
        state.num_updates + 1,
        state.num_evals + 1,
        jnp.max(jnp.abs(slope)) < tolerance,
    )
    return jax.tree.map(lambda a, b: jnp.where(moves, a, b), moved, narrower)


def _update(state: _State, slope: Array, method: Method) -> Array:
    """Inverse Hessian after a step (Nocedal and Wright 2006, eqs. 6.17 and 6.20)."""
    s, y = state.step * state.direction, slope - state.slope
    product = jnp.dot(s, y)
    is_good = product > 1e-14
    safe = jnp.where(is_good, product, 1.0)
    identity = jnp.eye(len(s), dtype=s.dtype)
    # The first curvature that is seen sets the scale of the rest; a descent has nothing else.
    scaled = identity * safe / jnp.where(is_good, jnp.dot(y, y), 1.0)
    if method == "gradient descent":
        return jnp.where(is_good, scaled, state.inverse)
    before = jnp.where(state.num_updates == 0, scaled, state.inverse)
    left = identity - jnp.outer(s, y) / safe
    return jnp.where(is_good, left @ before @ left.T + jnp.outer(s, s) / safe, state.inverse)


class TwoStage(NamedTuple):
    """Minima of a landscape, and where the true loss ends from them."""

    first: Minimised
    second: Minimised


def two_stage(
    landscape: Callable[..., Float[Array, ""]],
    landscape_arguments: tuple[Any, ...],
    loss: Callable[..., Float[Array, ""]],
    loss_arguments: tuple[Any, ...],
    starts: Float[ArrayLike, "n d"],
    *,
    shared: tuple[Any, ...] = (),
    loss_mode: Literal["forward", "reverse"] = "reverse",
    same: float = 1e-4,
    **options: Any,
) -> TwoStage:
    """Minimise a landscape, then from its minima the true loss; arguments as in `minimise`.

    Args:
        shared: of the landscape.
        same: starts with the same arguments whose first stages end so close in every unknown go
            on as one: a smooth landscape has few minima.
    """
    first = minimise(landscape, starts, *landscape_arguments, shared=shared, **options)
    rows = [np.asarray(a).reshape(len(first.x), -1) for a in loss_arguments]
    places = np.concatenate([np.round(first.x / same), *rows], axis=1)
    _, distinct, which = np.unique(places, axis=0, return_index=True, return_inverse=True)
    some = [np.asarray(a)[distinct] for a in loss_arguments]
    second = minimise(loss, first.x[distinct], *some, mode=loss_mode, **options)
    return TwoStage(first, Minimised(*(part[which.ravel()] for part in second)))
