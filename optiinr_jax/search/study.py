"""search(): ask for a configuration, train it, tell its score; stored so that it can go on.

What a trial's row names is on disk before the row, and a trial that a killed process left behind is
trained again with the configuration and the key it had.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import jax
import optuna
from optuna.trial import FrozenTrial, TrialState

from optiinr_jax.bo.distributions import suggest
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.inr import (
    INR,
    DivergedError,
    ModelFileError,
    NetworkConfig,
    fit,
    load_inr,
    preset,
)
from optiinr_jax.inr.fitting import check_seed
from optiinr_jax.progress import Progress
from optiinr_jax.search.spaces import check_space, inr_space, point_to_config, training_rule
from optiinr_jax.search.storage import (
    OWNER,
    PRESET,
    StudyError,
    count_ended,
    default_model_path,
    enqueue_presets,
    get_owner,
    open_study,
    requeue_orphans,
)
from optiinr_jax.search.strategies import STRATEGIES
from optiinr_jax.signals import Signal

REASON, CONFIG = "reason", "config"  # trial attributes


@dataclass(frozen=True)
class Trial:
    """One training of a search.

    Attributes:
        number: from 0, in the order of asking.
        point: names and values in the space.
        score: higher is better; None where the trial failed or has not ended.
        state: "complete", "failed" or "running".
        reason: why it failed; empty otherwise.
        preset: "family, protocol" where the trial is a published network, else empty.
        seconds: of training and scoring.
    """

    number: int
    point: Point
    score: float | None
    state: str
    reason: str
    preset: str
    seconds: float | None


@dataclass(frozen=True)
class Study:
    """A search and what it has found; made by `search`."""

    signal: Signal
    optuna_study: optuna.Study
    settings: dict[str, Any]
    model_path: Path | None
    kept: dict[str, INR]  # "best": the best network so far, as far as this process has it

    @property
    def trials(self) -> list[Trial]:
        """All trials that have begun, in order."""
        begun = (state for state in TrialState if state != TrialState.WAITING)
        rows = self.optuna_study.get_trials(deepcopy=False, states=tuple(begun))
        return [_record(row) for row in rows]

    @property
    def best_trial(self) -> Trial:
        """The trial with the highest score.

        Raises:
            StudyError: no trial has a score.
        """
        scored = [trial for trial in self.trials if trial.score is not None]
        if not scored:
            reasons = {trial.reason for trial in self.trials if trial.reason}
            raise StudyError(
                f"no trial has a score ({'; '.join(sorted(reasons)) or 'none has ended'}); "
                "raise num_trials or look at study.trials."
            )
        return max(scored, key=_score)

    @property
    def best_score(self) -> float:
        """Score of the best trial."""
        return _score(self.best_trial)

    @property
    def best_config(self) -> NetworkConfig:
        """Configuration of the best trial."""
        return _config(self, self.best_trial.point)

    @property
    def best_inr(self) -> INR:
        """The network of the best trial: kept, read from its file, or trained again the same."""
        best = self.best_trial
        if best.number != _trial_of(self.kept.get("best")):
            inr = self._load_model(best.number)
            if inr is None:
                inr = _train(self.signal, self.best_config, best.number, self.settings)
            self.kept["best"] = inr
        return self.kept["best"]

    def _load_model(self, number: int) -> INR | None:
        """The model file, if it is intact and holds trial `number` of this search."""
        if self.model_path is None:
            return None
        try:
            inr = load_inr(self.model_path)
        except (FileNotFoundError, ModelFileError):
            return None
        is_ours = _trial_of(inr) == number and inr.info.get("search") == self.settings
        return inr if is_ours else None

    def _repr_html_(self) -> str:
        best = self.best_trial
        head = f"<b>{self.optuna_study.study_name}</b>: {len(self.trials)} trials, best "
        return f"{head}{best.score:.2f} (trial {best.number})" + self.best_inr._repr_html_()


def search(
    signal: Signal,
    *,
    num_trials: int = 40,
    num_initial: int = 12,
    num_steps: int = 500,
    width: int = 64,
    depth: int = 4,
    space: str | Space = "experiments",
    strategy: str = "optiinr",
    batch_size: int = 1,
    seed: int = 0,
    storage: str | None = None,
    name: str | None = None,
    model_path: str | os.PathLike[str] | None = None,
    progress: bool = True,
    on_trial: Callable[[Study, Trial], None] | None = None,
) -> Study:
    """Search for the network that represents one signal best; the same call again goes on.

    The first trials are the published networks, one family in all layers; a Latin hypercube fills
    up to `num_initial`; then the strategy proposes.

    Args:
        signal: what to represent.
        num_trials: trainings in all, those of earlier calls included.
        num_initial: trials before the surrogate proposes.
        num_steps: updates of each training.
        width: units of every layer.
        depth: activated layers.
        space: name of an `inr_space`, or one of your own with the same names.
        strategy: "optiinr", or "random" and "tpe" for comparison.
        batch_size: configurations proposed jointly before they are trained; a call that ends in
            the middle of a batch goes on with another one than a single call would.
        seed: of everything; the same seed gives the same trials on one machine.
        storage: Optuna storage URL, like "sqlite:///study.db"; None: in memory.
        name: of the study within the storage; None: the signal's name.
        model_path: file of the best network; None: beside an SQLite storage, else none.
        progress: print a line per trial and show the time left.
        on_trial: called after every trial; an exception in it ends the search, nothing is lost.

    Raises:
        ValueError: an argument out of range.
        StudyError: the stored study of this name is another search.

    >>> import optiinr_jax as oi
    >>> picture = oi.sample_signal("image", size=8)
    >>> study = oi.search(picture, num_trials=2, num_steps=1, width=4, progress=False)
    >>> len(study.trials)
    2
    """
    check_counts(
        num_trials=num_trials, num_initial=num_initial, batch_size=batch_size, num_steps=num_steps
    )
    check_seed(seed)
    preset("siren", width=width, depth=depth)  # refuses an impossible size before anything is made
    if strategy not in STRATEGIES:
        raise ValueError(f"unknown strategy {strategy!r}; known are {', '.join(STRATEGIES)}.")
    space_name = "custom" if isinstance(space, Space) else space
    if not isinstance(space, Space):
        space = inr_space(signal.kind, space, depth)
    check_space(space, width=width, depth=depth)
    settings = {
        "signal": _digest(signal),
        "num_steps": int(num_steps),
        "width": width,
        "depth": depth,
        "seed": int(seed),
        "strategy": strategy,
        "num_initial": int(num_initial),
        "batch_size": int(batch_size),
        "space": space_name,
        "space_sha256": hashlib.sha256(space.to_json().encode()).hexdigest(),
        "training": training_rule(signal.kind),
    }
    path = (
        default_model_path(storage, name or signal.name) if model_path is None else Path(model_path)
    )
    optuna_study = open_study(storage, name or signal.name, settings)
    study = Study(signal, optuna_study, settings, path, {})
    requeue_orphans(optuna_study)
    enqueue_presets(optuna_study, signal.kind, space, settings)
    with Progress("search", num_trials, done=count_ended(optuna_study), enabled=progress) as bar:
        while (missing := num_trials - count_ended(optuna_study)) > 0:
            ended = num_trials - missing
            count = min(batch_size - ended % batch_size, missing)  # batches resume where they were
            for handle in [_ask(study, space) for _ in range(count)]:
                trial = _run(study, handle)
                best = max(map(_score, study.trials))
                bar.update(count_ended(optuna_study), f"best {best:.2f}")
                bar.line(_describe(study, trial, num_trials, bar.eta()))
                if on_trial is not None:
                    on_trial(study, trial)
    return study


def check_counts(**counts: Any) -> None:
    """Raise ValueError, by name, for a count that is not a whole number from 1 on."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number from 1 on.")


def _digest(signal: Signal) -> str:
    digest = hashlib.sha256(json.dumps(signal.frame.to_json()).encode())
    digest.update(signal.stored.tobytes())
    return digest.hexdigest()


def _ask(study: Study, space: Space) -> optuna.Trial:
    """Begin the next trial; all that it needs is stored when this returns."""
    make_sampler = STRATEGIES[study.settings["strategy"]]
    seed, num_initial = study.settings["seed"], study.settings["num_initial"]
    study.optuna_study.sampler = make_sampler(space, seed, num_initial, len(study.trials))
    trial = study.optuna_study.ask()
    trial.set_user_attr(OWNER, get_owner())
    suggest(trial, space)
    return trial


def _run(study: Study, handle: optuna.Trial) -> Trial:
    """Train one trial, put its network on disk if it is the best, then store its score."""
    config = _config(study, handle.params)
    handle.set_user_attr(CONFIG, config.to_json())
    best_before = max(map(_score, study.trials), default=-math.inf)
    try:
        inr = _train(study.signal, config, handle.number, study.settings)
    except DivergedError as error:
        handle.set_user_attr(REASON, str(error))
        row = study.optuna_study.tell(handle, state=TrialState.FAIL)
    else:
        if inr.score > best_before:
            study.kept["best"] = inr
            if study.model_path is not None:
                inr.save(study.model_path)
        row = study.optuna_study.tell(handle, inr.score)
    return _record(row)


def _train(signal: Signal, config: NetworkConfig, number: int, settings: dict[str, Any]) -> INR:
    """Train trial `number`; its key depends on the seed and the number alone."""
    return fit(
        signal,
        config,
        num_steps=settings["num_steps"],
        key=jax.random.fold_in(jax.random.key(settings["seed"]), number),
        share_program=True,
        progress=False,
        warn=False,
        info={"trial": number, "search": settings, "time": time.strftime("%Y-%m-%dT%H:%M:%S%z")},
    )


def _config(study: Study, point: Point) -> NetworkConfig:
    return point_to_config(point, width=study.settings["width"], modality=study.signal.kind)


def _trial_of(inr: INR | None) -> int | None:
    return None if inr is None else inr.info.get("trial")


def _record(trial: FrozenTrial) -> Trial:
    states = {TrialState.COMPLETE: "complete", TrialState.FAIL: "failed"}
    return Trial(
        number=trial.number,
        point=trial.params,
        score=trial.value if trial.state == TrialState.COMPLETE else None,
        state=states.get(trial.state, trial.state.name.lower()),
        reason=trial.user_attrs.get(REASON, ""),
        preset=trial.user_attrs.get(PRESET, ""),
        seconds=trial.duration.total_seconds() if trial.duration else None,
    )


def _score(trial: Trial) -> float:
    return -math.inf if trial.score is None else trial.score


def _describe(study: Study, trial: Trial, num_trials: int, eta: str) -> str:
    """One line of the log: what ended, how good it is, the best so far, the time left."""
    layers = [trial.point[f"activation_{i}"] for i in range(1, study.settings["depth"] + 1)]
    encoding = " +fourier" if trial.point.get("encoding") == "fourier" else ""
    parts = [
        f"{count_ended(study.optuna_study):3d}/{num_trials}",
        f"trial {trial.number:3d}",
        f"{trial.score:6.2f}" if trial.score is not None else "failed",
    ]
    if any(t.score is not None for t in study.trials):
        parts.append(f"best {study.best_score:6.2f} (trial {study.best_trial.number})")
    parts += [f"eta {eta:>6}", "-".join(layers) + encoding]
    return "  ".join(parts) + (f" [{trial.preset}]" if trial.preset else "")
