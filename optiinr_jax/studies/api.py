"""Entry points: create, load, run and help with a study."""

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import optuna

from optiinr_jax.bo.space import Space
from optiinr_jax.checks import check_counts, check_name, check_whole
from optiinr_jax.inr import preset
from optiinr_jax.inr.presets import plain_presets
from optiinr_jax.options import split_options, with_fields
from optiinr_jax.progress import is_interactive
from optiinr_jax.signals import Signal, as_signal
from optiinr_jax.signals.inputs import SignalLike
from optiinr_jax.signals.scores import check_objective
from optiinr_jax.streams import say
from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.loop import run
from optiinr_jax.studies.model_file import check_place
from optiinr_jax.studies.objectives import check_objectives
from optiinr_jax.studies.points import check_space, config_to_point, inr_space, with_sizes
from optiinr_jax.studies.portfolio import Portfolio
from optiinr_jax.studies.settings import CUSTOM, StudySettings, identity
from optiinr_jax.studies.store.address import address_of
from optiinr_jax.studies.store.connection import check_exists, opened
from optiinr_jax.studies.store.problem import (
    check_no_links,
    default_model_path,
    find_study,
    keep_problem,
    load_problem,
    make_study,
)
from optiinr_jax.studies.store.rows import Rows
from optiinr_jax.studies.store.schema import BUDGET, SETTINGS
from optiinr_jax.studies.strategies import STRATEGIES
from optiinr_jax.studies.study import Study
from optiinr_jax.studies.trainers import RunOptions
from optiinr_jax.studies.trials import Origin
from optiinr_jax.text import printable

NUM_WARM = 3  # best trials that each study of `warm_start` gives
PRESET_FACTORS = (4.0, 1.0)  # on the authors' rates, which were for another optimiser


@with_fields(StudySettings)
def create_study(
    signal: SignalLike,
    *,
    num_trials: int | None = None,
    storage: str | os.PathLike[str] | None = None,
    name: str | None = None,
    model_path: str | os.PathLike[str] | None = None,
    warm_start: Sequence[Study] = (),
    portfolio: Portfolio | None = None,
    **settings: Any,
) -> Study:
    """Make a study, or open it, and train nothing.

    Args:
        signal: what to represent, or an array or path that `as_signal` makes it of.
        num_trials: what `optiinr worker` processes have to do; None: as it was.
        storage: SQLite file, or Optuna storage URL, like "postgresql://..."; None: in memory.
        name: of the study within the storage; None: the signal's name.
        model_path: file of the best network; None: beside an SQLite storage, else none.
        warm_start: other studies, whose best configurations are tried after the published ones.
        portfolio: whose first `num_portfolio` configurations are tried before all others; None:
            that of the package.
        **settings: fields of `StudySettings`; `space` may be a Space of your own.

    Raises:
        ValueError: an argument out of range.
        StudyError: the stored study of this name is another search, or the model file holds the
            network of another one.
    """
    check_counts(num_trials=1 if num_trials is None else num_trials)
    signal, storage = as_signal(signal), address_of(storage)
    (chosen,) = split_options(settings, StudySettings)
    own = chosen.get("space")
    if isinstance(own, Space):
        chosen["space"] = CUSTOM
    record = StudySettings(**chosen)
    check_settings(record)
    check_objectives(record.objectives, signal.kind)
    record = record.written_out()
    space = own if isinstance(own, Space) else _space_of(record, signal)
    check_space(space, width=record.width, depth=record.depth)
    name = name or signal.name
    path = _model_path(model_path, storage, name)
    what = identity(record, signal, space)
    check_place(path, what)
    with opened(storage, name) as store:
        found, is_new = make_study(store, name, storage, what)
        rows = Rows(found, space)
        if num_trials is not None:
            rows.set_shown(BUDGET, int(num_trials))
        if is_new:  # the settings come last: whoever finds them finds the rest
            keep_problem(rows, signal, space)
            rows.set_shown(SETTINGS, what)
        _enqueue_portfolio(rows, signal, space, record, portfolio or Portfolio.packaged())
        _enqueue_published(rows, signal.kind, space, record)
        for i, other in enumerate(warm_start):
            for rank, trial in enumerate(other.best_trials(NUM_WARM), 1):
                point = config_to_point(other.config_of(trial.point), space)
                origin = Origin("warm start", f"warm start {i + 1}, best {rank}")
                rows.enqueue(space.check_point(point), origin)
    return Study(signal, space, record, rows, storage, path)


def _space_of(settings: StudySettings, signal: Signal) -> Space:
    """The space of a search, with width and depth where they have a cost."""
    width, depth = settings.width, settings.depth
    space = inr_space(signal.kind, settings.space, depth, signal.shape, width)
    return with_sizes(space, width, depth) if settings.objectives else space


def check_settings(settings: StudySettings) -> None:
    """Raise ValueError for settings that no search can have."""
    check_counts(
        num_initial=settings.num_initial,
        batch_size=settings.batch_size,
        num_steps=settings.num_steps,
    )
    check_whole("seed", settings.seed, 0, 2**32 - 1)
    shares = (0.0, *settings.shares, 1.0)
    if any(not a < b for a, b in pairwise(shares)):
        raise ValueError(
            f"rungs is {settings.shares}, but rising shares of a training between 0 and 1 were "
            "expected, like (0.2, 0.4)."
        )
    for name in ("num_confirm", "num_portfolio"):
        if getattr(settings, name) is not None:
            check_whole(name, getattr(settings, name), 0)
    preset("siren", width=settings.width, depth=settings.depth)  # refuses an impossible size
    for name in ("strategy", "space"):
        if not isinstance(getattr(settings, name), str):
            raise ValueError(f"{name} is {getattr(settings, name)!r:.40}, but a name was expected.")
    check_name("strategy", settings.strategy, STRATEGIES)
    check_objective(settings.aim)
    if settings.objectives:
        _check_with_objectives(settings)


def _check_with_objectives(settings: StudySettings) -> None:
    """Raise ValueError for settings that serve the score alone."""
    several = f"but this search has the objectives {', '.join(settings.objectives)}"
    for name, usual in (("rungs", ()), ("num_confirm", 0)):
        if getattr(settings, name) not in (None, usual):
            raise ValueError(
                f"{name} is {getattr(settings, name)}, which goes by the score alone, {several}; "
                "leave it out."
            )
    known = [name for name, row in STRATEGIES.items() if row.has_objectives]
    if settings.strategy not in known:
        raise ValueError(
            f"strategy {settings.strategy!r} knows the score alone, {several}; choose one of "
            f"{', '.join(known)}."
        )


def _enqueue_portfolio(
    rows: Rows, signal: Signal, space: Space, settings: StudySettings, portfolio: Portfolio
) -> None:
    """Queue what did well on other signals, as far as it is of this space, once."""
    size = {"width": settings.width, "num_steps": settings.num_steps}
    num = settings.num_portfolio
    found = portfolio.recommend(signal, num, **size) if num else []
    for rank, row in enumerate(found, 1):
        if row.config.depth != settings.depth:
            continue
        point = config_to_point(row.config, space)
        if _holds(space, point):
            rows.enqueue(point, Origin("portfolio", f"{rank}"))


def _enqueue_published(rows: Rows, kind: str, space: Space, settings: StudySettings) -> None:
    """Queue the published networks that the space holds as the first trials, once.

    Where size has its cost, the second round is of half the width.
    """
    rounds = [(factor, settings.width, "") for factor in PRESET_FACTORS]
    if settings.objectives:
        rounds = [rounds[0], (PRESET_FACTORS[0], settings.width // 2, ", half as wide")]
    for factor, width, size in rounds:
        for family in plain_presets(kind):
            config = preset(
                family,
                modality=kind,
                protocol="search",
                width=max(width, 1),
                depth=settings.depth,
                factor=factor,
            )
            point = config_to_point(config, space)
            if _holds(space, point):
                label = f"{family}, rate x {factor:g}{size}"
                rows.enqueue(point, Origin("published", label))


def _holds(space: Space, point: dict[str, Any]) -> bool:
    """Whether a point is one of the space."""
    try:
        space.check_point(point)
    except ValueError:
        return False
    return True


def _model_path(
    given: str | os.PathLike[str] | None, storage: str | None, name: str
) -> Path | None:
    """Where the best model goes: to the file that the caller names, else beside the database."""
    path = default_model_path(storage, name) if given is None else Path(os.path.abspath(given))
    check_no_links(storage, path)
    return path


def load_study(
    storage: str | os.PathLike[str],
    name: str | None = None,
    *,
    model_path: str | os.PathLike[str] | None = None,
) -> Study:
    """Open a study with nothing but its address: signal, space and settings come from there.

    Args:
        storage: file or URL, as of `search`.
        name: of the study; None: the only one.
        model_path: file of the best network, as of `search`; the study itself names none.

    Raises:
        StudyError: there is no such study, or it is not one of this program and version.
    """
    storage = address_of(storage) or ""
    check_exists(storage)
    try:
        found, signal, space = _read(storage, name, is_locked=False)
    except StudyError:  # it may just be being made
        found, signal, space = _read(storage, name, is_locked=True)
    stored = found.user_attrs[SETTINGS]
    path = _model_path(model_path, storage, found.study_name)
    try:
        settings = StudySettings.from_json(stored)
        check_settings(settings)
        check_objectives(settings.objectives, signal.kind)
        check_space(space, width=settings.width, depth=settings.depth)
        return Study(signal, space, settings, Rows(found, space), storage, path)
    except KeyError as missing:
        raise StudyError(
            f"study {found.study_name!r} has settings without {missing}; continue it with the "
            "version of this program that made it."
        ) from None
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise StudyError(
            f"study {found.study_name!r} has settings that no search has ({printable(str(error))}"
            "); it is damaged, or not of this program."
        ) from None


def _read(storage: str, name: str | None, *, is_locked: bool) -> tuple[optuna.Study, Signal, Space]:
    with opened(storage, name or "", is_locked=is_locked) as store:
        found = find_study(store, name, storage)
        return found, *load_problem(found)


@with_fields(StudySettings, RunOptions)
def search(
    signal: SignalLike,
    *,
    num_trials: int = 22,
    storage: str | os.PathLike[str] | None = None,
    name: str | None = None,
    model_path: str | os.PathLike[str] | None = None,
    warm_start: Sequence[Study] = (),
    portfolio: Portfolio | None = None,
    **options: Any,
) -> Study:
    """Search for the network that represents one signal best; the same call again resumes.

    The first trials are what did well on other signals, see `recommend`; then come the published
    networks, one family in all layers; a Latin hypercube fills up to `num_initial`; then the
    strategy proposes. Ours gives all layers the same values up to trial 2.5 `num_initial`, and
    every layer its own from there on. Most trials pause at a rung and only the best go on. The last
    tenth of the budget trains the best configurations again from other seeds: `study.best_config`
    is the one that holds best. Other processes may help: with the same call, or `optiinr worker`.
    Interrupted at a prompt or in a notebook, it returns what there is.

    Args:
        signal: what to represent, or an array or path that `as_signal` makes it of.
        num_trials: trials in all, those of earlier calls and other processes included.
        storage: SQLite file, or Optuna storage URL, like "postgresql://..."; None: in memory.
        name: of the study within the storage; None: the signal's name.
        model_path: file of the best network; None: beside an SQLite storage, else none.
        warm_start: other studies, whose best configurations are tried after the published ones.
        portfolio: whose first `num_portfolio` configurations are tried before all others; None:
            that of the package.
        **options: fields of `StudySettings` (`space` may be a Space of your own) and of
            `RunOptions`.

    Raises:
        ValueError: an argument out of range, or two that do not go together.
        StudyError: the stored study of this name is another search, or too many trials failed.

    >>> import optiinr_jax as oi
    >>> picture = oi.sample_signal("image", size=8)
    >>> study = oi.search(picture, num_trials=2, num_steps=9, width=4, progress=False)
    >>> len(study.trials)
    2
    """
    settings, running = split_options(options, StudySettings, RunOptions)
    run_options = RunOptions(**running)
    if run_options.looks_itself and settings.get("rungs") is None:
        settings["rungs"] = ()
    check_counts(num_trials=num_trials, max_failures=run_options.max_failures)
    study = create_study(
        signal,
        num_trials=num_trials,
        storage=storage,
        name=name,
        model_path=model_path,
        warm_start=warm_start,
        portfolio=portfolio,
        **settings,
    )
    try:
        run(study, lambda: num_trials, run_options)
    except KeyboardInterrupt:
        if not is_interactive():
            raise
        study.is_interrupted = True
        again = "the same call goes on" if storage else "with storage= the same call would go on"
        ended = study.count_ended()
        say(f"search: interrupted after {ended} of {num_trials} trials; {again}.")
    return study


def work(study: Study, options: RunOptions) -> None:
    """Help with a study that somebody searches, until its budget is spent, however it changes."""
    run(study, lambda: study.num_trials or 0, options)
