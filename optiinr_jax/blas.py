"""One thread for BLAS while JAX computes.

JAX's factorisations on a processor call SciPy's BLAS from JAX's own threads. Where several of them
do so at once and BLAS shares its work among threads too, they wait for each other, sometimes for
ever: a step of SOAP on layers of 128 units did, on a busy machine. By one thread it is faster too.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_scopes: list[Any] = []  # one for each that is open, in whatever thread
_before: list[Any] = []  # the limit that the first of them has set


@contextmanager
def one_blas_thread() -> Generator[None]:
    """Keep BLAS to one thread until the last of these scopes in this process has ended."""
    mine = object()
    with _lock:
        if not _scopes:
            _take_control()
            _before.append(_controller().limit(limits=1))
        _scopes.append(mine)
    try:
        yield
    finally:
        with _lock:
            _scopes.remove(mine)
            if not _scopes:
                _take_control()
                _before.pop().restore_original_limits()


def _take_control() -> None:
    """Let this thread set the limit: newer versions of threadpoolctl listen to one thread alone."""
    for library in _controller().lib_controllers:
        clear = getattr(library, "clear_controlling_thread", None)
        if clear is not None:
            clear(force=True)  # no scope is open, so nobody relies on it


@cache
def _controller() -> ThreadpoolController:
    """The BLAS libraries of this process; to find them takes some milliseconds."""
    import scipy.linalg  # noqa: F401 - its BLAS is the one; loaded, so that it is found

    return ThreadpoolController().select(user_api="blas")
