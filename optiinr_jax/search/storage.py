"""The store of a search: an Optuna study, as its dashboard and tools know it.

What Optuna leaves open is here: a study that belongs to another search is refused, the published
networks come first, and the signal and the space are kept with the study, so that a worker on
another machine needs its address alone.
"""

import base64
import os
import re
import sqlite3
import warnings
import weakref
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.study import StudyDirection
from sqlalchemy.exc import SQLAlchemyError

from optiinr_jax.bo.space import Point, Space
from optiinr_jax.inr import preset
from optiinr_jax.inr.presets import plain_presets
from optiinr_jax.search.checks import StudyError
from optiinr_jax.search.interrupts import undisturbed
from optiinr_jax.search.lock import database_path, locked
from optiinr_jax.search.spaces import config_to_point
from optiinr_jax.signals import Frame, Signal

FORMAT = 2  # of what a study holds besides Optuna's own; older ones are refused
SETTINGS, BUDGET, COMMAND, MODEL = "settings", "num_trials", "command", "model"  # user attributes
SIGNAL, SPACE = "optiinr:signal", "optiinr:space"  # system attributes: no dashboard shows them
PRESET = "preset"  # trial attribute
PRESET_PROTOCOLS = ("official", "paper")  # whose rates the first trials take
HEARTBEAT, GRACE = 10, 60  # seconds between signs of life, and without one until a trial is free
_HEARTBEATS = ["record_heartbeat", "_get_stale_trial_ids"]
BUSY = 30.0  # seconds that a write waits for another program's


@contextmanager
def opened(url: str | None, name: str) -> Iterator[BaseStorage]:
    """A storage, held locked: SQLite in its write-ahead mode, PostgreSQL; None: in memory.

    Raises:
        StudyError: it cannot be opened, or is none of the three.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        if url is not None:
            _check_address(url)
        with locked(url, name):
            yield InMemoryStorage() if url is None else _connect(url)
    except (SQLAlchemyError, OptunaError, sqlite3.Error, ImportError, RuntimeError) as error:
        raise StudyError(
            f"cannot open the storage {url}: {describe_error(error)}; check its address and "
            "permissions, or move a damaged file away."
        ) from error


def _check_address(url: str) -> None:
    if sqlalchemy.make_url(url).get_backend_name() not in ("sqlite", "postgresql"):
        raise StudyError(
            f"the storage is {url!r}, but sqlite:///FILE or postgresql://HOST/NAME was expected; "
            "choose one of them."
        )


def _connect(url: str) -> BaseStorage:
    path = database_path(url)
    if path is not None:
        with closing(sqlite3.connect(path, timeout=BUSY)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers and a writer side by side
    options = {"connect_args": {"timeout": BUSY}} if path else {"pool_pre_ping": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats, since 2021
        backend = RDBStorage(
            url, engine_kwargs=options, heartbeat_interval=HEARTBEAT, grace_period=GRACE
        )
    weakref.finalize(backend, backend.engine.dispose)  # closes its connections
    return _Storage(backend)


class _Storage(_CachedStorage):
    """Optuna's, but no signal disturbs a call."""


for _name in [n for n in dir(BaseStorage) if not n.startswith("_")] + _HEARTBEATS:
    setattr(_Storage, _name, undisturbed()(getattr(_CachedStorage, _name)))


def describe_error(error: BaseException) -> str:
    """The innermost reason, in one line."""
    return str(error.__cause__ or error).strip().partition("\n")[0].rstrip(".") or repr(error)


def make_study(
    storage: BaseStorage, name: str, url: str | None, settings: dict[str, Any]
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
    if stored is not None and stored != settings:
        changed = sorted(key for key in settings if stored.get(key) != settings[key])
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


def keep_problem(study: optuna.Study, signal: Signal, space: Space) -> None:
    """Store the signal and the space with the study."""
    store, study_id = study._storage, study._study_id
    store.set_study_system_attr(study_id, SPACE, space.to_json())
    store.set_study_system_attr(study_id, SIGNAL, pack_signal(signal))


def load_problem(study: optuna.Study) -> tuple[Signal, Space]:
    """The signal and the space of a study."""
    attributes = study._storage.get_study_system_attrs(study._study_id)
    try:
        return unpack_signal(attributes[SIGNAL]), Space.from_json(attributes[SPACE])
    except (KeyError, ValueError, TypeError, zlib.error) as error:
        raise StudyError(
            f"study {study.study_name!r} does not hold its signal and space any more ({error!r}); "
            "continue it with the command or call that made it."
        ) from None


def pack_signal(signal: Signal) -> dict[str, Any]:
    """Plain data of a signal, its values compressed."""
    packed = base64.b64encode(zlib.compress(signal.stored.tobytes(), 6)).decode()
    return {
        "name": signal.name,
        "frame": signal.frame.to_json(),
        "dtype": str(signal.stored.dtype),
        "stored": packed,
    }


def unpack_signal(record: dict[str, Any]) -> Signal:
    """A signal from what `pack_signal` gave; its size is checked before it is unpacked."""
    frame, dtype = Frame.from_json(record["frame"]), np.dtype(record["dtype"])
    count = frame.num_points * frame.num_channels
    shape = {"float32": (frame.num_points, frame.num_channels), "uint8": (-(-count // 8),)}[
        dtype.name
    ]
    size = int(np.prod(shape)) * dtype.itemsize
    unpacked = zlib.decompressobj().decompress(base64.b64decode(record["stored"]), size + 1)
    if len(unpacked) != size:
        raise ValueError(f"{len(unpacked)} bytes where {size} were expected")
    return Signal(
        kind=frame.kind,
        name=record["name"],
        shape=frame.shape,
        num_channels=frame.num_channels,
        stored=np.frombuffer(unpacked, dtype).reshape(shape),
        attributes=frame.attributes,
        coord_range=frame.coord_range,
        value_range=frame.value_range,
    )


def default_model_path(url: str | None, name: str) -> Path | None:
    """Beside an SQLite file; other storages have no folder of their own."""
    database = database_path(url)
    if database is None:
        return None
    safe_name = re.sub(r"[^\w.-]", "_", name)
    return database.with_name(f"{database.stem}.{safe_name}.best.inr.safetensors")


def keep_model_path(study: optuna.Study, url: str | None, path: Path | None) -> None:
    """Tell workers where the best model goes: a name beside the database, or a whole path."""
    database = database_path(url)
    if path is not None and database is not None:
        study.set_user_attr(MODEL, os.path.relpath(path, database.parent))
    elif path is not None:
        study.set_user_attr(MODEL, str(path.absolute()))


def stored_model_path(study: optuna.Study, url: str | None) -> Path | None:
    """Where the best model goes, if this machine has that folder."""
    name, database = study.user_attrs.get(MODEL), database_path(url)
    if name is None:
        return None
    path = Path(name) if database is None else database.parent / name
    return path if path.parent.is_dir() else None


def enqueue_presets(study: optuna.Study, kind: str, space: Space, settings: dict[str, Any]) -> None:
    """Queue the published networks that the space holds as the first trials, once."""
    for protocol in PRESET_PROTOCOLS:
        for family in plain_presets(kind):
            size = {"width": settings["width"], "depth": settings["depth"]}
            point = config_to_point(preset(family, modality=kind, protocol=protocol, **size), space)
            if holds(space, point):
                enqueue(study, point, f"{family}, {protocol}")


def enqueue(study: optuna.Study, point: Point, label: str) -> None:
    """Queue a point; one that has a label only once."""
    queued = {trial.user_attrs.get(PRESET) for trial in study.get_trials(deepcopy=False)}
    if not label or label not in queued:
        study.enqueue_trial(point, user_attrs={PRESET: label} if label else None)


def holds(space: Space, point: Point) -> bool:
    """Whether a point is one of the space."""
    try:
        space.check_point(point)
    except ValueError:
        return False
    return True
