"""Where outputs lie: log p(y | x), estimated by kernels over the outputs of all anchors together.

Nadaraya-Watson: the outputs whose condition is near to x count more, those of another class not at
all. In two dimensions with few classes it is computed once, on a grid, and interpolated from there.
Letters: m kernels, D dimensions, C numbers of a condition (a class is a one-hot vector).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

FLOOR = 1e-8  # added to the density, so that its logarithm is finite everywhere
_GRID_SIZE = 192
_MARGIN = 6.0  # bandwidths around the outputs; beyond them the density is below the floor


class Kernels(NamedTuple):
    """A density as a sum of Gaussians.

    Attributes:
        points: centres, (m, D).
        conditions: of the centres, (m, C).
        bandwidth: of outputs.
        condition_bandwidth: of conditions that are numbers; 0 for classes.
    """

    points: Array
    conditions: Array
    bandwidth: Array
    condition_bandwidth: Array


class Grid(NamedTuple):
    """Logarithms of a density on a grid in two dimensions.

    Attributes:
        values: of each class, (classes, rows, columns).
        low: the corner, (2,).
        step: distances of the grid, (2,).
    """

    values: Array
    low: Array
    step: Array


Density = Kernels | Grid


def log_density(density: Density, y: Float[Array, " D"], x: Float[Array, " C"]) -> Float[Array, ""]:
    """log(p(y | x) + 1e-8)."""
    if isinstance(density, Grid):
        return _interpolate(density, y, x)
    return _sum_kernels(density, y, x)


def _sum_kernels(kernels: Kernels, y: Float[Array, " D"], x: Float[Array, " C"]) -> Array:
    log_weights = _log_weights(kernels, x)
    distances = jnp.sum((y[None] - kernels.points) ** 2, axis=-1)
    log_norm = len(y) * jnp.log(jnp.sqrt(2.0 * jnp.pi) * kernels.bandwidth)
    exponents = log_weights - 0.5 * distances / kernels.bandwidth**2 - log_norm
    return jnp.log(jnp.sum(jnp.exp(exponents)) + FLOOR)


def _log_weights(kernels: Kernels, x: Float[Array, " C"]) -> Float[Array, " m"]:
    """Logarithms of the weights of the kernels under a condition; the weights sum to 1."""
    if not len(x):
        return jnp.full(len(kernels.points), -jnp.log(1.0 * len(kernels.points)))
    distances = jnp.sum((x[None] - kernels.conditions) ** 2, axis=-1)
    width = kernels.condition_bandwidth
    is_class = width == 0.0
    exponents = -0.5 * distances / jnp.where(is_class, 1.0, width) ** 2
    exponents = jnp.where(is_class, jnp.where(distances < 0.5, 0.0, -jnp.inf), exponents)
    return jax.nn.log_softmax(exponents)


def make_grid(kernels: Kernels, num_classes: int) -> Grid:
    """Compute a density in two dimensions once, for each class; without conditions there is one."""
    points = np.asarray(kernels.points)
    margin = _MARGIN * float(kernels.bandwidth)
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    axes = [np.linspace(a, b, _GRID_SIZE, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    places = jnp.stack(jnp.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    classes = jnp.eye(num_classes)[:, : kernels.conditions.shape[1]]
    rows = [_density_of_class(kernels, places, x) for x in classes]
    values = jnp.stack(rows).reshape(num_classes, _GRID_SIZE, _GRID_SIZE)
    step = (high - low) / (_GRID_SIZE - 1)
    return Grid(values, jnp.asarray(low, jnp.float32), jnp.asarray(step, jnp.float32))


@jax.jit
def _density_of_class(
    kernels: Kernels, places: Float[Array, "n 2"], x: Float[Array, " C"]
) -> Float[Array, " n"]:
    return jax.lax.map(lambda y: _sum_kernels(kernels, y, x), places, batch_size=1024)


def _interpolate(grid: Grid, y: Float[Array, " 2"], x: Float[Array, " C"]) -> Float[Array, ""]:
    """Bicubic (Catmull-Rom): continuous slopes; beyond the grid, the value at its edge."""
    index = jnp.argmax(x) if len(x) else 0
    size = jnp.array(grid.values.shape[1:])
    place = jnp.clip((y - grid.low) / grid.step, 1.0, size - 2.001)
    cell = jnp.floor(place).astype(int)
    weights = _cubic_weights(place - cell)  # (2, 4)
    patch = jax.lax.dynamic_slice(grid.values, (index, cell[0] - 1, cell[1] - 1), (1, 4, 4))
    return weights[0] @ patch[0] @ weights[1]


def _cubic_weights(u: Float[Array, " 2"]) -> Float[Array, "2 4"]:
    """Of the four neighbours of a place u in [0, 1) behind the second of them."""
    return 0.5 * jnp.stack(
        [
            -u + 2 * u**2 - u**3,
            2 - 5 * u**2 + 3 * u**3,
            u + 4 * u**2 - 3 * u**3,
            -(u**2) + u**3,
        ],
        axis=-1,
    )
