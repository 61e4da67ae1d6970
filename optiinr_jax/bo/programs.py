"""How the optimiser's programs are compiled, and kept for the next process.

Where JAX has a folder for compiled programs, a later process compiles nothing. What it then waits
for before its first proposal is tracing, Python that writes the same program down once more; so
that is kept as well, by `jax.export`, in the same folder. Results are the same to the last bit.
"""

import contextlib
import hashlib
from collections.abc import Callable
from functools import cache, wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.export
import numpy as np

from optiinr_jax.files import write_atomic

# XLA's older emitters, little optimisation by LLVM and no division of its work among threads: a
# compilation takes less than half the time, and the program is as fast
# (benchmarks/bench_first_ask.py).
_QUICK = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 1,
    "xla_cpu_parallel_codegen_split_count": 1,
}
# Settings of JAX that a traced program has in it.
_SETTINGS = (
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_enable_x64",
    "jax_threefry_partitionable",
)


@cache
def _compiler_options() -> dict[str, Any]:
    """What makes a compilation quick, where XLA still knows it."""
    try:
        jax.jit(lambda: 0, compiler_options=_QUICK).lower().compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return _QUICK


def quick_jit(*static: str, returns: Callable = tuple) -> Callable[[Callable], Callable]:
    """`jax.jit` of a function that gets one argument more, `quick`: whether to compile quickly.

    Results differ in their last digits, and so, after some twenty proposals, may a search.

    Args:
        static: names of the static arguments, which are given by name.
        returns: makes what the function returns of its list of arrays: a file holds no types.
    """

    def decorate(function: Callable) -> Callable:
        @cache
        def jitted(quick: bool) -> Callable:
            options = _compiler_options() if quick else None
            return jax.jit(function, static_argnames=static, compiler_options=options)

        @cache
        def kept(quick: bool, file: Path, tree: Any, shapes: Any, named: Any) -> Callable:
            def flat(*leaves: Any) -> list[Any]:
                args, others = jax.tree.unflatten(tree, leaves)
                return jax.tree.leaves(function(*args, **others, **dict(named)))

            exported = _read_or_trace(file, flat, shapes)

            @wraps(function)  # under its name in profiles and logs
            def program(*leaves: Any) -> Any:
                return exported.call(*leaves)

            options = _compiler_options() if quick else None
            return jax.jit(program, compiler_options=options)

        @wraps(function)
        def call(*args: Any, quick: bool = False, **kwargs: Any) -> Any:
            named = tuple((name, kwargs[name]) for name in static)
            folder = _find_folder()
            if folder is None or not all(isinstance(value, str | int) for _, value in named):
                return jitted(quick)(*args, **kwargs)  # a row of the caller's own has no name
            others = {name: value for name, value in kwargs.items() if name not in static}
            leaves, tree = jax.tree.flatten((args, others))
            leaves = [leaf if hasattr(leaf, "dtype") else np.asarray(leaf) for leaf in leaves]
            shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
            name = f"{function.__module__}.{function.__qualname__}"
            file = folder / f"{name}-{_fingerprint(str(tree), str(shapes), str(named))}.traced"
            return returns(kept(quick, file, tree, shapes, named)(*leaves))

        return call

    return decorate


def _find_folder() -> Path | None:
    """Where JAX keeps compiled programs; None: nowhere, or not on this machine's disk."""
    folder = jax.config.values["jax_compilation_cache_dir"]
    is_on = jax.config.values["jax_enable_compilation_cache"]
    is_traced = not jax.config.values["jax_disable_jit"]
    return Path(folder) if folder and "://" not in folder and is_on and is_traced else None


def _fingerprint(*facts: str) -> str:
    """A name for all that a traced program depends on."""
    settings = [_platform(), *(str(getattr(jax.config, name)) for name in _SETTINGS)]
    return hashlib.sha256("\n".join((*facts, *settings, _sources())).encode()).hexdigest()[:32]


def _platform() -> str:
    """Where the program will run: inside `host_scope` not always JAX's default."""
    device = getattr(jax.config, "jax_default_device")  # noqa: B009, made as JAX is imported
    return getattr(device, "platform", device) or jax.default_backend()


@cache
def _sources() -> str:
    """A fingerprint of the code that is traced: ours, whatever its version says, and JAX's."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parent / "numerics.py"]
    code = b"".join(file.read_bytes() for file in files if file.is_file())
    return f"{version('jax')} {version('jaxlib')} {hashlib.sha256(code).hexdigest()}"


def _read_or_trace(file: Path, flat: Callable, shapes: Any) -> jax.export.Exported:
    """A traced program from its file; where that is missing or damaged, trace it and write it."""
    with contextlib.suppress(Exception):  # whatever is wrong with it, it can be made anew
        return jax.export.deserialize(bytearray(file.read_bytes()))
    structs = [jax.ShapeDtypeStruct(*shape) for shape in shapes]
    exported = jax.export.export(jax.jit(flat), platforms=[_platform()])(*structs)
    with contextlib.suppress(OSError):  # as JAX's own folder may be full or gone
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(file, bytes(exported.serialize()))
    return exported
