"""Every published network under every protocol, beside the found configuration."""

import inspect
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax

from optiinr_jax.inr import PROTOCOLS, NetworkConfig, init
from optiinr_jax.report.facts import Facts
from optiinr_jax.report.labels import (
    Measure,
    control_label,
    count_label,
    entry_label,
    protocol_label,
)
from optiinr_jax.report.parts import Cell, Table
from optiinr_jax.signals import Signal
from optiinr_jax.studies import Comparison, Entry
from optiinr_jax.studies.comparison import CLOSE


class Meaning(NamedTuple):
    """A protocol and what it says."""

    name: str
    text: str


class Protocols(NamedTuple):
    """The table of all presets, and what its columns mean.

    Attributes:
        num_seeds: fresh seeds of the found configuration.
        close: how far behind a family may be to be trained on all of them.
    """

    metric: str
    num_steps: int
    depth: int
    width: int
    num_seeds: int
    close: str
    table: Table
    meanings: tuple[Meaning, ...]


def make_protocols(facts: Facts) -> Protocols:
    """All entries of the comparison, first seeds and means."""
    comparison, measure = facts.comparison, facts.measure
    config = comparison.found.config
    names = [name for name in PROTOCOLS if _of_protocol(comparison.all_protocols, name)]
    return Protocols(
        metric=measure.name,
        num_steps=comparison.num_steps,
        depth=config.depth,
        width=config.width,
        num_seeds=len(comparison.found.scores),
        close=measure.full(CLOSE * measure.metric.margin),
        table=_table(comparison, names, facts.signal, measure),
        meanings=tuple(Meaning(protocol_label(name), _meaning(name)) for name in names),
    )


def _table(comparison: Comparison, names: Sequence[str], signal: Signal, measure: Measure) -> Table:
    columns = (
        "network",
        *map(protocol_label, names),
        "mean",
        "at samples",
        "between",
        "spread",
        "gap",
        "parameters",
    )
    rows = [
        _row(entry, comparison, names, signal, measure)
        for entry in (comparison.found, *comparison.presets)
    ]
    if not math.isnan(comparison.control):
        cells = {"network": control_label(comparison)}
        cells["between"] = measure.number(comparison.control)
        rows.append([Cell(cells.get(column, "-")) for column in columns])
    return Table(columns, rows, numeric=frozenset(columns[1:]), best=0)


def _row(
    entry: Entry, comparison: Comparison, names: Sequence[str], signal: Signal, measure: Measure
) -> list[Cell]:
    is_found = entry is comparison.found
    own = [] if is_found else [e for e in comparison.all_protocols if e.name == entry.name]
    gap = math.nan if is_found else entry.mean - comparison.found.mean
    return [
        Cell(entry_label(entry)),
        *(Cell(_first_seed(_of_protocol(own, name), measure)) for name in names),
        Cell(measure.mean(entry)),
        Cell(measure.number(entry.mean_samples)),
        Cell(measure.number(entry.mean_between)),
        Cell(measure.number(entry.spread)),
        Cell(measure.difference(gap)),
        Cell(count_label(num_params(entry.config, signal))),
    ]


def _of_protocol(entries: Sequence[Entry], name: str) -> list[Entry]:
    """Entries of a protocol, with whatever factor on its rate."""
    return [e for e in entries if e.protocol == name or e.protocol.startswith(f"{name}, ")]


def _first_seed(entries: Sequence[Entry], measure: Measure) -> str:
    """The best first seed of a protocol, with the factor on its rate where it has one."""
    if not entries:
        return "-"
    best = max(entries, key=lambda entry: entry.scores[0])
    _, _, factor = best.protocol.partition("rate ")
    return measure.number(best.scores[0]) + (f" ({factor})" if factor else "")


def num_params(config: NetworkConfig, signal: Signal) -> int:
    """Trained parameters of a network for a signal."""
    size = {"num_dims": signal.num_dims, "num_channels": signal.num_channels}
    variables = jax.eval_shape(lambda key: init(key, config, **size), jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def _meaning(protocol: str) -> str:
    return (inspect.getdoc(PROTOCOLS[protocol]) or "").split("\n\n")[0]
