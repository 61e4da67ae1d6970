"""Compiled programs kept on disk, so that the next process does not compile them again.

Off in the library, where the caller decides; the command line and the first fit in a notebook turn
it on. What is kept is machine code that a later process runs, so the folder must be nobody else's.
"""

import contextlib
import os
import stat
from pathlib import Path

import jax

from optiinr_jax.progress import is_notebook

_MIN_SECONDS = 0.5  # programs that compile faster are not kept


def keep_compiled_in_notebooks() -> None:
    """`keep_compiled_programs` where a notebook runs, if there is a folder for them."""
    if is_notebook():
        with contextlib.suppress(ValueError):  # somebody else's folder
            keep_compiled_programs()


def keep_compiled_programs(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Keep compiled programs in a private folder (mode 0700), made where it is missing.

    A setting of the whole process, to be made before the first fit. Where JAX has a folder already,
    from JAX_COMPILATION_CACHE_DIR or `jax.config`, that one stays.

    Args:
        folder: None: `optiinr/compiled` in XDG_CACHE_HOME, or in ~/.cache.

    Returns:
        The folder in use; None where none can be made, as in a read-only home.

    Raises:
        ValueError: the folder belongs to another user, or is no folder.

    >>> keep_compiled_programs()  # doctest: +SKIP
    PosixPath('/home/me/.cache/optiinr/compiled')
    """
    known = jax.config.values["jax_compilation_cache_dir"]
    if known:
        return Path(known)
    if folder is None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home) / "optiinr" / "compiled"
    folder = Path(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.stat()
    except FileExistsError:
        raise ValueError(f"{folder} is not a folder; choose another for the cache.") from None
    except OSError:
        return None
    if hasattr(os, "getuid") and facts.st_uid != os.getuid():
        raise ValueError(f"{folder} belongs to another user; choose a folder of your own.")
    if stat.S_IMODE(facts.st_mode) != 0o700:
        folder.chmod(0o700)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _MIN_SECONDS)
    return folder
