"""The store of a search: an Optuna study, as its dashboard and tools know it.

What Optuna leaves open is here: a study that belongs to another search is refused, trials of dead
processes go back into the queue with the values they have, the published networks come first.
"""

import os
import re
import socket
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from optiinr_jax.bo.space import Point, Space
from optiinr_jax.inr import preset
from optiinr_jax.inr.presets import plain_presets
from optiinr_jax.search.spaces import config_to_point

SETTINGS = "settings"  # study attribute: what makes two calls the same search
PRESET, OWNER = "preset", "owner"  # trial attributes
PRESET_PROTOCOLS = ("official", "paper")  # whose rates the first trials take


class StudyError(ValueError):
    """A stored study that does not belong to this call."""


def default_model_path(storage: str | None, name: str) -> Path | None:
    """Beside an SQLite file; other storages have no folder of their own."""
    if storage is None or not storage.startswith("sqlite:///"):
        return None
    database = Path(storage.removeprefix("sqlite:///"))
    safe_name = re.sub(r"[^\w.-]", "_", name)
    return database.with_name(f"{database.stem}.{safe_name}.best.inr.safetensors")


def open_study(storage: str | None, name: str, settings: dict[str, Any]) -> optuna.Study:
    """Create the study, or open it and check that it is this search."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True
        )
    except (SQLAlchemyError, OptunaError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise StudyError(
            f"cannot open the storage {storage}: {reason}; check its address and permissions, or "
            "move a damaged file away."
        ) from error
    stored = study.user_attrs.get(SETTINGS)
    is_empty = not study.get_trials(deepcopy=False)
    if study.direction != StudyDirection.MAXIMIZE or (stored is None and not is_empty):
        raise StudyError(
            f"study {name!r} in {storage} was not made by this program; choose another name or "
            "folder."
        )
    if stored is None:
        study.set_user_attr(SETTINGS, settings)
    elif stored != settings:
        changed = sorted(key for key in settings if stored.get(key) != settings[key])
        raise StudyError(
            f"study {name!r} in {storage} was made with another {', '.join(changed)}; call with "
            "the same values to continue it, or choose another name or folder."
        )
    return study


def get_owner() -> str:
    """This process, as a trial remembers who runs it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_alive(owner: str) -> bool:
    """Whether the process that runs a trial may still be at work; unsure on another machine."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return True
    if int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def requeue_orphans(study: optuna.Study) -> None:
    """Put trials of dead processes back into the queue, with the number and values they have."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not _is_alive(trial.user_attrs.get(OWNER, get_owner())):
            study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)


def enqueue_presets(study: optuna.Study, kind: str, space: Space, settings: dict[str, Any]) -> None:
    """Queue the published networks that the space holds as the first trials, once."""
    queued = {trial.user_attrs.get(PRESET) for trial in study.get_trials(deepcopy=False)}
    for protocol in PRESET_PROTOCOLS:
        for family in plain_presets(kind):
            label = f"{family}, {protocol}"
            size = {"width": settings["width"], "depth": settings["depth"]}
            point = config_to_point(preset(family, modality=kind, protocol=protocol, **size), space)
            if label not in queued and _holds(space, point):
                study.enqueue_trial(point, user_attrs={PRESET: label})


def _holds(space: Space, point: Point) -> bool:
    try:
        space.check_point(point)
    except ValueError:
        return False
    return True


def count_ended(study: optuna.Study) -> int:
    """Number of trials that have a score or have failed."""
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
