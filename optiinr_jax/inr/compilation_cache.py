"""Compiled programs: kept on disk for the next process, forgotten where a process has too many.

Keeping is off in the library, where the caller decides; the command line and the first fit in a
notebook turn it on. What is kept is machine code that a later process runs, so the folder must be
nobody else's.
"""

import contextlib
import gc
import os
import stat
from pathlib import Path

import jax

from optiinr_jax.progress import is_notebook

_MIN_SECONDS = 0.5  # programs that compile faster are not kept
_MAPS, _MOST_MAPS = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")


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
        ValueError: the folder, or one above it, is a link or is another user's, others may write to
            it, or it is no folder.

    >>> keep_compiled_programs()  # doctest: +SKIP
    PosixPath('/home/me/.cache/optiinr/compiled')
    """
    known = jax.config.values["jax_compilation_cache_dir"]
    if known:
        return Path(known)
    try:
        if folder is None:
            home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
            folder = Path(home) / "optiinr" / "compiled"
        folder = Path(os.path.abspath(folder))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid"):
            _check_private(folder)
            folder.chmod(0o700)
    except FileExistsError:
        raise ValueError(f"{folder} is not a folder; choose another for the cache.") from None
    except (OSError, RuntimeError):  # no place to write, or no home
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _MIN_SECONDS)
    return folder


def forget_compiled_programs(most: int | None = None) -> None:
    """Drop compiled programs where this process has half of the memory maps that Linux allows it.

    Every network of another structure or size is programs of some 370 maps, so that a loop over
    200 of them would reach the usual limit of 65 530, at which XLA ends the process.

    Args:
        most: maps above which programs are dropped; None: half of the system's limit.
    """
    try:
        most = int(_MOST_MAPS.read_text()) // 2 if most is None else most
        maps = _MAPS.read_bytes().count(b"\n")
    except OSError:  # not on Linux
        return
    if maps > most:
        jax.clear_caches()
        gc.collect()


def _check_private(folder: Path) -> None:
    """Refuse a folder in which, or in whose place, somebody else may have put programs.

    Raises:
        ValueError: see `keep_compiled_programs`.
    """
    remedy = "remove it, or choose a folder of your own."
    facts = folder.lstat()
    if stat.S_ISLNK(facts.st_mode):
        raise ValueError(f"{folder} is a link, but a folder for the cache was expected; {remedy}")
    if facts.st_uid != os.getuid():
        raise ValueError(f"{folder} belongs to another user; {remedy}")
    strangers = [path for path in folder.iterdir() if path.lstat().st_uid != os.getuid()]
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or strangers:
        raise ValueError(
            f"others may write to {folder}, or have, but programs in it are run; {remedy}"
        )
    for above in folder.resolve().parents:
        facts = above.stat()
        is_open = facts.st_mode & stat.S_IWOTH and not facts.st_mode & stat.S_ISVTX
        if facts.st_uid not in (os.getuid(), 0) or is_open:
            raise ValueError(
                f"{above} belongs to another user or is open to all, who could replace {folder}; "
                "choose a folder of your own."
            )
