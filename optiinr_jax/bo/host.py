"""Where the model computes: in double precision on the host's processor, on one core."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jax
import scipy.linalg  # noqa: F401 - its BLAS does JAX's factorisations; loaded, so that it is found
from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_inside: list[Any] = []  # a limit for every thread of this process that is in the scope


@contextmanager
def host_scope() -> Iterator[None]:
    """Double precision on the processor: small, sequential, the same on every machine.

    Results have to be fetched inside. The matrices are too small for BLAS to share among its
    threads, and where processes share a machine these wait for each other: two searches on two
    cores took eleven times as long (benchmarks/bench_suggestion.py).
    """
    try:
        device = jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS leaves the processor out
        device = jax.local_devices()[0]
    with jax.enable_x64(True), jax.default_device(device), _one_blas_thread():
        yield


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """The setting is the process's: what the first thread found, the last one restores."""
    with _lock:
        _inside.append(_inside[0] if _inside else _blas().limit(limits=1))
    try:
        yield
    finally:
        with _lock:
            limit = _inside.pop()
            if not _inside:
                limit.restore_original_limits()


@cache
def _blas() -> ThreadpoolController:
    """The BLAS libraries of this process; to find them takes some milliseconds."""
    return ThreadpoolController().select(user_api="blas")
