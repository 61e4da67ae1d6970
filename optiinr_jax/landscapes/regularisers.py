"""What keeps a learned landscape smooth: noise on the guess, and a penalty on the network.

Noise on the guess with the label of the *clean* guess makes the least-squares optimum the blurred
loss, see `blur.py`. To simulate the noisy guess instead would only sample the same landscape at
other points. A small noise s acts like the gradient's penalty with weight s^2 (Bishop 1995).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

Landscape = Callable[[Float[Array, " d"]], Float[Array, ""]]


def _gaussian(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
    return jax.random.normal(key, shape, jnp.float32)


def _uniform(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
    return jax.random.uniform(key, shape, jnp.float32, -(3.0**0.5), 3.0**0.5)


# name -> (key, shape) -> numbers of mean 0 and variance 1
NOISES: dict[str, Callable[[PRNGKeyArray, tuple[int, ...]], Array]] = {
    "gaussian": _gaussian,
    "uniform": _uniform,
}


def _none(landscape: Landscape, x: Float[Array, " d"], key: PRNGKeyArray) -> Float[Array, ""]:
    return jnp.zeros((), x.dtype)


def _gradient(landscape: Landscape, x: Float[Array, " d"], key: PRNGKeyArray) -> Float[Array, ""]:
    """Squared length of the slope (Tikhonov)."""
    return jnp.sum(jax.grad(landscape)(x) ** 2)


def _curvature(landscape: Landscape, x: Float[Array, " d"], key: PRNGKeyArray) -> Float[Array, ""]:
    """Square of the second derivative along a random direction of unit length."""
    direction = jax.random.normal(key, x.shape, x.dtype)
    direction = direction / jnp.linalg.norm(direction)
    _, change = jax.jvp(jax.grad(landscape), (x,), (direction,))
    return jnp.dot(direction, change) ** 2


# name -> (landscape, guess, key) -> what is added to the squared error of a pair, times a weight
PENALTIES: dict[str, Callable[[Landscape, Array, PRNGKeyArray], Array]] = {
    "none": _none,
    "gradient": _gradient,
    "curvature": _curvature,
}
