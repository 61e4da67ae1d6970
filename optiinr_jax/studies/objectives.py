"""Further objectives of a search beside its score: what a trial also costs, and the front.

One row names one; `search(signal, objectives=("psnr", "num_bytes"))` takes the names. What a row
measures is stored with the trial, so that whoever proposes next knows it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from optiinr_jax.bo.pareto import on_front
from optiinr_jax.checks import check_name
from optiinr_jax.inr import INR
from optiinr_jax.signals.kinds import KINDS
from optiinr_jax.studies.trials import Trial


class Cost(NamedTuple):
    """Something of a network that is to be small.

    Attributes:
        of: measures it.
        label: what it is, in words.
    """

    of: Callable[[INR], int]
    label: str


def _num_bytes(inr: INR) -> int:
    """Bytes of the model file; its notes, which name host and time, are left out."""
    return replace(inr, info={}).num_bytes


def _num_params(inr: INR) -> int:
    return inr.num_params


COSTS: dict[str, Cost] = {
    "num_bytes": Cost(_num_bytes, "bytes of the model file"),
    "num_params": Cost(_num_params, "trained parameters"),
}


def check_objectives(objectives: Sequence[str], kind: str) -> None:
    """Raise ValueError for objectives that a search of this kind of signal cannot have.

    Args:
        objectives: names; empty: the score alone.
        kind: of the signal.
    """
    if not objectives:
        return
    own = KINDS[kind].metric.name.split(" ")[0].lower()
    for name in objectives:
        check_name("objectives", name, {own, *COSTS})
    if own not in objectives or len(set(objectives)) != len(objectives) or len(objectives) < 2:
        raise ValueError(
            f"objectives is {tuple(objectives)}, but {own!r} and one or several of "
            f"{', '.join(map(repr, COSTS))} were expected, each once; leave it out to search for "
            "the score alone."
        )


def costs_of(inr: INR, objectives: Sequence[str]) -> dict[str, int]:
    """What a trial stores beside its score."""
    return {name: COSTS[name].of(inr) for name in objectives if name in COSTS}


def values_of(trial: Trial, objectives: Sequence[str]) -> tuple[float, ...]:
    """Score and costs of a trial in the order of the objectives, all to be maximised.

    All are nan where one of them is missing.
    """
    found = [trial.score, *(trial.facts.get(name) for name in objectives if name in COSTS)]
    if any(value is None for value in found):
        return (math.nan,) * len(objectives)
    score = float(trial.score or 0.0)
    return tuple(-float(trial.facts[n]) if n in COSTS else score for n in objectives)


def front_of(trials: Sequence[Trial], objectives: Sequence[str]) -> list[Trial]:
    """Trials that no other one betters in every objective, cheapest first; equal ones all."""
    values = np.array([values_of(trial, objectives) for trial in trials])
    keep = on_front(values.reshape(len(trials), len(objectives)))
    found = [trial for trial, is_best in zip(trials, keep, strict=True) if is_best]
    first = next(name for name in objectives if name in COSTS)
    return sorted(found, key=lambda trial: (trial.facts[first], trial.number))
