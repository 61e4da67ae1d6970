"""Which search a stored study is: its settings, its signal, its space, the place of its model.

What Optuna leaves open is here: a study that belongs to another search is refused, and the signal
and the space are kept with the study, so that a worker on another machine needs its address alone.
"""

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
from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.settings import FORMAT
from optiinr_jax.studies.store.connection import opened
from optiinr_jax.studies.store.lock import database_path
from optiinr_jax.studies.store.rows import Rows
from optiinr_jax.studies.store.schema import MODEL, SETTINGS, SIGNAL, SPACE


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


def check_format(stored: dict[str, Any], name: str, url: str | None) -> None:
    """Raise StudyError for the settings of a study that another version of the program made."""
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
        return Signal.from_record(attributes[SIGNAL]), Space.from_json(attributes[SPACE])
    except (KeyError, ValueError, TypeError, AttributeError, zlib.error) as error:
        raise StudyError(
            f"study {study.study_name!r} does not hold its signal and space any more ({error!r}); "
            "continue it with the command or call that made it."
        ) from None


def default_model_path(url: str | None, name: str) -> Path | None:
    """Beside an SQLite file; other storages have no folder of their own."""
    database = database_path(url)
    if database is None:
        return None
    safe_name = re.sub(r"[^\w.-]", "_", name)
    return database.with_name(f"{database.stem}.{safe_name}.best.inr.safetensors")


def keep_model_path(rows: Rows, url: str | None, path: Path | None) -> None:
    """Tell workers where the best model goes: a name beside the database, or a whole path."""
    database = database_path(url)
    if path is not None and database is not None:
        rows.set_shown(MODEL, os.path.relpath(path, database.parent))
    elif path is not None:
        rows.set_shown(MODEL, str(path.absolute()))


def stored_model_path(study: optuna.Study, url: str | None) -> Path | None:
    """Where the best model goes, if this machine has that folder."""
    name, database = study.user_attrs.get(MODEL), database_path(url)
    if name is None:
        return None
    path = Path(name) if database is None else database.parent / name
    return path if path.parent.is_dir() else None
