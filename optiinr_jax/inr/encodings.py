"""Positional encodings: fixed maps of the coordinates in front of the network, one row each.

An encoding is a small pytree record that can `draw` its constants, tell its number of features and
be called on coordinates. Nothing of it is ever trained.

Letters: n coordinates, d dimensions, f frequencies.
"""

import math
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Key

from optiinr_jax.numerics import cosine, sine

Constants = dict[str, Array]


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

    def num_features(self, num_dims: int) -> int:
        """Features of coordinates with `num_dims` dimensions."""
        del num_dims
        return 2 * self.num_frequencies

    def draw(self, key: Key[Array, ""], num_dims: int) -> Constants:
        """Frequencies from N(0, 1), fixed for a fit and scaled by sigma in use."""
        return {"basis": jax.random.normal(key, (num_dims, self.num_frequencies), jnp.float32)}

    def __call__(self, coords: Float[Array, "n d"], constants: Constants) -> Float[Array, "n _"]:
        """The features of coordinates."""
        return fourier_features(coords, constants["basis"], self.sigma)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class NerfFrequencies:
    """The coordinates and sines and cosines of them at 1, 2, 4, ... Mildenhall et al. 2020, eq. 4.

    Attributes:
        num_frequencies: of every coordinate; see `nyquist_frequencies`.
        with_pi: angles 2^i pi x as in the paper and in SIREN's code, the pairs side by side; else
            2^i x as in FINER's code, a block of sines before a block of cosines.
    """

    num_frequencies: int = field(default=10, metadata={"static": True})
    with_pi: bool = field(default=True, metadata={"static": True})

    def num_features(self, num_dims: int) -> int:
        """Features of coordinates with `num_dims` dimensions."""
        return num_dims * (1 + 2 * self.num_frequencies)

    def draw(self, key: Key[Array, ""], num_dims: int) -> Constants:
        """Nothing is drawn."""
        del key, num_dims
        return {}

    def __call__(self, coords: Float[Array, "n d"], constants: Constants) -> Float[Array, "n _"]:
        """The features of coordinates."""
        del constants
        return nerf_features(coords, self.num_frequencies, with_pi=self.with_pi)


Encoding = FourierFeatures | NerfFrequencies
ENCODINGS: dict[str, type[Encoding]] = {"fourier": FourierFeatures, "nerf": NerfFrequencies}


def fourier_features(
    coords: Float[Array, "n d"], basis: Float[Array, "d f"], sigma: Float[ArrayLike, ""]
) -> Float[Array, "n 2*f"]:
    """[sin(2 pi sigma v B), cos(2 pi sigma v B)], the sine block first. Tancik et al. 2020."""
    angles = 2.0 * jnp.pi * (coords @ (sigma * basis))
    return jnp.concatenate([sine(angles), cosine(angles)], axis=-1)


def nerf_features(
    coords: Float[Array, "n d"], num_frequencies: int, *, with_pi: bool = True
) -> Float[Array, "n d*(1+2*{num_frequencies})"]:
    """[x, then for each i: the sine and cosine of 2^i pi x, or of 2^i x], see `NerfFrequencies`."""
    n, d = coords.shape
    scales = 2.0 ** jnp.arange(num_frequencies, dtype=coords.dtype)
    angles = (jnp.pi if with_pi else 1.0) * scales[None, :, None] * coords[:, None, :]
    pairs = jnp.stack(
        [sine(angles), cosine(angles)], axis=-1 if with_pi else -2
    )  # beside its coordinate, or block
    return jnp.concatenate([coords, pairs.reshape(n, 2 * num_frequencies * d)], axis=-1)


def nyquist_frequencies(shape: tuple[int, ...]) -> int:
    """Number of NeRF frequencies for a grid, as SIREN's code has it: log2(side / 4), 10 in 3-D."""
    return 10 if len(shape) == 3 else max(1, math.floor(math.log2(min(shape) / 4)))
