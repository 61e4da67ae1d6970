"""Occupancy files: a box of voxels that are full or empty, from .npz, .npy and .mat.

A file holds one three-dimensional array with two values, of which 0 is empty; or an .npz holds its
bits, `packed` as `numpy.packbits` gives them and `shape`, 8 times smaller than bytes and 256 times
smaller than the double precision of many .mat files. What a file claims to hold is read from its
headers and checked before any of it is decoded, and nothing in it is ever executed.
"""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Bool

from optiinr_jax.files import write_atomic
from optiinr_jax.signals.errors import SignalError

Occupied = Bool[np.ndarray, "nx ny nz"]
_Shape = tuple[int, ...]


def read_occupancy(path: Path, max_points: int) -> Occupied:
    """The voxels of an occupancy file that are full."""
    values = _READERS[path.suffix.lower()](path, max_points)
    if values.dtype == bool:
        return values
    top = values.max()
    if not (top > 0 and np.all((values == 0) | (values == top))):
        raise SignalError(
            f"{path} has numbers from {values.min()} to {top}, but two values were expected, 0 and "
            "another above it; cut a field at its level first and save field > level."
        )
    return values == top


def write_occupancy(path: Path, occupied: Occupied) -> Path:
    """Write voxels as bits, the keys `packed` and `shape`, in an .npz file."""
    packed, shape = np.packbits(occupied), np.array(occupied.shape, np.int64)
    save: Callable[[BinaryIO], None]
    save = lambda file: np.savez_compressed(file, packed=packed, shape=shape)  # noqa: E731
    return write_atomic(path, save)


def _read_npz(path: Path, max_points: int) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        headers = {name: _member_header(archive, name) for name in archive.namelist()}
        if {"packed.npy", "shape.npy"} <= set(headers):
            return _read_packed(path, archive, headers, max_points)
        name = _only_box(path, {name: shape for name, (shape, _) in headers.items()}, max_points)
        _check_dtype(path, headers[name][1])
        return _read_member(archive, name)


def _read_packed(
    path: Path, archive: zipfile.ZipFile, headers: dict[str, Any], max_points: int
) -> Occupied:
    if headers["shape.npy"][0] != (3,):
        raise SignalError(
            f"{path} has a `shape` of {headers['shape.npy'][0]} numbers, but three were expected; "
            "save the occupancy again."
        )
    shape = tuple(int(n) for n in _read_member(archive, "shape.npy"))
    _check_box(path, shape, max_points)
    count = math.prod(shape)
    expected = ((-(-count // 8),), np.dtype(np.uint8))
    if headers["packed.npy"] != expected:
        (got,), dtype = headers["packed.npy"] if len(headers["packed.npy"][0]) == 1 else ((0,), "?")
        raise SignalError(
            f"{path} has a `packed` of {got} numbers of type {dtype}, but {expected[0][0]} bytes "
            f"were expected for the shape {shape}; save the occupancy again."
        )
    return np.unpackbits(_read_member(archive, "packed.npy"), count=count).view(bool).reshape(shape)


def _read_npy(path: Path, max_points: int) -> np.ndarray:
    with open(path, "rb") as file:
        shape, dtype = _header(file)
        _check_box(path, shape, max_points)
        _check_dtype(path, dtype)
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_mat(path: Path, max_points: int) -> np.ndarray:
    """One three-dimensional array of a MATLAB file up to version 7, for example `hypercube`."""
    from scipy.io import loadmat, whosmat

    try:
        found = whosmat(path, appendmat=False)
    except NotImplementedError:
        raise SignalError(
            f"{path} is a MATLAB file of version 7.3, which is HDF5, but version 7 was expected; "
            "save it with '-v7' or as .npz."
        ) from None
    name = _only_box(path, {name: shape for name, shape, _ in found}, max_points)
    matlab_class = next(c for key, _, c in found if key == name)
    if matlab_class not in _MATLAB_CLASSES:
        raise SignalError(
            f"{path} has an array of class {matlab_class}, but numbers were expected; save it as "
            "logical or uint8."
        )
    return np.ascontiguousarray(loadmat(path, variable_names=[name], appendmat=False)[name])


_READERS: dict[str, Callable[[Path, int], np.ndarray]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".mat": _read_mat,
}
OCCUPANCY_SUFFIXES = tuple(_READERS)
_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_MATLAB_CLASSES = {"logical", "double", "single", *_INTEGERS}


def _header(file: Any) -> tuple[_Shape, np.dtype]:
    """Shape and type of an open .npy file, which numpy reads without evaluating anything."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read(file)
    return shape, dtype


def _member_header(archive: zipfile.ZipFile, name: str) -> tuple[_Shape, np.dtype]:
    with archive.open(name) as member:
        return _header(member)


def _read_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as member:
        values = np.lib.format.read_array(member, allow_pickle=False)
        member.read()  # to its end, where the checksum is compared
    return values


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
