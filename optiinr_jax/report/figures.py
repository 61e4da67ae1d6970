"""The plots of the report, each one function: facts in, inline SVG of a given width out."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from optiinr_jax.inr import ACTIVATIONS, PRESETS, LayerConfig, NetworkConfig
from optiinr_jax.inr.config import as_number
from optiinr_jax.report.svg import (
    ACCENT,
    FONT_SIZE,
    INK,
    LINE,
    MUTED,
    PAGE,
    TINT,
    label_axes,
    new_figure,
    to_svg,
)
from optiinr_jax.report.words import (
    entry_label,
    family_label,
    mean_label,
    metric_unit,
    number_label,
    rate_label,
)
from optiinr_jax.studies import Comparison, Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE, NARROW = 960, 350  # pixels: desktop or paper, telephone
_BACKED = {"facecolor": PAGE, "edgecolor": "none", "pad": 1.0}  # behind text on grid lines
_ROW = 34  # pixels of one row of the score chart
_CURVE_POINTS, _BINS = 401, 48
_MANY_DEPTHS = 12  # layers up to which each tick also names the family


def score_chart(comparison: Comparison, metric_name: str, width: int) -> str:
    """Found configuration and presets on one axis: a dot for each seed, a bar at the mean."""
    entries = (comparison.found, *comparison.presets)
    with new_figure(width, 70 + _ROW * len(entries)) as figure:
        axes = figure.add_subplot()
        for row, entry in enumerate(entries):
            _draw_scores(axes, row, entry, ACCENT if row == 0 else MUTED)
        if math.isfinite(comparison.gain):
            _draw_gain(axes, comparison, metric_unit(metric_name))
        axes.set_yticks(range(len(entries)), [entry_label(e) for e in entries])
        axes.set_ylim(len(entries) - 0.5, -0.9)
        label_axes(axes, metric_name)
        axes.grid(False)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.06)
        for label in axes.get_yticklabels():
            label.set_color(INK)
        axes.get_yticklabels()[0].set_fontweight("bold")
        return to_svg(figure, "scores of the found configuration and the presets")


def _draw_scores(axes: "Axes", row: int, entry: Entry, colour: str) -> None:
    finite = [score for score in entry.scores if math.isfinite(score)]
    axes.axhline(row, color=LINE, lw=0.8, zorder=0)
    axes.scatter(finite, [row] * len(finite), s=52, color=colour, alpha=0.65, lw=0, zorder=3)
    if math.isfinite(entry.mean):
        axes.plot([entry.mean] * 2, [row - 0.26, row + 0.26], color=colour, lw=2.6, zorder=4)
    axes.annotate(
        mean_label(entry),
        (1, row),
        (8, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        color=ACCENT if colour == ACCENT else INK,
        fontweight="bold" if colour == ACCENT else "normal",
    )


def _draw_gain(axes: "Axes", comparison: Comparison, unit: str) -> None:
    """A line from the best preset's mean to the found one's, with its length."""
    best, found = comparison.presets[0].mean, comparison.found.mean
    axes.plot([best, found], [0, 0], color=ACCENT, lw=1.4, zorder=2)
    axes.plot([best, best], [0, 1], color=MUTED, lw=1, ls=(0, (2, 2)), zorder=1)
    text = f"{comparison.gain:+.2f}{unit}"
    axes.text((best + found) / 2, -0.34, text, color=ACCENT, ha="center", va="bottom", bbox=_BACKED)


def training_curve(history: Float[np.ndarray, " num_steps"], width: int) -> str:
    """Loss of one fit before each update, on a logarithmic axis."""
    with new_figure(width, 260) as figure:
        axes = figure.add_subplot()
        axes.plot(np.arange(len(history)), history, color=ACCENT, lw=1.4)
        _label_log(axes, rate_label)
        axes.margins(x=0.01)
        label_axes(axes, "step", "loss (mean squared error)")
        return to_svg(figure, "training loss of the found network")


def activation_curve(
    layer: LayerConfig, z: Float[np.ndarray, " points"], title: str, width: int = 200
) -> str:
    """Activation against pre-activation, over the range that the trained layer uses.

    Args:
        z: pre-activations that occur in the trained network; their distribution is shaded.
    """
    limit = float(np.quantile(np.abs(z), 0.995)) or 1.0
    grid = np.linspace(-limit, limit, _CURVE_POINTS, dtype=np.float32)
    row = ACTIVATIONS[layer.activation]
    others = [np.zeros_like(grid)] * (row.num_maps - 1)  # a second map at 0
    curve = np.asarray(jax.jit(row)(grid, *others, **layer.numbers)).real
    counts, edges = np.histogram(z, bins=_BINS, range=(-limit, limit))
    with new_figure(width, 135) as figure:
        axes = figure.add_subplot()
        axes.fill_between(
            (edges[1:] + edges[:-1]) / 2,
            -1.05,
            -1.05 + 2.1 * counts / counts.max(),
            color=TINT,
            lw=0,
        )
        axes.plot(grid, curve, color=ACCENT, lw=1.5)
        axes.set_xlim(-limit, limit)
        axes.set_ylim(-1.12, 1.12)
        axes.set_yticks([-1, 0, 1])
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(length=0, labelsize=FONT_SIZE - 1)
        return to_svg(figure, title)


def depth_charts(config: NetworkConfig, kind: str, width: int) -> str:
    """Frequency and learning rate of each layer beside the published ones of its family."""
    rows = PRESETS.get(kind, {})
    layers = config.layers
    plain = {row.activation: row for row in rows.values() if row.is_plain}
    known = [plain.get(layer.activation) for layer in layers]
    omegas = [_number(layer.numbers.get("omega")) for layer in layers]
    is_wide = width >= WIDE
    with new_figure(width, 270 if is_wide else 480) as figure:
        first, second = figure.subplots(1, 2) if is_wide else figure.subplots(2, 1)
        published = [_number(row.numbers.get("omega") if row else None) for row in known]
        _draw_depth(first, layers, omegas, published, "omega", number_label)
        published = [_number(row.learning_rate if row else None) for row in known]
        rates = [_number(layer.learning_rate) for layer in layers]
        _draw_depth(second, layers, rates, published, "learning rate", rate_label)
        handles, labels = second.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2)
        return to_svg(figure, "frequency and learning rate of each layer")


def _draw_depth(axes: "Axes", layers, found, published, title, write) -> None:
    if not np.isfinite([*found, *published]).any():  # Gauss has no omega
        axes.set_visible(False)
        return
    depth = np.arange(1, len(layers) + 1)
    axes.plot(depth, found, color=ACCENT, lw=1, alpha=0.4)
    axes.scatter(
        depth, published, s=60, fc=PAGE, ec=MUTED, lw=1.4, label="published value of the family"
    )
    axes.scatter(depth, found, s=60, color=ACCENT, lw=0, label="found", zorder=3)
    axes.set_title(title, pad=10)
    _label_log(axes, write)
    if len(layers) <= _MANY_DEPTHS:
        axes.set_xticks(
            depth, [f"{i}\n{family_label(n.activation)}" for i, n in enumerate(layers, 1)]
        )
    axes.set_xlim(0.5, len(layers) + 0.5)
    label_axes(axes, "layer")


def _label_log(axes: "Axes", write: Callable[[float], str]) -> None:
    """A logarithmic axis with ticks at 1, 2 and 5, so that a narrow range has some too."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    is_narrow = high < 100.0 * low
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if is_narrow else (1.0,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: write(value))


def _number(value: ArrayLike | None) -> float:
    return math.nan if value is None else as_number(value)
