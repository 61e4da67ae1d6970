"""Where and how trials are trained: one after the other, a batch together, or in an executor."""

import concurrent.futures
import math
import warnings
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass
from typing import Any

import jax
import optuna

from optiinr_jax.checks import check_name
from optiinr_jax.inr.fitting_many import LAYOUTS
from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.training import (
    Job,
    Look,
    StopTrial,
    train,
    train_many,
    train_remotely,
)
from optiinr_jax.studies.trials import Claimed, Outcome

OnTrial = Callable[[Any, Any], object]  # (study, trial)
OnStep = Callable[[Any, Any, int, float], object]  # (study, trial, steps done, score of the loss)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How trials are run; none of these options changes which trials a study has.

    Attributes:
        executor: trains the trials; anything with the interface of concurrent.futures, such as a
            ProcessPoolExecutor or Dask's `client.get_executor()`. None: this process does.
        layout: how a batch is trained: "vmap" (in one program), "threads" (one trial per core) or
            "sequence" (one after the other). None: "vmap" on a GPU, "threads" on a CPU.
        pruner: rule that stops hopeless trials early: a name from `PRUNERS` or an Optuna pruner.
            None: every trial runs to its end.
        on_trial_start: called with (study, trial) before a trial is trained.
        on_trial_step: called with (study, trial, steps done, score of the loss) ten times a trial.
        on_trial_end: called with (study, trial) when the result is stored. An exception in one of
            these three is recorded and becomes a warning; the search goes on. `study.stop()` ends
            it.
        max_trial_seconds: time limit of a trial, in seconds; a trial that takes longer fails.
        max_failures: number of trials in a row that failed before their training was over which
            ends the search; a network that collapsed is not counted.
        progress: print a line per trial and show the estimated time left.
    """

    executor: Any = None
    layout: str | None = None
    pruner: str | optuna.pruners.BasePruner | None = None
    on_trial_start: OnTrial | None = None
    on_trial_step: OnStep | None = None
    on_trial_end: OnTrial | None = None
    max_trial_seconds: float | None = None
    max_failures: int = 10
    progress: bool = True

    @property
    def looks_itself(self) -> bool:
        """Whether how trials are run leaves no place for rungs."""
        return self.pruner is not None or self.layout not in (None, "sequence")


@dataclass(frozen=True)
class Bench:
    """What the trainers need of a study.

    Attributes:
        claim: takes the next trial; None: not now.
        job: what trains a trial, with the file of its state where it has one.
        look: what happens at a point of a trial's learning curve; None: nothing has to.
        lose: puts back a trial whose process has died, or ends it the third time.
        batch_size: trials that may be trained at the same time.
        options: of the run.
    """

    claim: Callable[[], Claimed | None]
    job: Callable[[Claimed], Job]
    look: Callable[[Claimed], Look]
    lose: Callable[[Claimed], None]
    batch_size: int
    options: RunOptions


Ended = Iterator[tuple[Claimed, Outcome]]


def choose_trainer(
    batch_size: int, options: RunOptions, *, has_rungs: bool = False
) -> Callable[[Bench], Ended]:
    """Where and how trials are trained.

    Raises:
        ValueError: options that do not go together.
    """
    if has_rungs and options.looks_itself:
        name = "layout" if options.pruner is None else "pruner"
        raise ValueError(
            f"{name} is {getattr(options, name)!r}, but this search has rungs, at which trials "
            "pause one by one; leave one out (rungs=())."
        )
    each_step = [n for n in ("on_trial_step", "pruner") if getattr(options, n) is not None]
    if options.layout is not None:
        check_name("layout", options.layout, LAYOUTS)
    if options.executor is not None:
        if each_step:
            raise ValueError(
                f"an executor trains elsewhere, where {each_step[0]} cannot look; leave one out."
            )
        _check_executor(options.executor)
        if batch_size == 1:
            warnings.warn(
                "the executor gets one trial at a time, because batch_size is 1; make it the "
                "number of its workers.",
                stacklevel=5,
            )
        return _train_elsewhere
    if options.max_trial_seconds is not None:
        each_step.append("max_trial_seconds")
    if options.layout == "sequence" or batch_size == 1 or has_rungs:
        return _train_in_turn
    if options.layout is not None and each_step:
        raise ValueError(
            f"layout {options.layout!r} trains a batch as one, where {each_step[0]} cannot look; "
            "leave one out."
        )
    return _train_in_turn if each_step else _train_jointly


def _check_executor(executor: Any) -> None:
    """Raise ValueError for processes that would be copies of this one: JAX hangs in them."""
    context = getattr(executor, "_mp_context", None)  # of a ProcessPoolExecutor
    if context is not None and context.get_start_method() == "fork":
        raise ValueError(
            "the executor forks this process, in whose copies JAX hangs; make it with "
            'mp_context=multiprocessing.get_context("spawn").'
        )


def _train_in_turn(bench: Bench) -> Ended:
    while (claimed := bench.claim()) is not None:
        yield claimed, train(bench.job(claimed), bench.look(claimed))


def _train_jointly(bench: Bench) -> Ended:
    """A batch, or what other processes leave of it, together."""
    usual = "threads" if jax.default_backend() == "cpu" else "vmap"
    while batch := _next_batch(bench):
        jobs = [bench.job(claimed) for claimed in batch]
        yield from zip(batch, train_many(jobs, bench.options.layout or usual), strict=True)


def _next_batch(bench: Bench) -> list[Claimed]:
    """Trials to train together."""
    batch: list[Claimed] = []
    while _has_room(bench, batch) and (claimed := bench.claim()) is not None:
        batch.append(claimed)
    return batch


def _has_room(bench: Bench, together: Collection[Claimed]) -> bool:
    """Whether another trial may join; one that may have ended a process takes no other with it."""
    return len(together) < bench.batch_size and not any(claimed.deaths for claimed in together)


def _train_elsewhere(bench: Bench) -> Ended:
    """In an executor, as many at once as a batch has."""
    running: dict[Future[Outcome], Claimed] = {}
    try:
        while True:
            while _has_room(bench, running.values()) and (claimed := bench.claim()) is not None:
                future = bench.options.executor.submit(train_remotely, bench.job(claimed))
                running[future] = claimed
            if not running:
                return
            ended, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for future in ended:
                outcome = _result(future)
                yield running.pop(future), outcome
    except (BrokenExecutor, CancelledError) as error:
        for claimed in running.values() if isinstance(error, BrokenExecutor) else ():
            bench.lose(claimed)  # nobody says which of them it was
        raise StudyError(
            f"the executor lost its workers ({error or type(error).__name__}); its trials are back "
            "in the queue, call again with a new executor to continue."
        ) from error


def _result(future: "Future[Outcome]") -> Outcome:
    try:
        return future.result()
    except (BrokenExecutor, CancelledError):
        raise
    except Exception as error:  # whatever happened on that machine, the trial has failed
        return Outcome(reason=f"{type(error).__name__}: {error}")


def make_look(
    report: Callable[[int, float], None],
    is_hopeless: Callable[[int, float], bool] | None,
    num_steps: int,
) -> Look:
    """What happens at a point of a learning curve: it is stored and shown, then judged."""

    def look(done: int, score: float) -> None:
        report(done, score)
        if is_hopeless is not None and done < num_steps and math.isfinite(score):
            if is_hopeless(done, score):
                raise StopTrial(f"hopeless after {done} steps", is_pruned=True)

    return look
