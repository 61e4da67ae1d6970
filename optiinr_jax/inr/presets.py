"""The published networks by name, and the protocols that train them.

A preset is one family in every layer with the numbers of its authors. A protocol is how it is
trained: the OptiINR paper names one rate for all baselines and also their official settings, so
both readings are here.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from optiinr_jax.inr.config import LayerConfig, NetworkConfig, check_config, make_layer


class Preset(NamedTuple):
    """One family with its authors' numbers."""

    activation: str
    numbers: dict[str, float]
    learning_rate: float  # of the authors' image script, falling to a tenth over the run
    source: str


PRESETS: dict[str, dict[str, Preset]] = {
    "image": {
        "siren": Preset("siren", {"omega": 30.0}, 5e-4, "SIREN in FINER's harness, run_siren.sh"),
        "finer": Preset("finer", {"omega": 30.0}, 5e-4, "FINER, run_finer.sh"),
        "gauss": Preset("gauss", {"sigma": 30.0}, 5e-3, "Gauss in FINER's harness, run_gauss.sh"),
        "wire": Preset(
            "wire", {"omega": 20.0, "sigma": 10.0}, 5e-3, "WIRE in FINER's harness, real form"
        ),
        "gf": Preset("gf", {"omega": 10.0, "sigma": 3.0}, 1e-3, "FINER++ Gauss, run.sh"),
    }
}


# How every trial of a search is trained: AdamW with constant rates as in the paper, which fall to 0
# over the last 30 % of the run. Without that fall a score is half noise: the last step is wherever
# the walk happens to be, and fast rates cannot be told from ones that are too large.
COOLDOWN = {"weight_decay": 0.01, "lr_cooldown": 0.3}


def _paper(config: NetworkConfig) -> NetworkConfig:
    """AdamW at 1e-4, constant: the OptiINR paper's one setting for every baseline."""
    layers = tuple(replace(layer, learning_rate=1e-4) for layer in config.layers)
    return replace(config, layers=layers, weight_decay=0.01)


def _official(config: NetworkConfig) -> NetworkConfig:
    """Adam at the authors' rate, falling to a tenth over the run: their image scripts."""
    return replace(config, weight_decay=0.0, lr_decay=0.1)


def _cooldown(config: NetworkConfig) -> NetworkConfig:
    """AdamW at the authors' rate, falling to 0 over the last 30 %: as a search trains."""
    return replace(config, **COOLDOWN)


PROTOCOLS: dict[str, Callable[[NetworkConfig], NetworkConfig]] = {
    "paper": _paper,
    "official": _official,
    "cooldown": _cooldown,
}


def preset(
    name: str,
    *,
    modality: str = "image",
    protocol: str = "official",
    width: int = 256,
    depth: int = 4,
) -> NetworkConfig:
    """Build a published network by name.

    Args:
        name: siren, finer, gauss, wire or gf.
        modality: kind of signal; "image".
        protocol: how it is trained. "paper": AdamW 1e-4, constant, as the OptiINR paper trains its
            baselines; "official": the authors' rate and schedule; "cooldown": their rate, trained
            as a search trains, for short runs.
        width: units of every layer.
        depth: number of activated layers; a linear output layer follows.

    Raises:
        ValueError: an unknown name, modality or protocol, or an impossible size.

    >>> preset("wire").layers[0].numbers
    {'omega': 20.0, 'sigma': 10.0}
    """
    rows = PRESETS[_known("modality", modality, PRESETS)]
    row = rows[_known("preset", name, rows)]
    train = PROTOCOLS[_known("protocol", protocol, PROTOCOLS)]
    config = NetworkConfig(layers=(_layer(row),) * _depth(depth), width=width)
    check_config(config)
    return train(config)


def _layer(row: Preset) -> LayerConfig:
    return make_layer(row.activation, learning_rate=row.learning_rate, **row.numbers)


def _depth(depth: int) -> int:
    if isinstance(depth, bool) or not isinstance(depth, int):
        raise ValueError(f"depth is {depth!r}; it must be a whole number from 1 on.")
    return depth


def _known(what: str, name: str, rows: dict) -> str:
    if name not in rows:
        raise ValueError(f"unknown {what} {name!r}; known are {', '.join(rows)}.")
    return name
