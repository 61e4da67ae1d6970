"""The two forms of the kinetic term, from speeds |v|_G and potentials at n times of a curve."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def energy(squared_speed: Float[Array, " n"], potential: Float[Array, " n"]) -> Float[Array, ""]:
    """The integral of v^T G v / 2 - U, as in the paper's text; it decides the pace too."""
    return jnp.mean(0.5 * squared_speed - potential)


def length(squared_speed: Float[Array, " n"], potential: Float[Array, " n"]) -> Float[Array, ""]:
    """Half the square of the integral of |v|_G - U: what the paper's authors compute.

    A length does not depend on the pace: that follows from the potential alone. Where the density
    is above 1 the integral may be negative, and the square no longer grows with the length.
    """
    is_moving = squared_speed > 0.0  # else the gradient of the root is infinite
    speed = jnp.where(is_moving, jnp.sqrt(jnp.where(is_moving, squared_speed, 1.0)), 0.0)
    return 0.5 * jnp.mean(speed - potential) ** 2


KINETICS = {"energy": energy, "length": length}
