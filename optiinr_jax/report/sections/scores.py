"""The found configuration against the published networks, at the samples and between them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from optiinr_jax.report.facts import Facts
from optiinr_jax.report.labels import Measure, control_label, entry_label
from optiinr_jax.report.parts import WIDE, Cell, Chart, Table, chart
from optiinr_jax.report.svg import (
    ACCENT,
    FONT_SIZE,
    INK,
    LINE,
    MUTED,
    WARM,
    label_axes,
    new_figure,
    to_svg,
)
from optiinr_jax.studies import Comparison, Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 34  # pixels of one row of the chart


class Scores(NamedTuple):
    """Chart and table of the trainings from fresh seeds.

    Attributes:
        is_repeated: each network was trained more than once.
        control: what the dashed line is; empty: there is none.
        seeds: every score of every seed, those of the search first.
    """

    chart: Chart
    is_repeated: bool
    control: str
    seeds: Table


def make_scores(facts: Facts) -> Scores:
    """Every entry of the comparison, and the seeds behind its mean."""
    comparison, measure = facts.comparison, facts.measure
    has_control = bool(comparison.found.between) and not math.isnan(comparison.control)
    return Scores(
        chart=chart(lambda width: score_chart(comparison, measure, width)),
        is_repeated=len(comparison.found.scores) > 1,
        control=control_label(comparison) if has_control else "",
        seeds=_seeds_table(facts),
    )


def _seeds_table(facts: Facts) -> Table:
    """Found configuration in the search, on fresh seeds, and the presets."""
    comparison, measure = facts.comparison, facts.measure
    searched = [trial.score for trial in facts.winner.trials if trial.score is not None]
    numbers = ", ".join(str(trial.number) for trial in facts.winner.trials)
    word = "trials" if len(facts.winner.trials) > 1 else "trial"
    found = Entry(
        comparison.found.name, f"{word} {numbers}", comparison.found.config, tuple(searched)
    )
    rows = [
        _seeds_row(f"found configuration, in the search ({found.protocol})", found, measure),
        _seeds_row("found configuration, fresh seeds", comparison.found, measure),
        *(_seeds_row(entry_label(entry), entry, measure) for entry in comparison.presets),
    ]
    columns = ("network", "mean", "lowest", "spread", "score on each seed")
    return Table(columns, rows, numeric=frozenset(columns[1:-1]), best=1)


def _seeds_row(label: str, entry: Entry, measure: Measure) -> list[Cell]:
    return [
        Cell(label),
        Cell(measure.mean(entry)),
        Cell(measure.number(min(entry.scores))),
        Cell(measure.number(entry.spread)),
        Cell(", ".join(map(measure.number, entry.scores))),
    ]


def score_chart(comparison: Comparison, measure: Measure, width: int) -> Markup:
    """A dot for each seed and a bar at the mean, at the samples and between them."""
    entries = (comparison.found, *comparison.presets)
    elsewhere = measure.elsewhere.replace("them", "the samples")
    panels = {"at the samples": "samples", elsewhere: "between"}
    if not comparison.found.between:
        panels = {"": "scores"}
    is_beside = width >= WIDE and len(panels) > 1
    height = 84 + _ROW * len(entries)
    rows, columns = (1, len(panels)) if is_beside else (len(panels), 1)
    with new_figure(width, height * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for axes, (title, name) in zip(grid, panels.items(), strict=True):
            for row, entry in enumerate(entries):
                _draw_seeds(axes, row, getattr(entry, name), measure, is_found=row == 0)
            if name == "between" and not math.isnan(comparison.control):
                axes.axvline(comparison.control, color=WARM, lw=1.2, ls=(0, (4, 3)), zorder=1)
            _style(axes, title, measure.name, _labels(entries, width))
        return to_svg(figure, "scores of the found configuration and the presets")


def _labels(entries: Sequence[Entry], width: int) -> list[str]:
    """Names of the entries, on a telephone in two lines."""
    labels = [entry_label(entry) for entry in entries]
    return labels if width >= WIDE else [label.replace(", ", "\n", 1) for label in labels]


def _draw_seeds(
    axes: "Axes", row: int, scores: Sequence[float], measure: Measure, *, is_found: bool
) -> None:
    colour = ACCENT if is_found else MUTED
    finite = [score for score in scores if math.isfinite(score)]
    axes.axhline(row, color=LINE, lw=0.8, zorder=0)
    axes.scatter(finite, [row] * len(finite), s=52, color=colour, alpha=0.65, lw=0, zorder=3)
    diverged = len(scores) - len(finite)
    if diverged or not scores:
        text = f"diverged on {diverged} of {len(scores)}" if len(scores) > 1 else "diverged"
    else:
        mean = sum(scores) / len(scores)
        text = measure.number(mean)
        axes.plot([mean] * 2, [row - 0.26, row + 0.26], color=colour, lw=2.6, zorder=4)
    axes.annotate(
        text,
        (1, row),
        (8, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        color=ACCENT if is_found else INK,
        fontweight="bold" if is_found else "normal",
    )


def _style(axes: "Axes", title: str, metric_name: str, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.7)
    axes.set_title(title, pad=8)
    label_axes(axes, metric_name)
    axes.grid(False)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.06)
    for label in axes.get_yticklabels():
        label.set_color(INK)
        label.set_fontsize(FONT_SIZE - 2 if "\n" in label.get_text() else FONT_SIZE)
    if axes.get_yticklabels():
        axes.get_yticklabels()[0].set_fontweight("bold")
