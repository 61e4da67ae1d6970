"""What a curve costs: the action of the Lagrangian L(q, v | x) = v^T G(q | x) v / 2 - U(q | x).

The curves of least action from one output to another define the cost of transport between them
(Amad and van der Schaar, 2026, after Pooladian et al., 2024).
Letters: n times, b functions of the spline basis, D dimensions of an output, C numbers of a
condition.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from optiinr_jax.trajectories.config import TrajectoryConfig
from optiinr_jax.trajectories.density import Density, log_density
from optiinr_jax.trajectories.kinetics import KINETICS
from optiinr_jax.trajectories.metric import squared_length
from optiinr_jax.trajectories.networks import Params, mlp
from optiinr_jax.trajectories.splines import evaluate_basis, evaluate_curve, spline_basis


class Times(NamedTuple):
    """Times along a curve, and the spline basis there."""

    times: Float[Array, " n"]
    values: Float[Array, "n b"]
    slopes: Float[Array, "n b"]


def make_times(times: Float[Array, " n"], num_nodes: int) -> Times:
    """The spline basis at some times."""
    basis = spline_basis(num_nodes)
    return Times(times, *jax.vmap(lambda s: evaluate_basis(basis, s))(times))


def draw_times(key: Key[Array, ""], config: TrajectoryConfig) -> Times:
    """One time at random in each of equal parts of [0, 1]: a curve cannot hide between them."""
    count = config.num_times
    times = (jnp.arange(count) + jax.random.uniform(key, (count,))) / count
    return make_times(times, config.num_nodes)


def bend_of(
    paths: Params, y0: Float[Array, " D"], y1: Float[Array, " D"], x: Float[Array, " C"]
) -> Float[Array, "b D"]:
    """How the curve from y0 to y1 leaves the straight line: coefficients of the spline basis."""
    return mlp(paths, jnp.concatenate([y0, y1]), x).reshape(-1, len(y0))


def metric_outputs(
    metric: Params, y: Float[Array, " D"], x: Float[Array, " C"]
) -> Float[Array, " p"]:
    """The numbers that say the metric at an output; none where it is Euclidean."""
    return mlp(metric, y, x, jax.nn.leaky_relu) if metric else jnp.zeros(0)


def action_of(
    bend: Float[Array, "b D"],
    metric: Params,
    density: Density | None,
    config: TrajectoryConfig,
    times: Times,
    y0: Float[Array, " D"],
    y1: Float[Array, " D"],
    x: Float[Array, " C"],
) -> Float[Array, ""]:
    """The action of one curve: the mean over its times.

    Args:
        metric: parameters of its network; none where the metric is Euclidean.
        density: of the outputs; None: no potential.
    """
    points, velocities = evaluate_curve(y0, y1, bend, *times)

    def squared_speed(point: Array, velocity: Array) -> Array:
        outputs = metric_outputs(metric, point, x)
        return squared_length(config.metric, outputs, velocity)

    speeds = jax.vmap(squared_speed)(points, velocities)
    if density is None:
        return KINETICS[config.kinetic](speeds, jnp.zeros_like(speeds))
    logs = jax.vmap(lambda point: log_density(density, point, x))(points)
    return KINETICS[config.kinetic](speeds, jnp.multiply(config.potential, logs))
