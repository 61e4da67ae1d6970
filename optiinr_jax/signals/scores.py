"""How good a network is at a signal's samples and between them.

Letters: m places, D axes.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

CHUNK = 65536  # points scored at once
_LEAST, _PER_SAMPLE = 1024, 4  # places between the samples


INTERPOLATION_LABELS = {
    "nearest": "the nearest sample",
    "linear": "linear interpolation",
    "cubic": "the cubic spline",
    "sinc": "sinc interpolation",
    "rbf": "RBF interpolation",
    "apart": "samples that are kept apart",
}


class Scores(NamedTuple):
    """Figures of one reconstruction, in the metric of its signal; higher is better.

    Attributes:
        samples: at the samples.
        between: at places all over the signal, against its value there.
        both: both errors in one figure, with equal weights.
        control: what interpolating the samples reaches between them.
        control_name: how they were interpolated, a row of INTERPOLATIONS.
    """

    samples: float
    between: float
    both: float
    control: float
    control_name: str

    @property
    def control_label(self) -> str:
        """The control in words."""
        return INTERPOLATION_LABELS.get(self.control_name, self.control_name)


# name of an objective -> the figure that it maximises
OBJECTIVES: dict[str, Callable[[Scores], float]] = {
    "continuous": lambda scores: scores.both,
    "samples": lambda scores: scores.samples,
}


def check_objective(objective: str) -> None:
    """Raise ValueError for an unknown objective."""
    if objective not in OBJECTIVES:
        raise ValueError(f"unknown objective {objective!r}; known are {', '.join(OBJECTIVES)}.")


def read_scores(record: Any) -> Scores | None:
    """Scores from what `Scores._asdict` gave; None where there are none to read."""
    try:
        scores = Scores(**record)
        is_number = all(isinstance(value, int | float) and [float(value)] for value in scores[:-1])
    except (TypeError, OverflowError):
        return None
    return scores if is_number and isinstance(scores.control_name, str) else None


def combine(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    """The sums of a metric over two sets of points, as if there were as many of each."""
    counts = [sums["count"] for sums in (first, second)]
    return {name: first[name] / counts[0] + second[name] / counts[1] for name in first}


def between_places(
    shape: tuple[int, ...], edge: float, least: int = _LEAST
) -> Float32[np.ndarray, "m D"]:
    """Places spread evenly over the cells of a grid, the same for all signals of its shape.

    There are at least `least`.

    The additive recurrence of Roberts (2018), a low-discrepancy sequence in any dimension: point k
    is the fractional part of 1/2 + k (1/g, 1/g^2, ...) with g the root of g^(D+1) = g + 1.
    """
    chunk = min(math.prod(shape), CHUNK)  # whole chunks, which share their compiled program
    parts = max(min(CHUNK // chunk, _PER_SAMPLE), -(-least // chunk))
    count = chunk * parts
    g = 2.0
    for _ in range(64):
        g = (1.0 + g) ** (1.0 / (len(shape) + 1))
    steps = g ** -np.arange(1.0, len(shape) + 1)
    unit = (0.5 + np.arange(1, count + 1)[:, None] * steps[None, :]) % 1.0
    return (unit * np.array(shape) + edge).astype(np.float32)
