"""Output warps: monotone maps of the observed scores to a scale a Gaussian process likes.

Each takes finite scores; all but "none" return mean 0 and standard deviation 1, and zeros for
constant scores. They run on the host, from scratch at every step.
"""

from collections.abc import Callable

import numpy as np

ROUNDING = 4 * np.finfo(float).eps  # of the largest score: a smaller spread is none


def standardise(y: np.ndarray) -> np.ndarray:
    """Subtract the mean, divide by the standard deviation; safe for scores of any size.

    Scores far from 0, such as energies, are told apart as long as their numbers are.
    """
    size = np.max(np.abs(y), initial=0.0)
    y = y / 2 - _median(y) / 2  # the difference of the two largest numbers is one
    reach = np.max(np.abs(y), initial=0.0)
    if reach <= ROUNDING * size:
        return np.zeros_like(y)
    y = y / reach  # so that no square overflows
    return (y - np.mean(y)) / np.std(y)


def half_rank(y: np.ndarray) -> np.ndarray:
    """Keep the better half, give the worse half half-normal scores (Vizier, Song et al. 2024).

    The scores of the worse half have the spread of the better one: a clump of failures below no
    longer decides the scale, nor does one penalty, however huge.
    """
    from scipy.special import ndtri  # a tenth of a second, for those who propose

    if not len(y):
        return y
    _, inverse, count = np.unique(y, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[inverse]  # of equal ones the mean
    quantile = (rank - 0.5) / len(y)  # below 1/2 for what is below the median
    median = _median(y)
    is_low = y < median
    above = np.where(is_low, 0.0, y / 2 - median / 2)
    if np.max(above) <= ROUNDING * np.max(np.abs(y[~is_low])):
        above = np.zeros_like(y)  # nothing but rounding
    reach = np.max(above) or 1.0
    spread = reach * np.sqrt(np.mean(np.square(above[~is_low] / reach)))
    low = (spread or 1.0) * ndtri(np.minimum(quantile, 0.5))
    return standardise(np.where(is_low, low, above))


def _median(y: np.ndarray) -> float:
    """Median, without a sum that could overflow."""
    low, high = np.sort(y)[[(len(y) - 1) // 2, len(y) // 2]] if len(y) else (0.0, 0.0)
    return min(low / 2 + high / 2, high)  # half of the smallest number is 0


def none(y: np.ndarray) -> np.ndarray:
    """Leave the scores as they are."""
    return y


Warp = Callable[[np.ndarray], np.ndarray]
WARPS: dict[str, Warp] = {
    "half_rank": half_rank,
    "standardise": standardise,
    "none": none,
}


def get_warp(warp: str | Warp) -> Warp:
    """The row of a name; a function is itself."""
    return WARPS[warp] if isinstance(warp, str) else warp
