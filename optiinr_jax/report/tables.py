"""A configuration in words, and the comparison as a table in the terminal."""

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optiinr_jax.inr import FourierFeatures, NetworkConfig
from optiinr_jax.inr.baselines import Baseline
from optiinr_jax.report.words import (
    family_label,
    mean_label,
    number_label,
    rate_label,
    result_sentence,
    score_label,
)
from optiinr_jax.studies import Comparison, Entry

if TYPE_CHECKING:
    from rich.console import Console

_UNWRAPPED = 1000  # columns of an output that is not a terminal


def describe_layers(config: NetworkConfig) -> list[str]:
    """Say what each layer is, one line each; an encoding comes first.

    >>> from optiinr_jax.inr import preset
    >>> describe_layers(preset("siren", depth=1))
    ['layer 1: SIREN, omega 30, learning rate 5e-4']
    """
    lines = []
    encoding = config.encoding
    if isinstance(encoding, FourierFeatures):
        sigma, count = number_label(encoding.sigma), encoding.num_frequencies
        lines.append(f"Fourier features, sigma {sigma}, {count} frequencies")
    elif encoding is not None:
        pi = "with" if encoding.with_pi else "without"
        lines.append(f"NeRF features, {encoding.num_frequencies} frequencies, {pi} pi")
    for i, layer in enumerate(config.layers, 1):
        numbers = [f"{name} {number_label(value)}" for name, value in layer.numbers.items()]
        rate = f"learning rate {rate_label(layer.learning_rate)}"
        lines.append(f"layer {i}: {', '.join([family_label(layer.activation), *numbers, rate])}")
    return lines


def print_comparison(comparison: Comparison, metric_name: str) -> None:
    """Print the found configuration and the presets, best first, then the result in one line.

    Lines are plain and unwrapped where stdout is not a terminal.
    """
    from rich.table import Table

    console = _console()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name in ("configuration", "protocol"):
        table.add_column(name, no_wrap=True)
    for name in (metric_name, "spread", "seeds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*_row(comparison.found), style="bold")
    for entry in comparison.presets:
        table.add_row(*_row(entry))
    console.print(table)
    console.print(result_sentence(comparison, metric_name), markup=False, soft_wrap=True)


def print_baselines(baselines: Sequence[Baseline], metric_name: str) -> None:
    """Print published networks on one signal, best first."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("network", no_wrap=True)
    for name in (metric_name, "numbers", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=not sys.stdout.isatty())
    for b in sorted(baselines, key=lambda b: -math.inf if b.score is None else b.score)[::-1]:
        count = "-" if b.inr is None else str(b.inr.num_params)
        score = "-" if b.score is None else f"{b.score:.4g}"
        table.add_row(b.name, score, count, f"{b.seconds:.1f}", b.problem)
    _console().print(table, markup=False)


def _console() -> "Console":
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        width=None if is_terminal else _UNWRAPPED,
        force_terminal=is_terminal,
        highlight=False,
        safe_box=True,
    )


def _row(entry: Entry) -> tuple[str, str, str, str, str]:
    name = family_label(entry.name)
    return (
        name,
        entry.protocol,
        mean_label(entry),
        score_label(entry.spread),
        str(len(entry.scores)),
    )
