"""What the model and the training take: bounds as numbers, and families as waves."""

from dataclasses import dataclass, fields, replace

import jax
from jax.typing import ArrayLike

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import LayerConfig, NetworkConfig
from optiinr_jax.inr.initializers import INITIALIZERS, OUTPUT_INITS, bias_bound, sine_bound


def fan_ins(config: NetworkConfig, num_dims: int) -> list[int]:
    """Inputs of every activated layer and, last, of the output layer."""
    first = num_dims if config.encoding is None else config.encoding.num_features(num_dims)
    return [first] + [config.width] * config.depth


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LoweredConfig(NetworkConfig):
    """A configuration as the model takes it: every initial bound is a number; see `lower`."""


def lower(config: NetworkConfig, num_dims: int, *, wave: bool = False) -> LoweredConfig:
    """Lower a configuration for coordinates of `num_dims` dimensions; a lowered one stays.

    Args:
        wave: rewrite it with `wave` layers, so that one compiled program fits all families.
    """
    if wave:
        return as_wave(config, num_dims)
    return config if isinstance(config, LoweredConfig) else resolve_bounds(config, num_dims)


def resolve_bounds(config: NetworkConfig, num_dims: int) -> LoweredConfig:
    """Write every initial bound out as a number, by the laws of the families.

    The output layer follows the law of the last family, omega included (SIREN's code does so). FR
    counts the rows of its basis as inputs, and its square layers start without biases.
    """
    fans = fan_ins(config, num_dims)
    fourier = config.reparameterization

    def resolve(i: int, layer: LayerConfig) -> LayerConfig:
        is_square = fourier is not None and i > 0
        law_w = weight_law(layer, fourier.num_rows if is_square else fans[i], i, is_square)
        first_bias = get_activation(layer.activation).first_bias if i == 0 else None
        law_b = bias_bound(fans[i]) if first_bias is None else first_bias
        law_b = 0.0 if is_square else law_b
        return replace(
            layer,
            initializer=None,
            gain=1.0,
            weight_bound=law_w * layer.gain if layer.weight_bound is None else layer.weight_bound,
            bias_bound=law_b if layer.bias_bound is None else layer.bias_bound,
        )

    last = config.layers[-1]
    output_w = weight_law(last, fans[-1], config.depth, fourier is not None)
    output_b = bias_bound(fans[-1])
    if config.output_init is not None:
        output_w, output_b = OUTPUT_INITS[config.output_init]
    given_w, given_b = config.output_weight_bound, config.output_bias_bound
    same = {f.name: getattr(config, f.name) for f in fields(config)}
    return LoweredConfig(
        **same
        | {
            "layers": tuple(resolve(i, layer) for i, layer in enumerate(config.layers)),
            "output_init": None,
            "output_weight_bound": output_w if given_w is None else given_w,
            "output_bias_bound": output_b if given_b is None else given_b,
        }
    )


def weight_law(layer: LayerConfig, fan_in: int, i: int, is_fourier: bool) -> ArrayLike:
    """Bound of the weights of layer i by the law of its family; FR uses SIREN's for all."""
    row = get_activation(layer.activation)
    law = sine_bound if is_fourier else INITIALIZERS[layer.initializer or row.initializer]
    return law(fan_in, row.init_omega(layer.numbers), i == 0)


def as_wave(config: NetworkConfig, num_dims: int) -> LoweredConfig:
    """Rewrite a configuration with `wave` layers: names become numbers, one program fits all.

    Networks of the same width, depth and encoding then share one compiled program. A family
    without a wave form leaves the configuration as it is, its bounds resolved.
    """
    lowered = lower(config, num_dims)
    layers = []
    for layer in lowered.layers:
        to_wave = get_activation(layer.activation).to_wave
        if to_wave is None:
            return lowered
        numbers = get_activation("wave").fill(to_wave(layer.numbers))
        layers.append(replace(layer, activation="wave", numbers=numbers))
    return replace(lowered, layers=tuple(layers))
