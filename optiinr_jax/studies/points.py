"""Spaces of configurations, and the grammar of their points.

Names in a space, layers counted from 1: `activation_1` is the family, `omega_1_siren` that family's
number in that layer (it exists only where the family does, because 30 means something else to
another one), `learning_rate_1` the layer's rate, `initializer_1` and `gain_1` the law and the range
of its initial weights ("full" only), `encoding` and `encoding_sigma` the Fourier features,
`weight_decay` that of the optimiser. Nobody else takes a name apart: see `layer_of`, `families_of`
and `describe_point`.

Frequencies are bounded by the grid: what it can hold ends at its Nyquist frequency, half a cycle
from one sample to the next. A Fourier encoding goes up to half of that, a first layer's omega to
where its steepest initial sine reaches it.
"""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from optiinr_jax.bo import Choice, Float, Int, Space
from optiinr_jax.bo.space import Point
from optiinr_jax.bo.ties import Ties
from optiinr_jax.checks import check_name, check_whole
from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import WIDTH_EXPONENT, NetworkConfig, as_number, make_layer
from optiinr_jax.inr.encodings import FourierFeatures
from optiinr_jax.inr.initializers import INITIALIZERS
from optiinr_jax.inr.presets import training_rule
from optiinr_jax.signals.kinds import get_kind

# modality -> families of the paper's experiments
FAMILIES = {
    "image": ("siren", "finer", "gf", "wire"),
    "audio": ("siren", "finer"),
    "volume": ("finer", "gauss", "gf", "wire"),
    "field": ("siren", "finer", "gf", "wire"),  # the paper has none: as of pictures
    "video": ("siren", "finer", "gf", "wire"),
    "points": ("siren", "finer", "gf", "wire"),
}
LEARNING_RATES = (3e-4, 1e-2)  # up to a width of 48; below them SOAP does not arrive in 500 steps
RATES_WIDTH = 48
WEIGHT_DECAYS = (1e-4, 1.0)
ENCODING_SIGMAS = (0.01, 0.5)  # of the Nyquist frequency
LOWEST_OMEGA_END = 60.0  # twice the published omega, however small the grid is
GAINS = (0.25, 4.0)  # of the initial weight range
WIDTH_SHARES = (0.25, 0.375, 0.5, 0.75, 1.0)  # of the largest, where the width is searched too


def nyquist_of(modality: str, shape: tuple[int, ...]) -> float:
    """Highest frequency of a grid's finest axis, in cycles per unit of its coordinates."""
    low, high = get_kind(modality).coord_range
    return (max(shape) - 1) / (high - low) / 2.0


def _experiments(modality: str, depth: int, shape: tuple[int, ...], width: int) -> Space:
    """The space of the paper's experiments: family, frequency and rate per layer; encoding."""
    families, num_dims, nyquist = FAMILIES[modality], len(shape), nyquist_of(modality, shape)
    steepest = max(2.0 * math.pi * num_dims * nyquist, LOWEST_OMEGA_END)
    # As `NetworkConfig.scaled` has it; a narrow network does not want larger rates.
    wider = max(width / RATES_WIDTH, 1.0) ** WIDTH_EXPONENT
    rates = tuple(wider * rate for rate in LEARNING_RATES)
    dimensions: dict[str, Any] = {}
    for i in range(1, depth + 1):
        dimensions[f"activation_{i}"] = Choice(families)
        for family in families:
            for number, (low, high) in get_activation(family).bounds.items():
                when = {f"activation_{i}": family}
                high = min(high, steepest) if number == "omega" else high
                dimensions[f"{number}_{i}_{family}"] = Float(low, high, log=True, when=when)
        dimensions[f"learning_rate_{i}"] = Float(*rates, log=True)
    sigmas = tuple(share * nyquist for share in ENCODING_SIGMAS)
    dimensions["encoding"] = Choice(("none", "fourier"))
    dimensions["encoding_sigma"] = Float(*sigmas, log=True, when={"encoding": "fourier"})
    dimensions["weight_decay"] = Float(*WEIGHT_DECAYS, log=True)
    return Space(dimensions)


def _full(modality: str, depth: int, shape: tuple[int, ...], width: int) -> Space:
    """The space of the paper's section 3.1: every number, the initialiser and its range too."""
    dimensions = dict(_experiments(modality, depth, shape, width).dimensions)
    for i in range(1, depth + 1):
        for family in FAMILIES[modality]:
            for number, (low, high) in get_activation(family).all_bounds.items():
                when = {f"activation_{i}": family}
                dimensions.setdefault(
                    f"{number}_{i}_{family}", Float(low, high, log=True, when=when)
                )
        dimensions[f"initializer_{i}"] = Choice(tuple(INITIALIZERS))
        dimensions[f"gain_{i}"] = Float(*GAINS, log=True)
    return Space(dimensions)


SPACES: dict[str, Callable[[str, int, tuple[int, ...], int], Space]] = {
    "experiments": _experiments,
    "full": _full,
}


def inr_space(
    modality: str = "image",
    kind: str = "experiments",
    depth: int = 4,
    shape: tuple[int, ...] | None = None,
    width: int = RATES_WIDTH,
) -> Space:
    """Build the space of network configurations for one kind of signal.

    Args:
        modality: kind of signal, a row of FAMILIES.
        kind: "experiments", the space of the paper's experiments, or "full", that of its section
            3.1: every number of a family freed, and per layer the initialiser and its gain.
        depth: number of activated layers.
        shape: of the signal's grid, which bounds the frequencies; None: as large as a search by the
            command takes a signal of this kind.
        width: of the networks, which bounds the learning rates.

    Raises:
        ValueError: an unknown modality or kind, or a depth below 1.

    >>> len(inr_space("image", depth=4))
    27
    """
    check_name("modality", modality, FAMILIES)
    check_name("space", kind, SPACES)
    check_whole("depth", depth, 1)
    row = get_kind(modality)
    shape = shape or (row.search_size,) * min(len(row.axes), 3)
    return SPACES[kind](modality, depth, shape, width)


def with_sizes(space: Space, width: int, depth: int) -> Space:
    """The space with width and depth searched too, up to those given.

    >>> with_sizes(inr_space(depth=2), 48, 2).dimensions["width"].values
    (12, 18, 24, 36, 48)
    """
    widths = sorted({max(1, round(share * width)) for share in WIDTH_SHARES})
    dimensions: dict[str, Any] = {"width": Int(values=tuple(widths))}
    if depth > 1:
        dimensions["depth"] = Int(1, depth)
    for name, dimension in space.dimensions.items():
        layer = layer_of(name)
        if layer > 1 and dimension.when is None:
            dimension = replace(dimension, when={"depth": tuple(range(layer, depth + 1))})
        dimensions[name] = dimension
    return Space(dimensions)


def layer_ties(space: Space) -> dict[str, str]:
    """Names without their layer, {"omega_1_siren": "omega_siren", ...}: what all layers may share.

    Empty for a space of one's own whose layers are not alike.

    >>> layer_ties(inr_space(depth=2))["learning_rate_2"]
    'learning_rate'
    """
    ties = {name: re.sub(r"_\d+", "", name, count=1) for name in space.dimensions}
    try:
        Ties(space, ties)
    except ValueError:
        return {}
    return ties


def check_space(space: Space, *, width: int, depth: int) -> None:
    """Check that every point of a space of one's own is a network of `depth` layers.

    Raises:
        ValueError: which dimension is missing, or how many layers the points have.
    """
    for point in space.sample(0, 32):
        try:
            found = point_to_config(point, width=width).depth
        except KeyError as missing:
            raise ValueError(
                f"the space has no dimension {missing}, which its point {point} needs; take the "
                "names of oi.inr_space()."
            ) from None
        if found != point.get("depth", depth):
            raise ValueError(
                f"the space has {found} layers (activation_1, ...), but depth is "
                f"{point.get('depth', depth)}; make them equal."
            )


def point_to_config(
    point: Point, *, width: int, modality: str = "image", objective: str = "continuous"
) -> NetworkConfig:
    """Build the network that a point of an `inr_space` stands for.

    An encoding has as many frequencies as a layer has units: 256 at the paper's width of 256, and
    in proportion elsewhere, so that it does not outweigh a small network. A width that the point
    has counts before the one given.
    """
    layers, width = [], point.get("width", width)
    for i, family in enumerate(families_of(point), 1):
        places = {n: f"{n}_{i}_{family}" for n in get_activation(family).defaults}
        numbers = {n: point[place] for n, place in places.items() if place in point}
        layer = make_layer(family, learning_rate=point[f"learning_rate_{i}"], **numbers)
        initializer, gain = point.get(f"initializer_{i}"), point.get(f"gain_{i}", 1.0)
        layers.append(replace(layer, initializer=initializer, gain=gain))
    sigma = point.get("encoding_sigma")
    rule = training_rule(modality, objective)
    return NetworkConfig(
        layers=tuple(layers),
        width=width,
        encoding=sigma and FourierFeatures(sigma=sigma, num_frequencies=width),
        **rule | {name: point[name] for name in ("weight_decay",) if name in point},
    )


def config_to_point(config: NetworkConfig, space: Space | None = None) -> Point:
    """Find the point whose families, numbers and rates are those of `config`.

    What a space does not hold (optimiser, schedule, a tied number) is left out, so the way back
    gives the search's own training rule. No weight decay is the least one of the space.

    Args:
        space: to find a point of; None: of an "experiments" space.

    Raises:
        ValueError: the space has another number of layers.
    """
    num_layers = config.depth
    if space is not None:
        num_layers = sum(split_name(name)[0] == "activation" for name in space.dimensions)
    has_depth = space is not None and "depth" in space.dimensions
    if not (config.depth == num_layers or (has_depth and config.depth < num_layers)):
        raise ValueError(
            f"the configuration has {config.depth} layers, but the space has {num_layers}; choose "
            "one of as many."
        )
    point: Point = {}
    for i, layer in enumerate(config.layers, 1):
        row = get_activation(layer.activation)
        point[f"activation_{i}"] = layer.activation
        for number in row.defaults if space else row.bounds:
            point[f"{number}_{i}_{layer.activation}"] = as_number(layer.numbers[number])
        point[f"learning_rate_{i}"] = as_number(layer.learning_rate)
        if space:
            point[f"initializer_{i}"] = layer.initializer or row.initializer
            point[f"gain_{i}"] = as_number(layer.gain)
    point["weight_decay"] = max(as_number(config.weight_decay), WEIGHT_DECAYS[0])
    point["encoding"] = "none" if config.encoding is None else "fourier"
    if isinstance(config.encoding, FourierFeatures):
        point["encoding_sigma"] = as_number(config.encoding.sigma)
    if space is None:
        return point
    if isinstance(widths := space.dimensions.get("width"), Int) and widths.values:
        point["width"] = min((w for w in widths.values if w >= config.width), default=widths.high)
    point["depth"] = config.depth
    return {name: n for name, n in point.items() if name in space.dimensions}


def families_of(point: Point) -> list[str]:
    """Families of the layers, first to last.

    >>> families_of({"activation_1": "siren", "omega_1_siren": 30.0, "activation_2": "gf"})
    ['siren', 'gf']
    """
    families = []
    while (name := f"activation_{len(families) + 1}") in point:
        families.append(point[name])
    return families


def layer_of(name: str) -> int:
    """Number of the layer that a name belongs to; 0: none.

    >>> layer_of("omega_2_siren"), layer_of("encoding")
    (2, 0)
    """
    return next((int(part) for part in name.split("_") if part.isdigit()), 0)


def split_name(name: str) -> tuple[str, int, str]:
    """What a name says, its layer (0: none) and its family (or "").

    >>> split_name("omega_2_siren"), split_name("learning_rate_1"), split_name("encoding")
    (('omega', 2, 'siren'), ('learning_rate', 1, ''), ('encoding', 0, ''))
    """
    found = re.fullmatch(r"(.+?)_(\d+)(?:_(.+))?", name)
    return (found[1], int(found[2]), found[3] or "") if found else (name, 0, "")


def describe_point(point: Point) -> str:
    """A point in a few words, like "siren-siren-finer +fourier"."""
    encoding, width = point.get("encoding", "none"), point.get("width")
    size = "" if width is None else f" x {width}"
    return "-".join(families_of(point)) + size + ("" if encoding == "none" else f" +{encoding}")
