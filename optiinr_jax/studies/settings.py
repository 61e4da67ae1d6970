"""What makes two searches the same: a record that command, report and store read by its fields."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from optiinr_jax.bo.space import Space
from optiinr_jax.checks import plain_numbers
from optiinr_jax.signals import Signal
from optiinr_jax.studies.points import training_rule

FORMAT = 5  # version of what a study holds besides Optuna's own; others are refused
MIN_CONFIRM, CONFIRM_SHARE = 4, 0.1  # trials that confirm: a tenth of the budget, at least so many
NUM_INITIAL = 9  # the portfolio and the published networks of a picture
NUM_PORTFOLIO, RUNGS = 3, (0.3,)  # of our own strategy, see docs/portfolio.md
CUSTOM = "custom"  # name of a space that the caller brought


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """The settings of a search; the same settings and the same signal are the same search.

    Attributes:
        objective: what a score counts: "continuous", the errors at the samples and between them, or
            "samples", the errors at the samples alone, as in the paper. None: "samples" for the
            strategy "faithful", otherwise "continuous".
        objectives: what counts beside each other, like ("psnr", "num_bytes"): the metric of the
            signal and one or several costs ("num_bytes" of the model file, "num_params"). Width and
            depth are then searched too, up to those given here, and the search has a front of
            trials in place of one best. (): the score alone.
        num_initial: number of initial trials before the strategy proposes; the published networks
            come first.
        num_steps: training steps per trial.
        width: hidden width.
        depth: number of hidden layers.
        space: search space: "experiments" (the paper's experiments) or "full" (also the initialiser
            and every number of a family).
        strategy: "optiinr"; for comparison "untied" (every layer free from the first trial),
            "faithful" (as "untied", with the paper's kernel, acquisition and score scaling),
            "random", "tpe", "single_family", "encoded_family" or "layerwise".
        batch_size: number of configurations proposed jointly, without each other's scores, which
            can be trained at the same time. It decides which trials a study has; the number of
            processes does not.
        num_confirm: number of final trials that train the best configurations again from other
            seeds. None: a tenth of the budget, at least 4 and at most a quarter.
        num_portfolio: configurations that did well on other signals, tried first and to their end.
            None: 3 for the strategy "optiinr", 0 for the others.
        rungs: shares of a training, rising, at which it pauses: the best third of a round of 3 to
            the power of their number goes on. (): every trial goes to its end. None: 0.3 for the
            strategy "optiinr", () for the others.
        seed: random seed; the same seed gives the same trials on one machine.
    """

    objective: str | None = None
    objectives: tuple[str, ...] = ()
    num_initial: int = NUM_INITIAL
    num_steps: int = 500
    width: int = 48
    depth: int = 4
    space: str = "experiments"
    strategy: str = "optiinr"
    batch_size: int = 1
    num_confirm: int | None = None
    num_portfolio: int | None = None
    rungs: tuple[float, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Take numbers of NumPy too."""
        for f in fields(self):
            object.__setattr__(self, f.name, plain_numbers(getattr(self, f.name)))

    @property
    def aim(self) -> str:
        """The objective, written out."""
        return self.objective or ("samples" if self.strategy == "faithful" else "continuous")

    def written_out(self) -> "StudySettings":
        """The settings without a None that stands for something else."""
        is_ours = self.strategy == "optiinr" and not self.objectives
        usual_rungs = RUNGS if is_ours else ()
        usual_num = NUM_PORTFOLIO if self.strategy == "optiinr" else 0
        return replace(
            self,
            objective=self.aim,
            rungs=usual_rungs if self.rungs is None else self.rungs,
            num_portfolio=usual_num if self.num_portfolio is None else self.num_portfolio,
        )

    @property
    def shares(self) -> tuple[float, ...]:
        """The rungs, written out."""
        return self.written_out().rungs or ()

    def confirm_from(self, num_trials: int | None) -> int | None:
        """Number of the first trial that confirms, of a budget; None: none does."""
        if num_trials is None or self.objectives:
            return None
        usual = min(max(MIN_CONFIRM, round(CONFIRM_SHARE * num_trials)), num_trials // 4)
        count = usual if self.num_confirm is None else min(self.num_confirm, num_trials)
        return num_trials - count if count else None

    def to_json(self) -> dict[str, Any]:
        """Plain data, written out; without `objectives` where there are none, as studies were."""
        record = asdict(self.written_out()) | {"rungs": list(self.shares)}
        del record["objectives"]
        return record | ({"objectives": list(self.objectives)} if self.objectives else {})

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "StudySettings":
        """Read what `to_json` gave; other keys are left out."""
        record = {"objectives": (), **record}
        plain: dict[str, Any] = {f.name: record[f.name] for f in fields(cls)}
        plain |= {name: tuple(plain[name]) for name in ("rungs", "objectives")}
        return cls(**plain)


def identity(settings: StudySettings, signal: Signal, space: Space) -> dict[str, Any]:
    """What a stored study is compared with: settings, signal, space and training rule."""
    return settings.to_json() | {
        "format": FORMAT,
        "signal": digest(signal),
        "space_sha256": hashlib.sha256(space.to_json().encode()).hexdigest(),
        "training": training_rule(signal.kind, settings.aim),
    }


def digest(signal: Signal) -> str:
    """A digest of a signal: its frame, its samples, and what is known between them."""
    found = hashlib.sha256(json.dumps(signal.frame.to_json()).encode())
    found.update(signal.content())
    found.update(signal.interpolation.encode())
    return found.hexdigest()
