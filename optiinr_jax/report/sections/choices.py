"""Which choices mattered: the surrogate's answer, and all trials as lines over their choices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from markupsafe import Markup

from optiinr_jax.bo import Choice, Space
from optiinr_jax.bo.surrogate import Importance
from optiinr_jax.report.facts import Facts
from optiinr_jax.report.labels import Measure, family_label, number_label
from optiinr_jax.report.parts import WIDE, Chart, chart
from optiinr_jax.report.svg import ACCENT, INK, LINE, MUTED, TINT, label_axes, new_figure, to_svg
from optiinr_jax.studies import Trial
from optiinr_jax.studies.explanation import Slice
from optiinr_jax.studies.points import split_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUM_BARS = 12
_ROW = 26  # pixels of a bar
_SLICES_IN_A_ROW = 3


class Choices(NamedTuple):
    """What the trials tell about the choices; a chart that cannot be drawn yet is None.

    Attributes:
        num_trials: those that the surrogate was fitted to.
        importance: how much each choice mattered.
        slices: expected score along the choices that mattered most.
        parallel: every trial as a line.
    """

    num_trials: int
    importance: Chart | None
    slices: Chart | None
    parallel: Chart


def make_choices(facts: Facts) -> Choices | None:
    """Importance, slices and parallel coordinates; None with fewer than two scores."""
    trials = [trial for trial in facts.trials if trial.score is not None]
    if len(trials) < 2:
        return None
    told, measure = facts.explanation, facts.measure
    importance = slices = None
    if told is not None:
        rows = told.importances[:NUM_BARS]
        importance = chart(lambda width: importance_chart(rows, width))
    if told is not None and told.slices:
        slices = chart(lambda width: slice_charts(told.slices, measure.name, width))
    return Choices(
        num_trials=0 if told is None else told.num_trials,
        importance=importance,
        slices=slices,
        parallel=chart(lambda width: parallel_coordinates(trials, facts.space, measure, width)),
    )


def choice_label(name: str) -> str:
    """A name of a space in words.

    >>> choice_label("omega_2_finer"), choice_label("learning_rate_1"), choice_label("encoding")
    ('layer 2: omega (FINER)', 'layer 1: learning rate', 'encoding')
    """
    number, layer, family = split_name(name)
    start = f"layer {layer}: " if layer else ""
    end = f" ({family_label(family)})" if family else ""
    return start + number.replace("_", " ") + end


def option_label(name: str, option: object) -> str:
    """An option of a choice; families as papers print them.

    >>> option_label("activation_1", "finer"), option_label("encoding", "none")
    ('FINER', 'none')
    """
    return family_label(str(option)) if name.startswith("activation_") else str(option)


def importance_chart(rows: Sequence[Importance], width: int) -> Markup:
    """Bars with whiskers, the most important name on top."""
    with new_figure(width, 60 + _ROW * len(rows)) as figure:
        axes = figure.add_subplot()
        for i, row in enumerate(rows):
            axes.barh(i, row.median, height=0.6, color=TINT, lw=0)
            axes.plot([row.low, row.high], [i, i], color=ACCENT, lw=1.6)
        axes.set_yticks(range(len(rows)), [choice_label(row.name) for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(left=0.0)
        label_axes(axes, "part of the variation")
        axes.grid(False)
        axes.grid(axis="x")
        for label in axes.get_yticklabels():
            label.set_color(INK)
        return to_svg(figure, "importance of the choices")


def slice_charts(slices: Sequence[Slice], metric_name: str, width: int) -> Markup:
    """The expected score along each name."""
    columns = _SLICES_IN_A_ROW if width >= WIDE else 1
    rows = -(-len(slices) // columns)
    with new_figure(width, 210 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes in grid.ravel()[len(slices) :]:
            axes.set_visible(False)
        for i, (part, axes) in enumerate(zip(slices, grid.ravel(), strict=False)):
            _draw_slice(axes, part)
            axes.set_title(choice_label(part.name), pad=8)
            label_axes(axes, "", metric_name if i % columns == 0 else "")
        return to_svg(figure, "expected score along the most important choices")


def _draw_slice(axes: "Axes", part: Slice) -> None:
    """Mean and one standard deviation; a ring at the value of the best trial."""
    if isinstance(part.values[0], str):
        x, place = np.arange(len(part.values)), part.values.index(part.best)
        error = [part.mean - part.low, part.high - part.mean]
        axes.errorbar(x, part.mean, error, fmt="o", color=ACCENT, ecolor=TINT, elinewidth=6)
        axes.set_xticks(x, [option_label(part.name, value) for value in part.values])
        axes.set_xlim(-0.5, len(x) - 0.5)
    else:
        x = np.asarray(part.values, float)
        place = int(np.argmin(np.abs(x - float(part.best))))
        axes.fill_between(x, part.low, part.high, color=TINT, lw=0)
        axes.plot(x, part.mean, color=ACCENT)
        if part.is_log:
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.margins(x=0.0)
    axes.scatter(x[place], part.mean[place], s=80, fc="none", ec=INK, lw=1.6, zorder=5)


def parallel_coordinates(
    trials: Sequence[Trial], space: Space, measure: Measure, width: int
) -> Markup:
    """One axis for each choice that every trial has, the score on the last one."""
    always = [name for name in space.dimensions if all(name in t.point for t in trials)]
    if width < WIDE:  # a telephone has room for the families alone
        always = [name for name in always if isinstance(space.dimensions[name], Choice)]
    scores = np.array([trial.score for trial in trials], float)
    with new_figure(width, 320) as figure:
        axes = figure.add_subplot()
        _draw_lines(axes, [[_height(space, n, t.point[n]) for n in always] for t in trials], scores)
        for place, name in enumerate(always):
            axes.axvline(place, color=LINE, lw=0.8, zorder=1)
            _label_axis(axes, place, space, name)
        axes.axvline(len(always), color=INK, lw=0.8)
        for height, score in ((0.0, scores.min()), (1.0, scores.max())):
            text = measure.number(float(score))
            axes.text(len(always) + 0.06, height, text, va="center", color=INK)
        names = [*map(_axis_name, always), measure.name.replace(" ", "\n")]
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks([])
        axes.set_xlim(-0.1, len(always) + 0.5)
        axes.set_ylim(-0.04, 1.04)  # of equal scores too, whose lines take no height
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return to_svg(figure, "choices and score of every trial")


def _draw_lines(axes: "Axes", heights: list[list[float]], scores: np.ndarray) -> None:
    """A line for each trial, a little moved so that equal ones are told apart."""
    spread = float(np.ptp(scores)) or 1.0
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, (len(scores), len(heights[0])))
    order = np.argsort(scores)
    for rank, i in enumerate(order):
        is_best = rank >= 0.9 * len(order) - 1e-9 or rank == len(order) - 1
        axes.plot(
            [*(np.array(heights[i]) + jitter[i]), (scores[i] - scores.min()) / spread],
            color=ACCENT if is_best else MUTED,
            alpha=0.9 if is_best else 0.25,
            lw=1.8 if is_best else 0.9,
            zorder=3 if is_best else 2,
        )


def _axis_name(name: str) -> str:
    """A name short enough to stand beside those of other axes."""
    label = choice_label(name).replace(": ", "\n").replace("learning rate", "rate")
    return label.replace("activation", "family")


def _height(space: Space, name: str, value: Any) -> float:
    dimension = space.dimensions[name]
    if isinstance(dimension, Choice):
        return dimension.options.index(value) / max(len(dimension.options) - 1, 1)
    return dimension.to_unit(value)


def _label_axis(axes: "Axes", place: int, space: Space, name: str) -> None:
    dimension = space.dimensions[name]
    style: dict[str, Any] = {"fontsize": 9, "color": MUTED, "va": "center", "zorder": 4}
    if isinstance(dimension, Choice):
        for option in dimension.options:
            height = _height(space, name, option)
            axes.text(place + 0.04, height, option_label(name, option), **style)
    else:
        for unit in (0.0, 1.0):
            axes.text(place + 0.04, unit, number_label(dimension.from_unit(unit)), **style)
