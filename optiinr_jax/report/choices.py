"""Which choices mattered: the surrogate's answer, and all trials as lines over their choices."""

from collections.abc import Sequence

import numpy as np

from optiinr_jax.bo import Choice, Space
from optiinr_jax.bo.surrogate import Importance
from optiinr_jax.report.figures import WIDE
from optiinr_jax.report.markup import chart, paragraph, section
from optiinr_jax.report.svg import ACCENT, INK, LINE, MUTED, TINT, label_axes, new_figure, to_svg
from optiinr_jax.report.words import family_label, number_label
from optiinr_jax.studies import Study, Trial
from optiinr_jax.studies.explanation import Explanation, Slice, explain

NUM_BARS = 12
_ROW = 26  # pixels of a bar
_SLICES_IN_A_ROW = 3


def choices_section(study: Study) -> str:
    """Importance, slices and parallel coordinates; what cannot be told yet is left out."""
    trials = [trial for trial in study.trials if trial.score is not None]
    told = explain(study)
    parts = [_explained(told, study.signal.metric_name)] if told else []
    if len(trials) > 1:
        metric = study.signal.metric_name
        draw = lambda width: parallel_coordinates(trials, study.space, metric, width)  # noqa: E731
        parts += [
            "<h3>Every trial over its choices</h3>\n",
            paragraph("One line is one trial; the darkest ones are the best tenth."),
            chart(draw),
        ]
    return section("Which choices mattered", *parts) if parts else ""


def _explained(told: Explanation, metric_name: str) -> str:
    lead = (
        f"By the search's own surrogate, fitted to {told.num_trials} trials: the part of the "
        "variation of the score over the whole space that is lost when one choice alone is drawn "
        "anew; the whiskers hold 80 % of what the surrogate deems possible. With few trials they "
        "are wide, and the order means little where they overlap."
    )
    slices = (
        "The expected score along the choices that matter most, all others as in the best trial, "
        "with one standard deviation; the ring is the best trial."
    )
    rows = told.importances[:NUM_BARS]
    return "".join(
        [
            paragraph(lead),
            chart(lambda width: importance_chart(rows, width)),
            "<h3>Along the best trial</h3>\n" if told.slices else "",
            paragraph(slices) if told.slices else "",
            chart(lambda width: slice_charts(told.slices, metric_name, width))
            if told.slices
            else "",
        ]
    )


def choice_label(name: str) -> str:
    """A name of a space in words.

    >>> choice_label("omega_2_finer"), choice_label("learning_rate_1"), choice_label("encoding")
    ('layer 2: omega (FINER)', 'layer 1: learning rate', 'encoding')
    """
    words, layer, family = [], "", ""
    for word in name.split("_"):
        if word.isdigit() and not layer:
            layer = f"layer {word}: "
        elif layer:
            family = f"{family}_{word}" if family else word
        else:
            words.append(word)
    return layer + " ".join(words) + (f" ({family_label(family)})" if family else "")


def option_label(name: str, option: object) -> str:
    """An option of a choice; families as papers print them.

    >>> option_label("activation_1", "finer"), option_label("encoding", "none")
    ('FINER', 'none')
    """
    return family_label(str(option)) if name.startswith("activation_") else str(option)


def importance_chart(rows: Sequence[Importance], width: int) -> str:
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


def slice_charts(slices: Sequence[Slice], metric_name: str, width: int) -> str:
    """The expected score along each name."""
    columns = _SLICES_IN_A_ROW if width >= WIDE else 1
    rows = -(-len(slices) // columns)
    with new_figure(width, 210 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes in grid.ravel()[len(slices) :]:
            axes.set_visible(False)
        for i, (part, axes) in enumerate(zip(slices, grid.ravel(), strict=False)):
            is_choice = isinstance(part.values[0], str)
            x = np.arange(len(part.values)) if is_choice else np.asarray(part.values, float)
            if is_choice:
                error = [part.mean - part.low, part.high - part.mean]
                axes.errorbar(x, part.mean, error, fmt="o", color=ACCENT, ecolor=TINT, elinewidth=6)
                axes.set_xticks(x, [option_label(part.name, value) for value in part.values])
                axes.set_xlim(-0.5, len(x) - 0.5)
                place = part.values.index(part.best)
            else:
                axes.fill_between(x, part.low, part.high, color=TINT, lw=0)
                axes.plot(x, part.mean, color=ACCENT)
                place = int(np.argmin(np.abs(x - float(part.best))))
                if part.is_log:
                    axes.set_xscale("log")
                    axes.minorticks_off()
                axes.margins(x=0.0)
            axes.scatter(x[place], part.mean[place], s=80, fc="none", ec=INK, lw=1.6, zorder=5)
            axes.set_title(choice_label(part.name), pad=8)
            label_axes(axes, "", metric_name if i % columns == 0 else "")
        return to_svg(figure, "expected score along the most important choices")


def parallel_coordinates(
    trials: Sequence[Trial], space: Space, metric_name: str, width: int
) -> str:
    """One axis for each choice that every trial has, the score on the last one."""
    always = [name for name in space.dimensions if all(name in t.point for t in trials)]
    if width < WIDE:  # a telephone has room for the families alone
        always = [name for name in always if isinstance(space.dimensions[name], Choice)]
    scores = np.array([trial.score for trial in trials], float)
    spread = float(np.ptp(scores)) or 1.0
    order = np.argsort(scores)
    jitter = np.random.default_rng(0).uniform(-0.02, 0.02, (len(trials), len(always)))
    with new_figure(width, 320) as figure:
        axes = figure.add_subplot()
        for rank, i in enumerate(order):
            heights = [_height(space, name, trials[i].point[name]) for name in always]
            heights = [*(np.array(heights) + jitter[i]), (scores[i] - scores.min()) / spread]
            is_best = rank >= 0.9 * len(order) - 1e-9 or rank == len(order) - 1
            axes.plot(
                heights,
                color=ACCENT if is_best else MUTED,
                alpha=0.9 if is_best else 0.25,
                lw=1.8 if is_best else 0.9,
                zorder=3 if is_best else 2,
            )
        for place, name in enumerate(always):
            axes.axvline(place, color=LINE, lw=0.8, zorder=1)
            _label_axis(axes, place, space, name)
        axes.axvline(len(always), color=INK, lw=0.8)
        for height, score in ((0.0, scores.min()), (1.0, scores.max())):
            axes.text(len(always) + 0.06, height, f"{score:.1f}", va="center", color=INK)
        axes.set_xticks(
            range(len(always) + 1), [*(_axis_name(name) for name in always), metric_name]
        )
        axes.set_yticks([])
        axes.set_xlim(-0.1, len(always) + 0.5)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return to_svg(figure, "choices and score of every trial")


def _axis_name(name: str) -> str:
    return choice_label(name).replace(": ", "\n").replace("learning rate", "rate")


def _height(space: Space, name: str, value) -> float:
    dimension = space.dimensions[name]
    if isinstance(dimension, Choice):
        return dimension.options.index(value) / max(len(dimension.options) - 1, 1)
    return dimension.to_unit(value)


def _label_axis(axes, place: int, space: Space, name: str) -> None:
    dimension = space.dimensions[name]
    style = {"fontsize": 9, "color": MUTED, "va": "center", "zorder": 4}
    if isinstance(dimension, Choice):
        for option in dimension.options:
            height = _height(space, name, option)
            axes.text(place + 0.04, height, option_label(name, option), **style)
    else:
        for unit in (0.0, 1.0):
            axes.text(place + 0.04, unit, number_label(dimension.from_unit(unit)), **style)
