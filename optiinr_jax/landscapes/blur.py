"""The landscape that noise on the guess makes a network learn, without a network.

With a guess X ~ p, the noisy input Z = X + s e, e ~ N(0, I), and the clean label L(X), the best
estimate in the mean square is E[L(X) | Z = z] = ((p L) * g_s)(z) / (p * g_s)(z): the loss blurred
by a Gaussian of standard deviation s, one-sided at the border of the box. On points that are dense
in the box, or on the stored runs themselves, that is the kernel average of Nadaraya (1964) and
Watson (1964).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float


def make_grid(num: int, num_unknowns: int) -> Float[np.ndarray, "n d"]:
    """Centres of num^d equal cells of the unit box, the last unknown changing quickest.

    >>> make_grid(2, 1).ravel().tolist()
    [0.25, 0.75]
    """
    axes = [(np.arange(num) + 0.5) / num] * num_unknowns
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, num_unknowns)


def grid_blur(
    z: Float[Array, " d"], values: Float[Array, "..."], scale: Float[ArrayLike, ""]
) -> Float[Array, ""]:
    """The blur at z of values on a grid of the box, exact where the grid is finer than the scale.

    Args:
        values: one axis an unknown, at the points of `make_grid`.
    """
    for coordinate in z:
        axis = (jnp.arange(values.shape[0], dtype=z.dtype) + 0.5) / values.shape[0]
        values = jnp.tensordot(jax.nn.softmax(-0.5 * ((axis - coordinate) / scale) ** 2), values, 1)
    return values


def kernel_average(
    z: Float[Array, " d"],
    points: Float[Array, "n d"],
    values: Float[Array, " n"],
    scale: Float[ArrayLike, ""],
) -> Float[Array, ""]:
    """Average of values at scattered points, by a Gaussian of standard deviation `scale` around z.

    On the stored runs it is an estimate of the blur that needs no network.
    """
    weights = jax.nn.softmax(-0.5 * jnp.sum((points - z[None]) ** 2, axis=-1) / scale**2)
    return jnp.dot(weights, values)


def sampled_blur(
    loss: Callable[[Float[Array, " d"]], Float[Array, ""]],
    z: Float[Array, " d"],
    draws: Float[Array, "n d"],
    scale: Float[ArrayLike, ""],
) -> Float[Array, ""]:
    """The blur at z by evaluations of the loss around it, where no grid is fine enough.

    Args:
        draws: standard normal ones, kept the same for all z, so that the blur is a function.
    """
    points = z[None] + scale * draws
    inside = jnp.all((points >= 0.0) & (points <= 1.0), axis=-1).astype(z.dtype)
    values = jax.vmap(loss)(jnp.clip(points, 0.0, 1.0))
    return jnp.dot(inside, values) / jnp.maximum(jnp.sum(inside), 1.0)
