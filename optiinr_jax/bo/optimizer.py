"""The search as an object: ask for a point, evaluate it, tell its score."""

import json
import math
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, overload

from optiinr_jax.bo.acquisition import Acquisition
from optiinr_jax.bo.engine import (
    FAILED,
    NUM_INITIAL,
    Settings,
    State,
    Trial,
    ask,
    find_pending,
    make_settings,
    plain,
    tell,
)
from optiinr_jax.bo.held import hold
from optiinr_jax.bo.kernels import Kernel
from optiinr_jax.bo.preference import read_guesses
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.bo.ties import tied
from optiinr_jax.bo.warp import Warp
from optiinr_jax.checks import check_counts, check_name, check_whole, checked_by_hand
from optiinr_jax.progress import is_interactive, saying

SIGNS = {"maximize": 1.0, "minimize": -1.0}  # the engine maximises


class Optimizer:
    """Maximise or minimise a function of a `Space`: ask for a point, evaluate it, tell its value.

    Args:
        space: what is searched.
        direction: "maximize" or "minimize".
        num_initial: points of a Latin hypercube before the model takes over; told ones count.
        seed: same seed and same scores give the same points; None: one is drawn.
        kernel: row of `KERNELS`, or a `Kernel` of your own; "anova" weighs interactions of all
            orders, "product" is the paper's, "sum_product" is between; "low_orders" weighs single
            dimensions and pairs by themselves. Of several, "anova|product", the one with the higher
            posterior density is taken at every fit.
        acquisition: row of `ACQUISITIONS`, or a function like its; "eei" is the paper's, "log_ei"
            its closed-form limit, which improves on the best fitted score, so that a lucky noisy
            one does not mislead; "thompson" maximises one function drawn from the posterior.
        warp: row of `WARPS`, or a function like its, applied to the scores before the model sees
            them.
        num_paths: posterior paths in "eei".
        prior: what you expect, {name: guess}: for a number (value, spread as a share of its range),
            for a choice {option: weight}. It leads the first proposals and fades (piBO).
        ties: {name: shared name} of what may share one value, such as the same number of each
            layer; needs `num_tied`.
        num_tied: first points, told ones included, in which what is tied has one value: the good
            region of a large space is found in the small one, and then left.
        faithful: the paper's choices: kernel="product", acquisition="eei", warp="standardise".
        quick: compile in less than half the time; False: as the first versions did, whose numbers
            differ in their last digits.
    """

    @checked_by_hand
    def __init__(
        self,
        space: Space,
        *,
        direction: str = "maximize",
        num_initial: int = NUM_INITIAL,
        seed: int | None = 0,
        kernel: str | Kernel = "anova",
        acquisition: str | Acquisition = "log_ei",
        warp: str | Warp = "half_rank",
        num_paths: int = 256,
        prior: Mapping[str, Any] | None = None,
        ties: Mapping[str, str] | None = None,
        num_tied: int = 0,
        faithful: bool = False,
        quick: bool = True,
    ) -> None:
        """Start with an empty record."""
        self.settings = make_settings(
            space,
            faithful=faithful,
            num_initial=num_initial,
            seed=draw_seed() if seed is None else seed,
            kernel=kernel,
            acquisition=acquisition,
            warp=warp,
            num_paths=num_paths,
            prior=prior,
            quick=quick,
        )
        check_name("direction", direction, SIGNS)
        self.direction, self._sign = direction, SIGNS[direction]
        check_whole("num_tied", num_tied, 0)
        self.ties, self.num_tied = ties, int(num_tied)
        with_ties = tied(self.settings, ties or {}, self.num_tied)
        self._proposer = with_ties if num_tied else plain(self.settings)
        self.state = State()
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock, which no copy shares."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.RLock())

    @overload
    def ask(self, num: None = None, *, fixed: Mapping[str, Any] | None = None) -> Point: ...

    @overload
    def ask(self, num: int, *, fixed: Mapping[str, Any] | None = None) -> list[Point]: ...

    @checked_by_hand
    def ask(
        self, num: int | None = None, *, fixed: Mapping[str, Any] | None = None
    ) -> Point | list[Point]:
        """Return the next point, or a list of `num` different points to evaluate at once.

        Threads may share an optimiser: each gets points of its own.

        Args:
            num: of points; None: one, not in a list.
            fixed: {name: value} of what the points shall have; the best beside it is proposed.

        Raises:
            ValueError: `fixed` has a name or a value that the space has not, or two that exclude
                each other.
            RuntimeError: in a fork of a process in which an optimiser had computed.
        """
        if num is not None:
            check_whole("num", num, 1)
        held = hold(self.settings.space, fixed or {})
        words = "ask: the model of this space is compiled, once for about so many trials"
        with self._lock, saying(words):
            points, self.state = ask(self.settings, self.state, num or 1, self._proposer, held)
        points = [dict(point) for point in points]  # the caller may change its own copy
        return points[0] if num is None else points

    @checked_by_hand
    def tell(self, point: Point, value: float, constraints: Sequence[float] | None = None) -> None:
        """Record a value; nan or FAILED for none. Any valid point of the space is welcome.

        One that differs from a point that was asked for by less than a hundredth of each range, as
        by rounding, is that point as it was evaluated.

        An infinite value in the right direction is better than all others, in the wrong one none.

        Args:
            constraints: numbers that are 0 or less where the point is allowed, such as its bytes
                minus a budget; always as many. Points that probably meet them are preferred, and
                `best_point` meets them all.
        """
        with self._lock:
            state = tell(self.settings, self.state, point, value, constraints or ())
            if self._sign < 0:
                last = state.trials[-1]
                turned = last._replace(value=-last.value)
                state = state._replace(trials=(*state.trials[:-1], turned))
            self.state = state

    @checked_by_hand
    def forget(self, point: Point) -> None:
        """Give up a point that was asked for: no score will come, and nothing is learned from it.

        Raises:
            ValueError: it does not wait for a score.
        """
        with self._lock:
            pending, point = list(self.state.pending), self.settings.space.check_point(point)
            waiting = find_pending(self.settings.space, pending, point)
            if waiting is None:
                raise ValueError(
                    f"point is {point}, which does not wait for a score; give one that `ask` gave "
                    "and that was not told."
                )
            del pending[waiting]
            self.state = self.state._replace(pending=tuple(pending))

    @property
    def trials(self) -> list[tuple[Point, float]]:
        """What was told, in order: points and their values; nan for what failed."""
        return [(dict(t.point), self._sign * t.value) for t in self.state.trials]

    @property
    def best_point(self) -> Point | None:
        """Point of the best value that is allowed; None before there is one."""
        return dict(self.state.best.point) if self.state.best else None

    @property
    def best_value(self) -> float | None:
        """The best value; None before there is one."""
        return self._sign * self.state.best.value if self.state.best else None

    def __repr__(self) -> str:
        best = "none yet" if self.best_value is None else f"{self.best_value:.6g}"
        count = len(self.state.trials)
        return f"Optimizer({self.direction}, {count} trials, best {best} at {self.best_point})"

    def to_json(self) -> str:
        """Write settings and record as JSON text; nothing else is needed to go on.

        Raises:
            ValueError: a kernel, acquisition or warp is a value of your own, not a row's name.
        """
        settings = {f.name: getattr(self.settings, f.name) for f in fields(Settings)}
        settings |= {"ties": self.ties, "num_tied": self.num_tied, "direction": self.direction}
        for name in ("kernel", "acquisition", "warp"):
            if not isinstance(settings[name], str):
                raise ValueError(
                    f"{name} is {settings[name]!r:.80}, but JSON can hold the name of a row only; "
                    "add it to its table and take its name."
                )
        settings["prior"] = read_guesses(self.settings.space, self.settings.prior)
        trials = [
            {"point": t.point, "value": _to_json(t.value), "asked": t.asked}
            | ({"constraints": [*map(_to_json, t.constraints)]} if t.constraints else {})
            for t in self.state.trials
        ]
        return json.dumps(
            {
                "version": 1,
                "settings": settings | {"space": json.loads(self.settings.space.to_json())},
                "trials": trials,
                "pending": self.state.pending,
                "num_before": self.state.num_before,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Optimizer":
        """Continue a search written by `to_json`."""
        record = json.loads(text)
        if not isinstance(record, dict) or record.get("version") != 1:
            raise ValueError(f"text starts {text[:40]!r}; expected what Optimizer.to_json wrote.")
        settings = record["settings"]
        space = Space.from_json(json.dumps(settings.pop("space")))
        optimizer = cls(space, **({"quick": False} | settings))  # as one of the first versions
        trials = tuple(
            Trial(
                t["point"],
                _from_json(t["value"]),
                t["asked"],
                constraints=tuple(map(_from_json, t.get("constraints", ()))),
            )
            for t in record["trials"]
        )
        optimizer.state = State(trials, tuple(record["pending"]), record["num_before"])
        return optimizer


def _to_json(value: float) -> float | str | None:
    """A score; None where there is none, a word for one that JSON has no number for."""
    return "inf" if value == math.inf else value if math.isfinite(value) else None


def _from_json(value: float | str | None) -> float:
    return FAILED if value is None else float(value)


def draw_seed() -> int:
    """A seed that nobody chose."""
    return secrets.randbelow(2**32)


def maximise(
    function: Callable[[Point], float], space: Space, num_trials: int, **options: Any
) -> Optimizer:
    """Search a space for the point where a function is largest, one evaluation after another.

    Args:
        function: takes a point, {name: value}, and returns a number; nan where it fails.
        space: what is searched.
        num_trials: evaluations.
        **options: of `Optimizer`.

    Returns:
        The optimizer, with `best_point`, `best_value` and `trials`. Interrupted at a prompt or in a
        notebook, it is returned as it is by then.

    >>> from optiinr_jax.bo import Float, Space
    >>> found = maximise(lambda p: -(p["x"] - 2.0) ** 2, Space({"x": Float(0.0, 9.0)}), 5, seed=1)
    >>> len(found.trials), found.best_value == max(value for _, value in found.trials)
    (5, True)
    """
    return _run(function, Optimizer(space, direction="maximize", **options), num_trials)


def minimise(
    function: Callable[[Point], float], space: Space, num_trials: int, **options: Any
) -> Optimizer:
    """Search a space for the point where a function is smallest; see `maximise`."""
    return _run(function, Optimizer(space, direction="minimize", **options), num_trials)


def _run(function: Callable[[Point], float], optimizer: Optimizer, num_trials: int) -> Optimizer:
    check_counts(num_trials=num_trials)
    try:
        for _ in range(num_trials):
            point = optimizer.ask()
            optimizer.tell(point, function(dict(point)))
    except KeyboardInterrupt:
        if not is_interactive():
            raise
    return optimizer
