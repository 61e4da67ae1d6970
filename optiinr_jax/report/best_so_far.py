"""The search over its trials: every score and the best so far, against random search and presets.

No trial is spent on the comparison with random search. The space-filling part of the initial design
is a random draw, and of m draws the expected best of n <= m follows exactly; beyond m nothing is
known, so nothing is drawn. A second study of the same signal shows its own course.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from optiinr_jax.report.figures import WIDE
from optiinr_jax.report.markup import chart, paragraph, section
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
from optiinr_jax.studies import Study, StudyError, Trial
from optiinr_jax.studies.settings import digest
from optiinr_jax.studies.strategies import num_tied as count_tied
from optiinr_jax.studies.trials import score_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[int, float]  # number and score of a trial
ALIKE = ("objective", "num_steps", "width", "depth")  # settings that scores depend on


def search_section(study: Study, against: Study | None = None) -> str:
    """Scores over the trials; `against`: another study, whose best so far is drawn beside.

    Raises:
        StudyError: the other study's scores mean something else.
    """
    if against is not None:
        check_against(study, against)
    trials, drawn = study.trials, random_scores(study)
    failed = sum(trial.state == "failed" for trial in trials)
    text = (
        f"{len(trials)} trials"
        + (f", {failed} of them failed" if failed else "")
        + "; the ring is "
        f"the best, trial {study.best_trial.number}. The published networks come first; after "
        f"the shaded initial design the strategy {study.settings.strategy} proposes."
    )
    num_tied = count_tied(study.space, study.settings)
    if num_tied:
        text += (
            f" All layers have the same values before trial {num_tied}, their own from there on."
        )
    if len(drawn) > 1:
        where = ", with the same values in all layers" if num_tied else ""
        text += (
            f" The dotted line is random search{where}: the expected best of as many draws, from "
            f"the {len(drawn)} space-filling trials of the design, so it ends there."
        )
    if against is not None:
        name, strategy = against.name, against.settings.strategy
        text += f" The grey line is another search of this signal: {name}, strategy {strategy}."

    def draw(width: int) -> str:
        return trial_chart(study, width, against)

    return section("The search", paragraph(text), chart(draw))


def check_against(study: Study, other: Study) -> None:
    """Raise StudyError where a score of one study says nothing about the other."""
    ours, theirs = study.settings.to_json(), other.settings.to_json()
    differ = [name for name in ALIKE if ours[name] != theirs[name]]
    differ += ["signal"] if digest(study.signal) != digest(other.signal) else []
    if differ:
        raise StudyError(
            f"study {other.name!r} has another {', '.join(sorted(differ))} than {study.name!r}, so "
            "their scores do not compare; name a search of the same signal with the same options."
        )


def random_scores(study: Study) -> list[float]:
    """Scores of the trials that the initial design drew; one without a score has the worst."""
    drawn = [t for t in study.trials if t.origin.kind == "design" and t.is_ended]
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


def trial_chart(study: Study, width: int, against: Study | None = None) -> str:
    """All scores over the trials, with the best so far; failed trials lie on the bottom."""
    is_wide, trials = width >= WIDE, study.trials
    last = max((trial.number for trial in trials), default=0)
    scored = [(t.number, t.score) for t in trials if t.score is not None]
    published = {t.number for t in trials if t.origin.kind == "published"}
    presets = [point for point in scored if point[0] in published]
    others = [point for point in scored if point[0] not in published]
    with new_figure(width, 360 if is_wide else 350) as figure:
        axes = figure.add_subplot()
        end = min(study.settings.num_initial, last + 1) - 0.5
        axes.axvspan(-0.5, end, color=BAND, lw=0, zorder=0, label="initial design")
        _draw_trials(axes, presets, "published network", marker="D", color=WARM, s=40)
        _draw_trials(axes, others, "trial", marker="o", color=ACCENT, alpha=0.6, s=42)
        _draw_failed(axes, [trial.number for trial in trials if trial.state == "failed"])
        if presets:
            best, style = max(score for _, score in presets), {"lw": 1, "ls": (0, (4, 3))}
            axes.axhline(best, color=WARM, label="best published", zorder=1, **style)
        random = expected_best(random_scores(study))
        if len(random) > 1:
            style = {"lw": 2, "ls": (0, (1, 1.5)), "zorder": 4}
            axes.plot(random, color=MUTED, label="random, expected", **style)
        if against is not None:
            rival = best_so_far(against.trials[: last + 1])
            label = f"other: {against.settings.strategy}"
            axes.step(np.arange(len(rival)), rival, where="post", color=MUTED, label=label)
        if scored:
            _draw_best(axes, scored, last)
        axes.set_xlim(-0.5, last + 0.5)
        axes.margins(y=0.09)
        axes.locator_params(axis="x", integer=True)
        label_axes(axes, "trial", study.signal.metric_name)
        figure.legend(loc="outside upper left", ncols=5 if is_wide else 2)
        return to_svg(figure, "score of every trial and the best so far")


def _draw_trials(axes: "Axes", points: Sequence[Point], label: str, **style: Any) -> None:
    if points:
        axes.scatter(*zip(*points, strict=True), label=label, lw=0, zorder=3, **style)


def _draw_failed(axes: "Axes", numbers: Sequence[int]) -> None:
    if numbers:
        bottom = axes.get_xaxis_transform()
        height = [0.035] * len(numbers)
        axes.plot(numbers, height, "x", color=WARM, mew=2, transform=bottom, label="failed")


def _draw_best(axes: "Axes", scored: Sequence[Point], last: int) -> None:
    """The best score so far as steps, and a ring around the best trial."""
    numbers, scores = zip(*scored, strict=True)
    best = np.maximum.accumulate(scores)
    steps = [*numbers, last + 0.5], [*best, best[-1]]
    axes.step(*steps, where="post", color=INK, label="best so far", zorder=2)
    ring = numbers[int(np.argmax(scores))]
    axes.scatter(ring, best[-1], s=110, fc="none", ec=INK, lw=1.6, zorder=5)
