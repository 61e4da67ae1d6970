"""Several objectives at once: what cannot be bettered in one without loss in another.

Every proposal weighs the objectives anew, at random, and maximises one number (ParEGO, Knowles
2006): the augmented Chebyshev function of scores that were brought to [0, 1]. So one model of one
score does, and whatever the single search can (choices, conditions, constraints, batches) works.

Letters: n trials, m objectives.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from optiinr_jax.bo.engine import (
    FAILED,
    NUM_INITIAL,
    State,
    Trial,
    ask,
    make_settings,
    tell,
)
from optiinr_jax.bo.feasibility import is_feasible
from optiinr_jax.bo.held import hold
from optiinr_jax.bo.optimizer import SIGNS
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.bo.warp import get_warp
from optiinr_jax.checks import check_name, check_whole, checked_by_hand
from optiinr_jax.progress import saying

_REST = 0.05  # weight of the sum beside the largest loss, which tells points apart that it ties
_WARP = "half_rank"  # of each objective, so that one huge loss does not flatten the others


def draw_weights(num: int, seed: int, index: int) -> Float[np.ndarray, " m"]:
    """Weights of the objectives, uniform among those that sum to 1; a function of its numbers."""
    return np.random.default_rng((seed, index, num)).dirichlet(np.ones(num))


def scalarise(
    values: Float[np.ndarray, "n m"], weights: Float[np.ndarray, " m"]
) -> Float[np.ndarray, " n"]:
    """One score for each trial, higher is better; nan where one of its values is not finite.

    Args:
        values: of each trial, all to be maximised.
        weights: of the objectives; they sum to 1.

    >>> values = np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.9]])
    >>> int(scalarise(values, np.array([0.5, 0.5])).argmax())
    2
    """
    scores = np.full(len(values), FAILED)
    is_finite = np.isfinite(values).all(axis=1)
    if not is_finite.any():
        return scores
    warped = np.stack([get_warp(_WARP)(column) for column in values[is_finite].T], axis=1)
    spread = np.ptp(warped, axis=0)
    losses = weights * (warped.max(axis=0) - warped) / np.where(spread > 0, spread, 1.0)
    scores[is_finite] = -(losses.max(axis=1) + _REST * losses.sum(axis=1))
    return scores


def on_front(values: Float[np.ndarray, "n m"]) -> Bool[np.ndarray, " n"]:
    """Which trials no other one betters, all objectives to be maximised; equal ones stay."""
    is_finite = np.all(np.isfinite(values), axis=1, keepdims=True)
    filled = np.where(is_finite, values, -math.inf)
    no_worse = np.all(filled[:, None] >= filled[None], axis=-1)
    better = no_worse & np.any(filled[:, None] > filled[None], axis=-1)
    return is_finite[:, 0] & ~np.any(better, axis=0)


def weighed(
    trials: Sequence[Trial], values: Sequence[Sequence[float]], seed: int, index: int
) -> list[Trial]:
    """Trials with one score of several, by the weights of a proposal."""
    if not trials:
        return []
    rows = np.array(values, float)
    scores = scalarise(rows, draw_weights(rows.shape[1], seed, index))
    return [t._replace(value=float(s)) for t, s in zip(trials, scores, strict=True)]


class ParetoOptimizer:
    """Search a space by several objectives: ask for a point, tell its values, read the front.

    Args:
        space: what is searched.
        directions: "maximize" or "minimize" for each objective.
        num_initial: points of a Latin hypercube before the model takes over; told ones count.
        seed: same seed and same values give the same points.
        **options: of `Optimizer`: kernel, acquisition, num_paths, quick.

    >>> from optiinr_jax.bo import Float, Space
    >>> search = ParetoOptimizer(Space({"x": Float(0.0, 1.0)}), ("minimize", "minimize"))
    >>> for _ in range(4):
    ...     point = search.ask()
    ...     search.tell(point, (point["x"] ** 2, (point["x"] - 1.0) ** 2))
    >>> len(search.front)  # all are: who is nearer to one end is farther from the other
    4
    """

    @checked_by_hand
    def __init__(
        self,
        space: Space,
        directions: Sequence[str],
        *,
        num_initial: int = NUM_INITIAL,
        seed: int = 0,
        **options: Any,
    ) -> None:
        """Start with an empty record."""
        if isinstance(directions, str) or len(directions) < 2:
            raise ValueError(
                f"directions is {directions!r}, but two or more were expected, like ('maximize', "
                "'minimize'); for one objective take Optimizer."
            )
        for direction in directions:
            check_name("directions", direction, SIGNS)
        options = {"quick": True} | options
        self.settings = make_settings(space, num_initial=num_initial, seed=seed, **options)
        self.directions = tuple(directions)
        self._signs = np.array([SIGNS[direction] for direction in directions])
        self._values: list[tuple[float, ...]] = []  # of the trials, all to be maximised
        self._state = State()
        self._lock = threading.RLock()

    @checked_by_hand
    def ask(
        self, num: int | None = None, *, fixed: Mapping[str, Any] | None = None
    ) -> Point | list[Point]:
        """Return the next point, or a list of `num` points, each by weights of its own.

        Args:
            num: of points; None: one, not in a list.
            fixed: {name: value} of what the points shall have.
        """
        check_whole("num", 1 if num is None else num, 1)
        held = hold(self.settings.space, fixed or {})
        words = "ask: the model of this space is compiled, once for about so many trials"
        points: list[Point] = []
        with self._lock, saying(words):
            for _ in range(num or 1):
                found, after = ask(self.settings, self._weighed(), 1, None, held)
                self._state = self._state._replace(
                    pending=after.pending, num_before=after.num_before
                )
                points += map(dict, found)
        return points[0] if num is None else points

    def _weighed(self) -> State:
        """The record with one score for each trial, by the weights of the next proposal."""
        state = self._state
        trials = weighed(state.trials, self._values, self.settings.seed, state.num_seen)
        return state._replace(trials=tuple(trials))

    @checked_by_hand
    def tell(
        self, point: Point, values: Sequence[float], constraints: Sequence[float] | None = None
    ) -> None:
        """Record the values of a point, one for each objective; nan for what failed.

        Args:
            point: any valid one of the space.
            values: in the order of `directions`.
            constraints: see `Optimizer.tell`.
        """
        found = tuple(float(value) for value in values)
        if len(found) != len(self._signs):
            raise ValueError(
                f"got {len(found)} values, but {len(self._signs)} were expected, one for each of "
                f"{', '.join(self.directions)}."
            )
        with self._lock:
            self._state = tell(self.settings, self._state, point, 0.0, constraints or ())
            self._values.append(tuple(self._signs * np.array(found)))

    @property
    def trials(self) -> list[tuple[Point, tuple[float, ...]]]:
        """What was told, in order: points and their values."""
        turned = [tuple((self._signs * np.array(row)).tolist()) for row in self._values]
        return [(dict(t.point), row) for t, row in zip(self._state.trials, turned, strict=True)]

    @property
    def front(self) -> list[tuple[Point, tuple[float, ...]]]:
        """Trials that no other one betters in every objective, and that are allowed."""
        allowed = [is_feasible(t.constraints) for t in self._state.trials]
        values = np.array(self._values).reshape(-1, len(self._signs))
        keep = on_front(np.where(np.array(allowed, bool)[:, None], values, math.nan))
        return [trial for trial, is_best in zip(self.trials, keep, strict=True) if is_best]

    def __repr__(self) -> str:
        count, best = len(self._values), len(self.front)
        return f"ParetoOptimizer({', '.join(self.directions)}: {count} trials, {best} on the front)"
