"""Does a sound file hold what its header promises?

libsndfile reads a WAV or OGG file that was cut short as a shorter sound, without a word. So their
headers are compared with the length of the file before it is opened. A FLAC or MP3 file is caught
by the reader, which gets fewer samples than the header said.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from optiinr_jax.signals.errors import SignalError

_LARGEST_OGG_PAGE = 27 + 255 + 255 * 255  # bytes: header, table of segments, segments


def check_whole(path: Path) -> None:
    """Refuse a file that is missing, empty, or shorter than its header says."""
    if not path.is_file():
        raise SignalError(
            f"{path} does not exist or is no file, but a sound file was expected; check the path."
        )
    size = path.stat().st_size
    with open(path, "rb") as file:
        mark = file.read(4)
        check = _CHECKS.get(mark)
        if check is not None:
            check(path, file, size)
    if size == 0:
        raise SignalError(
            f"{path} is empty, but a sound file was expected; copy or download it again."
        )


def _check_wav(path: Path, file: BinaryIO, size: int) -> None:
    """The `data` chunk of a RIFF file must lie in the file (RF64: its length is in `ds64`)."""
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    position, long_length = 12, None
    while position + 8 <= size:
        file.seek(position)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"ds64" and length >= 16:
            long_length = struct.unpack("<8xQ", file.read(16))[0]
        if name == b"data":
            promised = long_length if length == 0xFFFFFFFF and long_length is not None else length
            _check_length(path, promised, size - position - 8)
            return
        position += 8 + length + length % 2
    raise SignalError(
        f"{path} has a WAV header and no samples, but a sound was expected; copy or record it "
        "again."
    )


def _check_length(path: Path, promised: int, present: int) -> None:
    if promised > present:
        raise SignalError(
            f"{path} promises {promised} bytes of samples in its header, but {present} follow, "
            "and the whole file was expected; copy it again, or convert it if it was a stream."
        )


def _check_ogg(path: Path, file: BinaryIO, size: int) -> None:
    """The last page of an OGG file must be whole and carry the mark of the end."""
    file.seek(-min(size, _LARGEST_OGG_PAGE), os.SEEK_END)
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    num_segments = page[26] if len(page) > 26 else 0
    length = 27 + num_segments + sum(page[27 : 27 + num_segments])
    is_end = len(page) > 26 and bool(page[5] & 4)
    _check_single(path, file, size)
    if not is_end or len(page) < length:
        raise SignalError(
            f"{path} stops before the page that marks its end, but the whole file was expected; "
            "copy it again, or convert it if it was a stream."
        )


def _check_single(path: Path, file: BinaryIO, size: int) -> None:
    """Refuse streams one after the other in an OGG file, of which libsndfile reads the first."""
    position, has_begun = 0, False
    while position + 27 <= size:
        file.seek(position)
        head = file.read(27)
        if head[:4] != b"OggS":
            return  # damaged, which the decoder sees
        is_first = bool(head[5] & 2)
        if is_first and has_begun:
            raise SignalError(
                f"{path} is several sounds one after the other (a chained OGG file), but one sound "
                "was expected; convert it, for example to FLAC."
            )
        has_begun = has_begun or not is_first
        position += 27 + head[26] + sum(file.read(head[26]))


_CHECKS: dict[bytes, Callable[[Path, BinaryIO, int], None]] = {
    b"RIFF": _check_wav,
    b"RIFX": _check_wav,
    b"RF64": _check_wav,
    b"OggS": _check_ogg,
}
