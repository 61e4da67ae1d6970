"""Networks of one signal in one picture: what each makes of it, a detail, and its errors."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optiinr_jax.files import write_atomic
from optiinr_jax.inr import INR
from optiinr_jax.inr.baselines import Baseline
from optiinr_jax.report.gallery import GALLERIES
from optiinr_jax.report.labels import Measure, measure_of
from optiinr_jax.signals import Signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 6
_TILE = 2.1  # inches


class _Shown(NamedTuple):
    """One column: a title and the samples (*shape, C) on the signal's grid, natural values."""

    title: str
    samples: np.ndarray


def draw_side_by_side(signal: Signal, baselines: Sequence[Baseline], path: Path) -> Path:
    """Write a PNG with the signal and every network, best first, in rows of six.

    Raises:
        OSError: the folder is missing or not writable.
    """
    from matplotlib.figure import Figure

    trained = [(b.name, b.inr) for b in baselines if b.inr is not None]
    trained.sort(key=lambda pair: -pair[1].score)
    measure = measure_of(signal, "samples")
    shown = [_Shown("signal", signal.samples)]
    for name, inr in trained:
        shown.append(_Shown(_title(name, inr, measure), inr.render(shape=signal.shape)))
    panels = GALLERIES[signal.kind].panels
    blocks = -(-len(shown) // _COLUMNS)
    columns = -(-len(shown) // blocks)
    size = (_TILE * columns + 0.3, (_TILE * len(panels) + 0.5) * blocks)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    grid = figure.subplots(blocks * len(panels), columns, squeeze=False)
    for axes in grid.ravel():
        _clear(axes)
    for i, column in enumerate(shown):
        block, place = divmod(i, columns)
        for j, (name, draw) in enumerate(panels.items()):
            axes = grid[block * len(panels) + j, place]
            draw(axes, column.samples, signal)
            if j == 0:
                axes.set_title(column.title, fontsize=8)
            if place == 0:
                axes.set_ylabel(name, fontsize=7)
    stream = BytesIO()
    figure.savefig(stream, format="png")
    return write_atomic(path, stream.getvalue())


def _title(name: str, inr: INR, measure: Measure) -> str:
    """Name of a network and both of its figures."""
    if inr.scores is None:
        return f"{name}\n{measure.full(inr.score)}"
    at, between = inr.scores.samples, inr.scores.between
    return f"{name}\n{measure.full(at)} at samples, {measure.number(between)} between"


def _clear(axes: "Axes") -> None:
    """Neither ticks nor frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_frame_on(False)
