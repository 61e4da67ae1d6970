"""Weight and bias laws by family: every law is a uniform interval U(-bound, bound).

A law gives the bound alone, as a number, so that one compiled program draws any mixture of
families: weights are the bound times a draw from U(-1, 1). Fan-in is the number of inputs.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def sine_bound(fan_in: int, omega: ArrayLike, is_first: bool) -> ArrayLike:
    """SIREN's code: 1/n in the first layer, sqrt(6/n)/omega after it. Sitzmann et al. 2020."""
    return 1.0 / fan_in if is_first else jnp.sqrt(6.0 / fan_in) / omega


def default_bound(fan_in: int, omega: ArrayLike, is_first: bool) -> ArrayLike:
    """PyTorch's default for a linear layer, 1/sqrt(n), whatever omega and place."""
    del omega, is_first
    return fan_in**-0.5


# name -> bound of the weights, from (fan_in, omega, is_first)
INITIALIZERS: dict[str, Callable[[int, ArrayLike, bool], ArrayLike]] = {
    "sine": sine_bound,
    "default": default_bound,
}

# name -> bounds of the output layer's weights and biases
OUTPUT_INITS: dict[str, tuple[float, float]] = {
    "tiny": (1e-4, 0.0),  # OptiINR's audio networks
}


def bias_bound(fan_in: int) -> float:
    """PyTorch's default for a bias, 1/sqrt(n), which every official code keeps."""
    return fan_in**-0.5


# name -> function of the output layer's values
OUTPUT_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "linear": lambda values: values,
    "sigmoid": jax.nn.sigmoid,
}
