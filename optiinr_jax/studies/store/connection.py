"""Open a storage: SQLite in its write-ahead mode, PostgreSQL, or memory."""

import os
import sqlite3
import weakref
from collections.abc import Generator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage, get_storage
from sqlalchemy.exc import SQLAlchemyError

from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.store.address import database_path
from optiinr_jax.studies.store.lock import locked, server_options
from optiinr_jax.studies.store.patience import describe_error
from optiinr_jax.text import is_utf8, printable

WRITE_TIMEOUT = 30.0  # seconds that a write waits for another program's


class _Storage(RDBStorage):
    """Connections end with it, also where it could not be opened."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        try:
            super().__init__(*arguments, **options)
        except BaseException:
            if hasattr(self, "engine"):
                self.engine.dispose()
            raise
        weakref.finalize(self, self.engine.dispose)


def check_exists(url: str) -> None:
    """Raise StudyError where opening a storage would make its file."""
    path = database_path(url)
    if path is not None and not os.path.exists(path):
        raise StudyError(f"there is no file {path}, so there is no study in it; check its name.")


@contextmanager
def opened(url: str | None, name: str, *, is_locked: bool = True) -> Generator[BaseStorage]:
    """A storage, held locked or, for readers, not; None: in memory.

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
        with locked(url, name) if is_locked else nullcontext():
            yield InMemoryStorage() if url is None else _connect(url)
    except (SQLAlchemyError, OptunaError, sqlite3.Error, ImportError, RuntimeError) as error:
        raise StudyError(
            f"cannot open the storage {url}: {describe_error(error)}; check its address and "
            "permissions, or move a damaged file away."
        ) from error


def _connect(url: str) -> BaseStorage:
    path = database_path(url)
    if path is not None:
        with closing(sqlite3.connect(path, timeout=WRITE_TIMEOUT)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # readers and a writer side by side
    options = {"connect_args": {"timeout": WRITE_TIMEOUT}} if path else server_options(url)
    return get_storage(_Storage(url, engine_kwargs=options))
