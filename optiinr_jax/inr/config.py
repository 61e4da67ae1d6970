"""What a network is: frozen records that are pytrees. Names are static, numbers are leaves.

So a new omega, bound or learning rate reuses the compiled program, and configurations of one
structure stack and vmap. `check_config` is called once at the edge, never on construction, because
jax rebuilds these records with leaves that are not numbers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.directions import OPTIMIZERS
from optiinr_jax.inr.encodings import ENCODINGS, Encoding, FourierFeatures
from optiinr_jax.inr.gradient_adjustment import GROUP_SAMPLINGS, GradientAdjustment
from optiinr_jax.inr.initializers import INITIALIZERS, OUTPUT_INITS, bias_bound, sine_bound
from optiinr_jax.inr.reparameterization import FourierReparameterization
from optiinr_jax.inr.sampling import SAMPLINGS

MAX_WIDTH, MAX_DEPTH, MAX_FREQUENCIES, MAX_BATCH = 16384, 256, 65536, 2**30
MAX_BASIS = 2**26  # numbers in FR's basis, 32 times the published one

OUTPUT_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "linear": lambda values: values,
    "sigmoid": jax.nn.sigmoid,
}


def _exponential(part: jax.Array, config: "NetworkConfig") -> ArrayLike:
    """lr_decay^part: FINER's and WIRE's codes."""
    return config.lr_decay**part


def _step(part: jax.Array, config: "NetworkConfig") -> ArrayLike:
    """1, then lr_decay from lr_step_at on: FR's and IGA's codes."""
    return jnp.where(part < config.lr_step_at, 1.0, config.lr_decay)


def _cosine(part: jax.Array, config: "NetworkConfig") -> ArrayLike:
    """Half a cosine from 1 to lr_decay: Coordinate-MLPs' code."""
    return config.lr_decay + (1.0 - config.lr_decay) * (1.0 + jnp.cos(jnp.pi * part)) / 2.0


# name -> factor on the learning rates at a part of the run, from 0 to 1
SCHEDULES: dict[str, Callable[[jax.Array, "NetworkConfig"], ArrayLike]] = {
    "exponential": _exponential,
    "step": _step,
    "cosine": _cosine,
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """One activated layer.

    Attributes:
        activation: name in ACTIVATIONS.
        numbers: exactly the numbers of that activation (omega, sigma, ...).
        learning_rate: of this layer's weights and biases.
        initializer: name in INITIALIZERS, the law of the weights; None: the family's.
        gain: factor on the law's bound, the initial weight range.
        weight_bound: initial weights are U(-bound, bound); None: gain times the law.
        bias_bound: the same for biases, FINER's k in a first layer; None: the family's law.
    """

    activation: str = field(metadata={"static": True})
    numbers: dict[str, ArrayLike]
    learning_rate: ArrayLike = 1e-4
    initializer: str | None = field(default=None, metadata={"static": True})
    gain: ArrayLike = 1.0
    weight_bound: ArrayLike | None = None
    bias_bound: ArrayLike | None = None


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A whole network and how it is trained.

    Attributes:
        layers: the activated layers, first to last; one linear output layer follows them and
            shares the last one's learning rate.
        width: of every activated layer; a complex layer counts complex units.
        encoding: of the coordinates, in front of the network; None: plain coordinates.
        reparameterization: of the square layers, whose weights it makes (FR); None: plain weights.
        adjustment: of the gradient (IGA); None: the plain gradient.
        output_activation: name in OUTPUT_ACTIVATIONS.
        batch_size: points of a mini-batch; None: all points in every step.
        optimizer: name in OPTIMIZERS, what makes a step of a gradient.
        weight_decay: decoupled weight decay, as AdamW's; 0: none.
        gradient_norm: gradients are scaled up or down to this global norm; None: they are not.
        clip_norm: gradients are scaled down to this global norm; None: they are not.
        schedule: name in SCHEDULES, the way in which all learning rates fall by `lr_decay`.
        lr_decay: factor by which they fall over the whole run; 1: they do not.
        lr_step_at: part of the run after which the "step" schedule falls.
        lr_warmup: part of the run, at its beginning, over which they rise linearly; 0: none.
        lr_cooldown: part of the run, at its end, over which they fall linearly to 0; 0: none.
        sampling: name in SAMPLINGS, where the points of a step lie; None: where the objective of the
            fit asks for it.
        grid_share: share of the steps, or of the points, that a sampling between the samples leaves
            at the samples.
        output_init: name in OUTPUT_INITS; None: the last family's law, for biases PyTorch's.
        output_weight_bound: of the output layer, instead.
        output_bias_bound: of the output layer, instead.
        coord_range: the range over which the signal's grid is laid; None: the signal's own.
        value_range: the range in which the network learns the signal's values; None: the same.
    """

    layers: tuple[LayerConfig, ...]
    width: int = field(default=256, metadata={"static": True})
    encoding: Encoding | None = None
    reparameterization: FourierReparameterization | None = None
    adjustment: GradientAdjustment | None = None
    output_activation: str = field(default="linear", metadata={"static": True})
    batch_size: int | None = field(default=None, metadata={"static": True})
    optimizer: str = field(default="adamw", metadata={"static": True})
    weight_decay: ArrayLike = 0.01
    gradient_norm: ArrayLike | None = None
    clip_norm: ArrayLike | None = None
    schedule: str = field(default="exponential", metadata={"static": True})
    lr_decay: ArrayLike = 1.0
    lr_step_at: ArrayLike = 0.3
    lr_warmup: ArrayLike = 0.0
    lr_cooldown: ArrayLike = 0.0
    sampling: str | None = field(default=None, metadata={"static": True})
    grid_share: ArrayLike = 0.0
    output_init: str | None = field(default=None, metadata={"static": True})
    output_weight_bound: ArrayLike | None = None
    output_bias_bound: ArrayLike | None = None
    coord_range: tuple[ArrayLike, ArrayLike] | None = None
    value_range: tuple[ArrayLike, ArrayLike] | None = None

    @property
    def depth(self) -> int:
        """Number of activated layers."""
        return len(self.layers)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        return _to_plain(self)

    @staticmethod
    def from_json(data: Any) -> "NetworkConfig":
        """Read what `to_json` wrote, strictly.

        Raises:
            ValueError: a missing or unknown field, or a value that `check_config` refuses.
        """
        try:
            record = {name: _READERS.get(name, lambda x: x)(data[name]) for name in data}
            config = NetworkConfig(**record)
            check_config(config)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a network configuration: {error}.") from None
        return config


def _to_plain(value: Any) -> Any:
    """Records as dictionaries without their None, an encoding with its name, arrays as numbers."""
    if is_dataclass(value):
        names = [name for name, row in ENCODINGS.items() if type(value) is row]
        parts = {f.name: getattr(value, f.name) for f in fields(value)}
        record = {name: _to_plain(part) for name, part in parts.items() if part is not None}
        return {"name": names[0]} | record if names else record
    if isinstance(value, dict):
        return {name: _to_plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_to_plain(part) for part in value]
    return value if isinstance(value, str | bool | int) else float(value)


def _read_encoding(data: Any) -> Encoding:
    record = dict(data)
    name = record.pop("name", None)
    _check_name("encoding.name", name, ENCODINGS)
    return ENCODINGS[name](**record)


def _read_adjustment(data: Any) -> GradientAdjustment:
    record: dict[str, Any] = {**data, "group": tuple(data["group"])}
    return GradientAdjustment(**record)


# field of a NetworkConfig -> how to read it from plain data
_READERS: dict[str, Callable[[Any], Any]] = {
    "layers": lambda data: tuple(LayerConfig(**layer) for layer in data),
    "encoding": _read_encoding,
    "reparameterization": lambda data: FourierReparameterization(**data),
    "adjustment": _read_adjustment,
    "coord_range": tuple,
    "value_range": tuple,
}


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
        _check_layer(f"layers[{i}].", layer)
    encoding, fourier, iga = config.encoding, config.reparameterization, config.adjustment
    if encoding is not None:
        _check_int("encoding.num_frequencies", encoding.num_frequencies, MAX_FREQUENCIES)
        if isinstance(encoding, FourierFeatures):
            _check_number("encoding.sigma", encoding.sigma)
    if fourier is not None:
        for name in ("num_low", "num_high", "num_phases"):
            _check_int(f"reparameterization.{name}", getattr(fourier, name), MAX_FREQUENCIES)
        _check_int(
            "reparameterization.num_rows * width", fourier.num_rows * config.width, MAX_BASIS
        )
        _check_number("reparameterization.alpha", fourier.alpha)
        if any(get_activation(layer.activation).is_complex for layer in config.layers):
            raise ValueError("reparameterization needs real layers, but one is complex.")
    if iga is not None:
        for side in iga.group:
            _check_int("adjustment.group", side, MAX_BATCH)
        _check_int("adjustment.end", iga.end, MAX_BATCH)
        _check_name("adjustment.sampling", iga.sampling, GROUP_SAMPLINGS)
    if config.batch_size is not None:
        _check_int("batch_size", config.batch_size, MAX_BATCH)
    for name in (
        "weight_decay",
        "lr_decay",
        "lr_step_at",
        "lr_warmup",
        "lr_cooldown",
        "grid_share",
    ):
        _check_number(name, getattr(config, name))
    for name in ("gradient_norm", "clip_norm"):
        if getattr(config, name) is not None:
            _check_number(name, getattr(config, name))
    _check_name("output_activation", config.output_activation, OUTPUT_ACTIVATIONS)
    _check_name("schedule", config.schedule, SCHEDULES)
    _check_name("optimizer", config.optimizer, OPTIMIZERS)
    if config.sampling is not None:
        _check_name("sampling", config.sampling, SAMPLINGS)
    if config.output_init is not None:
        _check_name("output_init", config.output_init, OUTPUT_INITS)
    _check_bounds("output_", config.output_weight_bound, config.output_bias_bound)
    for name in ("coord_range", "value_range"):
        _check_range(name, getattr(config, name))


def _check_layer(prefix: str, layer: LayerConfig) -> None:
    expected = sorted(get_activation(layer.activation).defaults)
    if not isinstance(layer.numbers, dict) or sorted(layer.numbers) != expected:
        raise ValueError(
            f"{prefix}numbers is {layer.numbers!r}, but activation {layer.activation!r} "
            f"takes exactly {expected}."
        )
    for name, value in layer.numbers.items():
        _check_number(f"{prefix}numbers[{name!r}]", value, low=-math.inf)
    _check_number(f"{prefix}learning_rate", layer.learning_rate)
    _check_number(f"{prefix}gain", layer.gain)
    if layer.initializer is not None:
        _check_name(f"{prefix}initializer", layer.initializer, INITIALIZERS)
    _check_bounds(prefix, layer.weight_bound, layer.bias_bound)


def _check_name(field_name: str, name: Any, rows: dict[str, Any]) -> None:
    if name not in rows:
        raise ValueError(f"{field_name} is {name!r}; known are {', '.join(rows)}.")


def _check_range(name: str, ends: Any) -> None:
    if ends is None:
        return
    if not isinstance(ends, tuple) or len(ends) != 2:
        raise ValueError(f"{name} is {ends!r}; it must be a pair (low, high).")
    for end in ends:
        _check_number(name, end, low=-math.inf)
    if not float(ends[0]) < float(ends[1]):
        raise ValueError(f"{name} is {ends!r}; its first number must be the lower one.")


def _check_int(name: str, value: Any, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
        raise ValueError(f"{name} is {value!r}; it must be a whole number from 1 to {high}.")


def _check_number(name: str, value: Any, low: float = 0.0) -> None:
    try:
        number = None if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None:
        raise ValueError(f"{name} is {value!r:.80}; it must be a number.")
    if not (math.isfinite(number) and number >= low):
        least = "" if low == -math.inf else f" of at least {low:g}"
        raise ValueError(f"{name} is {value!r}; it must be a finite number{least}.")


def _check_bounds(prefix: str, weight: Any, bias: Any) -> None:
    for name, value in (("weight_bound", weight), ("bias_bound", bias)):
        if value is not None:
            _check_number(prefix + name, value)


def fan_ins(config: NetworkConfig, num_dims: int) -> list[int]:
    """Inputs of every activated layer and, last, of the output layer."""
    first = num_dims if config.encoding is None else config.encoding.num_features(num_dims)
    return [first] + [config.width] * config.depth


def resolve_bounds(config: NetworkConfig, num_dims: int) -> NetworkConfig:
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
    return replace(
        config,
        layers=tuple(resolve(i, layer) for i, layer in enumerate(config.layers)),
        output_init=None,
        output_weight_bound=output_w if given_w is None else given_w,
        output_bias_bound=output_b if given_b is None else given_b,
    )


def weight_law(layer: LayerConfig, fan_in: int, i: int, is_fourier: bool) -> ArrayLike:
    """Bound of the weights of layer i by the law of its family; FR uses SIREN's for all."""
    row = get_activation(layer.activation)
    law = sine_bound if is_fourier else INITIALIZERS[layer.initializer or row.initializer]
    return law(fan_in, row.init_omega(layer.numbers), i == 0)


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
