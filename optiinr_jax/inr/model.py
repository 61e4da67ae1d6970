"""The Flax MLP: a NetworkConfig in, coordinates to values. It says nothing about training.

Letters: n coordinates, d dimensions of a coordinate, c channels of a value, f input features.
"""

from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Key

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import NetworkConfig, fan_ins, resolve_bounds
from optiinr_jax.inr.encodings import draw_basis, fourier_features

# {"params": the trained tree, "constants": {"basis": ...} with an encoding, else {}}
Variables = dict[str, Any]


def hidden_name(i: int) -> str:
    """Name of activated layer i in the parameter tree."""
    return f"hidden_{i}"


class MLP(nn.Module):
    """Activated layers and one linear output layer."""

    num_channels: int

    @nn.compact
    def __call__(self, features: Float[Array, "n f"], config: NetworkConfig) -> Array:
        """Map input features to values (n, c); `config` must have its bounds resolved."""
        h = features
        for i, layer in enumerate(config.layers):
            z = nn.Dense(
                config.width,
                kernel_init=_uniform(layer.weight_bound),
                bias_init=_uniform(layer.bias_bound),
                name=hidden_name(i),
            )(h)
            h = get_activation(layer.activation)(z, **layer.numbers)
        return nn.Dense(
            self.num_channels,
            kernel_init=_uniform(config.output_weight_bound),
            bias_init=_uniform(config.output_bias_bound),
            name="output",
        )(h)


def _uniform(bound: ArrayLike | None):
    def draw(key: Key[Array, ""], shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        if bound is None:
            raise ValueError("an initial bound is None; call resolve_bounds before init.")
        return jnp.asarray(bound, dtype) * jax.random.uniform(key, shape, dtype, -1.0, 1.0)

    return draw


def init_variables(
    key: Key[Array, ""], config: NetworkConfig, *, num_dims: int, num_channels: int
) -> Variables:
    """Draw initial parameters and, with an encoding, its fixed basis.

    The same key gives the same draws for every family; only the bounds differ.
    """
    key_params, key_basis = jax.random.split(key)
    resolved = resolve_bounds(config, num_dims)
    features = jax.ShapeDtypeStruct((1, fan_ins(config, num_dims)[0]), jnp.float32)
    model = MLP(num_channels)
    params = model.lazy_init(key_params, features, resolved)["params"]
    if config.encoding is None:
        return {"params": params, "constants": {}}
    basis = draw_basis(key_basis, config.encoding.num_frequencies, num_dims)
    return {"params": params, "constants": {"basis": basis}}


def encode(variables: Variables, coords: Float[Array, "n d"], config: NetworkConfig) -> Array:
    """Input features (n, f) of the network: the encoding, or the coordinates themselves."""
    if config.encoding is None:
        return coords
    return fourier_features(coords, variables["constants"]["basis"], config.encoding.sigma)


def apply_features(params: Any, features: Float[Array, "n f"], config: NetworkConfig) -> Array:
    """Values (n, c) from features that `encode` has made, for loops that encode only once."""
    num_channels = params["output"]["bias"].shape[0]
    return cast(Array, MLP(num_channels).apply({"params": params}, features, config))


def apply(variables: Variables, coords: Float[Array, "n d"], config: NetworkConfig) -> Array:
    """Values (n, c) of the network at coordinates; pure, differentiable, vmaps plainly."""
    return apply_features(variables["params"], encode(variables, coords, config), config)
