"""The search as an object: ask for a point, evaluate it, tell its score."""

import json
from dataclasses import fields
from numbers import Integral
from typing import Any

from optiinr_jax.bo.engine import FAILED, Settings, State, Trial, ask, check_settings, tell
from optiinr_jax.bo.preference import read_guesses
from optiinr_jax.bo.space import Point, Space

FAITHFUL = {"kernel": "product", "acquisition": "eei", "warp": "standardise"}  # the paper's choices


class Optimizer:
    """Maximise a function of a `Space`: ask for a point, evaluate it, tell the score.

    Args:
        space: what is searched.
        num_initial: points of a Latin hypercube before the model takes over; told ones count.
        seed: same seed and same scores give the same points.
        kernel: row of `KERNELS`; "anova" weighs interactions of all orders, "product" is the
            paper's, "sum_product" is between; "low_orders" weighs single dimensions and pairs by
            themselves. Of several, "anova|product", the one with the higher posterior density is
            taken at every fit.
        acquisition: row of `ACQUISITIONS`; "eei" is the paper's, "log_ei" its closed-form limit,
            which improves on the best fitted score, so that a lucky noisy one does not mislead;
            "thompson" maximises one function drawn from the posterior.
        warp: row of `WARPS`, applied to the scores before the model sees them.
        num_paths: posterior paths in "eei".
        prior: what you expect, {name: guess}: for a number (value, spread as a share of its range),
            for a choice {option: weight}. It leads the first proposals and fades (piBO).
        ties: {name: shared name} of what may share one value, such as the same number of each
            layer; needs `num_tied`.
        num_tied: first points, told ones included, in which what is tied has one value: the good
            region of a large space is found in the small one, and then left.
        faithful: the paper's choices: kernel="product", acquisition="eei", warp="standardise".
    """

    def __init__(
        self,
        space: Any,
        *,
        num_initial: int = 30,
        seed: int = 0,
        kernel: str = "anova",
        acquisition: str = "log_ei",
        warp: str = "half_rank",
        num_paths: int = 256,
        prior: Any = None,
        ties: Any = None,
        num_tied: int = 0,
        faithful: bool = False,
    ) -> None:
        """Start with an empty record."""
        if faithful:
            kernel, acquisition, warp = FAITHFUL.values()
        self.settings = Settings(
            space, num_initial, seed, kernel, acquisition, warp, num_paths, prior, ties, num_tied
        )
        check_settings(self.settings)
        self.state = State()

    def ask(self, num: Any = None) -> Any:
        """Return the next point, or a list of `num` different points to evaluate at once."""
        if num is not None and (not isinstance(num, Integral) or num < 1):
            raise ValueError(f"num is {num!r}; expected a whole number of at least 1, or nothing.")
        points, self.state = ask(self.settings, self.state, 1 if num is None else int(num))
        points = [dict(point) for point in points]  # the caller may change its own copy
        return points[0] if num is None else points

    def tell(self, point: Any, value: Any) -> None:
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
        """Write settings and record as JSON text; nothing else is needed to go on."""
        settings = {f.name: getattr(self.settings, f.name) for f in fields(Settings)}
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
