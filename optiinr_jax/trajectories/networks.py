"""Multilayer perceptrons that depend on a condition, as pure functions of their parameters.

The condition scales and shifts the first hidden layer (FiLM, Perez et al. 2018).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

Params = dict[str, Any]
Activation = Callable[[Array], Array]
_FILM_WIDTH = 16


def init_mlp(
    key: Key[Array, ""],
    sizes: Sequence[int],
    num_conditions: int,
    *,
    is_zero: bool = False,
) -> Params:
    """Parameters of an MLP.

    Args:
        sizes: of the input, the hidden layers (one at least), and the output.
        num_conditions: numbers of a condition; 0: none.
        is_zero: the last layer begins at zero, and so does what the network gives.
    """
    keys = jax.random.split(key, len(sizes) + 1)
    params = {
        f"layer_{i}": _init_dense(keys[i], sizes[i], sizes[i + 1]) for i in range(len(sizes) - 1)
    }
    if is_zero:
        last = f"layer_{len(sizes) - 2}"
        params[last] = jax.tree.map(jnp.zeros_like, params[last])
    if num_conditions:
        params["film_0"] = _init_dense(keys[-2], num_conditions, _FILM_WIDTH)
        params["film_1"] = _init_dense(keys[-1], _FILM_WIDTH, 2 * sizes[1])
    return params


def _init_dense(key: Key[Array, ""], num_in: int, num_out: int) -> Params:
    bound = math.sqrt(6.0 / num_in)  # the variance of He et al. 2015
    weights = jax.random.uniform(key, (num_in, num_out), minval=-bound, maxval=bound)
    return {"weights": weights, "bias": jnp.zeros(num_out)}


def mlp(
    params: Params,
    y: Float[Array, " inputs"],
    x: Float[Array, " C"],
    activation: Activation = jax.nn.silu,
) -> Float[Array, " outputs"]:
    """The network at one input under one condition."""
    num_layers = sum(name.startswith("layer") for name in params)
    h = _dense(params["layer_0"], y)
    if "film_0" in params:
        film = _dense(params["film_1"], jax.nn.relu(_dense(params["film_0"], x)))
        scale, shift = jnp.split(film, 2)
        h = (1.0 + scale) * h + shift
    for i in range(1, num_layers):
        h = _dense(params[f"layer_{i}"], activation(h))
    return h


def _dense(params: Params, h: Float[Array, " n"]) -> Float[Array, " m"]:
    return h @ params["weights"] + params["bias"]
