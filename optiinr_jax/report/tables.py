"""A configuration in words, and the comparison as a table in the terminal."""

import sys

from optiinr_jax.inr import NetworkConfig
from optiinr_jax.report.words import (
    family_label,
    mean_label,
    number_label,
    rate_label,
    result_sentence,
    score_label,
)
from optiinr_jax.search import Comparison, Entry

_UNWRAPPED = 1000  # columns of an output that is not a terminal


def describe_layers(config: NetworkConfig) -> list[str]:
    """Say what each layer is, one line each; an encoding comes first.

    >>> from optiinr_jax.inr import preset
    >>> describe_layers(preset("siren", depth=1))
    ['layer 1: SIREN, omega 30, learning rate 5e-4']
    """
    lines = []
    if config.encoding is not None:
        sigma, count = config.encoding.sigma, config.encoding.num_frequencies
        lines.append(f"Fourier features, sigma {number_label(sigma)}, {count} frequencies")
    for i, layer in enumerate(config.layers, 1):
        numbers = [f"{name} {number_label(value)}" for name, value in layer.numbers.items()]
        rate = f"learning rate {rate_label(layer.learning_rate)}"
        lines.append(f"layer {i}: {', '.join([family_label(layer.activation), *numbers, rate])}")
    return lines


def print_comparison(comparison: Comparison, metric_name: str) -> None:
    """Print the found configuration and the presets, best first, then the result in one line.

    Lines are plain and unwrapped where stdout is not a terminal.
    """
    from rich.console import Console
    from rich.table import Table

    is_terminal = sys.stdout.isatty()
    console = Console(
        file=sys.stdout,
        width=None if is_terminal else _UNWRAPPED,
        force_terminal=is_terminal,
        highlight=False,
        safe_box=True,
    )
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


def _row(entry: Entry) -> tuple[str, str, str, str, str]:
    name = family_label(entry.name)
    return (
        name,
        entry.protocol,
        mean_label(entry),
        score_label(entry.spread),
        str(len(entry.scores)),
    )
