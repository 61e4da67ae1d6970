"""Positional encodings: fixed maps of the coordinates in front of the network."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Key

from optiinr_jax.numerics import sincos


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class FourierFeatures:
    """Gaussian Fourier features. Tancik et al. 2020, eq. 5.

    Attributes:
        sigma: standard deviation of the frequencies, in cycles per unit of the coordinates.
        num_frequencies: number of frequencies; the encoding has twice as many features.
    """

    sigma: ArrayLike
    num_frequencies: int = field(default=256, metadata={"static": True})


def draw_basis(key: Key[Array, ""], num_frequencies: int, num_dims: int) -> Float[Array, "d f"]:
    """Draw frequencies from N(0, 1); fixed for a fit, never trained, scaled by sigma in use."""
    return jax.random.normal(key, (num_dims, num_frequencies))


def fourier_features(
    coords: Float[Array, "n d"], basis: Float[Array, "d f"], sigma: Float[ArrayLike, ""]
) -> Float[Array, "n 2*f"]:
    """[sin(2 pi sigma v B), cos(2 pi sigma v B)], the sine block first. Tancik et al. 2020."""
    sin_x, cos_x = sincos(2.0 * jnp.pi * (coords @ (sigma * basis)))
    return jnp.concatenate([sin_x, cos_x], axis=-1)
