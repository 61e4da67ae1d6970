"""A published network by name, under a protocol that trains it.

A preset (a row in `published.py`) is what its authors ran: one family in every layer with their
numbers, widths, rates, schedule, batch and normalisation. A protocol says how it is trained: the
OptiINR paper names one rate for all baselines and also their official settings, so both readings
are here. The table in `docs/presets.md` is written from these rows.
"""

from collections.abc import Callable
from typing import Any

from optiinr_jax.inr.config import NetworkConfig, check_config, make_layer
from optiinr_jax.inr.published import PRESETS, Preset

# What the OptiINR paper says about all networks of a kind.
PAPER: dict[str, dict[str, Any]] = {
    "image": {},
    "audio": {"output_init": "tiny"},
    "volume": {"batch_size": 200_000},
}

# How every trial of a search is trained: AdamW with constant rates as in the paper, which fall to 0
# over the last 30 % of the run. Without that fall a score is half noise: the last step is wherever
# the walk happens to be, and fast rates cannot be told from ones that are too large.
COOLDOWN = {"weight_decay": 0.01, "lr_cooldown": 0.3}


def _paper(row: Preset, modality: str) -> dict[str, Any]:
    """AdamW at 1e-4, constant: the OptiINR paper's one setting for every baseline."""
    return {"weight_decay": 0.01, **PAPER[modality]}


def _official(row: Preset, modality: str) -> dict[str, Any]:
    """Adam with the authors' rate, schedule, batch and normalisation."""
    return {"weight_decay": 0.0, **row.training}


def _cooldown(row: Preset, modality: str) -> dict[str, Any]:
    """AdamW at the authors' rate, falling to 0 over the last 30 %: as a search trains."""
    return {**COOLDOWN, **PAPER[modality]}


# name -> fields of NetworkConfig; the paper's rate is its own
PROTOCOLS: dict[str, Callable[[Preset, str], dict[str, Any]]] = {
    "paper": _paper,
    "official": _official,
    "cooldown": _cooldown,
}
_PAPER_RATE = 1e-4


def preset(
    name: str,
    *,
    modality: str = "image",
    protocol: str = "official",
    width: int = 256,
    depth: int | None = None,
) -> NetworkConfig:
    """Build a published network by name.

    Args:
        name: of a row of PRESETS: siren, finer, gauss, wire, gf, wf, fr, iga, pemlp, ...
        modality: kind of signal: image, audio or volume.
        protocol: how it is trained. "paper": AdamW 1e-4, constant, as the OptiINR paper trains its
            baselines; "official": the authors' rate, schedule, batch and normalisation;
            "cooldown": their rate, trained as a search trains, for short runs.
        width: units of every layer; a complex network gets fewer, for as many numbers.
        depth: number of activated layers, a linear output layer follows; None: the authors', or
            the paper's 4.

    Raises:
        ValueError: an unknown name, modality or protocol, or an impossible size.

    >>> preset("wire_real").layers[0].numbers
    {'omega': 20.0, 'sigma': 10.0}
    >>> preset("wire").width  # complex: int(256 / sqrt 2)
    181
    """
    rows = PRESETS[_known("modality", modality, PRESETS)]
    row = rows[_known("preset", name, rows)]
    training = PROTOCOLS[_known("protocol", protocol, PROTOCOLS)](row, modality)
    is_paper = protocol == "paper"
    if depth is None:
        depth = 4 if is_paper else row.depth
    rate = _PAPER_RATE if is_paper else row.learning_rate
    layer = make_layer(row.activation, learning_rate=rate, **row.numbers)
    config = NetworkConfig(
        layers=(layer,) * _whole("depth", depth),
        width=max(1, int(_whole("width", width) * row.width_factor)),
        **{**row.network, **training},
    )
    check_config(config)
    return config


def plain_presets(modality: str) -> list[str]:
    """Names of the presets that a search could have found: layers and rates, nothing else."""
    return [name for name, row in PRESETS[modality].items() if row.is_plain]


def _whole(what: str, n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"{what} is {n!r}; it must be a whole number from 1 on.")
    return n


def _known(what: str, name: str, rows: dict) -> str:
    if name not in rows:
        raise ValueError(f"unknown {what} {name!r}; known are {', '.join(rows)}.")
    return name
