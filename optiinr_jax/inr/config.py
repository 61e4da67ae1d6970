"""What a network is: frozen records that are pytrees. Names are static, numbers are leaves.

So a new omega, bound or learning rate reuses the compiled program, and configurations of one
structure stack and vmap. `check_config` is called once at the edge, never on construction, because
jax rebuilds these records with leaves that are not numbers. What the model and the training take is
the lowered form of a configuration, see `lowering`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config_checks import check_config as check_config
from optiinr_jax.inr.encodings import ENCODINGS, Encoding, FourierFeatures
from optiinr_jax.inr.gradient_adjustment import GradientAdjustment
from optiinr_jax.inr.reparameterization import FourierReparameterization

# How all rates change with the width and the number of steps, see `NetworkConfig.scaled`: maximal-
# update scaling of hidden layers (Yang et al. 2022), and what was measured.
WIDTH_EXPONENT, STEPS_EXPONENT = -1.0, 0.0


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
        sampling: name in SAMPLINGS, where the points of a step lie; None: where the objective of
            the fit asks for it.
        grid_share: share of the steps, or of the points, that a sampling between the samples leaves
            at the samples.
        output_init: name in OUTPUT_INITS; None: the last family's law, for biases PyTorch's.
        output_weight_bound: of the output layer, instead.
        output_bias_bound: of the output layer, instead.
        coord_range: onto which the coordinates, [-1, 1] over the grid of any signal, are mapped in
            front of the network; None: that of the signal's kind.
        value_range: the range in which the network learns the signal's values; None: that of the
            signal's kind.
        natural_range: what `value_range` stands for, [0, 1] of a picture: `apply` gives values in
            it. `fit` fills it in; None: values as they are learned.
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
    natural_range: tuple[ArrayLike, ArrayLike] | None = None

    @property
    def depth(self) -> int:
        """Number of activated layers."""
        return len(self.layers)

    def scaled(
        self,
        *,
        width: int | None = None,
        size: tuple[float, float] = (1.0, 1.0),
        growth: float = 1.0,
        num_steps: tuple[int, int] = (1, 1),
    ) -> "NetworkConfig":
        """The configuration for another width, size of a signal and length of training.

        All rates change by one factor. An encoding keeps its number of frequencies in proportion to
        the width. docs/portfolio.md measures how far each of the laws holds.

        Args:
            width: of the new one; None: as it is.
            size: samples along a side of the signal, where it was found and where it is wanted.
            growth: exponent with which the frequencies at which the network begins (the scale of an
                encoding, else omega of the first layer, or its sigma) grow with the size. 1: a
                longer piece of a sound, which has the same highest frequency, or the same picture
                at a higher resolution by a network as many times as wide; 0: by one as wide as
                before, which cannot hold the little that is new.
            num_steps: of the training, for which it was found and for which it is wanted.

        >>> import optiinr_jax as oi
        >>> config = oi.preset("siren", width=64)
        >>> wide = config.scaled(width=256)
        >>> wide.width, wide.layers[0].learning_rate / config.layers[0].learning_rate
        (256, 0.25)
        """
        new = self.width if width is None else width
        rate = (new / self.width) ** WIDTH_EXPONENT
        rate *= (num_steps[1] / num_steps[0]) ** STEPS_EXPONENT
        frequency = (size[1] / size[0]) ** growth
        layers = [
            replace(layer, learning_rate=rate * as_number(layer.learning_rate))
            for layer in self.layers
        ]
        encoding = self.encoding
        if isinstance(encoding, FourierFeatures):
            count = max(round(encoding.num_frequencies * new / self.width), 1)
            sigma = frequency * as_number(encoding.sigma)
            encoding = replace(encoding, sigma=sigma, num_frequencies=count)
        elif encoding is None and frequency != 1.0:
            numbers = dict(layers[0].numbers)
            name = next((n for n in ("omega", "sigma") if n in numbers), None)
            if name is not None:
                numbers[name] = frequency * as_number(numbers[name])
            layers[0] = replace(layers[0], numbers=numbers)
        return replace(self, layers=tuple(layers), width=new, encoding=encoding)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        return _to_plain(self)

    @staticmethod
    def from_json(data: Any) -> "NetworkConfig":
        """Read what `to_json` wrote, strictly.

        Raises:
            ValueError: a missing or unknown field, or a value that `check_config` refuses.
        """
        if isinstance(data, dict) and "optimizer" not in data:
            data = {"sampling": "grid"} | data  # from before there was another sampling
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
    if name not in ENCODINGS:
        raise ValueError(f"encoding.name is {name!r}; known are {', '.join(ENCODINGS)}.")
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
    "natural_range": tuple,
}


def make_layer(activation: str, *, learning_rate: ArrayLike = 1e-4, **numbers: Any) -> LayerConfig:
    """Build a layer of one family; numbers that are not given are tied or the authors' defaults.

    >>> make_layer("gf", omega=12.0).numbers
    {'omega': 12.0, 'sigma': 2.5}
    """
    filled = get_activation(activation).fill(numbers)
    return LayerConfig(activation=activation, numbers=filled, learning_rate=learning_rate)


def as_number(value: ArrayLike) -> float:
    """A number that may be an array of one, as configurations hold them."""
    return float(np.asarray(value))
