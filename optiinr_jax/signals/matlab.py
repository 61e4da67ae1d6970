"""MATLAB files up to version 7: what arrays they hold, and the numbers of one as a stream.

SciPy's reader takes whatever memory a file asks for, for a name as for the numbers, before it
compares that with anything; this one knows every size first. Source: MathWorks, "MAT-File Format",
chapter 1 (level 5). Sizes are in bytes.
"""

import io
import math
import struct
import zlib
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_HEADER = 128  # of a file: text, version, order of the bytes
_MATRIX, _COMPRESSED, _DIMENSIONS = 14, 15, 5  # types of an element
_LONGEST = 4096  # of a part that is no number: flags, dimensions, name
_PIECE = 1 << 16
_MOST_ARRAYS = 1000
_COMPLEX = 0x800  # flag of an array
_CLASSES = dict(enumerate(["cell", "struct", "object", "char", "sparse"], 1))
_CLASSES |= dict(
    enumerate("double single int8 uint8 int16 uint16 int32 uint32 int64 uint64".split(), 6)
)
_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}


class Found(NamedTuple):
    """An array of a file.

    Attributes:
        matlab_class: name of its class, "complex" for complex numbers.
        place: of its element in the file.
    """

    name: str
    shape: tuple[int, ...]
    matlab_class: str
    place: int


def list_arrays(file: BinaryIO) -> list[Found]:
    """The arrays of an open file; nothing of their numbers is read.

    Raises:
        ValueError: it is no such file; NotImplementedError: it is of version 7.3.
    """
    order, size = _order(file), file.seek(0, 2)
    found, place = [], _HEADER
    while place + 8 <= size and len(found) < _MOST_ARRAYS:
        file.seek(place)
        kind, length = struct.unpack(f"{order}II", file.read(8))
        found.append(_read_head(_matrix(file, place, order), order, place))
        place += 8 + length + (-length % 8 if kind == _MATRIX else 0)
    return found


def numbers_of(file: BinaryIO, array: Found) -> tuple[Any, np.dtype]:
    """The numbers of an array as a stream, column by column, and the type they are stored in.

    Raises:
        ValueError: it does not hold as many as its shape says.
    """
    order = _order(file)
    stream = _matrix(file, array.place, order)
    _read_head(stream, order, array.place)
    kind, length, small = _read_tag(stream, order)
    if kind not in _NUMBERS:
        raise ValueError(f"numbers of the unknown type {kind}")
    dtype = np.dtype(order + _NUMBERS[kind])
    promised = math.prod(array.shape) * dtype.itemsize
    if length != promised:
        raise ValueError(f"{length} bytes of numbers where its shape has {promised}")
    return (stream if small is None else io.BytesIO(small)), dtype


def _order(file: BinaryIO) -> str:
    """The order of the bytes, as `struct` has it."""
    file.seek(0)
    header = file.read(_HEADER)
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    if order is None:
        raise ValueError("no MATLAB file of version 5 to 7")
    (version,) = struct.unpack(f"{order}H", header[124:126])
    if version >= 0x200:
        raise NotImplementedError
    return order


def _matrix(file: BinaryIO, place: int, order: str) -> Any:
    """The inside of the array that stands at a place, unpacked as far as it is read."""
    file.seek(place)
    kind, length = struct.unpack(f"{order}II", file.read(8))
    stream: Any = file
    if kind == _COMPRESSED:
        stream = _Unpacked(file, length)
        kind, _ = struct.unpack(f"{order}II", stream.read(8))
    if kind != _MATRIX:
        raise ValueError(f"an element of type {kind} where an array was expected")
    return stream


def _read_head(stream: Any, order: str, place: int) -> Found:
    flags = struct.unpack(f"{order}II", _read_part(stream, order)[1])[0]
    if flags & 0xFF not in _CLASSES:  # a function, say, which is laid out in another way
        return Found("", (), f"of number {flags & 0xFF}", place)
    kind, content = _read_part(stream, order)
    if kind != _DIMENSIONS or len(content) % 4:
        raise ValueError("an array without dimensions")
    shape = tuple(np.frombuffer(content, f"{order}i4").tolist())
    name = _read_part(stream, order)[1].decode("latin-1")
    named = "complex" if flags & _COMPLEX else _CLASSES[flags & 0xFF]
    return Found(name, shape, named, place)


def _read_part(stream: Any, order: str) -> tuple[int, bytes]:
    kind, length, small = _read_tag(stream, order)
    if length > _LONGEST:
        raise ValueError(f"a name or a list of dimensions of {length} bytes")
    return kind, small if small is not None else _exactly(stream, length + -length % 8)[:length]


def _read_tag(stream: Any, order: str) -> tuple[int, int, bytes | None]:
    """Type and length of an element; its content too where that is so small that it is there."""
    tag = _exactly(stream, 8)
    kind, length = struct.unpack(f"{order}II", tag)
    if kind >> 16:
        return kind & 0xFFFF, kind >> 16, tag[4 : 4 + (kind >> 16)]
    return kind, length, None


def _exactly(stream: Any, length: int) -> bytes:
    content = stream.read(length)
    if len(content) != length:
        raise ValueError("it ends early")
    return content


class _Unpacked:
    """A compressed part of a file as a stream, which unpacks no more than is read."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._left, self._unpacker = file, length, zlib.decompressobj()

    def read(self, size: int) -> bytes:
        parts, missing = [], size
        while missing and not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._file.read(min(self._left, _PIECE))
            self._left -= 0 if self._unpacker.unconsumed_tail else len(packed)
            part = self._unpacker.decompress(packed, missing)
            if not packed and not part:
                break
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
