"""The search over its trials: every score and the best so far, against random search and presets.

No trial is spent on the comparison with random search. The space-filling part of the initial design
is a random draw, and of m draws the expected best of n <= m follows exactly; beyond m nothing is
known, so nothing is drawn. A second study of the same signal shows its own course.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from optiinr_jax.report.facts import Course, Facts
from optiinr_jax.report.parts import WIDE, Chart, chart
from optiinr_jax.report.svg import (
    ACCENT,
    BAND,
    INK,
    MUTED,
    WARM,
    label_axes,
    new_figure,
    to_svg,
)
from optiinr_jax.studies import Trial
from optiinr_jax.studies.strategies import num_tied
from optiinr_jax.studies.trials import score_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[int, float]  # number and score of a trial


class Search(NamedTuple):
    """How the search went.

    Attributes:
        num_failed: trials without a score.
        best: number of the best trial of the found configuration.
        confirmed: numbers of all its trials, where there are several.
        strategy: what proposed.
        num_tied: first trials whose layers all have the same values; 0: none.
        num_drawn: space-filling trials that random search is estimated from; below 2: too few.
        num_confirmations: trials that trained a good configuration again.
        against: another search that is drawn beside; None: none.
    """

    num_trials: int
    num_failed: int
    best: int
    confirmed: tuple[int, ...]
    strategy: str
    num_tied: int
    num_drawn: int
    num_confirmations: int
    against: Course | None
    chart: Chart


def make_search(facts: Facts) -> Search:
    """Scores over the trials, beside random search and another study."""
    trials = facts.trials
    confirmed = tuple(trial.number for trial in facts.winner.trials)
    return Search(
        num_trials=len(trials),
        num_failed=sum(trial.state == "failed" for trial in trials),
        best=facts.winner.best_trial.number,
        confirmed=confirmed if len(confirmed) > 1 else (),
        strategy=facts.settings.strategy,
        num_tied=num_tied(facts.space, facts.settings),
        num_drawn=len(random_scores(trials)),
        num_confirmations=sum(trial.origin.kind == "confirmation" for trial in trials),
        against=facts.against,
        chart=chart(lambda width: trial_chart(facts, width)),
    )


def random_scores(trials: Sequence[Trial]) -> list[float]:
    """Scores of the trials that the initial design drew; one without a score has the worst."""
    drawn = [t for t in trials if t.origin.kind == "design" and t.is_ended]
    worst = min((t.score for t in drawn if t.score is not None), default=None)
    return [] if worst is None else [max(score_of(trial), worst) for trial in drawn]


def expected_best(scores: Sequence[float]) -> Float[np.ndarray, " m"]:
    """Expected best of 1, 2, ... m draws, when the m scores are independent draws; unbiased.

    It is the mean of the best over all subsets of n scores (David and Nagaraja, Order Statistics).

    >>> expected_best([1.0, 4.0, 2.0]).round(2).tolist()
    [2.33, 3.33, 4.0]
    """
    m, ordered = len(scores), np.sort(scores)
    counts = [[math.comb(i, n) / math.comb(m, n + 1) for i in range(m)] for n in range(m)]
    return np.array(counts).reshape(m, m) @ ordered


def best_so_far(trials: Sequence[Trial]) -> Float[np.ndarray, " n"]:
    """The best score of the first trials, from the first one with a score on; nan before."""
    best = np.maximum.accumulate([score_of(trial) for trial in trials])
    return np.where(np.isfinite(best), best, np.nan)


def trial_chart(facts: Facts, width: int) -> Markup:
    """All scores over the trials, with the best so far; failed trials lie on the bottom."""
    is_wide, trials = width >= WIDE, facts.trials
    last = max((trial.number for trial in trials), default=0)
    with new_figure(width, 360 if is_wide else 350) as figure:
        axes = figure.add_subplot()
        end = min(facts.settings.num_initial, last + 1) - 0.5
        axes.axvspan(-0.5, end, color=BAND, lw=0, zorder=0, label="initial design")
        _draw_trials(axes, trials)
        _draw_rivals(axes, trials, facts.against, last)
        _draw_best(axes, trials, facts.winner.best_trial, last)
        axes.set_xlim(-0.5, last + 0.5)
        axes.margins(y=0.09)
        axes.locator_params(axis="x", integer=True)
        label_axes(axes, "trial", facts.measure.name)
        figure.legend(loc="outside upper left", ncols=5 if is_wide else 2)
        return to_svg(figure, "score of every trial and the best so far")


def _draw_trials(axes: "Axes", trials: Sequence[Trial]) -> None:
    """A mark for each trial, by where its point came from; failed ones lie on the bottom."""
    scored = [trial for trial in trials if trial.score is not None]
    published = [t for t in scored if t.origin.kind == "published"]
    confirmations = [t for t in scored if t.origin.kind == "confirmation"]
    others = [t for t in scored if t.origin.kind not in ("published", "confirmation")]
    _scatter(axes, published, "published network", marker="D", color=WARM, s=40, lw=0)
    _scatter(axes, others, "trial", marker="o", color=ACCENT, alpha=0.6, s=42, lw=0)
    style = {"marker": "s", "fc": "none", "ec": ACCENT, "s": 34, "lw": 1.4}
    _scatter(axes, confirmations, "another seed", **style)
    if failed := [trial.number for trial in trials if trial.state == "failed"]:
        bottom, height = axes.get_xaxis_transform(), [0.035] * len(failed)
        axes.plot(failed, height, "x", color=WARM, mew=2, transform=bottom, label="failed")


def _scatter(axes: "Axes", trials: Sequence[Trial], label: str, **style: Any) -> None:
    if trials:
        x, y = [trial.number for trial in trials], [score_of(trial) for trial in trials]
        axes.scatter(x, y, label=label, zorder=3, **style)


def _draw_rivals(axes: "Axes", trials: Sequence[Trial], against: Course | None, last: int) -> None:
    """The best published network, random search as far as it is known, and another search."""
    published = [
        score_of(t) for t in trials if t.origin.kind == "published" and t.score is not None
    ]
    if published:
        style = {"lw": 1, "ls": (0, (4, 3)), "zorder": 1}
        axes.axhline(max(published), color=WARM, label="best published", **style)
    random = expected_best(random_scores(trials))
    if len(random) > 1:
        style = {"lw": 2, "ls": (0, (1, 1.5)), "zorder": 4}
        axes.plot(random, color=MUTED, label="random, expected", **style)
    if against is not None:
        rival = best_so_far(against.trials[: last + 1])
        label = f"other: {against.strategy}"
        axes.step(np.arange(len(rival)), rival, where="post", color=MUTED, label=label)


def _draw_best(axes: "Axes", trials: Sequence[Trial], best: Trial, last: int) -> None:
    """The best score so far as steps, and a ring around the best trial of what was found."""
    scores = best_so_far(trials)
    steps = [*(trial.number for trial in trials), last + 0.5], [*scores, scores[-1]]
    axes.step(*steps, where="post", color=INK, label="best so far", zorder=2)
    axes.scatter(best.number, score_of(best), s=110, fc="none", ec=INK, lw=1.6, zorder=5)
