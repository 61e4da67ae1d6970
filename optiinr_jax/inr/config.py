"""What a network is: frozen records that are pytrees. Names are static, numbers are leaves.

So a new omega, bound or learning rate reuses the compiled program, and configurations of one
structure stack and vmap. `check_config` is called once at the edge, never on construction, because
jax rebuilds these records with leaves that are not numbers.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.encodings import FourierFeatures
from optiinr_jax.inr.initializers import INITIALIZERS, bias_bound

MAX_WIDTH, MAX_DEPTH, MAX_FREQUENCIES = 16384, 256, 65536


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """One activated layer.

    Attributes:
        activation: name in ACTIVATIONS.
        numbers: exactly the numbers of that activation (omega, sigma, ...).
        learning_rate: of this layer's weights and biases.
        weight_bound: initial weights are U(-bound, bound); None: the family's law.
        bias_bound: the same for biases; None: the family's law.
    """

    activation: str = field(metadata={"static": True})
    numbers: dict[str, ArrayLike]
    learning_rate: ArrayLike = 1e-4
    weight_bound: ArrayLike | None = None
    bias_bound: ArrayLike | None = None


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A whole network and how it is trained.

    Attributes:
        layers: the activated layers, first to last; one linear output layer follows them and
            shares the last one's learning rate.
        width: of every activated layer.
        encoding: Fourier features in front of the network, or None for plain coordinates.
        weight_decay: AdamW's decoupled weight decay; 0 is Adam.
        lr_decay: factor by which all learning rates fall, exponentially, over the whole run; 1:
            they do not.
        lr_cooldown: part of the run, at its end, over which they fall linearly to 0; 0: none.
        output_weight_bound: of the output layer; None: the last family's law.
        output_bias_bound: of the output layer; None: PyTorch's default.
    """

    layers: tuple[LayerConfig, ...]
    width: int = field(default=256, metadata={"static": True})
    encoding: FourierFeatures | None = None
    weight_decay: ArrayLike = 0.01
    lr_decay: ArrayLike = 1.0
    lr_cooldown: ArrayLike = 0.0
    output_weight_bound: ArrayLike | None = None
    output_bias_bound: ArrayLike | None = None

    @property
    def depth(self) -> int:
        """Number of activated layers."""
        return len(self.layers)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        layers = [_drop_none(vars(layer)) for layer in self.layers]
        encoding = {"encoding": vars(self.encoding)} if self.encoding else {}
        plain = _drop_none({**vars(self), "layers": layers, "encoding": None}) | encoding
        return jax.tree.map(
            lambda leaf: leaf if isinstance(leaf, str | int) else float(leaf), plain
        )

    @staticmethod
    def from_json(data: Any) -> "NetworkConfig":
        """Read what `to_json` wrote, strictly.

        Raises:
            ValueError: a missing or unknown field, or a value that `check_config` refuses.
        """
        try:
            layers = tuple(LayerConfig(**layer) for layer in data["layers"])
            encoding = FourierFeatures(**data["encoding"]) if "encoding" in data else None
            fields: dict[str, Any] = {**data, "layers": layers, "encoding": encoding}
            config = NetworkConfig(**fields)
            check_config(config)
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a network configuration: {error}.") from None
        return config


def _drop_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def make_layer(activation: str, *, learning_rate: ArrayLike = 1e-4, **numbers: Any) -> LayerConfig:
    """Build a layer of one family; numbers that are not given are tied or the authors' defaults.

    >>> make_layer("gf", omega=12.0).numbers
    {'omega': 12.0, 'sigma': 2.5}
    """
    filled = get_activation(activation).fill(numbers)
    return LayerConfig(activation=activation, numbers=filled, learning_rate=learning_rate)


def check_config(config: NetworkConfig) -> None:
    """Check a configuration with concrete numbers, once, where it enters.

    Raises:
        ValueError: which field, what it was, what it must be.
    """
    _check_int("width", config.width, MAX_WIDTH)
    _check_int("depth", config.depth, MAX_DEPTH)
    for i, layer in enumerate(config.layers):
        expected = sorted(get_activation(layer.activation).defaults)
        if not isinstance(layer.numbers, dict) or sorted(layer.numbers) != expected:
            raise ValueError(
                f"layers[{i}].numbers is {layer.numbers!r}, but activation {layer.activation!r} "
                f"takes exactly {expected}."
            )
        for name, value in layer.numbers.items():
            _check_number(f"layers[{i}].numbers[{name!r}]", value, low=-math.inf)
        _check_number(f"layers[{i}].learning_rate", layer.learning_rate)
        _check_bounds(f"layers[{i}].", layer.weight_bound, layer.bias_bound)
    if config.encoding is not None:
        _check_number("encoding.sigma", config.encoding.sigma)
        _check_int("encoding.num_frequencies", config.encoding.num_frequencies, MAX_FREQUENCIES)
    _check_number("weight_decay", config.weight_decay)
    _check_number("lr_decay", config.lr_decay)
    _check_number("lr_cooldown", config.lr_cooldown)
    _check_bounds("output_", config.output_weight_bound, config.output_bias_bound)


def _check_int(name: str, value: Any, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
        raise ValueError(f"{name} is {value!r}; it must be a whole number from 1 to {high}.")


def _check_number(name: str, value: Any, low: float = 0.0) -> None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; it must be a number.") from None
    if not (math.isfinite(number) and number >= low):
        least = "" if low == -math.inf else f" of at least {low:g}"
        raise ValueError(f"{name} is {value!r}; it must be a finite number{least}.")


def _check_bounds(prefix: str, weight: Any, bias: Any) -> None:
    for name, value in (("weight_bound", weight), ("bias_bound", bias)):
        if value is not None:
            _check_number(prefix + name, value)


def fan_ins(config: NetworkConfig, num_dims: int) -> list[int]:
    """Inputs of every activated layer and, last, of the output layer."""
    first = num_dims if config.encoding is None else 2 * config.encoding.num_frequencies
    return [first] + [config.width] * config.depth


def resolve_bounds(config: NetworkConfig, num_dims: int) -> NetworkConfig:
    """Write every initial bound out as a number, by the laws of the families.

    The output layer follows the law of the last family, omega included (SIREN's code does so).
    """
    fans = fan_ins(config, num_dims)

    def weight(layer: LayerConfig, fan_in: int, is_first: bool) -> ArrayLike:
        law = INITIALIZERS[get_activation(layer.activation).initializer]
        return law(fan_in, layer.numbers.get("omega", 1.0), is_first)

    layers = []
    for i, (layer, fan_in) in enumerate(zip(config.layers, fans, strict=False)):
        first_bias = get_activation(layer.activation).first_bias if i == 0 else None
        bound_w = (
            weight(layer, fan_in, i == 0) if layer.weight_bound is None else layer.weight_bound
        )
        bound_b = bias_bound(fan_in) if first_bias is None else first_bias
        bound_b = bound_b if layer.bias_bound is None else layer.bias_bound
        layers.append(replace(layer, weight_bound=bound_w, bias_bound=bound_b))
    output_w, output_b = config.output_weight_bound, config.output_bias_bound
    return replace(
        config,
        layers=tuple(layers),
        output_weight_bound=(
            weight(config.layers[-1], fans[-1], False) if output_w is None else output_w
        ),
        output_bias_bound=bias_bound(fans[-1]) if output_b is None else output_b,
    )


def as_wave(config: NetworkConfig, num_dims: int) -> NetworkConfig:
    """Rewrite a configuration with `wave` layers: names become numbers, one program fits all.

    Networks of the same width, depth and encoding then share one compiled program. A family
    without a wave form leaves the configuration as it is, its bounds resolved.
    """
    config = resolve_bounds(config, num_dims)
    layers = []
    for layer in config.layers:
        to_wave = get_activation(layer.activation).to_wave
        if to_wave is None:
            return config
        numbers = get_activation("wave").fill(to_wave(layer.numbers))
        layers.append(replace(layer, activation="wave", numbers=numbers))
    return replace(config, layers=tuple(layers))


def as_number(value: ArrayLike) -> float:
    """A number that may be an array of one, as configurations hold them."""
    return float(np.asarray(value))
