"""Where the model computes: in double precision on the host's processor, on one core."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

import jax

from optiinr_jax.blas import one_blas_thread

# XLA's older emitters, little optimisation by LLVM and no division of its work among threads: a
# compilation takes less than half the time, and the program is as fast
# (benchmarks/bench_first_ask.py).
_QUICK = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 1,
    "xla_cpu_parallel_codegen_split_count": 1,
}
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


@cache
def _compiler_options() -> dict[str, Any]:
    """What makes a compilation quick, where XLA still knows it."""
    try:
        jax.jit(lambda: 0, compiler_options=_QUICK).lower().compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return _QUICK


def quick_jit(*static: str) -> Callable[[Callable], Callable]:
    """`jax.jit` of a function that gets one argument more, `quick`: whether to compile quickly.

    Results differ in their last digits, and so, after some twenty proposals, may a search.

    Args:
        static: names of the static arguments.
    """

    def decorate(function: Callable) -> Callable:
        @cache
        def jitted(quick: bool) -> Callable:
            options = _compiler_options() if quick else None
            return jax.jit(function, static_argnames=static, compiler_options=options)

        @wraps(function)
        def call(*args: Any, quick: bool = False, **kwargs: Any) -> Any:
            return jitted(quick)(*args, **kwargs)

        return call

    return decorate
