"""Arrays of numbers in files, with what the file says of where they lie.

.npy, .npz, NIfTI, HDF5, OpenEXR, TIFF of floats or of many pages.

What a file claims to hold is read from its headers and checked before any of it is decoded, and
nothing in it is ever executed.

Letters: D axes; r, c row and column of an affine map.
"""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from optiinr_jax.signals import rasters
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.formats import check_exists, decoded, import_extra, suffix_of
from optiinr_jax.signals.occupancy import read_header

MAX_AXES = 4
_VALUES = ("values", "data", "field", "arr_0")  # names of the one array that is meant, the first
_PLACES = {"spacing", "origin", "affine"}  # names of arrays that say where the values lie
_BLOCK, _MAX_BLOCKS = 1 << 20, 16  # numbers that are looked at for a third value


class Source(NamedTuple):
    """Values of a file on their grid.

    Attributes:
        values: natural ones.
        has_channels: whether the last axis is the numbers of one value.
        spacing: distance of neighbours along each axis, in the units of the file; None: unknown.
        origin: position of the first point.
        affine: (3, 4), from indices of the first three axes to positions; None: as spacing says.
    """

    values: Float32[np.ndarray, "..."]
    has_channels: bool = False
    spacing: tuple[float, ...] | None = None
    origin: tuple[float, ...] | None = None
    affine: Float[np.ndarray, "3 4"] | None = None


def read_source(path: Path, key: str | None, max_points: int) -> Source:
    """Read a file.

    Args:
        key: name of the array, where a file has several.
        max_points: refuse more numbers before they are decoded.

    Raises:
        SignalError: the file, or what it holds, is none that can be read.
    """
    check_exists(path, "an array of numbers")
    reader = _READERS[suffix_of(path)]
    source = decoded(path, lambda: reader(path, key, max_points), "save it again")
    return source._replace(values=np.ascontiguousarray(source.values, np.float32))


def kind_of_array(path: Path) -> str | None:
    """The kind of signal that an .npy or .npz file holds: its header, and a third value, say it.

    Three axes of two values are a solid; coordinates with values are points; bytes with four axes
    are a video; anything else is a field. None: another file, or one that cannot be read.
    """
    if path.suffix.lower() not in (".npy", ".npz"):
        return None
    try:
        if path.suffix.lower() == ".npy":
            with open(path, "rb") as file:
                return _kind_in(file)
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            if {"packed", "shape"} <= names:
                return "volume"
            if {"coords", "values"} <= names:
                return "points"
            with archive.open(f"{_meant(path, names, None)}.npy") as member:
                return _kind_in(member)
    except Exception:  # NumPy parses a header as Python, and raises what that raises
        return None


def _kind_in(file: Any) -> str:
    head = read_header(file)
    if len(head.shape) == 4 and head.dtype == np.uint8 and head.shape[-1] in (1, 3):
        return "video"
    if len(head.shape) != 3:
        return "field"
    seen: set[Any] = set()
    size = head.dtype.itemsize
    for _ in range(_MAX_BLOCKS):
        block = file.read(_BLOCK * size)
        seen |= set(np.unique(np.frombuffer(block[: len(block) // size * size], head.dtype))[:3])
        if len(seen) > 2 or not block:
            break
    return "field" if len(seen) > 2 else "volume"


def _meant(path: Path, names: set[str], key: str | None) -> str:
    """The name of the array that is meant, among all of a file."""
    known = sorted(names - _PLACES)
    if key is not None and key not in names:
        raise SignalError(
            f"{path} has no array {key!r}, but one of {', '.join(known)} was expected; correct key."
        )
    found = [name for name in (key, *_VALUES) if name in names] or (
        known if len(known) == 1 else []
    )
    if not found:
        raise SignalError(
            f"{path} has the arrays {', '.join(known)[:150]}, but one was expected; say which by "
            f"key={known[0]!r}."
            if known
            else f"{path} has no array, but one was expected; save it."
        )
    return found[0]


def _check_array(path: Path, shape: tuple[int, ...], dtype: np.dtype, max_points: int) -> None:
    if dtype.kind not in "biuf":
        raise SignalError(
            f"{path} has numbers of type {dtype}, but real ones were expected; save them as floats."
        )
    if math.prod(shape) > max_points:
        raise SignalError(
            f"{path} has {' x '.join(map(str, shape))} numbers, but the limit is {max_points}; cut "
            "or thin them out, or raise the limit."
        )


def _read_npy(path: Path, key: str | None, max_points: int) -> Source:
    del key
    with open(path, "rb") as file:
        return Source(_array_in(path, file, max_points))


def _read_npz(path: Path, key: str | None, max_points: int) -> Source:
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        with archive.open(f"{_meant(path, names, key)}.npy") as member:
            values = _array_in(path, member, max_points)
        places = {}
        for name in sorted(_PLACES & names):
            with archive.open(f"{name}.npy") as member:
                places[name] = _array_in(path, member, 12).astype(np.float64)
    spacing, origin = (_row(places.get(name)) for name in ("spacing", "origin"))
    has_channels = spacing is not None and len(spacing) == values.ndim - 1
    return Source(values, has_channels, spacing, origin, places.get("affine"))


def _row(numbers: np.ndarray | None) -> tuple[float, ...] | None:
    return None if numbers is None else tuple(map(float, numbers.reshape(-1)))


def _array_in(path: Path, file: Any, max_points: int) -> np.ndarray:
    """The array of an open .npy file, its size checked before it is decoded."""
    head = read_header(file)
    _check_array(path, head.shape, head.dtype, max_points)
    content = file.read(math.prod(head.shape) * head.dtype.itemsize)
    order = "F" if head.is_fortran else "C"
    return np.frombuffer(content, head.dtype).reshape(head.shape, order=order)


def _read_nifti(path: Path, key: str | None, max_points: int) -> Source:
    """Values with the scaling of the header; axes of one point are left out."""
    del key
    picture = import_extra("nibabel", path).load(path)
    shape = tuple(map(int, picture.shape))
    _check_array(path, shape, np.dtype(np.float32), max_points)
    has_channels = len(shape) == 5 and picture.header.get_intent()[0] == "vector"
    grid = shape[:-1] if has_channels else shape
    kept = [axis for axis, n in enumerate(grid) if n > 1]
    values = np.asarray(picture.dataobj, np.float32)
    values = values.reshape(*(grid[axis] for axis in kept), *shape[len(grid) :])
    zooms = tuple(float(z) for z in picture.header.get_zooms())
    spacing = tuple(zooms[axis] or 1.0 for axis in kept)
    has_box = kept[:3] == [0, 1, 2] and picture.affine is not None
    affine = np.asarray(picture.affine, np.float64)[:3] if has_box else None
    return Source(values, has_channels, spacing, affine=affine)


def _read_hdf5(path: Path, key: str | None, max_points: int) -> Source:
    """One data set; its attribute `spacing` or `element_size_um` says how far neighbours are."""
    h5py = import_extra("h5py", path)
    with h5py.File(path, "r") as file:
        found: dict[str, Any] = {}

        def look(name: str, part: Any) -> None:
            if isinstance(part, h5py.Dataset) and part.dtype.kind in "biuf" and part.ndim:
                found[name] = part

        file.visititems(look)
        data = found[_meant(path, set(found), key)]
        _check_array(path, data.shape, data.dtype, max_points)
        steps = data.attrs.get("spacing", data.attrs.get("element_size_um"))
        values = np.asarray(data[()])
        spacing = _row(None if steps is None else np.asarray(steps, np.float64))
        origin = data.attrs.get("origin")
        has_channels = spacing is not None and len(spacing) == values.ndim - 1
        return Source(
            values, has_channels, spacing, None if origin is None else _row(np.asarray(origin))
        )


def _read_exr(path: Path, key: str | None, max_points: int) -> Source:
    del key
    values = rasters.read_exr(path)
    _check_array(path, values.shape[:2], values.dtype, max_points)
    return Source(values, has_channels=True)


def _read_tiff(path: Path, key: str | None, max_points: int) -> Source:
    del key
    values, has_channels = rasters.read_tiff(path, max_points)
    return Source(values, has_channels)


_READERS: dict[str, Callable[[Path, str | None, int], Source]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".nii": _read_nifti,
    ".nii.gz": _read_nifti,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
    ".exr": _read_exr,
    ".tif": _read_tiff,
    ".tiff": _read_tiff,
}
SUFFIXES = tuple(_READERS)
