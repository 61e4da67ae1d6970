"""What a study's surrogate has learned: which choices mattered, and how the score depends on them.

The model of `bo.surrogate`, fitted to all trials of a study once more, and asked.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from optiinr_jax.bo import Choice, Space
from optiinr_jax.bo.surrogate import MAX_POINTS, Importance, fit_surrogate
from optiinr_jax.studies.study import Study

MIN_TRIALS = 10  # with fewer there is nothing to say
NUM_SLICE = 41


class Slice(NamedTuple):
    """The score along one name, all others as in the best trial.

    Attributes:
        values: of the name; options of a choice.
        mean: expected score, by the surrogate.
        low: one standard deviation below.
        high: one above.
        best: value in the best trial.
    """

    name: str
    values: list[Any]
    mean: Float[np.ndarray, " m"]
    low: Float[np.ndarray, " m"]
    high: Float[np.ndarray, " m"]
    best: Any
    is_log: bool


class Explanation(NamedTuple):
    """What the surrogate says; most important names first."""

    importances: list[Importance]
    slices: list[Slice]
    num_trials: int


def explain(study: Study, num_slices: int = 6) -> Explanation | None:
    """Ask the surrogate of a study; None where there are too few trials with different scores."""
    space = study.space
    trials = [t for t in study.trials if t.score is not None and math.isfinite(t.score)]
    trials = [t for t in trials if set(t.point) == set(space.active(t.point))]
    scores = [trial.score for trial in trials if trial.score is not None]
    if not MIN_TRIALS <= len(trials) <= MAX_POINTS or min(scores) == max(scores):
        return None
    best = study.best_trial.point
    surrogate = fit_surrogate(space, [trial.point for trial in trials], scores)
    importances = surrogate.importances()
    shown = [row.name for row in importances if row.name in best][:num_slices]
    values_of = {name: _along(space, name) for name in shown}
    mean, sd = surrogate.predict([best | {n: v} for n in shown for v in values_of[n]])
    ends = np.cumsum([len(values) for values in values_of.values()])[:-1]
    bounds = [np.split(surrogate.to_scores(mean + k * sd), ends) for k in (-1.0, 0.0, 1.0)]
    slices = [
        Slice(
            name=name,
            values=values_of[name],
            mean=middle,
            low=low,
            high=high,
            best=best[name],
            is_log=bool(getattr(space.dimensions[name], "log", False)),
        )
        for name, low, middle, high in zip(shown, *bounds, strict=True)
    ]
    return Explanation(importances, slices, len(trials))


def _along(space: Space, name: str) -> list[Any]:
    dimension = space.dimensions[name]
    if isinstance(dimension, Choice):
        return list(dimension.options)[:NUM_SLICE]
    return [dimension.from_unit(unit) for unit in np.linspace(0.0, 1.0, NUM_SLICE)]
