"""The search's model of the scores, for people: what it expects where, and which names matter.

A Gaussian process in its own units: warped scores, which `to_scores` turns back. Importance is the
total Sobol index (Jansen 1999) of each name of the space: the part of the variance over the whole
space that is lost when this name alone is drawn anew. Its uncertainty is the spread over functions
drawn from the posterior.

Letters: n trials, m points, p numbers, k choices, z parameters, s functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from optiinr_jax.bo import gp, pathwise
from optiinr_jax.bo.dimensions import Choice
from optiinr_jax.bo.engine import CAPACITIES, Settings, pad_data
from optiinr_jax.bo.host import host_scope
from optiinr_jax.bo.hyperparameters import Data, fit_best, to_params
from optiinr_jax.bo.kernels import Kernel, get_kernel
from optiinr_jax.bo.programs import quick_jit
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.bo.structure import Structure, embed
from optiinr_jax.bo.warp import get_warp

MAX_POINTS = CAPACITIES[-1]  # that a surrogate can be fitted to
NUM_POINTS, NUM_PATHS = 128, 64  # of an importance: random points, functions

Arr = Array | np.ndarray


class Importance(NamedTuple):
    """Part of the variance that goes with a name: median and the middle 80 %."""

    name: str
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Surrogate:
    """A fitted model; made by `fit_surrogate`.

    Attributes:
        space: of the points.
        scores: that it was fitted to.
        warped: the same in the model's units.
        data: points and warped scores, padded.
        kernel: row of KERNELS that fits best.
        z: its parameters.
    """

    space: Space
    scores: Float[np.ndarray, " n"]
    warped: Float[np.ndarray, " n"]
    data: Data
    kernel: str | Kernel
    z: Float[np.ndarray, " z"]

    def predict(
        self, points: Sequence[Point]
    ) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Expected values at points, without noise, and their standard deviations, both warped.

        A name that a point should have and has not counts as neutral; one too many is ignored.
        """
        spare = (1 << (len(points) - 1).bit_length()) - len(points)  # few shapes, few compilations
        u, c = zip(*map(self.space.split, [*points, *[points[0]] * spare]), strict=True)
        with host_scope():
            x = jnp.asarray(np.stack(u)), jnp.asarray(np.stack(c))
            mean, sd = _predict(self.z, self.data, *x, **self._rows)
            return np.asarray(mean)[: len(points)], np.asarray(sd)[: len(points)]

    def importances(self) -> list[Importance]:
        """How much each name of the space matters, the most important one first."""
        names = list(self.space.dimensions)
        with host_scope():
            x = map(jnp.asarray, _points_to_draw(self.space))
            drawn = _draw(self.z, self.data, *x, **self._rows)
            values = np.asarray(drawn).reshape(NUM_PATHS, 1 + len(names), NUM_POINTS)
        lost = np.mean(np.square(values[:, 1:] - values[:, :1]), axis=-1) / 2.0
        part = lost / np.maximum(values[:, 0].var(axis=-1, keepdims=True), 1e-12)
        low, median, high = np.quantile(part, [0.1, 0.5, 0.9], axis=0)
        rows = zip(names, low.tolist(), median.tolist(), high.tolist(), strict=True)
        return sorted((Importance(*row) for row in rows), key=lambda row: -row.median)

    def to_scores(self, values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """Scores of warped values; beyond the best score on a straight line of the better half."""
        order = np.argsort(self.scores)
        xp, fp = self.warped[order], self.scores[order]
        middle = len(xp) // 2
        slope = (fp[-1] - fp[middle]) / max(xp[-1] - xp[middle], 1e-12)
        return np.interp(values, xp, fp) + slope * np.maximum(values - xp[-1], 0.0)

    @property
    def _rows(self) -> dict:
        return {"kernel": self.kernel, "structure": self.space.structure}


def fit_surrogate(space: Space, points: Sequence[Point], scores: Sequence[float]) -> Surrogate:
    """Fit the model that a search with the default settings has after these trials.

    Args:
        space: of the points.
        points: what was tried.
        scores: finite, higher is better, one of each point.

    Raises:
        ValueError: no point of the space, no finite score, not as many of both, none or more than
            MAX_POINTS of them.

    >>> from optiinr_jax import bo
    >>> space = bo.Space({"a": bo.Float(0.0, 1.0)})
    >>> surrogate = fit_surrogate(space, [{"a": 0.1}, {"a": 0.5}, {"a": 0.8}], [1.0, 2.0, 3.0])
    >>> mean, sd = surrogate.predict([{"a": 0.8}, {"a": 0.2}])
    >>> bool(mean[0] > mean[1])
    True
    """
    y = np.asarray(scores, float)
    if y.shape != (len(points),) or not len(points) or not np.all(np.isfinite(y)):
        raise ValueError(
            f"got {len(points)} points and {y.size} scores, {np.isfinite(y).sum()} of them finite; "
            "expected a finite score of each point, and at least one."
        )
    settings, structure = Settings(space), space.structure
    warped = get_warp(settings.warp)(y)
    data = pad_data([space.split(space.check_point(point)) for point in points], warped, [])
    with host_scope():
        kernel, z = fit_best(data, kernel=settings.kernel, structure=structure)
    return Surrogate(space, y, warped, data, kernel, z)


@quick_jit("kernel")
def _predict(
    z: Float[Arr, " z"],
    data: Data,
    u: Float[Array, "m p"],
    c: Int[Array, "m k"],
    *,
    kernel: str | Kernel,
    structure: Structure,
) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
    """Mean and standard deviation of the posterior."""
    row, posterior = get_kernel(kernel), _condition(z, data, kernel, structure)
    x = jax.vmap(partial(embed, structure))(u, c)
    mean, variance = gp.predict(row.evaluate, posterior, x)
    return mean, jnp.sqrt(variance)


@quick_jit("kernel", returns=lambda arrays: arrays[0])
def _draw(
    z: Float[Arr, " z"],
    data: Data,
    u: Float[Array, "m p"],
    c: Int[Array, "m k"],
    *,
    kernel: str | Kernel,
    structure: Structure,
) -> Float[Array, "s m"]:
    """Values of functions drawn from the posterior."""
    row, posterior = get_kernel(kernel), _condition(z, data, kernel, structure)
    x = jax.vmap(partial(embed, structure))(u, c)
    paths = pathwise.draw_paths(jax.random.key(0), row, posterior, data.y, NUM_PATHS)
    return pathwise.evaluate_paths(row, paths, x)


def _condition(
    z: Float[Arr, " z"], data: Data, kernel: str | Kernel, structure: Structure
) -> gp.Posterior:
    params = to_params(kernel, structure, z)
    x = jax.vmap(partial(embed, structure))(data.u, data.c)
    rows = x, data.y, data.observed, data.own_noise
    return gp.condition(get_kernel(kernel).evaluate, params, *rows)


def _points_to_draw(
    space: Space,
) -> tuple[Float[np.ndarray, "m p"], Int[np.ndarray, "m k"]]:
    """NUM_POINTS random points, and for each name the same with that one drawn anew."""
    dimensions, rng = space.dimensions, np.random.default_rng(0)
    choices = [name for name, d in dimensions.items() if isinstance(d, Choice)]
    numbers = [name for name in dimensions if name not in choices]
    levels = space.structure.levels

    def sample() -> tuple[np.ndarray, np.ndarray]:
        u = rng.random((NUM_POINTS, len(numbers)))
        return u, rng.integers(0, levels, (NUM_POINTS, len(levels)), dtype=np.int32)

    (u, c), (other_u, other_c) = sample(), sample()
    all_u, all_c = [u], [c]
    for name in dimensions:
        new_u, new_c = u.copy(), c.copy()
        if name in choices:
            new_c[:, choices.index(name)] = other_c[:, choices.index(name)]
        else:
            new_u[:, numbers.index(name)] = other_u[:, numbers.index(name)]
        all_u.append(new_u)
        all_c.append(new_c)
    return np.concatenate(all_u), np.concatenate(all_c)
