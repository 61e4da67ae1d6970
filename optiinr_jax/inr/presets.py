"""A published network by name, under a protocol that trains it.

A preset (a row in `published.py`) is what its authors ran: one family in every layer with their
numbers, widths, rates, schedule, batch and normalisation. A protocol says how it is trained: the
OptiINR paper names one rate for all baselines and also their official settings, so both readings
are here. The table in `docs/presets.md` is written from these rows.
"""

from collections.abc import Callable
from typing import Any

from optiinr_jax.checks import check_name, check_whole
from optiinr_jax.inr.config import NetworkConfig, check_config, make_layer
from optiinr_jax.inr.published import PRESETS, Preset
from optiinr_jax.inr.recommended import BATCH, recommend
from optiinr_jax.inr.sampling import GRID, sampling_of
from optiinr_jax.signals import Signal

# What the OptiINR paper says about all networks of a kind.
PAPER: dict[str, dict[str, Any]] = {
    "image": {},
    "audio": {"output_init": "tiny"},
    "volume": {"batch_size": 200_000},
    "video": {"batch_size": BATCH},
    "points": {"batch_size": BATCH},
    "field": {"batch_size": BATCH},  # the paper has none of these three
}

# How every trial of a search is trained: SOAP on gradients of one norm, the rates risen over the
# first 20th of the run and fallen to 0 over the last 30 %. `python -m experiments.training_rules`
# says why: it is best or nearly so on every kind of signal, and no seed collapses. The fall takes
# out of a score the noise of where the last step happens to be.
RULE: dict[str, Any] = {
    "optimizer": "soap",
    "weight_decay": 0.01,
    "gradient_norm": 1.0,
    "lr_warmup": 0.05,
    "lr_cooldown": 0.3,
}


def _paper(row: Preset, modality: str) -> dict[str, Any]:
    """AdamW at 1e-4, constant: the OptiINR paper's one setting for every baseline."""
    return {"weight_decay": 0.01, "sampling": GRID, **PAPER[modality]}


def _official(row: Preset, modality: str) -> dict[str, Any]:
    """Adam with the authors' rate, schedule, batch and normalisation."""
    return {"weight_decay": 0.0, "sampling": GRID, **row.training}


def _search(row: Preset, modality: str) -> dict[str, Any]:
    """The rule by which a search trains, at the authors' rate times a factor."""
    return {**RULE, **PAPER[modality]}


# name -> fields of NetworkConfig; the paper's rate is its own
PROTOCOLS: dict[str, Callable[[Preset, str], dict[str, Any]]] = {
    "paper": _paper,
    "official": _official,
    "search": _search,
}
_PAPER_RATE = 1e-4
# On the authors' rate under the search's rule, which is not theirs; the first is the usual best.
FACTORS = (4.0, 0.5, 1.0, 2.0, 16.0)


def training_rule(modality: str, objective: str = "continuous") -> dict[str, Any]:
    """Fields of NetworkConfig by which every trial of a search on one kind of signal is trained."""
    return {**RULE, **PAPER[modality], "sampling": sampling_of(modality, objective)}


def preset(
    name: str,
    *,
    modality: str = "image",
    protocol: str = "official",
    width: int = 256,
    depth: int | None = None,
    factor: float = 1.0,
) -> NetworkConfig:
    """Build a published network by name.

    Args:
        name: of a row of PRESETS: siren, finer, gauss, wire, gf, wf, fr, iga, pemlp, ...
        modality: kind of signal, a row of PRESETS.
        protocol: how it is trained. "paper": AdamW 1e-4, constant, as the OptiINR paper trains its
            baselines; "official": the authors' rate, schedule, batch and normalisation;
            "search": their rate, trained as a search trains.
        width: units of every layer; a complex network gets fewer, for as many numbers.
        depth: number of activated layers, a linear output layer follows; None: the authors', or
            the paper's 4.
        factor: on the rate of the protocol "search", whose optimiser is not the authors'.

    Raises:
        ValueError: an unknown name, modality or protocol, or an impossible size.

    >>> preset("wire_real").layers[0].numbers
    {'omega': 20.0, 'sigma': 10.0}
    >>> preset("wire").width  # complex: int(256 / sqrt 2)
    181
    """
    check_name("modality", modality, PRESETS)
    rows, name = PRESETS[modality], str(name).lower()
    check_name("preset", name, rows)
    check_name("protocol", protocol, PROTOCOLS)
    row = rows[name]
    training = PROTOCOLS[protocol](row, modality)
    is_paper = protocol == "paper"
    if depth is None:
        depth = 4 if is_paper else row.depth
    rate = _PAPER_RATE if is_paper else row.learning_rate
    rate *= factor if protocol == "search" else 1.0
    check_whole("depth", depth, 1)
    check_whole("width", width, 1)
    layer = make_layer(row.activation, learning_rate=rate, **row.numbers)
    config = NetworkConfig(
        layers=(layer,) * depth,
        width=max(1, int(width * row.width_factor)),
        **{**row.network, **training},
    )
    check_config(config)
    return config


def as_config(
    config: NetworkConfig | str | None, signal: Signal, num_steps: int = 2000
) -> NetworkConfig:
    """A configuration: one given, the published network of a name, or else the recommended one.

    Raises:
        TypeError: something else.
        ValueError: an unknown name.
    """
    if config is None:
        return recommend(signal, 1, num_steps=num_steps)[0].config
    modality = signal.kind
    if isinstance(config, str):
        return preset(config, modality=modality)
    if isinstance(config, NetworkConfig):
        return config
    raise TypeError(
        f"config is a {type(config).__name__}, but a NetworkConfig or the name of a published "
        f"network was expected; try {next(iter(PRESETS[modality]))!r} or preset(...)."
    )


def plain_presets(modality: str) -> list[str]:
    """Names of the presets that a search could have found: layers and rates, nothing else."""
    return [name for name, row in PRESETS[modality].items() if row.is_plain]
