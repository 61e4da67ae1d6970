"""The spaces of configurations, and the two ways between a point of one and a network.

Names in a space, layers counted from 1: `activation_1` is the family, `omega_1_siren` that family's
number in that layer (it exists only where the family does, because 30 means something else to
another one), `learning_rate_1` the layer's rate, `initializer_1` and `gain_1` the law and the range
of its initial weights ("full" only), `encoding` and `encoding_sigma` the Fourier features.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from optiinr_jax.bo import Choice, Float, Space
from optiinr_jax.bo.space import Point
from optiinr_jax.bo.ties import Ties
from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import NetworkConfig, as_number, make_layer
from optiinr_jax.inr.encodings import FourierFeatures
from optiinr_jax.inr.initializers import INITIALIZERS
from optiinr_jax.inr.presets import COOLDOWN, PAPER

# modality -> families of the paper's experiments
FAMILIES = {
    "image": ("siren", "finer", "gf", "wire"),
    "audio": ("siren", "finer"),
    "volume": ("finer", "gauss", "gf", "wire"),
}
LEARNING_RATES = (1e-5, 1e-2)
ENCODING_SIGMAS = (0.5, 20.0)
GAINS = (0.25, 4.0)  # of the initial weight range


def _experiments(modality: str, depth: int) -> Space:
    """The space of the paper's experiments: family, frequency and rate per layer; encoding."""
    families = FAMILIES[modality]
    dimensions: dict[str, Any] = {}
    for i in range(1, depth + 1):
        dimensions[f"activation_{i}"] = Choice(families)
        for family in families:
            for number, (low, high) in get_activation(family).bounds.items():
                when = {f"activation_{i}": family}
                dimensions[f"{number}_{i}_{family}"] = Float(low, high, log=True, when=when)
        dimensions[f"learning_rate_{i}"] = Float(*LEARNING_RATES, log=True)
    dimensions["encoding"] = Choice(("none", "fourier"))
    dimensions["encoding_sigma"] = Float(*ENCODING_SIGMAS, log=True, when={"encoding": "fourier"})
    return Space(dimensions)


def _full(modality: str, depth: int) -> Space:
    """The space of the paper's section 3.1: every number, the initialiser and its range too."""
    dimensions = dict(_experiments(modality, depth).dimensions)
    for i in range(1, depth + 1):
        for family in FAMILIES[modality]:
            for number, (low, high) in get_activation(family).all_bounds.items():
                when = {f"activation_{i}": family}
                dimensions[f"{number}_{i}_{family}"] = Float(low, high, log=True, when=when)
        dimensions[f"initializer_{i}"] = Choice(tuple(INITIALIZERS))
        dimensions[f"gain_{i}"] = Float(*GAINS, log=True)
    return Space(dimensions)


SPACES: dict[str, Callable[[str, int], Space]] = {"experiments": _experiments, "full": _full}


def inr_space(modality: str = "image", kind: str = "experiments", depth: int = 4) -> Space:
    """Build the space of network configurations for one kind of signal.

    Args:
        modality: kind of signal: image, audio or volume.
        kind: "experiments", the space of the paper's experiments, or "full", that of its section
            3.1: every number of a family freed, and per layer the initialiser and its gain.
        depth: number of activated layers.

    Raises:
        ValueError: an unknown modality or kind, or a depth below 1.

    >>> len(inr_space("image", depth=4))
    26
    """
    for what, value, rows in (("modality", modality, FAMILIES), ("space", kind, SPACES)):
        if value not in rows:
            raise ValueError(f"unknown {what} {value!r}; known are {', '.join(rows)}.")
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise ValueError(f"depth is {depth!r}; it must be a whole number from 1 on.")
    return SPACES[kind](modality, depth)


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
        if found != depth:
            raise ValueError(
                f"the space has {found} layers (activation_1, ...), but depth is {depth}; make "
                "them equal."
            )


def point_to_config(point: Point, *, width: int, modality: str = "image") -> NetworkConfig:
    """Build the network that a point of an `inr_space` stands for.

    An encoding has as many frequencies as a layer has units: 256 at the paper's width of 256, and
    in proportion elsewhere, so that it does not outweigh a small network.
    """
    layers = []
    while (name := f"activation_{len(layers) + 1}") in point:
        i, family = len(layers) + 1, point[name]
        places = {n: f"{n}_{i}_{family}" for n in get_activation(family).defaults}
        numbers = {n: point[place] for n, place in places.items() if place in point}
        layer = make_layer(family, learning_rate=point[f"learning_rate_{i}"], **numbers)
        initializer, gain = point.get(f"initializer_{i}"), point.get(f"gain_{i}", 1.0)
        layers.append(replace(layer, initializer=initializer, gain=gain))
    sigma = point.get("encoding_sigma")
    return NetworkConfig(
        layers=tuple(layers),
        width=width,
        encoding=sigma and FourierFeatures(sigma=sigma, num_frequencies=width),
        **training_rule(modality),
    )


def training_rule(modality: str) -> dict[str, Any]:
    """Fields of NetworkConfig that every trial of a search on one kind of signal shares."""
    return {**COOLDOWN, **PAPER[modality]}


def config_to_point(config: NetworkConfig, space: Space | None = None) -> Point:
    """Find the point whose families, numbers and rates are those of `config`.

    What a space does not hold (weight decay, schedule, a tied number) is left out, so the way back
    gives the search's own training rule.

    Args:
        space: to find a point of; None: of an "experiments" space.
    """
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
    point["encoding"] = "none" if config.encoding is None else "fourier"
    if isinstance(config.encoding, FourierFeatures):
        point["encoding_sigma"] = as_number(config.encoding.sigma)
    return {name: n for name, n in point.items() if space is None or name in space.dimensions}
