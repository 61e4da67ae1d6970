"""Rungs: most trials of a search are paused early, and the best of them go on to the end.

A rung is a step at which a training pauses. Trials come in rounds: all of a round are trained to
the first rung; then the best third of them, and of those that earlier rounds left there, goes on to
the next, and so on to the end (successive halving: Jamieson and Talwalkar 2016). What goes on
follows from stored scores alone, so a study has the same trials whoever runs them. A trial that
does not go on stays paused: a later round may still take it up, from where it is.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.cost import pause_step
from optiinr_jax.signals import Signal
from optiinr_jax.studies.trials import Trial

PART = 3  # one of so many goes on
_WINDOW = 20  # a rung's score is that of the mean loss of this part of the run before it
_PRIOR_PAIRS = 3.0  # so many trials with a slope of 1 stand behind every prediction


def rung_steps(
    shares: Sequence[float], config: NetworkConfig, signal: Signal, num_steps: int
) -> tuple[int, ...]:
    """Steps of the rungs of a search; fewer than shares where the run is short.

    Args:
        shares: of a run.
        config: of any trial; what their chunks depend on they have in common.
    """
    size = (config, signal.num_points, signal.num_channels, num_steps)
    steps = {pause_step(*size, share) for share in shares}
    return tuple(sorted(step for step in steps if step < num_steps))


def round_size(num_rungs: int, batch_size: int) -> int:
    """Trials of a round: so many that one of them goes through all rungs, or a batch."""
    return max(batch_size, PART**num_rungs if num_rungs else 1)


class Plan(NamedTuple):
    """What the scores so far ask for.

    Attributes:
        targets: number of a trial -> the rung, from 0, that it is to reach; the one after the last
            is the end.
        num_decided: rounds of which every trial is where it stays until a later round.
    """

    targets: dict[int, int]
    num_decided: int

    def is_due(self, trial: Trial) -> bool:
        """Whether a trial is paused and to go on."""
        return trial.state == "paused" and self.targets.get(trial.number, -1) >= len(trial.rungs)


def make_plan(
    trials: Sequence[Trial],
    num_rungs: int,
    round_size: int,
    num_search: int | None,
    is_kept: Callable[[Trial], bool],
) -> Plan:
    """Replay the rounds from the scores at the rungs, up to where one of them is missing.

    Args:
        trials: those that have begun.
        num_rungs: of the search, the end not counted.
        round_size: trials of a round.
        num_search: trials that belong to rounds, the first ones; None: all, the last round is open.
        is_kept: whether a trial goes to the end whatever its scores are.
    """
    known = {trial.number: trial for trial in trials}
    targets: dict[int, int] = {}
    waiting: list[list[Trial]] = [[] for _ in range(num_rungs)]
    num_decided = 0
    while num_search is None or num_decided * round_size < num_search:
        end = (num_decided + 1) * round_size
        end = end if num_search is None else min(end, num_search)
        numbers = range(num_decided * round_size, end)
        targets |= {n: 0 for n in numbers if n in known}
        if not all(n in known and _has_passed(known[n], 0) for n in numbers):
            return Plan(targets, num_decided)
        entering = [known[n] for n in numbers if known[n].rungs]
        for level in range(num_rungs):
            kept = [trial for trial in entering if is_kept(trial)]
            waiting[level] += [trial for trial in entering if not is_kept(trial)]
            ranked = sorted(waiting[level], key=lambda t: (-_score_at(t, level), t.number))
            promoted = ranked[: math.ceil((len(entering) - len(kept)) / PART)]
            waiting[level] = [trial for trial in waiting[level] if trial not in promoted]
            entering = [*kept, *promoted]
            targets |= {trial.number: level + 1 for trial in entering}
            if not all(_has_passed(trial, level + 1) for trial in entering):
                return Plan(targets, num_decided)
            entering = [trial for trial in entering if len(trial.rungs) > level + 1]
        num_decided += 1
    return Plan(targets, num_decided)


def _has_passed(trial: Trial, level: int) -> bool:
    """Whether a trial has the score of a rung, or has ended on the way."""
    is_over = trial.state in ("complete", "failed", "pruned")
    return is_over or len(trial.rungs) > level


def _score_at(trial: Trial, level: int) -> float:
    return list(trial.rungs.values())[level]


def rung_scores(
    history: Float32[np.ndarray, " steps"],
    steps: Iterable[int],
    num_steps: int,
    to_score: Callable[[float], float],
) -> dict[int, float]:
    """Scores at the rungs that a training has passed, from its losses.

    Args:
        history: loss before each step.
        steps: of the rungs.
        num_steps: of the whole run.
        to_score: of a loss.
    """
    window = max(num_steps // _WINDOW, 1)
    passed = [step for step in steps if step <= len(history)]
    losses = {step: float(np.mean(history[max(step - window, 0) : step])) for step in passed}
    return {step: to_score(loss) for step, loss in losses.items()}


def predict_final(trials: Sequence[Trial]) -> dict[int, tuple[float, float]]:
    """What paused trials would reach: number -> expected score, and its standard deviation.

    The last score of a trial is mapped to the end by a line through the trials that have both,
    whose slope is drawn towards 1. Nothing is said while no trial has both.
    """
    found: dict[int, tuple[float, float]] = {}
    for trial in trials:
        if trial.state != "paused":
            continue
        level = len(trial.rungs) - 1
        pairs = [
            (_score_at(t, level), t.score)
            for t in trials
            if t.score is not None and len(t.rungs) > level
        ]
        if pairs:
            found[trial.number] = _line(np.array(pairs, float), _score_at(trial, level))
    return found


def _line(pairs: Any, x: float) -> tuple[float, float]:
    """Value and residual standard deviation of a ridge line with the prior slope 1."""
    early, final = pairs.T
    middle, spread = early.mean(), np.var(early)
    extra = final - early  # a slope of 0 here is one of 1 there
    weight = len(pairs) * spread + _PRIOR_PAIRS * max(spread, 1e-12)
    slope = float(np.sum((early - middle) * (extra - extra.mean())) / weight)
    rest = extra - extra.mean() - slope * (early - middle)
    sd = float(np.sqrt(np.sum(rest**2) / max(len(pairs) - 1, 1)))
    return x + float(extra.mean()) + slope * (x - middle), sd


def say_paused(trial: Trial, trials: Sequence[Trial], num_steps: int) -> str:
    """Why a trial is paused, in words: "paused after 100 of 500 steps, rank 7 of 18 there"."""
    level = len(trial.rungs) - 1
    there = sorted((_score_at(t, level) for t in trials if len(t.rungs) > level), reverse=True)
    rank = there.index(_score_at(trial, level)) + 1
    step = list(trial.rungs)[level]
    return f"paused after {step} of {num_steps} steps, rank {rank} of {len(there)} there"


def trainings_done(trials: Sequence[Trial], num_steps: int) -> float:
    """Steps that all trials have taken, in whole trainings."""
    steps = [num_steps if t.state == "complete" else max(t.rungs, default=0) for t in trials]
    return sum(steps) / num_steps
