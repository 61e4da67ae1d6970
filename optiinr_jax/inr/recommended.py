"""Configurations that did well on other signals: what `fit` takes where nobody names a network.

A cell holds a few of them, found and compared on signals of one kind, of about one size, at one
width and number of steps. They are chosen greedily: the first is best in the mean over the signals,
each further one adds most to the mean of the best (Auto-sklearn 2.0's static portfolio, Feurer et
al. 2022). For another size, width or number of steps the nearest cell's are scaled. The packaged
cells are made by `python -m experiments.portfolio choose`.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from optiinr_jax.checks import check_counts
from optiinr_jax.files import write_atomic
from optiinr_jax.inr.batches import batch_of
from optiinr_jax.inr.config import NetworkConfig, as_number
from optiinr_jax.signals import Signal, as_signal
from optiinr_jax.signals.inputs import SignalLike
from optiinr_jax.signals.kinds import get_kind

FORMAT = 1
PACKAGED = Path(__file__).with_name("portfolio.json")
# On the frequencies of a network of scattered samples, beside their number along a side, from a few
# fits of the points and the masked picture of `experiments.new_kinds`.
_SCATTERED = 0.15
BATCH = 8192  # points of a step, of kinds with more axes than a picture; of one of 90 x 90 so many
# Where a step sees less than this share of the points, the loss stands at the height of its noise
# until the rates fall, so that they had better fall over the whole run; not of a solid
# (`python -m experiments.mini_batches`).
FEW = 1 / 8
WIDTHS = (32, 256)  # of a network whose width nobody names
_FIELDS = {"kind": str, "num_points": int, "width": int, "num_steps": int, "signals": list}


class PortfolioError(ValueError):
    """A file that is no portfolio, or one that knows nothing of a kind of signal."""


@dataclass(frozen=True)
class Entry:
    """One configuration of a cell.

    Attributes:
        config: the network.
        source: signal whose search found it.
        mean: its mean score over the signals of the cell.
        best_of: mean over them of the best score of this one and those before it.
    """

    config: NetworkConfig
    source: str
    mean: float
    best_of: float


@dataclass(frozen=True)
class Cell:
    """Configurations for one kind of signal at about one size, the best first.

    Attributes:
        kind: of the signals.
        num_points: of a signal, in the geometric mean.
        width: of the networks.
        num_steps: of their trainings.
        signals: names of those on which they were compared.
        entries: the configurations.
    """

    kind: str
    num_points: int
    width: int
    num_steps: int
    signals: tuple[str, ...]
    entries: tuple[Entry, ...]

    def distance(self, num_points: int, width: int, num_steps: int) -> float:
        """How far a size is: the number of doublings along the longest way."""
        pairs = (self.num_points, num_points), (self.width, width), (self.num_steps, num_steps)
        return sum(abs(math.log2(ours / theirs)) for ours, theirs in pairs)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        entries = [asdict(e) | {"config": e.config.to_json()} for e in self.entries]
        return asdict(replace(self, entries=())) | {"entries": entries}


@dataclass(frozen=True)
class Recommendation:
    """A configuration for a signal, and why.

    Attributes:
        config: the network, scaled to the signal and the width and steps that were asked for.
        reason: where it was found and what it reached, in a sentence.
    """

    config: NetworkConfig
    reason: str


def recommend(
    signal: SignalLike,
    num: int = 3,
    *,
    width: int | None = None,
    num_steps: int = 2000,
    cells: Sequence[Cell] | None = None,
) -> list[Recommendation]:
    """Configurations that did well on signals like this one, the best first; nothing is trained.

    Args:
        signal: what is to be represented, or an array or path that `as_signal` makes it of.
        num: of the configurations at most.
        width: of the networks; None: about as many numbers as the signal has.
        num_steps: of their training.
        cells: to choose from; None: those of the package.

    Raises:
        PortfolioError: there are none for this kind of signal.

    >>> import optiinr_jax as oi
    >>> first, *_ = oi.recommend(oi.sample_signal("image"), width=64)
    >>> first.config.width
    64
    """
    check_counts(num=num, num_steps=num_steps, width=1 if width is None else width)
    signal = as_signal(signal)
    width = usual_width(signal) if width is None else width
    size = (signal.num_points, width, num_steps)
    cells = packaged() if cells is None else cells
    kinds = (signal.kind, get_kind(signal.kind).like)
    known = next((of for k in kinds if (of := [c for c in cells if c.kind == k])), [])
    if not known:
        raise PortfolioError(
            f"the portfolio has no configuration for signals of kind {signal.kind}; name a "
            "published network, or build one from studies of such signals."
        )
    cell = min(known, key=lambda cell: cell.distance(*size))
    return [_recommendation(cell, entry, signal, size) for entry in cell.entries[:num]]


def _recommendation(
    cell: Cell, entry: Entry, signal: Signal, size: tuple[int, int, int]
) -> Recommendation:
    num_points, width, num_steps = size
    num_dims = min(len(get_kind(cell.kind).axes), signal.num_dims)
    sides = [cell.num_points ** (1.0 / num_dims), num_points ** (1.0 / signal.num_dims)]
    kind, larger, wider = get_kind(signal.kind), sides[1] / sides[0], width / cell.width
    if signal.is_scattered:  # only low frequencies restrain a network between such samples
        raised = _SCATTERED * larger
    elif kind.extends:
        raised = larger
    elif kind.is_binary:  # not measured for solids, so as it was found
        raised = 1.0
    else:  # a finer grid has higher frequencies, but only a wider network can hold them
        raised = max(min(larger, wider), 1.0)
    config = entry.config.scaled(
        width=width, size=(1.0, raised), num_steps=(cell.num_steps, num_steps)
    )
    unit = kind.metric.name
    reason = (
        f"found on {entry.source}; {entry.mean:.4g} {unit} in the mean over {len(cell.signals)} "
        f"signals of about {cell.num_points:,} points, width {cell.width}, {cell.num_steps} steps"
    )
    is_same = (cell.width, cell.num_steps) == (width, num_steps)
    batch = BATCH if cell.kind != signal.kind and num_points > BATCH else config.batch_size
    config = in_batches(config, signal, batch_of(signal, batch))
    reason += "" if is_same else ", scaled from there"
    if cell.kind != signal.kind:
        reason += f"; of kind {cell.kind}, because no {signal.kind} was searched"
    return Recommendation(config, reason)


def in_batches(config: NetworkConfig, signal: Signal, batch_size: int | None) -> NetworkConfig:
    """The configuration with so many points in a step; None: all of them.

    Where these are few, rates that fall to 0 at the end of the run fall from its beginning.
    """
    config = replace(config, batch_size=batch_size)
    is_few = batch_size is not None and batch_size < FEW * signal.num_points
    if is_few and as_number(config.lr_cooldown) > 0.0 and not get_kind(signal.kind).is_binary:
        return replace(config, lr_cooldown=1.0)
    return config


def usual_width(signal: Signal) -> int:
    """Width at which four layers have about as many numbers as the signal, between WIDTHS."""
    numbers = signal.num_points * signal.num_channels
    low, high = WIDTHS
    return min(max(round(math.sqrt(numbers / 3.0) / 16) * 16, low), high)


def choose(scores: Mapping[str, Float[np.ndarray, " signals"]], num: int) -> list[str]:
    """Names of up to `num` candidates, greedily by the mean over signals of the best score.

    Args:
        scores: of each candidate on every signal; -inf where it failed.
        num: how many at most; fewer where no further one adds anything.

    >>> choose({"a": np.array([3.0, 0.0]), "b": np.array([2.0, 2.0])}, 2)
    ['b', 'a']
    """
    chosen: list[str] = []
    best = np.full(len(next(iter(scores.values()))), -math.inf)

    def value(name: str) -> float:
        return float(np.mean(np.maximum(best, scores[name])))

    while len(chosen) < num:
        name = max((n for n in scores if n not in chosen), key=value, default=None)
        if name is None or not value(name) > float(np.mean(best)):
            break
        best = np.maximum(best, scores[name])
        chosen.append(name)
    return chosen


def write_cells(path: str | os.PathLike[str], cells: Sequence[Cell]) -> Path:
    """Write cells as JSON, atomically."""
    record = {"format": FORMAT, "cells": [cell.to_json() for cell in cells]}
    return write_atomic(Path(path), (json.dumps(record, indent=1) + "\n").encode())


def read_cells(path: str | os.PathLike[str]) -> tuple[Cell, ...]:
    """Read what `write_cells` wrote, strictly.

    Raises:
        FileNotFoundError: there is no such file.
        PortfolioError: it is not a portfolio, or holds something that is no configuration.
    """
    try:
        record = json.loads(Path(path).read_text())
        if record["format"] != FORMAT:
            raise PortfolioError(
                f"{path} has format {record['format']!r}, but {FORMAT} was expected; build it anew."
            )
        return tuple(_read_cell(cell) for cell in record["cells"])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise PortfolioError(
            f"{path} is no portfolio ({type(error).__name__}: {error}); build one with "
            "`optiinr portfolio`."
        ) from None


def _read_cell(record: dict[str, Any]) -> Cell:
    for name, expected in _FIELDS.items():
        if type(record[name]) is not expected:
            raise TypeError(f"{name} is {record[name]!r}")
    get_kind(record["kind"])
    check_counts(**{n: record[n] for n, expected in _FIELDS.items() if expected is int})
    entries = tuple(
        Entry(
            NetworkConfig.from_json(entry["config"]),
            str(entry["source"]),
            float(entry["mean"]),
            float(entry["best_of"]),
        )
        for entry in record["entries"]
    )
    if not entries:
        raise TypeError("a cell without entries")
    sizes = {name: record[name] for name in ("num_points", "width", "num_steps")}
    signals = tuple(map(str, record["signals"]))
    return Cell(record["kind"], signals=signals, entries=entries, **sizes)


@cache
def packaged() -> tuple[Cell, ...]:
    """The cells of the package."""
    return read_cells(PACKAGED)
