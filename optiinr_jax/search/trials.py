"""One trial as a record, and the names under which the storage holds its facts."""

import math
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from optiinr_jax.bo.space import Point
from optiinr_jax.search.storage import PRESET

REASON, CONFIG, FACTS, CALLBACK_ERROR = "reason", "config", "facts", "callback_error"
_STATES = {TrialState.COMPLETE: "complete", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    Attributes:
        number: from 0, in the order of asking.
        point: names and values in the space.
        score: higher is better; None where the trial failed, was pruned or has not ended.
        state: "complete", "failed", "pruned" or "running".
        reason: why it failed or was pruned; empty otherwise.
        preset: "family, protocol" where the trial is a published network, else empty.
        seconds: of training and scoring.
        curve: score of the training loss by step (see `score_of_loss`).
        facts: further ones: peak_memory_mb, seed, matmul_precision, host, versions; max_part where
            memory did not suffice at first.
    """

    number: int
    point: Point
    score: float | None
    state: str
    reason: str
    preset: str
    seconds: float | None
    curve: dict[int, float]
    facts: dict[str, Any]


def make_record(row: FrozenTrial) -> Trial:
    """The record of what the storage holds."""
    facts = dict(row.user_attrs.get(FACTS, {}))
    return Trial(
        number=row.number,
        point=row.params,
        score=row.value if row.state == TrialState.COMPLETE else None,
        state=_STATES.get(row.state, row.state.name.lower()),
        reason=row.user_attrs.get(REASON, ""),
        preset=row.user_attrs.get(PRESET, ""),
        seconds=facts.pop("seconds", None),
        curve=dict(sorted(row.intermediate_values.items())),
        facts=facts,
    )


def score_of(trial: Trial) -> float:
    """Its score; -inf where it has none."""
    return -math.inf if trial.score is None else trial.score
