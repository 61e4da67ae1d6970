"""When a storage fails in the middle of a run: wait for it, or say so in a sentence."""

import sqlite3
import time
import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from optuna.exceptions import OptunaError
from sqlalchemy.exc import (
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)

from optiinr_jax.studies.errors import StorageError

STORAGE_ERRORS = (OptunaError, SQLAlchemyError, sqlite3.Error)
PATIENCE = 600.0  # seconds that a server may be away; for a file that is busy we wait on
_FIRST, _LONGEST = 0.25, 15.0  # seconds between two tries
_AWAY = "the study's server does not answer ({}); it is tried again for 10 minutes."
_BUSY = (
    "another process has been writing to the study's database for long ({}), it is waited for; if "
    "it was stopped let it go on, or end it."
)

P = ParamSpec("P")
R = TypeVar("R")


def patient(method: Callable[P, R]) -> Callable[P, R]:
    """Do it again, with longer and longer pauses, while a server restarts or a file is busy.

    A process that was stopped in the middle of a write keeps a file busy until it goes on or ends.
    Whatever else fails in the storage is raised as StorageError. Only for what may be done twice.
    """

    @wraps(method)
    def call(*args: P.args, **options: P.kwargs) -> R:
        start, pause = time.monotonic(), _FIRST
        while True:
            try:
                return method(*args, **options)
            except STORAGE_ERRORS as error:
                reason, waited = describe_error(error), time.monotonic() - start
                is_busy = _is_busy(error)
                if not is_busy and not (_is_outage(error) and waited < PATIENCE):
                    raise StorageError(
                        f"the study's storage failed: {reason}; the same command continues."
                    ) from error
            if pause == _FIRST:
                warnings.warn((_BUSY if is_busy else _AWAY).format(reason), stacklevel=2)
            time.sleep(pause)
            pause = min(2.0 * pause, _LONGEST)

    return call


def describe_error(error: BaseException) -> str:
    """The innermost reason, in one line."""
    return str(error.__cause__ or error).strip().partition("\n")[0].rstrip(".") or repr(error)


def _is_outage(error: BaseException | None) -> bool:
    """Whether a server has gone away or is not up yet; a file that fails is none."""
    while error is not None:
        if isinstance(error, PendingRollbackError):
            return True
        if isinstance(error, OperationalError | InterfaceError):
            return not isinstance(error.orig, sqlite3.Error)
        error = error.__cause__
    return False


def _is_busy(error: BaseException | None) -> bool:
    """Whether a file failed because somebody else writes to it."""
    while error is not None:
        failed = error.orig if isinstance(error, OperationalError) else error
        if isinstance(failed, sqlite3.OperationalError):
            code = getattr(failed, "sqlite_errorcode", 0)
            return code & 0xFF == sqlite3.SQLITE_BUSY  # what it adds lies above
        error = error.__cause__
    return False
