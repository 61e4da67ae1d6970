"""Open a storage: SQLite in its write-ahead mode, PostgreSQL, or memory."""

import os
import sqlite3
import warnings
import weakref
from collections.abc import Generator
from contextlib import closing, contextmanager

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage, get_storage
from sqlalchemy.exc import SQLAlchemyError

from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.store.address import database_path
from optiinr_jax.studies.store.lock import locked
from optiinr_jax.text import is_utf8, printable

HEARTBEAT, STALE_AFTER = 10, 60  # seconds between heartbeats, and without one until a trial is free
WRITE_TIMEOUT = 30.0  # seconds that a write waits for another program's


def check_exists(url: str) -> None:
    """Raise StudyError where opening a storage would make its file."""
    path = database_path(url)
    if path is not None and not os.path.exists(path):
        raise StudyError(f"there is no file {path}, so there is no study in it; check its name.")


@contextmanager
def opened(url: str | None, name: str) -> Generator[BaseStorage]:
    """A storage, held locked; None: in memory.

    Raises:
        StudyError: it cannot be opened, or is none of the three.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if not is_utf8(name):
        raise StudyError(
            f"the name {printable(name)} of the study is not UTF-8, which a database needs; choose "
            "another."
        )
    try:
        with locked(url, name):
            yield InMemoryStorage() if url is None else _connect(url)
    except (SQLAlchemyError, OptunaError, sqlite3.Error, ImportError, RuntimeError) as error:
        raise StudyError(
            f"cannot open the storage {url}: {describe_error(error)}; check its address and "
            "permissions, or move a damaged file away."
        ) from error


def describe_error(error: BaseException) -> str:
    """The innermost reason, in one line."""
    return str(error.__cause__ or error).strip().partition("\n")[0].rstrip(".") or repr(error)


def _connect(url: str) -> BaseStorage:
    path = database_path(url)
    if path is not None:
        with closing(sqlite3.connect(path, timeout=WRITE_TIMEOUT)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers and a writer side by side
    options = {"connect_args": {"timeout": WRITE_TIMEOUT}} if path else {"pool_pre_ping": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats, since 2021
        backend = RDBStorage(
            url, engine_kwargs=options, heartbeat_interval=HEARTBEAT, grace_period=STALE_AFTER
        )
    weakref.finalize(backend, backend.engine.dispose)  # closes its connections
    return get_storage(backend)
