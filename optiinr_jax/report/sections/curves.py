"""The learning curves of all trials, with the rungs at which most of them were paused."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from optiinr_jax.report.facts import Facts
from optiinr_jax.report.parts import WIDE, Chart, chart
from optiinr_jax.report.svg import ACCENT, INK, LINE, MUTED, WARM, label_axes, new_figure, to_svg
from optiinr_jax.studies import Trial
from optiinr_jax.studies.rungs import trainings_done

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Curves(NamedTuple):
    """How the trials learned.

    Attributes:
        steps: of the rungs; empty: every trial went to its end.
        num_paused: trials that stayed at a rung.
        trainings: steps of all trials, in whole trainings.
        best: number of the best trial.
    """

    steps: tuple[int, ...]
    num_paused: int
    trainings: str
    best: int
    chart: Chart


def make_curves(facts: Facts) -> Curves | None:
    """All learning curves; None where no trial kept one."""
    if not any(trial.curve or trial.rungs for trial in facts.trials):
        return None
    steps = sorted({step for trial in facts.trials for step in trial.rungs})
    return Curves(
        steps=tuple(steps),
        num_paused=sum(trial.state == "paused" for trial in facts.trials),
        trainings=f"{trainings_done(facts.trials, facts.settings.num_steps):.1f}",
        best=facts.winner.best_trial.number,
        chart=chart(lambda width: curves_chart(facts, steps, width)),
    )


def curves_chart(facts: Facts, steps: Sequence[int], width: int) -> Markup:
    """Score of the loss over the steps: paused trials end at their rung."""
    best = facts.winner.best_trial.number
    with new_figure(width, 300) as figure:
        axes = figure.add_subplot()
        for step in steps:
            axes.axvline(step, color=LINE, lw=1, ls=(0, (4, 3)), zorder=0)
        rest = [trial for trial in facts.trials if trial.number != best]
        paused = [trial for trial in rest if trial.state == "paused"]
        failed = [trial for trial in rest if trial.state == "failed"]
        _draw(axes, paused, "paused at a rung", color=MUTED, lw=0.9, marker=".")
        _draw(axes, failed, "failed", color=WARM, lw=0.9)
        _draw(axes, [t for t in rest if t.state == "complete"], "to the end", color=ACCENT, lw=1.1)
        _draw(axes, [facts.winner.best_trial], f"trial {best}, the best", color=INK, lw=2.0)
        axes.margins(x=0.01)
        label_axes(axes, "step", f"{facts.measure.name} of the loss")
        figure.legend(loc="outside upper left", ncols=4 if width >= WIDE else 2)
        return to_svg(figure, "learning curves of all trials")


def _draw(
    axes: "Axes",
    trials: Sequence[Trial],
    label: str,
    *,
    color: str,
    lw: float,
    marker: str | None = None,
) -> None:
    """One line a trial; a marker at its end where it was paused."""
    for i, trial in enumerate(trials):
        points = sorted((trial.curve | trial.rungs).items())
        if points:
            x, y = zip(*points, strict=True)
            places = None if marker is None else [len(x) - 1]
            axes.plot(
                x, y, color=color, lw=lw, marker=marker, markevery=places, label="" if i else label
            )
