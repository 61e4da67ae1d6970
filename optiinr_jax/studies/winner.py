"""Which configuration a search has found: one that holds from seed to seed.

The best of many trials is partly luck, and near divergence the next seed may fail. So the last
trials of a budget train the best configurations again, each from a seed of its own, and what is
found is the configuration with the best lower end: mean minus standard deviation over its trials.
"""

import json
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from optiinr_jax.bo.space import Point
from optiinr_jax.studies.trials import Origin, Trial, score_of

MOST_SEEDS = 3  # trials of one configuration; then the next best gets its turn


class Configuration(NamedTuple):
    """All trials of one point."""

    point: Point
    trials: tuple[Trial, ...]

    @property
    def scores(self) -> list[float]:
        """Scores of the trials that have one."""
        return [trial.score for trial in self.trials if trial.score is not None]

    @property
    def has_failed(self) -> bool:
        """Whether a trial of it failed, which disqualifies it."""
        return any(trial.state == "failed" for trial in self.trials)

    @property
    def mean(self) -> float:
        """Mean score."""
        return statistics.fmean(self.scores)

    @property
    def lower_end(self) -> float:
        """Mean minus standard deviation over seeds; the score of a single one."""
        scores = self.scores
        return self.mean - (statistics.stdev(scores) if len(scores) > 1 else 0.0)

    @property
    def best_trial(self) -> Trial:
        """The trial with the highest score."""
        return max(self.trials, key=score_of)


def configurations(trials: Sequence[Trial]) -> list[Configuration]:
    """The trials by point, in the order of the first of each."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(json.dumps(trial.point), []).append(trial)
    return [Configuration(group[0].point, tuple(group)) for group in groups.values()]


def find_winner(trials: Sequence[Trial]) -> Configuration | None:
    """The configuration with the best lower end; of several seeds, as soon as one has them.

    One failed trial disqualifies a configuration, unless no other has a score.
    """
    scored = [c for c in configurations(trials) if c.scores]
    sound = [c for c in scored if not c.has_failed] or scored
    confirmed = [c for c in sound if len(c.scores) > 1] or sound
    return max(confirmed, key=lambda c: c.lower_end, default=None)


def next_confirmation(trials: Sequence[Trial]) -> tuple[Point, Origin] | None:
    """The configuration to train again: the best mean of those with seeds left; None: no score.

    A trial that still runs counts as one of its seeds.
    """
    scored = [c for c in configurations(trials) if c.scores and not c.has_failed]
    if not scored:
        return None
    ranked = sorted(scored, key=lambda c: -c.mean)
    chosen = next((c for c in ranked if len(c.trials) < MOST_SEEDS), ranked[0])
    return chosen.point, Origin("confirmation", f"trial {chosen.trials[0].number} again")
