"""Score against cost: all trials, the front of those that none betters, and the usual formats."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from optiinr_jax.report.facts import Facts
from optiinr_jax.report.parts import WIDE, Cell, Chart, Table, chart
from optiinr_jax.report.svg import ACCENT, INK, MUTED, label_axes, label_log, new_figure, to_svg
from optiinr_jax.studies.objectives import COSTS, front_of
from optiinr_jax.studies.points import describe_point
from optiinr_jax.studies.trials import Trial, score_of


class Front(NamedTuple):
    """What the front has.

    Attributes:
        num_trials: those with a score and a cost.
        costs: what the objectives beside the score are, in words.
        formats: name and bytes of the signal in the usual formats; none where bytes do not count.
    """

    num_trials: int
    costs: str
    formats: tuple[tuple[str, int], ...]
    chart: Chart
    table: Table


def make_front(facts: Facts) -> Front | None:
    """The front of a search with several objectives; None: it has one."""
    objectives = facts.settings.objectives
    if not objectives:
        return None
    costs = [name for name in objectives if name in COSTS]
    front = front_of(facts.trials, objectives)
    known = [t for t in facts.trials if t.score is not None and costs[0] in t.facts]
    formats = ()
    if costs[0] == "num_bytes":
        sizes = facts.inr.sizes(facts.signal)
        formats = tuple((name, num) for name, num in sizes.items() if name != "model file")
    return Front(
        num_trials=len(known),
        costs=" and ".join(COSTS[name].label for name in costs),
        formats=formats,
        chart=chart(lambda width: _draw(facts, known, front, costs[0], formats, width)),
        table=_table(facts, front, costs),
    )


def _draw(
    facts: Facts,
    known: Sequence[Trial],
    front: Sequence[Trial],
    cost: str,
    formats: Sequence[tuple[str, int]],
    width: int,
) -> Markup:
    with new_figure(width, 360) as figure:
        axes = figure.add_subplot()
        for (name, num), dashes in zip(formats, ((1, 2), (4, 3)), strict=False):
            axes.axvline(num, color=MUTED, lw=1.2, ls=(0, dashes), label=name)
        others = [trial for trial in known if trial not in front]
        for trials, colour, label in ((others, ACCENT, "trial"), (front, INK, "on the front")):
            if trials:
                places = [t.facts[cost] for t in trials], [score_of(t) for t in trials]
                axes.scatter(*places, color=colour, s=42, lw=0, label=label, zorder=3)
        best = [t.facts[cost] for t in front], [score_of(t) for t in front]
        axes.step(*best, where="post", color=INK, lw=1.2)  # the best at a cost or below
        label_log(axes, lambda value: f"{value:,.0f}", "x")
        label_axes(axes, COSTS[cost].label, facts.measure.name)
        figure.legend(loc="outside upper left", ncols=4 if width >= WIDE else 2)
        return to_svg(figure, f"score of every trial against {COSTS[cost].label}")


def _table(facts: Facts, front: Sequence[Trial], costs: Sequence[str]) -> Table:
    columns = ["trial", facts.measure.name, *(COSTS[name].label for name in costs), "network"]
    rows = [
        [
            Cell(str(trial.number), trial.number),
            Cell(facts.measure.number(trial.score), trial.score),
            *(Cell(f"{trial.facts[name]:,.0f}", trial.facts[name]) for name in costs),
            Cell(describe_point(trial.point)),
        ]
        for trial in front
    ]
    return Table(columns, rows, numeric=frozenset(columns[:-1]))
