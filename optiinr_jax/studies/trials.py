"""What a trial is and how one ends: records that know nothing of how they are stored."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import jax

from optiinr_jax.bo.space import Point
from optiinr_jax.inr import INR
from optiinr_jax.studies.points import describe_point

Curve = dict[int, float]  # steps done -> score of the loss

GIVEN = (
    "portfolio",
    "published",
    "warm start",
    "enqueued",
)  # origins of points that no strategy chose


@dataclass(frozen=True)
class Origin:
    """Where the point of a trial came from.

    Attributes:
        kind: one of GIVEN, or "design" (the space-filling start), "proposed" by the strategy,
            "confirmation" (a good configuration from another seed).
        label: which one, like "siren, official"; may be empty.
    """

    kind: str
    label: str = ""

    @property
    def is_given(self) -> bool:
        """Whether somebody brought the point."""
        return self.kind in GIVEN

    def __str__(self) -> str:
        """In words, like "published siren, rate x 4", "trial 19 again" or "design"."""
        says_it_all = self.kind in ("warm start", "confirmation")
        return self.label if says_it_all else f"{self.kind} {self.label}".rstrip()


@dataclass(frozen=True, repr=False)
class Trial:
    """One training of a search.

    Attributes:
        number: from 0, in the order of asking.
        point: names and values in the space.
        score: by the objective, higher is better; None where the trial failed, was pruned or has
            not ended.
        state: "complete", "failed", "pruned", "paused" (at a rung) or "running".
        reason: why it failed or was pruned; empty otherwise.
        origin: where the point came from.
        seconds: of training and scoring.
        curve: score of the training loss by step (see `score_of_loss`).
        rungs: the same at the rungs that it has passed, over a few steps.
        facts: further ones: `samples`, `between` and `control` (figures at the samples and between
            them, see `Scores`), peak_memory_mb, seed, matmul_precision, host, versions; max_part
            where memory did not suffice at first.
    """

    number: int
    point: Point
    score: float | None
    state: str
    reason: str = ""
    origin: Origin = Origin("proposed")
    seconds: float | None = None
    curve: Curve = field(default_factory=dict)
    rungs: Curve = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        score = self.state if self.score is None else f"{self.score:.4g}"
        return f"Trial({self.number}, {score}, {describe_trial(self)})"

    @property
    def preset(self) -> str:
        """ "family, protocol" where the trial is a published network, else empty."""
        return self.origin.label if self.origin.kind == "published" else ""

    @property
    def is_ended(self) -> bool:
        """Whether it has a score, failed, was pruned, or is paused."""
        return self.state != "running"

    @property
    def last_value(self) -> float | None:
        """Its score, or of a pruned or paused one the last point of its learning curve."""
        if self.state == "paused":
            return self.rungs[max(self.rungs)]
        if self.state == "pruned" and self.curve:
            return self.curve[max(self.curve)]
        return self.score

    def as_pending(self) -> "Trial":
        """The trial as one of its own batch knows it: its point, not what came of it."""
        return replace(self, score=None, state="running", reason="", curve={}, rungs={}, facts={})


def describe_trial(trial: Trial) -> str:
    """Where its point came from and the network, like "proposed: siren-finer +fourier".

    The name of a published network says all of it.
    """
    if trial.origin.kind == "published":
        return str(trial.origin)
    return f"{trial.origin}: {describe_point(trial.point)}"


def score_of(trial: Trial) -> float:
    """Its score; -inf where it has none."""
    return -math.inf if trial.score is None else trial.score


@dataclass(frozen=True)
class Claimed:
    """A trial that somebody is to train.

    Attributes:
        number: of the trial in its study.
        row: number of its row in the storage.
        point: names and values in the space.
        owner: who claimed it; whoever takes it over has another one.
        rung: at which it pauses, from 0; None: it goes to the end.
        deaths: processes that have ended without a word while they trained it.
    """

    number: int
    row: int
    point: Point
    owner: str
    rung: int | None = None
    deaths: int = 0


def trial_key(seed: int, number: int) -> jax.Array:
    """PRNG key of a trial's training: a function of the study's seed and the trial's number."""
    return jax.random.fold_in(jax.random.key(seed), number)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        inr: the trained network; None where there is none.
        score: of what was trained elsewhere, without a network to show.
        reason: why there is none; empty otherwise.
        is_pruned: a rule stopped it, which is no failure.
        is_paused: it has come to the rung at which it was to pause.
        curve: score of the loss by step.
        rungs: the same at the rungs it has passed.
        facts: seconds, memory, versions, where it ran; `max_part` of a retry with less memory.
    """

    inr: INR | None = None
    score: float | None = None
    reason: str = ""
    is_pruned: bool = False
    is_paused: bool = False
    curve: Curve = field(default_factory=dict)
    rungs: Curve = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float | None:
        """The final score; None where there is none."""
        if self.reason or self.is_paused:
            return None
        return self.score if self.inr is None else self.inr.score
