"""Output warps: monotone maps of the observed scores to a scale a Gaussian process likes.

Each takes finite scores; all but "none" return mean 0 and standard deviation 1, and zeros for
constant scores. They run on the host, from scratch at every step.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri


def standardise(y: np.ndarray) -> np.ndarray:
    """Subtract the mean, divide by the standard deviation; safe for scores of any size."""
    size = np.max(np.abs(y), initial=0.0)
    if not size:
        return np.zeros_like(y)
    y = y / size  # so that no square overflows
    deviation = y - np.mean(y)
    sd = np.std(y)
    return deviation / sd if sd > 1e-12 else np.zeros_like(y)


def half_rank(y: np.ndarray) -> np.ndarray:
    """Keep the better half, give the worse half half-normal scores (Vizier, Song et al. 2024).

    The scores of the worse half have the spread of the better one: a clump of failures far below
    no longer decides the scale.
    """
    from scipy.stats import rankdata  # a third of the package's import time

    y = standardise(y)
    median = np.median(y) if len(y) else 0.0
    is_low = y < median
    spread = np.sqrt(np.mean(np.square(y[~is_low] - median))) if len(y) else 0.0
    quantile = (rankdata(y) - 0.5) / max(len(y), 1)  # below 1/2 for what is below the median
    low = median + (spread or 1.0) * ndtri(np.minimum(quantile, 0.5))
    return standardise(np.where(is_low, low, y))


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
