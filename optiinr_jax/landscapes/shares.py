"""How many runs reach the optimum, and how sure that is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

TOLERANCE = 0.02  # of an unknown's range
LOSS_TOLERANCE = 0.01  # of the median loss of random guesses


class Share(NamedTuple):
    """A mean with the ends of its bootstrap interval of 95 %."""

    mean: float
    low: float
    high: float


def is_optimal(
    x: Float[np.ndarray, "... d"],
    loss: Float[np.ndarray, "..."],
    optimum: Float[np.ndarray, "... d"],
    excess: Float[np.ndarray, "..."],
) -> Bool[np.ndarray, "..."]:
    """Whether runs ended at the optimum: every unknown within 2 % of its range, and the loss low.

    Args:
        loss: of the runs' ends, less that of the optimum.
        excess: median loss of random guesses, less that of the optimum; 1 % of it is low.
    """
    is_near = np.max(np.abs(x - optimum), axis=-1) < TOLERANCE
    return is_near & (loss < LOSS_TOLERANCE * excess)


def share_of(
    successes: Bool[np.ndarray, "..."], *, num_resamples: int = 2000, seed: int = 0
) -> Share:
    """Share of successes, resampled along every axis on its own.

    Axes are what would differ another time: networks, targets, starts. So an interval is as wide
    as the axis with the fewest entries makes it.

    >>> share_of(np.ones((2, 3), bool))
    Share(mean=1.0, low=1.0, high=1.0)
    """
    return _interval(np.asarray(successes, float), num_resamples, seed)


def difference_of(
    successes: Bool[np.ndarray, "..."],
    baseline: Bool[np.ndarray, "..."],
    *,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Share:
    """Share of successes less that of a baseline on the same targets and starts.

    Args:
        baseline: has the last axes of `successes`; leading ones, as of networks, may be missing.
    """
    missing = np.ndim(successes) - np.ndim(baseline)
    if missing < 0 or np.shape(successes)[missing:] != np.shape(baseline):
        raise ValueError(
            f"got successes of shape {np.shape(successes)} and a baseline of shape "
            f"{np.shape(baseline)}, which has to be the same or its last axes."
        )
    wide = np.broadcast_to(baseline, np.shape(successes))
    return _interval(np.asarray(successes, float) - wide, num_resamples, seed)


def _interval(values: Float[np.ndarray, "..."], num_resamples: int, seed: int) -> Share:
    """Each resample weighs the entries of an axis by how often they were drawn."""
    rng = np.random.default_rng(seed)
    means = np.broadcast_to(values, (num_resamples, *values.shape))
    for size in reversed(values.shape):
        weights = rng.multinomial(size, np.full(size, 1.0 / size), size=num_resamples) / size
        means = np.einsum("r...k,rk->r...", means, weights, optimize=True)
    low, high = np.quantile(means, [0.025, 0.975])
    return Share(float(values.mean()), float(low), float(high))
