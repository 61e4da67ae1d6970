"""One process at a time: a lock that the system gives back when its holder dies.

SQLite locks a file of its own beside the database, PostgreSQL takes an advisory lock; both end with
the connection, so there is nothing to clean up after a kill. A study in memory needs none.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy

from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.store.address import database_path
from optiinr_jax.studies.store.interrupts import signals_deferred

LOCK_TIMEOUT = 600.0  # seconds; nobody holds the lock for longer than a proposal takes to compile
_POLL = 0.02  # seconds between two tries: short, so that a signal gets through


@contextmanager
def locked(url: str | None, name: str) -> Generator[None]:
    """Hold the lock of one study in a storage.

    Raises:
        StudyError: somebody has held it for longer than LOCK_TIMEOUT.
    """
    if url is None:
        yield
        return
    path = database_path(url)
    connection, try_lock = _open_server(url, name) if path is None else _open_file(path)
    with closing(connection):
        start, pause = time.monotonic(), _POLL
        while not signals_deferred()(try_lock)():
            if time.monotonic() - start > LOCK_TIMEOUT:
                raise StudyError(
                    f"another process has held the lock of {url} for {LOCK_TIMEOUT:.0f} seconds; "
                    "end the one that hangs, and call again."
                )
            time.sleep(pause)
            pause = min(1.5 * pause, 0.25)
        yield


def _open_file(path: Path) -> tuple[Any, Callable[[], bool]]:
    """An empty database beside the real one, held exclusively, works on every system."""
    connection = sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)

    def try_lock() -> bool:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    return connection, try_lock


def _open_server(url: str, name: str) -> tuple[Any, Callable[[], bool]]:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    take = sqlalchemy.text(f"SELECT pg_try_advisory_lock({number})")
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    return connection, lambda: bool(connection.execute(take).scalar())
