"""One process at a time: a lock that the system gives back when its holder dies.

SQLite locks a file of its own beside the database, PostgreSQL takes an advisory lock; both end with
the connection, so there is nothing to clean up after a kill. A study in memory needs none.
"""

import hashlib
import sqlite3
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy

from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.store.address import database_path
from optiinr_jax.studies.store.interrupts import signals_deferred

SAID_AFTER = 30.0  # seconds of waiting; nobody holds the lock for longer than a proposal takes
_POLL = 0.02  # seconds between two tries: short, so that a signal gets through
# A client that lost its power is noticed after a minute, not after the two hours of most systems.
_CLIENT = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_SERVER = {name: value for name, value in _CLIENT.items() if name != "keepalives"}  # its side


def server_options(url: str) -> dict[str, Any]:
    """Options of SQLAlchemy's engine under which a lost connection is noticed."""
    is_psycopg = sqlalchemy.make_url(url).get_driver_name().startswith("psycopg")
    return {"pool_pre_ping": True, "connect_args": _CLIENT if is_psycopg else {}}


@contextmanager
def locked(url: str | None, name: str, timeout: float | None = None) -> Generator[Callable]:
    """Hold the lock of one study in a storage; gives what raises if it was lost meanwhile.

    Whoever waits for long says so, once, and waits on: a holder that is stopped comes back, and the
    lock of one that has died ends.

    Args:
        url: address of the storage; None: in memory, which needs no lock.
        name: of the study.
        timeout: seconds to wait at most; None: as long as it takes.

    Raises:
        StudyError: somebody has held it for longer than that.
    """
    if url is None:
        yield lambda: None
        return
    path = database_path(url)
    connection, try_lock, check = _open_server(url, name) if path is None else _open_file(path)
    with closing(connection):
        start, pause, is_said = time.monotonic(), _POLL, False
        while not signals_deferred()(try_lock)():
            waited = time.monotonic() - start
            if timeout is not None and waited > timeout:
                raise StudyError(f"another process holds the lock of study {name!r}; end it.")
            if waited > SAID_AFTER and not is_said:
                is_said = True
                warnings.warn(
                    f"waiting for another process, which has held the lock of study {name!r} for "
                    f"{waited:.0f} seconds; if it was stopped let it go on, or end it.",
                    stacklevel=2,
                )
            time.sleep(pause)
            pause = min(1.5 * pause, 0.25)
        yield check


_Lock = tuple[Any, Callable[[], bool], Callable[[], object]]  # connection, try to take, still held


def _open_file(path: Path) -> _Lock:
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

    return connection, try_lock, lambda: None


def _open_server(url: str, name: str) -> _Lock:
    """An advisory lock, which ends with its connection; so a restart of the server takes it."""
    options = server_options(url) | {"poolclass": sqlalchemy.pool.NullPool, "pool_pre_ping": False}
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    take = sqlalchemy.text(f"SELECT pg_try_advisory_lock({number})")
    engine = sqlalchemy.create_engine(url, **options)
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    settings = (f"set_config('tcp_{name}', '{value}', false)" for name, value in _SERVER.items())
    connection.execute(sqlalchemy.text(f"SELECT {', '.join(settings)}"))
    look = sqlalchemy.text("SELECT 1")
    return (
        connection,
        lambda: bool(connection.execute(take).scalar()),
        lambda: connection.execute(look),
    )
