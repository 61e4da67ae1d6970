"""What a study's surrogate has learned: which choices mattered, and how the score depends on them.

The Gaussian process of the search is fitted to all trials once more, in its own units (warped
scores), and asked. Importance is the total Sobol index (Jansen 1999) of each name of the space: the
part of the variance over the whole space that is lost when this name alone is drawn anew. Its
uncertainty is the spread over functions drawn from the posterior.

Letters: n trials, m points, p numbers, k choices, s functions.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from optiinr_jax.bo import Choice, Space, gp, pathwise
from optiinr_jax.bo.engine import CAPACITIES, Settings
from optiinr_jax.bo.hyperparameters import Data, fit, to_params
from optiinr_jax.bo.kernels import KERNELS
from optiinr_jax.bo.space import Point
from optiinr_jax.bo.structure import Structure, embed
from optiinr_jax.bo.warp import WARPS
from optiinr_jax.search.study import Study

MIN_TRIALS = 10  # with fewer there is nothing to say
NUM_POINTS, NUM_PATHS, NUM_SLICE = 128, 64, 41


class Importance(NamedTuple):
    """Part of the variance that goes with a name: median and the middle 80 %."""

    name: str
    low: float
    median: float
    high: float


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
    scores = np.array([trial.score for trial in trials])
    if not MIN_TRIALS <= len(trials) <= CAPACITIES[-1] or np.ptp(scores) == 0.0:
        return None
    settings = Settings(space)
    warped = WARPS[settings.warp](scores)
    with jax.enable_x64(True), jax.default_device(jax.local_devices(backend="cpu")[0]):
        data = _pad(space, [trial.point for trial in trials], warped)
        structure = space.structure
        fits = {k: fit(data, kernel=k, structure=structure) for k in settings.kernel.split("|")}
        kernel = min(fits, key=lambda k: fits[k][1])
        best = study.best_trial.point
        values_of = {name: _along(space, name) for name in space.dimensions if name in best}
        along = [best | {name: v} for name, values in values_of.items() for v in values]
        spare = len(space.dimensions) * NUM_SLICE - len(along)  # one shape, one compilation
        points = [space.split(point) for point in along + [best] * spare]
        answer = _ask(
            fits[kernel][0],
            data,
            _points_to_draw(space),
            tuple(map(np.stack, zip(*points, strict=True))),
            kernel=kernel,
            structure=structure,
        )
        drawn, mean, sd = map(np.asarray, answer)
    importances, slices = _importances(list(space.dimensions), drawn), {}
    for name, values in values_of.items():
        start = sum(len(done.values) for done in slices.values())
        part = slice(start, start + len(values))
        low, middle, high = (
            _unwarp(mean[part] + k * sd[part], warped, scores) for k in (-1.0, 0.0, 1.0)
        )
        is_log = bool(getattr(space.dimensions[name], "log", False))
        slices[name] = Slice(name, values, middle, low, high, best[name], is_log)
    shown = [slices[row.name] for row in importances if row.name in slices][:num_slices]
    return Explanation(importances, shown, len(trials))


def _pad(space: Space, points: list[Point], y: np.ndarray) -> Data:
    """The trials at the capacity that the search has compiled its model for."""
    capacity = next(c for c in CAPACITIES if c >= len(points))
    spare = capacity - len(points)
    u, c = (np.stack(rows) for rows in zip(*map(space.split, points), strict=True))
    pad: Any = np.pad
    row: Any = np.arange(capacity)
    return Data(
        u=pad(u, ((0, spare), (0, 0))),
        c=pad(c, ((0, spare), (0, 0))),
        y=pad(y, (0, spare)),
        observed=row < len(points),
        pending=row < 0,
    )


@partial(jax.jit, static_argnames=("kernel", "structure"))
def _ask(z, data: Data, to_draw, to_predict, *, kernel: str, structure: Structure):
    """Values (s, m) of functions from the posterior; mean and standard deviation elsewhere."""
    row, encode = KERNELS[kernel], jax.vmap(partial(embed, structure))
    params = to_params(kernel, structure, z)
    x = encode(data.u, data.c)
    posterior = gp.condition(row.evaluate, params, x, data.y, data.observed)
    paths = pathwise.draw_paths(jax.random.key(0), row, posterior, data.y, NUM_PATHS)
    mean, variance = gp.predict(row.evaluate, posterior, encode(*to_predict))
    return pathwise.evaluate_paths(row, paths, encode(*to_draw)), mean, jnp.sqrt(variance)


def _points_to_draw(space: Space) -> tuple[np.ndarray, np.ndarray]:
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


def _importances(names: list[str], values: Float[np.ndarray, "s m"]) -> list[Importance]:
    values = values.reshape(NUM_PATHS, 1 + len(names), NUM_POINTS)
    lost = np.mean(np.square(values[:, 1:] - values[:, :1]), axis=-1) / 2.0
    part = lost / np.maximum(values[:, 0].var(axis=-1, keepdims=True), 1e-12)
    low, median, high = np.quantile(part, [0.1, 0.5, 0.9], axis=0)
    rows = zip(names, low.tolist(), median.tolist(), high.tolist(), strict=True)
    return sorted((Importance(*row) for row in rows), key=lambda row: -row.median)


def _along(space: Space, name: str) -> list[Any]:
    dimension = space.dimensions[name]
    if isinstance(dimension, Choice):
        return list(dimension.options)[:NUM_SLICE]
    return [dimension.from_unit(unit) for unit in np.linspace(0.0, 1.0, NUM_SLICE)]


def _unwarp(
    values: Float[np.ndarray, " m"],
    warped: Float[np.ndarray, " n"],
    scores: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " m"]:
    """Scores of warped values: the warp is monotone, and a straight line over the better half."""
    order = np.argsort(scores)
    xp, fp = warped[order], scores[order]
    middle = len(xp) // 2
    slope = (fp[-1] - fp[middle]) / max(xp[-1] - xp[middle], 1e-12)
    return np.interp(values, xp, fp) + slope * np.maximum(values - xp[-1], 0.0)
