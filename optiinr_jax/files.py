"""Files that are either whole or absent, and what a kill leaves of them, which goes."""

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO

from optiinr_jax.processes import has_ended, this_process

_SCRATCH = re.compile(r"\.[0-9a-f]{16}\.(?P<process>[0-9a-f-]*)\.tmp")
_FORGOTTEN = 86400.0  # seconds after which what no process here can have left is nobody's


def write_atomic(
    path: str | os.PathLike[str], content: bytes | Callable[[BinaryIO], object]
) -> Path:
    """Write a file so that a reader sees the old content or the new one, never a part.

    The bytes go to a temporary file in the same folder, reach the disk, and only then take the
    name. If anything fails the temporary file goes and an old file stays as it was; what killed
    processes have left in the folder goes too. A link is followed: the file it points to is
    replaced.

    Args:
        content: the bytes, or a function that writes them to the open file it is given.

    Raises:
        OSError: the folder is missing or not writable, the disk is full, or `path` is a folder or
            a device. What the function raises itself passes through.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {path}: it is not a file; choose the name of a file.")
    temporary = _scratch(target.parent)
    try:
        with open(temporary, "xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"cannot write {path}: {reason}; choose an existing folder you may write to."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    _sync_folder(target.parent)
    return target


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Generator[Path]:
    """A folder in another one, for the time of the block; if we are killed the next one removes it.

    Raises:
        OSError: it cannot be made.
    """
    folder = _scratch(parent)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_scratch(name: str) -> bool:
    """Whether a file or folder of that name is there for the time of somebody's block."""
    return _SCRATCH.fullmatch(name) is not None


def _scratch(parent: Path) -> Path:
    """A new name that says whose it is; what ended processes have left beside it is removed."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(parent):
            found = _SCRATCH.fullmatch(entry.name)
            if found is not None and _is_left(found["process"], entry):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)
    return parent / f".{secrets.token_hex(8)}.{this_process()}.tmp"


def _is_left(process: str, entry: os.DirEntry[str]) -> bool:
    """Whether nobody will go on with a scratch file."""
    is_ended = has_ended(process)
    if is_ended is not None:
        return is_ended
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _FORGOTTEN


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too, where the system can do it for a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
