"""The loop of a search: claim a trial, train it, store what came of it, until the budget is spent.

What a trial's row names is on disk before the row. Several processes may be in this loop over one
study; `queue` keeps them apart.
"""

import concurrent.futures
import math
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import jax
import optuna
from optuna.trial import TrialState

from optiinr_jax.inr.fitting import LAYOUTS
from optiinr_jax.inr.training import step_flops
from optiinr_jax.progress import Progress
from optiinr_jax.search.artifacts import attach_reconstruction
from optiinr_jax.search.checks import StudyError
from optiinr_jax.search.lock import locked
from optiinr_jax.search.objective import (
    Job,
    Look,
    Outcome,
    StopTrial,
    train,
    train_many,
    train_remotely,
)
from optiinr_jax.search.queue import Queue
from optiinr_jax.search.trials import (
    CALLBACK_ERROR,
    CONFIG,
    FACTS,
    REASON,
    Trial,
    make_record,
    score_of,
)

if TYPE_CHECKING:
    from optiinr_jax.search.study import Study

_PAUSE = 0.5  # seconds between two looks at what other processes have ended
_LONG_FLOPS = 2e12  # a training of more, about a minute on a CPU, keeps a checkpoint
OnTrial = Callable[["Study", Trial], object]
OnStep = Callable[["Study", Trial, int, float], object]
Claim = Callable[[], optuna.Trial | None]
Ended = Iterator[tuple[optuna.Trial, Outcome]]


@dataclass(frozen=True)
class Options:
    """How trials are run; see `search`."""

    executor: Any = None
    layout: str | None = None
    pruner: optuna.pruners.BasePruner | None = None
    on_trial_start: OnTrial | None = None
    on_trial_step: OnStep | None = None
    on_trial_end: OnTrial | None = None
    max_trial_seconds: float | None = None
    max_failures: int = 10
    progress: bool = True


def run(study: "Study", budget: Callable[[], int], options: Options) -> None:
    """Run trials until the first `budget()` ones have ended, here or in other processes.

    Raises:
        ValueError: options that do not go together.
        StudyError: too many trials failed in a row, or the executor broke; nothing is lost.
    """
    train_trials = choose_trainer(study, options)
    study.kept.pop("stop", None)
    failures = 0
    with (
        Queue(
            study.optuna_study, study.storage, study.settings, study.space, options.pruner
        ) as queue,
        Progress("search", budget(), done=study.count_ended(), enabled=options.progress) as bar,
    ):

        def claim() -> optuna.Trial | None:
            handle = None if study.kept.get("stop") else queue.claim(budget())
            if handle is not None:
                handle.set_user_attr(CONFIG, study.config_of(handle.params).to_json())
                _call(study, handle, options.on_trial_start)
            return handle

        def is_over() -> bool:
            return bool(study.kept.get("stop")) or study.count_ended(budget()) >= budget()

        while not is_over():
            for handle, outcome in train_trials(claim, study, options):
                trial = record(study, queue, handle, outcome)
                bar.total = budget()
                bar.update(
                    study.count_ended(budget()), f"best {max(map(score_of, study.trials)):.2f}"
                )
                bar.line(_describe(study, trial, bar))
                _call(study, handle, options.on_trial_end)
                failures = failures + 1 if trial.state == "failed" else 0
                if failures >= options.max_failures:
                    raise StudyError(
                        f"the last {failures} trials failed, the last one because "
                        f"{trial.reason.rstrip('.')}; what has ended is kept. Change the search or "
                        "raise max_failures."
                    )
            if not is_over():
                bar.update(study.count_ended(budget()), "waiting for other processes")
                time.sleep(_PAUSE)


def choose_trainer(study: "Study", options: Options) -> Callable[[Claim, "Study", Options], Ended]:
    """Where and how trials are trained.

    Raises:
        ValueError: options that do not go together.
    """
    each_step = [n for n in ("on_trial_step", "pruner") if getattr(options, n) is not None]
    if options.layout is not None and options.layout not in LAYOUTS:
        raise ValueError(f"unknown layout {options.layout!r}; known are {', '.join(LAYOUTS)}.")
    if options.executor is not None:
        if each_step:
            raise ValueError(
                f"an executor trains elsewhere, where {each_step[0]} cannot look; leave one out."
            )
        if study.settings["batch_size"] == 1:
            warnings.warn(
                "the executor gets one trial at a time, because batch_size is 1; make it the "
                "number of its workers.",
                stacklevel=4,
            )
        return _train_elsewhere
    if options.max_trial_seconds is not None:
        each_step.append("max_trial_seconds")
    is_better = jax.default_backend() != "cpu" and not each_step
    if options.layout == "sequence" or study.settings["batch_size"] == 1:
        return _train_in_turn
    if options.layout is not None and each_step:
        raise ValueError(
            f"layout {options.layout!r} trains a batch as one, where {each_step[0]} cannot look; "
            "leave one out."
        )
    return _train_jointly if options.layout is not None or is_better else _train_in_turn


def _train_in_turn(claim: Claim, study: "Study", options: Options) -> Ended:
    while (handle := claim()) is not None:
        job = _job(study, handle, options)
        path, flops = study.model_path, _flops(job)
        checkpoint = None
        if path is not None and flops > _LONG_FLOPS:
            checkpoint = path.with_suffix(f".trial_{handle.number}.checkpoint")
        yield handle, train(job, _make_look(study, handle, options), checkpoint)


def _train_jointly(claim: Claim, study: "Study", options: Options) -> Ended:
    """A batch, or what other processes leave of it, together."""
    while handles := list(islice(iter(claim, None), study.settings["batch_size"])):
        jobs = [_job(study, handle, options) for handle in handles]
        yield from zip(handles, train_many(jobs, options.layout or "vmap"), strict=True)


def _train_elsewhere(claim: Claim, study: "Study", options: Options) -> Ended:
    """In an executor, as many at once as a batch has."""
    assert options.executor is not None
    running: dict[Future[Outcome], optuna.Trial] = {}
    try:
        while True:
            while len(running) < study.settings["batch_size"] and (handle := claim()) is not None:
                job = _job(study, handle, options)
                running[options.executor.submit(train_remotely, job)] = handle
            if not running:
                return
            ended, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
            for future in ended:
                yield running.pop(future), _result(future)
    except (BrokenExecutor, CancelledError) as error:
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


def _job(study: "Study", handle: optuna.Trial, options: Options) -> Job:
    config = study.config_of(handle.params)
    return Job(study.signal, config, handle.number, study.settings, options.max_trial_seconds)


def _flops(job: Job) -> float:
    signal = job.signal
    return job.settings["num_steps"] * step_flops(
        job.config, signal.num_points, signal.num_channels
    )


def _make_look(study: "Study", handle: optuna.Trial, options: Options) -> Look:
    """What happens at a point of the learning curve: it is stored, shown and judged."""

    def look(done: int, score: float) -> None:
        report(study, handle, done, score)
        if options.on_trial_step is not None:
            _call(study, handle, options.on_trial_step, done, score)
        if options.pruner is not None and done < study.settings["num_steps"]:
            if handle.should_prune():
                raise StopTrial(f"hopeless after {done} steps", is_pruned=True)

    return look


def report(study: "Study", handle: optuna.Trial, done: int, score: float) -> None:
    """Store a point of a learning curve; a trial that runs again writes it again."""
    study.optuna_study._storage.set_trial_intermediate_value(handle._trial_id, done, score)
    handle._cached_frozen_trial.intermediate_values[done] = score  # where pruners look


def record(study: "Study", queue: Queue, handle: optuna.Trial, outcome: Outcome) -> Trial:
    """Store how a trial ended, its network before it, where it is the best so far.

    A trial that somebody else has taken over meanwhile, because this process seemed dead, is
    theirs: its score is the same.
    """
    if outcome.inr is not None and _is_best(study, outcome):
        attach_reconstruction(study, handle._trial_id, outcome.inr)
    with locked(study.storage, study.optuna_study.study_name):
        if queue.is_ours(handle):
            _store(study, handle, outcome)
        queue.running.pop(handle._trial_id, None)
    return make_record(study.optuna_study._storage.get_trial(handle._trial_id))


def _is_best(study: "Study", outcome: Outcome) -> bool:
    value = -math.inf if outcome.value is None else outcome.value
    return value > max(map(score_of, study.trials), default=-math.inf)


def _store(study: "Study", handle: optuna.Trial, outcome: Outcome) -> None:
    """Write everything about a trial, its state last."""
    reported = study.optuna_study._storage.get_trial(handle._trial_id).intermediate_values
    for step, score in outcome.curve.items():
        if step not in reported:
            report(study, handle, step, score)
    handle.set_user_attr(FACTS, outcome.facts)
    value, reason = outcome.value, outcome.reason
    if value is not None and math.isfinite(value):
        if outcome.inr is not None and _is_best(study, outcome):
            study.kept["best"] = outcome.inr
            if study.model_path is not None:
                outcome.inr.save(study.model_path)
        study.optuna_study.tell(handle, value)
        return
    handle.set_user_attr(REASON, reason or f"its score is {value}")
    study.optuna_study.tell(
        handle, state=TrialState.PRUNED if outcome.is_pruned else TrialState.FAIL
    )


def _call(
    study: "Study", handle: optuna.Trial, callback: Callable[..., object] | None, *facts: Any
) -> None:
    """Call what the user gave; its failure is noted and costs no trial."""
    if callback is None:
        return
    store = study.optuna_study._storage
    try:
        callback(study, make_record(store.get_trial(handle._trial_id)), *facts)
    except Exception as error:
        name = getattr(callback, "__name__", repr(callback))
        text = f"{name} raised {type(error).__name__}: {error}"
        study.optuna_study.set_user_attr(f"{CALLBACK_ERROR}:{handle.number}", text)
        warnings.warn(f"trial {handle.number}: {text}; the search goes on.", stacklevel=2)


def _describe(study: "Study", trial: Trial, bar: Progress) -> str:
    """One line of the log: what ended, how good it is, the best so far, the time left."""
    names = (f"activation_{i}" for i in range(1, study.settings["depth"] + 1))
    layers = [str(trial.point[name]) for name in names if name in trial.point]
    encoding = " +fourier" if trial.point.get("encoding") == "fourier" else ""
    parts = [
        f"{bar.done:3d}/{bar.total}",
        f"trial {trial.number:3d}",
        f"{trial.score:6.2f}" if trial.score is not None else trial.state,
    ]
    scored = [t for t in study.trials if t.score is not None]
    if scored:
        best = max(scored, key=score_of)
        parts.append(f"best {best.score:6.2f} (trial {best.number})")
    parts += [f"eta {bar.eta():>6}", "-".join(layers) + encoding]
    return "  ".join(parts) + (f" [{trial.preset}]" if trial.preset else "")
