"""Which search a stored study is: its settings, its signal, its space, its model's file.

What Optuna leaves open is here: a study that belongs to another search is refused, and the signal
and the space are kept with the study, so that a worker on another machine needs its address alone.
"""

import hashlib
import os
import re
import zlib
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from optiinr_jax.bo.space import Space
from optiinr_jax.signals import Signal
from optiinr_jax.signals.loading import read_record
from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.settings import FORMAT
from optiinr_jax.studies.states import states_folder
from optiinr_jax.studies.store.address import database_path
from optiinr_jax.studies.store.artifacts import artifact_folder
from optiinr_jax.studies.store.connection import opened
from optiinr_jax.studies.store.rows import Rows
from optiinr_jax.studies.store.schema import SETTINGS, SIGNAL, SPACE
from optiinr_jax.text import printable

_MAX_NAME = 100  # characters of a study's name in that of a file


def make_study(
    storage: BaseStorage, name: str, url: str | None, identity: dict[str, Any]
) -> tuple[optuna.Study, bool]:
    """Create the study, or open it and check that it is this search; and whether it is new."""
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True
    )
    stored = study.user_attrs.get(SETTINGS)
    is_empty = not study.get_trials(deepcopy=False)
    if study.direction != StudyDirection.MAXIMIZE or (stored is None and not is_empty):
        raise StudyError(
            f"study {name!r} in {url} was not made by this program; choose another name or folder."
        )
    if stored is not None:
        check_format(stored, name, url)
    if stored is not None and stored != identity:
        changed = sorted(key for key in identity if stored.get(key) != identity[key])
        raise StudyError(
            f"study {name!r} in {url} was made with another {', '.join(changed)}; call with "
            "the same values to continue it, or choose another name or folder."
        )
    return study, stored is None


def check_format(stored: Any, name: str, url: str | None) -> None:
    """Raise StudyError for the settings of a study that another version of the program made."""
    if not isinstance(stored, dict):
        raise StudyError(
            f"study {name!r} in {url} has settings that are no record; it is damaged, or not of "
            "this program."
        )
    if stored.get("format") != FORMAT:
        raise StudyError(
            f"study {name!r} in {url} was made by another version of this program (format "
            f"{stored.get('format', 1)}, this one has {FORMAT}); continue it with that version, or "
            "choose another name or folder."
        )


def check_alone(storage: str, name: str) -> None:
    """Raise StudyError where a run's own database holds another study than its own.

    The files beside it are of one search.
    """
    path = database_path(storage)
    if path is None or not path.exists():
        return
    with opened(storage, name, is_locked=False) as store:
        others = [found for found in optuna.get_all_study_names(store) if found != name]
    if others:
        raise StudyError(
            f"{path.parent} holds the search {others[0]!r}, whose files {name!r} would replace; "
            "choose another folder (--out)."
        )


def find_study(storage: BaseStorage, name: str | None, url: str) -> optuna.Study:
    """Open a study of this program by its name; the only one, where no name is given.

    Raises:
        StudyError: there is none, or no name and several.
    """
    names = optuna.get_all_study_names(storage)
    wanted = name if name is not None else names[0] if len(names) == 1 else None
    if wanted not in names:
        known = ", ".join(map(repr, names)) or "none"
        raise StudyError(f"there is no study {name!r} in {url}; it has {known}.")
    study = optuna.load_study(study_name=wanted, storage=storage)
    stored = study.user_attrs.get(SETTINGS)
    if stored is None:
        raise StudyError(f"study {wanted!r} in {url} was not made by this program; choose another.")
    check_format(stored, study.study_name, url)
    return study


def keep_problem(rows: Rows, signal: Signal, space: Space) -> None:
    """Store the signal and the space with the study."""
    rows.set_hidden(SPACE, space.to_json())
    rows.set_hidden(SIGNAL, signal.to_record())


def load_problem(study: optuna.Study) -> tuple[Signal, Space]:
    """The signal and the space of a study."""
    attributes = Rows(study).hidden()
    try:
        return read_record(attributes[SIGNAL]), Space.from_json(attributes[SPACE])
    except (
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        ArithmeticError,
        zlib.error,
    ) as error:
        raise StudyError(
            f"study {study.study_name!r} does not hold its signal and space any more "
            f"({printable(repr(error)):.200}); "
            "continue it with the command or call that made it."
        ) from None


def default_model_path(url: str | None, name: str) -> Path | None:
    """Beside an SQLite file; other storages have no folder of their own.

    It follows from address and name alone: a study that somebody hands over names no file.
    """
    database = database_path(url)
    if database is None:
        return None
    safe_name = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
    if safe_name != name or len(name) > _MAX_NAME:  # names that differ have files that differ
        safe_name = f"{safe_name[:_MAX_NAME]}-{_digest(name)}"
    return database.with_name(f"{database.stem}.{safe_name}.best.inr.safetensors")


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()[:8]


def check_no_links(url: str | None, model_path: Path | None) -> None:
    """Raise StudyError where what a search writes beside its database would go elsewhere."""
    database = database_path(url)
    if database is None or model_path is None:
        return
    for path in (model_path, states_folder(model_path), artifact_folder(url)):
        if path is not None and path.is_symlink():
            raise StudyError(
                f"{path} is a link to {os.readlink(path)}, but a search writes beside its "
                "database alone; remove the link."
            )
