"""The ways to a study: make or open one, read one from its storage alone, search, help a search."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna

from optiinr_jax.bo.space import Space
from optiinr_jax.inr import preset
from optiinr_jax.inr.fitting import check_seed
from optiinr_jax.search.checks import check_counts
from optiinr_jax.search.loop import OnStep, OnTrial, Options, run
from optiinr_jax.search.pruners import make_pruner
from optiinr_jax.search.spaces import check_space, config_to_point, inr_space, training_rule
from optiinr_jax.search.storage import (
    BUDGET,
    FORMAT,
    SETTINGS,
    default_model_path,
    enqueue,
    enqueue_presets,
    find_study,
    keep_model_path,
    keep_problem,
    load_problem,
    make_study,
    opened,
    stored_model_path,
)
from optiinr_jax.search.strategies import STRATEGIES
from optiinr_jax.search.study import Study
from optiinr_jax.signals import Signal

NUM_WARM = 3  # best trials that each study of `warm_start` gives


def create_study(
    signal: Signal,
    *,
    num_trials: int | None = None,
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
    warm_start: Sequence[Study] = (),
) -> Study:
    """Make a study, or open it, and train nothing; the arguments are those of `search`.

    Args:
        num_trials: what `optiinr worker` processes have to do; None: as it was.

    Raises:
        ValueError: an argument out of range.
        StudyError: the stored study of this name is another search.
    """
    check_counts(
        num_trials=num_trials or 1,
        num_initial=num_initial,
        batch_size=batch_size,
        num_steps=num_steps,
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
        "format": FORMAT,
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
    name = name or signal.name
    path = default_model_path(storage, name) if model_path is None else Path(model_path)
    with opened(storage, name) as store:
        study, is_new = make_study(store, name, storage, settings)
        if is_new:
            keep_problem(study, signal, space)
            study.set_user_attr(SETTINGS, settings)
        if num_trials is not None:
            study.set_user_attr(BUDGET, int(num_trials))
        keep_model_path(study, storage, path)
        enqueue_presets(study, signal.kind, space, settings)
        for i, other in enumerate(warm_start):
            for rank, trial in enumerate(other.best_trials(NUM_WARM), 1):
                point = config_to_point(other.config_of(trial.point), space)
                enqueue(study, space.check_point(point), f"warm start {i + 1}, best {rank}")
    return Study(signal, space, study, storage, settings, path, {})


def load_study(storage: str, name: str | None = None) -> Study:
    """Open a study with nothing but its address: signal, space and settings come from there.

    Args:
        storage: URL like "sqlite:///study.db".
        name: of the study; None: the only one.

    Raises:
        StudyError: there is no such study, or it is not one of this program and version.
    """
    with opened(storage, name or "") as store:
        study = find_study(store, name, storage)
        signal, space = load_problem(study)
    settings = study.user_attrs[SETTINGS]
    return Study(signal, space, study, storage, settings, stored_model_path(study, storage), {})


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
    warm_start: Sequence[Study] = (),
    executor: Any = None,
    layout: str | None = None,
    pruner: str | optuna.pruners.BasePruner | None = None,
    on_trial_start: OnTrial | None = None,
    on_trial_step: OnStep | None = None,
    on_trial_end: OnTrial | None = None,
    max_trial_seconds: float | None = None,
    max_failures: int = 10,
    progress: bool = True,
) -> Study:
    """Search for the network that represents one signal best; the same call again goes on.

    The first trials are the published networks, one family in all layers; a Latin hypercube fills
    up to `num_initial`; then the strategy proposes. Ours gives all layers the same values up to
    trial 2.5 `num_initial`, and every layer its own from there on. Other processes may help: with
    the same call, or `optiinr worker`.

    Args:
        signal: what to represent.
        num_trials: trainings in all, those of earlier calls and other processes included.
        num_initial: trials before the surrogate proposes.
        num_steps: updates of each training.
        width: units of every layer.
        depth: activated layers.
        space: name of an `inr_space`, or one of your own with the same names.
        strategy: "optiinr"; for comparison "untied" (every layer free from the first trial),
            "faithful" (the paper's: so, too, with its kernel, acquisition and scaling of scores),
            "random" or "tpe".
        batch_size: configurations proposed jointly, without each other's scores: as many may be
            trained at once. It decides which trials a study has; how many processes train them
            does not.
        seed: of everything; the same seed gives the same trials on one machine.
        storage: Optuna storage URL, like "sqlite:///study.db" or "postgresql://..."; None: in
            memory.
        name: of the study within the storage; None: the signal's name.
        model_path: file of the best network; None: beside an SQLite storage, else none.
        warm_start: other studies, whose best configurations are tried after the published ones.
        executor: trains the trials: anything with the interface of concurrent.futures, such as a
            ProcessPoolExecutor or Dask's `client.get_executor()`.
        layout: of a batch: "vmap" trains it in one program, "threads" a trial on each core,
            "sequence" one after the other; None: "vmap" on a GPU, "sequence" on a CPU.
        pruner: rule that stops hopeless trials: a name of `PRUNERS` or one of Optuna's; None: all
            run to their end.
        on_trial_start: called with (study, trial) before a trial is trained.
        on_trial_step: called with (study, trial, steps done, score of the loss) ten times a trial.
        on_trial_end: called with (study, trial) when the result is stored. An exception in any of
            the three is noted and warned of, and costs nothing; `study.stop()` ends the search.
        max_trial_seconds: a trial that takes longer has failed.
        max_failures: failed trials in a row that end the search.
        progress: print a line per trial and show the time left.

    Raises:
        ValueError: an argument out of range, or two that do not go together.
        StudyError: the stored study of this name is another search, or too many trials failed.

    >>> import optiinr_jax as oi
    >>> picture = oi.sample_signal("image", size=8)
    >>> study = oi.search(picture, num_trials=2, num_steps=1, width=4, progress=False)
    >>> len(study.trials)
    2
    """
    check_counts(num_trials=num_trials, max_failures=max_failures)
    study = create_study(
        signal,
        num_trials=num_trials,
        num_initial=num_initial,
        num_steps=num_steps,
        width=width,
        depth=depth,
        space=space,
        strategy=strategy,
        batch_size=batch_size,
        seed=seed,
        storage=storage,
        name=name,
        model_path=model_path,
        warm_start=warm_start,
    )
    options = Options(
        executor=executor,
        layout=layout,
        pruner=make_pruner(pruner, num_steps, num_initial),
        on_trial_start=on_trial_start,
        on_trial_step=on_trial_step,
        on_trial_end=on_trial_end,
        max_trial_seconds=max_trial_seconds,
        max_failures=max_failures,
        progress=progress,
    )
    run(study, lambda: num_trials, options)
    return study


def work(study: Study, options: Options) -> None:
    """Help with a study that somebody searches, until its budget is spent, however it changes."""
    run(study, lambda: study.optuna_study.user_attrs.get(BUDGET, 0), options)


def _digest(signal: Signal) -> str:
    digest = hashlib.sha256(json.dumps(signal.frame.to_json()).encode())
    digest.update(signal.stored.tobytes())
    return digest.hexdigest()
