"""Occupancy files: a box of voxels that are full or empty, from .npz, .npy and .mat.

A file holds one three-dimensional array with two values, of which 0 is empty; or an .npz holds its
bits, `packed` as `numpy.packbits` gives them and `shape`, 8 times smaller than bytes and 256 times
smaller than the double precision of many .mat files. What a file claims to hold is read from its
headers and checked before any of it is decoded, and nothing in it is ever executed.
"""

import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Bool

from optiinr_jax.files import write_atomic
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.matlab import list_arrays, numbers_of

Occupied = Bool[np.ndarray, "nx ny nz"]
_Shape = tuple[int, ...]
_BLOCK = 1 << 20  # numbers at once
_LONGEST_HEADER = 10_000  # bytes, as in NumPy
_MOST_MEMBERS = 1000
_MOST_BYTES = 2**30  # of numbers: 512 voxels a side in double precision


def read_occupancy(path: Path, max_points: int) -> Occupied:
    """The voxels of an occupancy file that are full; it takes a byte for each, and no more."""
    return _READERS[path.suffix.lower()](path, max_points)


def write_occupancy(path: Path, occupied: Occupied) -> Path:
    """Write voxels as bits, the keys `packed` and `shape`, in an .npz file."""
    packed, shape = np.packbits(occupied), np.array(occupied.shape, np.int64)
    save: Callable[[BinaryIO], None]
    save = lambda file: np.savez_compressed(file, packed=packed, shape=shape)  # noqa: E731
    return write_atomic(path, save)


def _read_npz(path: Path, max_points: int) -> Occupied:
    with zipfile.ZipFile(path) as archive:
        _check_members(path, archive)
        headers = {}
        for name in archive.namelist():
            with archive.open(name) as member:
                headers[name] = read_header(member)
        if {"packed.npy", "shape.npy"} <= set(headers):
            return _read_packed(path, archive, headers, max_points)
        name = _only_box(path, {name: head.shape for name, head in headers.items()}, max_points)
        with archive.open(name) as member:
            return _read_array(path, member)


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    """Other compressions than NumPy's unpack in steps of any size."""
    kinds = {info.compress_type for info in archive.infolist()}
    if not kinds <= {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise SignalError(
            f"{path} is compressed by another method than NumPy's, which was expected; save it by "
            "numpy.savez_compressed."
        )
    if len(archive.namelist()) > _MOST_MEMBERS:
        raise SignalError(
            f"{path} has {len(archive.namelist())} arrays, but at most {_MOST_MEMBERS} were "
            "expected; save the occupancy alone."
        )


def _read_packed(
    path: Path, archive: zipfile.ZipFile, headers: dict[str, "Header"], max_points: int
) -> Occupied:
    head = headers["shape.npy"]
    if head.shape != (3,) or head.dtype.kind not in "iu":
        raise SignalError(
            f"{path} has a `shape` of {head.shape} numbers of type {head.dtype}, but three whole "
            "ones were expected; save the occupancy again."
        )
    with archive.open("shape.npy") as member:
        shape = tuple(int(n) for n in np.lib.format.read_array(member, allow_pickle=False))
    _check_box(path, shape, max_points)
    count, bits = math.prod(shape), headers["packed.npy"]
    num_bytes = -(-count // 8)
    if (bits.shape, bits.dtype) != ((num_bytes,), np.uint8):
        raise SignalError(
            f"{path} has a `packed` of shape {bits.shape} and type {bits.dtype}, but {num_bytes} "
            f"bytes were expected for the shape {shape}; save the occupancy again."
        )
    with archive.open("packed.npy") as member:
        read_header(member)
        content = _exactly(member, num_bytes)
        _check_end(member)
    packed = np.frombuffer(content, np.uint8)
    return np.unpackbits(packed, count=count).view(bool).reshape(shape)


def _read_npy(path: Path, max_points: int) -> Occupied:
    with open(path, "rb") as file:
        _check_box(path, read_header(file).shape, max_points)
        file.seek(0)
        return _read_array(path, file)


def _read_mat(path: Path, max_points: int) -> Occupied:
    """One three-dimensional array of a MATLAB file up to version 7, for example `hypercube`."""
    with open(path, "rb") as file:
        try:
            found = list_arrays(file)
        except NotImplementedError:
            raise SignalError(
                f"{path} is a MATLAB file of version 7.3, which is HDF5, but version 7 was "
                "expected; save it with '-v7' or as .npz."
            ) from None
        name = _only_box(path, {array.name: array.shape for array in found}, max_points)
        array = next(array for array in found if array.name == name)
        if array.matlab_class not in _MATLAB_CLASSES:
            raise SignalError(
                f"{path} has an array of class {array.matlab_class}, but numbers were expected; "
                "save it as logical or uint8."
            )
        stream, dtype = numbers_of(file, array)
        full = _find_full(path, stream, dtype, math.prod(array.shape))
        return np.ascontiguousarray(full.reshape(array.shape, order="F"))


_READERS: dict[str, Callable[[Path, int], Occupied]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".mat": _read_mat,
}
OCCUPANCY_SUFFIXES = tuple(_READERS)
_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_MATLAB_CLASSES = {"double", "single", *_INTEGERS}


class Header(NamedTuple):
    """What an .npy file says of its array."""

    shape: _Shape
    is_fortran: bool
    dtype: np.dtype


def read_header(file: Any) -> Header:
    """The head of an open .npy file, which NumPy reads without evaluating anything.

    NumPy compares its length with a limit once it has it all, so no more than that is handed over.
    """
    version = np.lib.format.read_magic(file)
    length_bytes, read = {
        (1, 0): (2, np.lib.format.read_array_header_1_0),
        (2, 0): (4, np.lib.format.read_array_header_2_0),
    }[version]
    length = _exactly(file, length_bytes)
    size = int.from_bytes(length, "little")
    if size > _LONGEST_HEADER:
        raise ValueError(f"a header of {size} bytes")
    return Header(*read(io.BytesIO(length + _exactly(file, size))))


def _read_array(path: Path, stream: Any) -> Occupied:
    """What is full of the array that an open .npy file holds."""
    head = read_header(stream)
    _check_dtype(path, head.dtype)
    full = _find_full(path, stream, head.dtype, math.prod(head.shape))
    _check_end(stream)
    return np.ascontiguousarray(full.reshape(head.shape, order="F" if head.is_fortran else "C"))


def _find_full(path: Path, stream: Any, dtype: np.dtype, count: int) -> Bool[np.ndarray, " count"]:
    """Which of the next numbers of a stream are not 0, where all of these are the same.

    A block at a time: a small file may stand for gigabytes of double precision.
    """
    if count * dtype.itemsize > _MOST_BYTES:
        raise SignalError(
            f"{path} has {count} numbers of {dtype.itemsize} bytes, but the limit is {_MOST_BYTES} "
            "bytes; save field > level, which takes one for each."
        )
    full, top = np.empty(count, bool), None
    for begin in range(0, count, _BLOCK):
        end = min(begin + _BLOCK, count)
        block = np.frombuffer(_exactly(stream, (end - begin) * dtype.itemsize), dtype)
        full[begin:end] = is_full = block != 0
        if dtype.kind == "b" or not is_full.any():
            continue
        values = block[is_full]
        top = values[0] if top is None else top
        if not (top > 0 and (values == top).all()):
            other = values[values != top]
            raise _no_occupancy(path, f"{top}" if not len(other) else f"{top} and {other[0]}")
    if top is None and dtype.kind != "b":
        raise _no_occupancy(path, "0 alone")
    return full


def _no_occupancy(path: Path, got: str) -> SignalError:
    return SignalError(
        f"{path} has numbers like {got}, but two values were expected, 0 and another above it; cut "
        "a field at its level first and save field > level."
    )


def _exactly(stream: Any, size: int) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise ValueError(f"it ends early, {size - len(content)} bytes are missing")
    return content


def _check_end(stream: Any) -> None:
    """Read what follows, of which an archive's checksum is compared with that of its content."""
    if stream.read(1):
        raise ValueError("it has more bytes than numbers")


def _only_box(path: Path, shapes: dict[str, _Shape], max_points: int) -> str:
    """The name of the one array with three axes, its size checked."""
    names = [name for name, shape in shapes.items() if len(shape) == 3]
    if len(names) != 1:
        known = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise SignalError(
            f"{path} has {len(names)} arrays with three axes ({known:.200}), but exactly one was "
            "expected, or `packed` and `shape`; save the occupancy alone."
        )
    _check_box(path, shapes[names[0]], max_points)
    return names[0]


def _check_box(path: Path, shape: _Shape, max_points: int) -> None:
    if len(shape) != 3 or min(shape) < 2:
        raise SignalError(
            f"{path} has an array of shape {shape}, but three sides of at least 2 voxels were "
            "expected; reshape it."
        )
    if math.prod(shape) > max_points:
        raise SignalError(
            f"{path} has {' x '.join(map(str, shape))} voxels, but the limit is {max_points}; make "
            "the array smaller or raise the limit."
        )


def _check_dtype(path: Path, dtype: np.dtype) -> None:
    if dtype.kind not in "biuf":
        raise SignalError(
            f"{path} has an array of type {dtype}, but bool or plain numbers were expected; save "
            "array > level."
        )
