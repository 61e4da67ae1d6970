"""Where the model computes: in double precision on the host's processor, on one core."""

import os
from collections.abc import Generator
from contextlib import contextmanager

import jax

from optiinr_jax.blas import one_blas_thread

_users: set[int] = set()  # processes that have computed, inherited by those forked from them


def check_not_forked() -> None:
    """Raise RuntimeError in a fork of a process that has computed, where JAX would wait for ever.

    Its threads do not survive a fork.
    """
    if _users and os.getpid() not in _users:
        raise RuntimeError(
            "this process was forked from one in which the optimiser had computed, where JAX does "
            'not work; start it by multiprocessing.get_context("spawn") instead.'
        )
    _users.add(os.getpid())


@contextmanager
def host_scope() -> Generator[None]:
    """Double precision on the processor: small, sequential, the same on every machine.

    Results have to be fetched inside. The matrices are too small for BLAS to share among its
    threads, and where processes share a machine these wait for each other: two searches at once
    on two cores took 14 times as long (wall_seconds of benchmarks/bench_suggestion.py).

    Raises:
        RuntimeError: see `check_not_forked`.
    """
    check_not_forked()
    try:
        device = jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS leaves the processor out
        device = jax.local_devices()[0]
    with (
        jax.enable_x64(True),
        jax.debug_nans(
            False
        ),  # a factorisation that fails is nan by design, and the next one taken
        jax.default_device(device),
        one_blas_thread(),
    ):
        yield
