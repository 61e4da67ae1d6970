"""The loop of a search: claim a trial, train it, store what came of it, until the budget is spent.

Several processes may be in this loop over one study; the ledger keeps them apart.
"""

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

from optiinr_jax.inr.compilation_cache import keep_compiled_in_notebooks
from optiinr_jax.progress import Progress
from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.pruners import make_pruner
from optiinr_jax.studies.rungs import round_size, say_paused
from optiinr_jax.studies.store.schema import CALLBACK_ERROR
from optiinr_jax.studies.study import Study
from optiinr_jax.studies.trainers import Bench, RunOptions, choose_trainer, make_look
from optiinr_jax.studies.training import Look, Outcome, StopTrial
from optiinr_jax.studies.trials import Claimed, Trial, describe_trial, score_of

_PAUSE = 0.5  # seconds between two looks at what other processes have ended


def run(study: Study, budget: Callable[[], int], options: RunOptions) -> None:
    """Run trials until the first `budget()` ones have ended, here or in other processes.

    Raises:
        ValueError: options that do not go together.
        StudyError: too many trials failed in a row, or the executor broke; nothing is lost.
    """
    keep_compiled_in_notebooks()
    at_once = round_size(len(study.rung_steps), study.settings.batch_size)
    train_trials = choose_trainer(at_once, options, has_rungs=bool(study.rung_steps))
    study.is_stopped = False
    failures = 0
    with (
        study.ledger,
        Progress("search", budget(), done=study.count_ended(), enabled=options.progress) as bar,
    ):
        bench, log = _make_bench(study, budget, options), _Log(study, bar)

        def is_over() -> bool:
            return study.is_stopped or study.count_ended(budget()) >= budget()

        while not is_over():
            for claimed, outcome in train_trials(bench):
                if not study.record(claimed, outcome):  # we stood still, somebody else has it
                    continue
                trial = study.ledger.read(claimed)
                log.show(budget())
                _call(study, trial, options.on_trial_end)
                failures = failures + 1 if _is_broken(trial, outcome) else 0
                if failures >= options.max_failures:
                    raise StudyError(
                        f"the last {failures} trials failed, the last one because "
                        f"{trial.reason.rstrip('.')}; what has ended is kept. Change the search or "
                        "raise max_failures."
                    )
            if not is_over():
                log.show(budget())
                bar.update(study.count_ended(budget()), "waiting for other processes")
                time.sleep(_PAUSE)
        log.show(budget())
        study.refresh_model()
        if not study.is_stopped:
            study.states.remove()


def _make_bench(study: Study, budget: Callable[[], int], options: RunOptions) -> Bench:
    settings = study.settings
    pruner = make_pruner(options.pruner, settings.num_steps, settings.num_initial)

    def claim() -> Claimed | None:
        claimed = None if study.is_stopped else study.ledger.claim(budget())
        if claimed is not None and options.on_trial_start is not None:
            _call(study, study.ledger.read(claimed), options.on_trial_start)
        return claimed

    def look(claimed: Claimed) -> Look:
        def report(done: int, score: float) -> None:
            if not study.ledger.report(claimed, done, score):
                raise StopTrial("another process has taken it over")
            if options.on_trial_step is not None:
                _call(study, study.ledger.read(claimed), options.on_trial_step, done, score)

        judge = None if pruner is None else study.ledger.judge(claimed, pruner).is_hopeless
        return make_look(report, judge, settings.num_steps)

    return Bench(
        claim=claim,
        job=lambda claimed: study.job_of(claimed, options.max_trial_seconds),
        look=look,
        lose=study.ledger.lose,
        batch_size=round_size(len(study.rung_steps), settings.batch_size),
        options=options,
    )


def _is_broken(trial: Trial, outcome: Outcome) -> bool:
    """Whether nothing was trained; a network that collapsed says something of its configuration."""
    return trial.state == "failed" and outcome.inr is None


def _call(study: Study, trial: Trial, callback: Callable[..., object] | None, *facts: Any) -> None:
    """Call what the user gave; its failure is noted and costs no trial."""
    if callback is None:
        return
    try:
        callback(study, trial, *facts)
    except Exception as error:
        name = getattr(callback, "__name__", repr(callback))
        text = f"{name} raised {type(error).__name__}: {error}"
        study.ledger.rows.set_shown(f"{CALLBACK_ERROR}:{trial.number}", text)
        warnings.warn(f"trial {trial.number}: {text}; the search goes on.", stacklevel=2)


class _Log:
    """A line for every trial that ends or pauses, whoever ran it."""

    def __init__(self, study: Study, bar: Progress) -> None:
        """What has ended before is not shown."""
        self._study, self._bar = study, bar
        self._shown = set(map(_stage, study.trials))

    def show(self, num_trials: int) -> None:
        """Count and show what is new: what ended, how good it is, the best so far, time left.

        The network comes last, where a terminal of 80 columns may cut the line.
        """
        study, bar, trials = self._study, self._bar, self._study.trials
        new = [t for t in trials if t.is_ended and _stage(t) not in self._shown]
        if not new:
            return
        self._shown.update(map(_stage, new))
        best = max(map(score_of, trials))
        note = f"best {best:#.4g}" if math.isfinite(best) else ""
        bar.total = num_trials
        bar.update(max(bar.done, study.count_ended(num_trials)), note)
        for trial in new:
            parts = [
                f"{bar.done:3d}/{bar.total}",
                f"trial {trial.number:3d}",
                f"{trial.score:#6.4g}" if trial.score is not None else _state(trial, study),
                _figures(trial),
                note,
                f"eta {bar.eta():>6}",
                describe_trial(trial),
            ]
            bar.line("  ".join(part for part in parts if part))


def _stage(trial: Trial) -> tuple[int, str, int]:
    """How far a trial is; one that is paused may go on and pause again."""
    return trial.number, trial.state, len(trial.rungs)


def _state(trial: Trial, study: Study) -> str:
    """Why a trial has no score yet, or none at all."""
    if trial.state != "paused":
        return trial.state
    return say_paused(trial, study.trials, study.settings.num_steps)


def _figures(trial: Trial) -> str:
    """The two figures behind a score of the continuous objective."""
    if "between" not in trial.facts:
        return ""
    return f"({trial.facts['samples']:#.4g} at, {trial.facts['between']:#.4g} between)"
