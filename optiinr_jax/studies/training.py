"""From a configuration to a score: one trial trained, whatever happens to it.

What can go wrong becomes the trial's outcome: a loss that is not finite, a network that collapsed
to a constant, out of memory (retried once with half-size chunks), a time limit, pruning.
"""

import gc
import math
import platform
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from optiinr_jax.inr import INR, DivergedError, NetworkConfig, fit, fit_many
from optiinr_jax.inr.cost import part_size
from optiinr_jax.inr.fitting import matmul_precision
from optiinr_jax.inr.task import floor_of
from optiinr_jax.signals import Signal, metrics
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.studies.rungs import rung_scores
from optiinr_jax.studies.trials import Curve, Outcome

NUM_LOOKS = 10  # points of a learning curve
COLLAPSED = 10 ** (-1.0 / 10)  # part of a constant's error: within 1 dB of it nothing is learned
LEFT = 10 ** (6.0 / 10)  # times its best level: a loss that ends 6 dB above it has left it
# What XLA, its allocators on CPU and GPU, CUDA's libraries and C++ say.
_NO_MEMORY = (
    "resource_exhausted",
    "resource exhausted",
    "out of memory",
    "out_of_memory",
    "outofmemory",
    "alloc_failed",
    "bad_alloc",
    "failed to allocate",
    "unable to allocate",
    "cannot allocate memory",
)
_WINDOW = 20  # parts of a run over whose medians its level is looked at
FIGURES = ("samples", "between", "control", "control_name")  # of `Scores`, kept with a trial
Look = Callable[[int, float], None]  # called with steps done and the score of the loss


@dataclass(frozen=True)
class Job:
    """What trains one trial, on any machine.

    Attributes:
        number: of the trial, for its model file.
        key: PRNG key of the training.
        info: further facts for the model file.
        max_seconds: see `RunOptions`.
        rungs: steps of the rungs of its search.
        pause_at: step at which it pauses; None: it goes to its end.
        checkpoint: file of its state, for whoever goes on, which stays; None: it starts anew.
    """

    signal: Signal
    config: NetworkConfig
    objective: str
    num_steps: int
    number: int
    key: jax.Array
    info: dict[str, Any]
    max_seconds: float | None = None
    rungs: tuple[int, ...] = ()
    pause_at: int | None = None
    checkpoint: Path | None = None

    @property
    def facts_for_file(self) -> dict[str, Any]:
        """Facts for the model file."""
        return {**self.info, "trial": self.number, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z")}


class StopTrial(Exception):  # noqa: N818
    """Ends a training from within: `is_pruned` where it was hopeless, else it failed."""

    def __init__(self, reason: str, *, is_pruned: bool = False) -> None:
        super().__init__(reason)
        self.is_pruned = is_pruned


def train(job: Job, look: Look | None = None) -> Outcome:
    """Train one trial.

    Args:
        look: called NUM_LOOKS times at most, and may raise StopTrial.
    """
    start, looks = time.monotonic(), _next_looks(job.num_steps)
    due = next(looks)

    def on_step(done: int, num_steps: int, loss: float) -> None:
        nonlocal due
        seconds = time.monotonic() - start
        if job.max_seconds is not None and seconds > job.max_seconds and done < num_steps:
            limit = f"the limit of {job.max_seconds:g} s for a trial"
            raise StopTrial(f"reached {limit} at step {done} of {num_steps}")
        if done >= due:
            due = next((step for step in looks if step > done), math.inf)
            if look is not None and math.isfinite(loss):
                floor = floor_of(job.signal, job.config.sampling)
                look(done, score_of_loss(job.signal, loss, floor))

    def attempt(max_part: int | None = None) -> INR:
        return fit(
            job.signal,
            job.config,
            objective=job.objective,
            num_steps=job.num_steps,
            key=job.key,
            share_program=True,
            max_part=max_part,
            checkpoint=job.checkpoint,
            pause_at=job.pause_at or job.num_steps,  # its state stays until its result is stored
            progress=False,
            warn=False,
            on_step=on_step,
            info=job.facts_for_file,
        )

    inr, retry = None, {}
    try:
        try:
            inr = attempt()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        if inr is None:  # here the error is gone, whose traceback held what the attempt had taken
            _free_memory()
            retry = {"max_part": max(1, points_at_once(job) // 2)}
            inr = attempt(**retry)
    except (StopTrial, DivergedError, ValueError, FloatingPointError) as error:
        # the last one under JAX_DEBUG_NANS, which stops where a loss is no number
        outcome = Outcome(reason=str(error), is_pruned=getattr(error, "is_pruned", False))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        outcome = Outcome(reason=f"out of memory, twice: {str(error).splitlines()[0]}")
    else:
        outcome = _outcome_of(job, inr)
    return replace(outcome, facts=outcome.facts | _facts(job, time.monotonic() - start) | retry)


def points_at_once(job: Job) -> int:
    """Points that go through the network at once in a first attempt."""
    num_points = min(job.signal.num_points, job.config.batch_size or job.signal.num_points)
    return part_size(job.config.width, num_points)


def train_many(jobs: Sequence[Job], layout: str) -> list[Outcome]:
    """Train the trials of a batch together; in two halves where the memory does not do."""
    start, first, fits = time.monotonic(), jobs[0], None
    try:
        fits = fit_many(
            first.signal,
            [job.config for job in jobs],
            objective=first.objective,
            num_steps=first.num_steps,
            keys=[job.key for job in jobs],
            layout=layout,
            progress=False,
        )
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    if fits is None:
        _free_memory()
        half = len(jobs) // 2
        if half == 0:
            return [train(first)]
        return train_many(jobs[:half], layout) + train_many(jobs[half:], layout)
    seconds = (time.monotonic() - start) / len(jobs)
    return [_outcome(job, fitted, seconds) for job, fitted in zip(jobs, fits, strict=True)]


def _outcome(job: Job, fitted: INR | DivergedError, seconds: float) -> Outcome:
    facts = _facts(job, seconds)
    if isinstance(fitted, DivergedError):
        return Outcome(reason=str(fitted), facts=facts)
    fitted = replace(fitted, info={**fitted.info, **job.facts_for_file})
    outcome = _outcome_of(job, fitted)
    return replace(outcome, facts=outcome.facts | facts)


def _outcome_of(job: Job, inr: INR) -> Outcome:
    """A training that came to its end: a score, or a collapse."""
    scores = inr.scores
    figures = {} if scores is None else {n: getattr(scores, n) for n in FIGURES}
    floor = floor_of(job.signal, inr.config.sampling)
    curve = learning_curve(job.signal, inr.history, floor)
    to_score = partial(score_of_loss, job.signal, floor=floor)
    rungs = rung_scores(inr.history, job.rungs, job.num_steps, to_score)
    is_paused = len(inr.history) < job.num_steps
    reason = "" if is_paused else find_collapse(inr.history, floor)
    return Outcome(inr, reason=reason, is_paused=is_paused, curve=curve, rungs=rungs, facts=figures)


def check_told(inr: INR, signal: Signal, objective: str, num_steps: int) -> None:
    """Raise ValueError for a network, trained elsewhere, whose score says nothing about a search.

    Args:
        inr: the network.
        signal, objective, num_steps: of the search.
    """
    own, frame = signal.frame, inr.frame
    facts = {
        "kind": (frame.kind, own.kind),
        "shape": (frame.shape, own.shape),
        "channels": (frame.num_channels, own.num_channels),
        "objective": (inr.objective, objective),
        "num_steps": (inr.num_steps or num_steps, num_steps),
    }
    for name, (got, expected) in facts.items():
        if got != expected:
            raise ValueError(
                f"the network that was told has {name} {got}, but this study has {expected}; train "
                "it as the others."
            )


def find_collapse(history: np.ndarray, floor: float) -> str:
    """Why a training counts as collapsed; empty where it does not.

    It has learned nothing, or nothing is left of it: its loss ends within 1 dB of the best
    constant's, or far above the level that it had reached before.

    Args:
        history: loss before each step.
        floor: loss of the best constant.
    """
    count = min(_WINDOW, len(history))
    levels = [float(np.median(part)) for part in np.array_split(history, count)]
    if levels[-1] > COLLAPSED * floor:
        return (
            f"collapsed: its loss ends at {levels[-1]:.3g}, where the best constant has {floor:.3g}"
        )
    if levels[-1] > LEFT * min(levels):
        return f"collapsed: its loss ends at {levels[-1]:.3g} after a level of {min(levels):.3g}"
    return ""


def train_remotely(job: Job) -> Outcome:
    """`train` for another process: what comes back lies in the host's memory."""
    outcome = train(job)
    if outcome.inr is None:
        return outcome
    return replace(
        outcome, inr=replace(outcome.inr, variables=jax.device_get(outcome.inr.variables))
    )


def score_of_loss(signal: Signal, loss: float, floor: float) -> float:
    """A training loss as a score: the PSNR it amounts to, where that is the signal's metric.

    Elsewhere (IoU of a solid, which no loss determines) it is 1 minus the loss over that of the
    best constant output, `floor`: 1 is perfect too, and 0 is nothing learned.
    """
    if get_kind(signal.kind).metric is not metrics.PSNR:
        return 1.0 - loss / floor
    (low, high), natural = signal.frame.value_range, signal.frame.natural_range
    gain = (natural[1] - natural[0]) / signal.frame.unit / (high - low)
    return -10.0 * math.log10(max(loss * gain**2, 1e-30))


def learning_curve(signal: Signal, history: np.ndarray, floor: float) -> Curve:
    """Score by step of a fit that has ended, from its losses; see `score_of_loss`."""
    steps = [step for step in _next_looks(len(history)) if step <= len(history)]
    losses = {step: float(history[step - 1]) for step in steps}
    found = {step: loss for step, loss in losses.items() if math.isfinite(loss)}
    return {step: score_of_loss(signal, loss, floor) for step, loss in found.items()}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on the host or on a device."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY)


def peak_memory() -> float:
    """Most memory that this process has taken so far, in MiB: the device's, else the host's."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return stats["peak_bytes_in_use"] / 2**20
    try:
        import resource
    except ImportError:  # not on Windows
        return math.nan
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _next_looks(num_steps: int) -> Iterator[int]:
    """Steps at which a learning curve has its points."""
    return iter(sorted({math.ceil(num_steps * i / NUM_LOOKS) for i in range(1, NUM_LOOKS + 1)}))


def _free_memory() -> None:
    gc.collect()
    jax.clear_caches()


def _facts(job: Job, seconds: float) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 3),
        "peak_memory_mb": round(peak_memory(), 1),
        "seed": [job.info["search"]["seed"], job.number] if "search" in job.info else None,
        "matmul_precision": matmul_precision(),
        "host": socket.gethostname(),
        "versions": _versions(),
    }


@cache
def _versions() -> dict[str, str]:
    names = ("optiinr-jax", "jax", "jaxlib", "numpy", "optuna")
    device = jax.local_devices()[0].device_kind
    return {"python": platform.python_version(), "device": device} | {n: version(n) for n in names}
