"""The search as an object: ask for a point, evaluate it, tell its score."""

import json
from collections.abc import Mapping
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
    make_settings,
    plain,
    tell,
)
from optiinr_jax.bo.kernels import Kernel
from optiinr_jax.bo.preference import read_guesses
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.bo.ties import tied
from optiinr_jax.bo.warp import Warp
from optiinr_jax.checks import check_whole, checked_by_hand


class Optimizer:
    """Maximise a function of a `Space`: ask for a point, evaluate it, tell the score.

    Args:
        space: what is searched.
        num_initial: points of a Latin hypercube before the model takes over; told ones count.
        seed: same seed and same scores give the same points.
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
    """

    @checked_by_hand
    def __init__(
        self,
        space: Space,
        *,
        num_initial: int = NUM_INITIAL,
        seed: int = 0,
        kernel: str | Kernel = "anova",
        acquisition: str | Acquisition = "log_ei",
        warp: str | Warp = "half_rank",
        num_paths: int = 256,
        prior: Mapping[str, Any] | None = None,
        ties: Mapping[str, str] | None = None,
        num_tied: int = 0,
        faithful: bool = False,
    ) -> None:
        """Start with an empty record."""
        self.settings = make_settings(
            space,
            faithful=faithful,
            num_initial=num_initial,
            seed=seed,
            kernel=kernel,
            acquisition=acquisition,
            warp=warp,
            num_paths=num_paths,
            prior=prior,
        )
        check_whole("num_tied", num_tied, 0)
        self.ties, self.num_tied = ties, int(num_tied)
        with_ties = tied(self.settings, ties or {}, self.num_tied)
        self._proposer = with_ties if num_tied else plain(self.settings)
        self.state = State()

    @overload
    def ask(self, num: None = None) -> Point: ...

    @overload
    def ask(self, num: int) -> list[Point]: ...

    @checked_by_hand
    def ask(self, num: int | None = None) -> Point | list[Point]:
        """Return the next point, or a list of `num` different points to evaluate at once."""
        if num is not None:
            check_whole("num", num, 1)
        points, self.state = ask(self.settings, self.state, num or 1, self._proposer)
        points = [dict(point) for point in points]  # the caller may change its own copy
        return points[0] if num is None else points

    @checked_by_hand
    def tell(self, point: Point, value: float) -> None:
        """Record a score, higher is better; nan or FAILED for none. Any valid point is welcome."""
        self.state = tell(self.settings, self.state, point, value)

    @property
    def best_point(self) -> Point | None:
        """Point of the highest finite score; None before there is one."""
        return dict(self.state.best.point) if self.state.best else None

    @property
    def best_y(self) -> float | None:
        """The highest finite score; None before there is one."""
        return self.state.best.value if self.state.best else None

    def to_json(self) -> str:
        """Write settings and record as JSON text; nothing else is needed to go on.

        Raises:
            ValueError: a kernel, acquisition or warp is a value of your own, not a row's name.
        """
        settings = {f.name: getattr(self.settings, f.name) for f in fields(Settings)}
        settings |= {"ties": self.ties, "num_tied": self.num_tied}
        for name in ("kernel", "acquisition", "warp"):
            if not isinstance(settings[name], str):
                raise ValueError(
                    f"{name} is {settings[name]!r:.80}, but JSON can hold the name of a row only; "
                    "add it to its table and take its name."
                )
        settings["prior"] = read_guesses(self.settings.space, self.settings.prior)
        trials = [
            {"point": t.point, "value": t.value if t.is_finite else None, "asked": t.asked}
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
        optimizer = cls(space, **settings)
        trials = tuple(
            Trial(t["point"], FAILED if t["value"] is None else t["value"], t["asked"])
            for t in record["trials"]
        )
        optimizer.state = State(trials, tuple(record["pending"]), record["num_before"])
        return optimizer
