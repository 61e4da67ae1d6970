"""One training step: potentials and maps of the transport, its curves, and the metric.

Semi-dual problem of each interval between two anchors (Amad and van der Schaar, 2026):
max over g of E[g^c(y | x)] + E[g(y' | x)], where
g^c(y | x) = min over y' of c(y, y' | x) - g(y' | x)
and c is the least action of a curve from y to y'. A map T learns where the minimum is, a network S
how the curve bends; the metric is moved so that the transport costs less.
Letters: K intervals, n outputs of a batch, D dimensions, C numbers of a condition.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Key

from optiinr_jax.trajectories.action import Times, action_of, bend_of, draw_times
from optiinr_jax.trajectories.anchors import Pairs, Problem, draw_pairs
from optiinr_jax.trajectories.config import TrajectoryConfig
from optiinr_jax.trajectories.metric import METRICS
from optiinr_jax.trajectories.networks import Params, init_mlp, mlp

_MAX_PATH_NORM = 1.0  # of the gradient of the curves
_WEIGHT_DECAY = 1e-4
_WARM_UP = 50.0  # steps


class State(NamedTuple):
    """What the next step needs.

    Attributes:
        params: of "potentials" and "maps", each with K rows, and of "paths" and "metric".
        moments: of the optimiser, for each of them.
    """

    params: dict[str, Params]
    moments: dict[str, Any]


class Info(NamedTuple):
    """What a step reports, as means over intervals and batch."""

    dual: Array  # value of the semi-dual problem
    residual: Array  # squared distance of the maps from the minimisers
    action: Array  # of the curves


def init(
    key: Key[Array, ""], config: TrajectoryConfig, num_intervals: int, num_dims: int, num_conds: int
) -> State:
    """Networks that map each output to itself along a straight line; all intervals begin alike."""
    keys = jax.random.split(key, 4)
    hidden = (config.width,) * 3
    interval = {
        "potentials": init_mlp(keys[0], (num_dims, *hidden, 1), num_conds),
        "maps": init_mlp(keys[1], (num_dims, *hidden, num_dims), num_conds, is_zero=True),
    }
    params = jax.tree.map(lambda leaf: jnp.stack([leaf] * num_intervals), interval)
    sizes = (2 * num_dims, *(config.path_width,) * 2, config.num_nodes * num_dims)
    params["paths"] = init_mlp(keys[2], sizes, num_conds, is_zero=True)
    count = METRICS[config.metric].num_outputs(num_dims)
    sizes = (num_dims, *(config.metric_width,) * 2, count)
    params["metric"] = init_mlp(keys[3], sizes, num_conds) if count else {}
    moments = {name: _direction(name).init(part) for name, part in params.items()}
    return State(params, moments)


def _direction(name: str) -> optax.GradientTransformation:
    """Adam's, before it is multiplied by a rate."""
    if name == "paths":
        return optax.chain(optax.clip_by_global_norm(_MAX_PATH_NORM), optax.scale_by_adam())
    if name == "potentials":  # little memory: what they are to rise to moves with the maps
        return optax.scale_by_adam(b1=0.5, b2=0.9)
    return optax.chain(optax.scale_by_adam(), optax.add_decayed_weights(_WEIGHT_DECAY))


def _schedule(step: Int[Array, ""], config: TrajectoryConfig) -> Array:
    """Factor of all rates: it rises briefly, then falls to zero."""
    fall = 0.5 + 0.5 * jnp.cos(jnp.pi * step / config.num_steps)
    return jnp.minimum((step + 1) / _WARM_UP, fall)


def _update(state: State, grads: dict[str, Params], rate: Array) -> State:
    """Move some of the networks against their gradients."""
    params, moments = dict(state.params), dict(state.moments)
    for name, gradient in grads.items():
        direction, moments[name] = _direction(name).update(gradient, moments[name], params[name])
        params[name] = jax.tree.map(lambda p, d: p - rate * d, params[name], direction)
    return State(params, moments)


def potential(params: Params, y: Float[Array, " D"], x: Float[Array, " C"]) -> Float[Array, ""]:
    """The Kantorovich potential g(y | x) of an interval."""
    return mlp(params, y, x)[0]


def transport(params: Params, y: Float[Array, " D"], x: Float[Array, " C"]) -> Float[Array, " D"]:
    """The map T(y | x) from an anchor to the next."""
    return y + mlp(params, y, x)


def cost(
    params: dict[str, Params],
    problem: Problem,
    config: TrajectoryConfig,
    times: Times,
    y0: Float[Array, " D"],
    y1: Float[Array, " D"],
    x: Float[Array, " C"],
) -> Float[Array, ""]:
    """c(y0, y1 | x): the action of the curve that the network of the paths draws.

    Where that curve is the best one, its bend has no part in the derivative of the cost with
    respect to its ends: no derivative is taken through it.
    """
    bend = jax.lax.stop_gradient(bend_of(params["paths"], y0, y1, x))
    return action_of(bend, params["metric"], problem.density, config, times, y0, y1, x)


def minimise(
    function: Callable[[Float[Array, " D"]], Float[Array, ""]],
    start: Float[Array, " D"],
    low: Float[Array, " D"],
    high: Float[Array, " D"],
    rate: ArrayLike,
    num_steps: int,
) -> tuple[Float[Array, " D"], Float[Array, ""]]:
    """The lowest point that a fixed number of Adam's steps in a box comes by, and its value.

    A fixed number, because a batch would wait for the slowest of its points.
    """
    adam = optax.scale_by_adam(b1=0.8, b2=0.9)
    evaluate = jax.value_and_grad(function)

    def step(carry: Any, part: Array) -> Any:
        y, moments, best, lowest = carry
        value, gradient = evaluate(y)
        best, lowest = jnp.where(value < lowest, y, best), jnp.minimum(value, lowest)
        found, moments = adam.update(gradient, moments)
        direction = jnp.asarray(found)
        moved = jnp.clip(y - rate * (1.0 - part) * direction, low, high)
        return (moved, moments, best, lowest), None

    begin = (start, adam.init(start), start, jnp.asarray(jnp.inf, start.dtype))
    parts = jnp.arange(num_steps + 1) / num_steps  # one more, to see where the last one led
    _, _, best, lowest = jax.lax.scan(step, begin, parts)[0]
    return best, lowest


def train_step(
    key: Key[Array, ""],
    step: Int[Array, ""],
    state: State,
    problem: Problem,
    config: TrajectoryConfig,
) -> tuple[State, Info]:
    """One update of potentials and maps, some of the curves, and now and then one of the metric."""
    key_pairs, key_times, key_paths = jax.random.split(key, 3)
    pairs, times = _draw(key_pairs, problem, config), draw_times(key_times, config)
    factor = _schedule(step, config)
    targets = _find_targets(state.params, pairs, problem, config, times)

    moved = {name: state.params[name] for name in ("potentials", "maps")}
    grads, (gain, residual) = jax.grad(_map_loss, has_aux=True)(moved, pairs, targets)
    state = _update(state, {"potentials": grads["potentials"]}, factor * config.potential_rate)
    state = _update(state, {"maps": grads["maps"]}, factor * config.map_rate)

    def move_metric(state: State) -> State:
        mean_cost = partial(_mean_cost, state.params, pairs, targets, problem, config, times)
        grads = {"metric": jax.grad(mean_cost)(state.params["metric"])}
        return _update(state, grads, factor * config.metric_rate)

    if state.params["metric"]:
        is_due = step % config.metric_every == 0
        state = jax.lax.cond(is_due, move_metric, lambda state: state, state)

    def move_paths(state: State, key: Array) -> tuple[State, Array]:
        key_pairs, key_times = jax.random.split(key)
        pairs, times = _draw(key_pairs, problem, config), draw_times(key_times, config)
        loss = partial(_path_loss, state.params, pairs, problem, config, times)
        action, grads = jax.value_and_grad(loss)(state.params["paths"])
        return _update(state, {"paths": grads}, factor * config.path_rate), action

    keys = jax.random.split(key_paths, config.num_path_steps)
    state, actions = jax.lax.scan(move_paths, state, keys)
    action = jnp.mean(actions)
    return state, Info(action + gain, residual, action)


def _draw(key: Key[Array, ""], problem: Problem, config: TrajectoryConfig) -> Pairs:
    """A batch of every interval: arrays of (K, n, ...)."""
    intervals = jnp.arange(problem.outputs.shape[0] - 1)
    keys = jax.random.split(key, len(intervals))
    draw = partial(draw_pairs, problem=problem, num_pairs=config.batch_size)
    return jax.vmap(lambda key, k: draw(key, interval=k))(keys, intervals)


def _everywhere(function: Callable[..., Array], *networks: Params) -> Callable[..., Array]:
    """A function of networks of an interval and of one output, over all intervals and batches."""

    def apply(*batches: Array) -> Array:
        inner = jax.vmap(function, in_axes=(None,) * len(networks) + (0,) * len(batches))
        return jax.vmap(inner)(*networks, *batches)

    return apply


def _find_targets(
    params: dict[str, Params],
    pairs: Pairs,
    problem: Problem,
    config: TrajectoryConfig,
    times: Times,
) -> Float[Array, "K n D"]:
    """The minimisers of the c-transform, begun where the maps lead.

    A second start is an output of the next anchor: it sees what is far from where the map leads.
    """

    def find(potentials: Params, maps: Params, y: Array, x: Array, output: Array) -> Array:
        def value(end: Array) -> Array:
            there = cost(params, problem, config, times, y, end, x)
            return there - potential(potentials, end, x)

        starts = jnp.stack([transport(maps, y, x), output][: config.num_starts])
        options = (problem.low, problem.high, config.inner_rate, config.num_inner_steps)
        ends, values = jax.vmap(lambda start: minimise(value, start, *options))(starts)
        return ends[jnp.argmin(values)]

    found = _everywhere(find, params["potentials"], params["maps"])
    return jax.lax.stop_gradient(found(pairs.start, pairs.start_condition, pairs.end))


def _map_loss(
    moved: dict[str, Params], pairs: Pairs, targets: Float[Array, "K n D"]
) -> tuple[Array, tuple[Array, Array]]:
    """Minus the part of the dual that the potentials decide, and the residual of the maps."""
    value = _everywhere(potential, moved["potentials"])
    gain = value(pairs.end, pairs.end_condition) - value(targets, pairs.start_condition)
    mapped = _everywhere(transport, moved["maps"])(pairs.start, pairs.start_condition)
    residual = jnp.mean(jnp.sum((mapped - targets) ** 2, axis=-1))
    # Intervals share nothing here: a sum, so that each learns as if it were alone.
    loss = len(gain) * (residual - jnp.mean(gain))
    return loss, (jnp.mean(gain), residual)


def _mean_cost(
    params: dict[str, Params],
    pairs: Pairs,
    targets: Float[Array, "K n D"],
    problem: Problem,
    config: TrajectoryConfig,
    times: Times,
    metric: Params,
) -> Float[Array, ""]:
    """What the transport costs under a metric."""
    there = partial(cost, params | {"metric": metric}, problem, config, times)
    costs = jax.vmap(jax.vmap(there))(pairs.start, targets, pairs.start_condition)
    return jnp.mean(costs)


def _path_loss(
    params: dict[str, Params],
    pairs: Pairs,
    problem: Problem,
    config: TrajectoryConfig,
    times: Times,
    paths: Params,
) -> Float[Array, ""]:
    """The action of the curves from outputs to where the maps lead."""
    ends = _everywhere(transport, params["maps"])(pairs.start, pairs.start_condition)

    def action(y0: Array, y1: Array, x: Array) -> Array:
        bend = bend_of(paths, y0, y1, x)
        return action_of(bend, params["metric"], problem.density, config, times, y0, y1, x)

    return jnp.mean(jax.vmap(jax.vmap(action))(pairs.start, ends, pairs.start_condition))
