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
PATIENCE = 600.0  # seconds that a server may be away
_FIRST, _LONGEST = 0.25, 15.0  # seconds between two tries

P = ParamSpec("P")
R = TypeVar("R")


def patient(method: Callable[P, R]) -> Callable[P, R]:
    """Do it again, with longer and longer pauses, while a server restarts.

    Whatever else fails in the storage is raised as StorageError. Only for what may be done twice.
    """

    @wraps(method)
    def call(*args: P.args, **options: P.kwargs) -> R:
        start, pause = time.monotonic(), _FIRST
        while True:
            try:
                return method(*args, **options)
            except STORAGE_ERRORS as error:
                reason = describe_error(error)
                if not _is_outage(error) or time.monotonic() - start > PATIENCE:
                    raise StorageError(
                        f"the study's storage failed: {reason}; the same command continues."
                    ) from error
            if pause == _FIRST:
                warnings.warn(
                    f"the study's server does not answer ({reason}); it is tried again for "
                    f"{PATIENCE / 60:.0f} minutes.",
                    stacklevel=2,
                )
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
