"""Files that are either whole or absent."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomic(
    path: str | os.PathLike[str], content: bytes | Callable[[BinaryIO], object]
) -> Path:
    """Write a file so that a reader sees the old content or the new one, never a part.

    The bytes go to a temporary file in the same folder, reach the disk, and only then take the
    name. If anything fails the temporary file goes and an old file stays as it was. A link is
    followed: the file it points to is replaced.

    Args:
        content: the bytes, or a function that writes them to the open file it is given.

    Raises:
        OSError: the folder is missing or not writable, the disk is full, or `path` is a folder or
            a device. What the function raises itself passes through.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {path}: it is not a file; choose the name of a file.")
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
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


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too, where the system can do it for a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
