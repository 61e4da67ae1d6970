"""Fields: continuous quantities on a grid of 1 to 4 axes, in the units of their file.

An MRI, a signed distance, a time series, a physical field; one number a point, or several. Values
keep their units: what a network of a field gives is what the file holds. The least and the greatest
value are the attributes `low` and `high`; the PSNR of a field is over that range.

Where a file says it, `spacing_i` is the distance of neighbours along axis i and `origin_i` the
position of its first point; of a NIfTI file `affine_rc`, three rows and four columns, takes indices
to positions. They follow the grid to any other size, so that a written field lies where the
original lies.

A field is brought to a size by Lanczos' filter; the file then says what it is between the samples.
"""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.signals import rasters, synthetic_fields
from optiinr_jax.signals.arrays import MAX_AXES, Source, read_source
from optiinr_jax.signals.arrays import SUFFIXES as SUFFIXES
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.formats import import_extra, suffix_of
from optiinr_jax.signals.resampling import FINER, bring_down, shape_for
from optiinr_jax.signals.targets import Finer, make_finer

AXES = tuple(f"axis_{i}" for i in range(MAX_AXES))
MAX_POINTS = 64_000_000
MAX_CHANNELS = 64
OPTIONS = ("key", "channels")  # of `read_field`, for the table of kinds
_SAMPLE_SIZE = 32
_MAX_FINER_SAMPLE = 2**22  # points of the embedded field between its samples
_WRITABLE = (".npy", ".npz", ".nii", ".nii.gz", ".h5", ".hdf5", ".exr", ".tif", ".tiff")


class Field(NamedTuple):
    """A field and what its file needs besides.

    Attributes:
        values: natural ones.
        attributes: low, high, and where it lies.
        finer: what the file says between the samples.
    """

    values: Float32[np.ndarray, "*shape C"]
    attributes: dict[str, float]
    finer: Finer | None = None


def read_field(
    path: Path,
    size: int | tuple[int, ...] | None = None,
    *,
    key: str | None = None,
    channels: bool = False,
    max_points: int = MAX_POINTS,
) -> Field:
    """Read an array of numbers: .npy, .npz, NIfTI, HDF5, OpenEXR, TIFF of floats or many pages.

    The extras are nifti, hdf5, exr, and tiff for floats with several channels.

    Args:
        size: points along the longest side, or along every one; None keeps all.
        key: name of the array, where the file has several.
        channels: the last axis is the numbers of one point.
        max_points: refuse to decode more.

    Raises:
        SignalError: no such file, or none that holds a field.
    """
    return _field_of(str(path), read_source(path, key, max_points), size, channels)


def _field_of(
    name: str, source: Source, size: int | tuple[int, ...] | None, channels: bool
) -> Field:
    values = source.values
    has_channels = channels or source.has_channels
    values = values if has_channels else values[..., None]
    old = values.shape[:-1]
    if not 1 <= len(old) <= MAX_AXES or min(old) < 2 or values.shape[-1] > MAX_CHANNELS:
        raise SignalError(
            f"{name} has an array of shape {source.values.shape}, but 1 to {MAX_AXES} sides of at "
            f"least 2 points were expected, and up to {MAX_CHANNELS} numbers a point on a last "
            "axis if channels=True; reshape it."
        )
    fine = None
    if size is not None:
        values, fine = bring_down(values, check_size(size, old))
    attributes = range_of(name, values, fine) | _places(source, len(old))
    attributes = rescale_attributes(attributes, old, values.shape[:-1])
    return Field(values, attributes, _finer_of(fine, attributes))


def _finer_of(fine: np.ndarray | None, attributes: dict[str, float]) -> Finer | None:
    if fine is None:
        return None
    low, high = attributes["low"], attributes["high"]
    return make_finer(FINER, (fine - low) / (high - low))


def sample_field(
    size: int | tuple[int, ...] | None = None, *, max_points: int = MAX_POINTS
) -> Field:
    """The embedded field: `size` points along each of three axes, or the shape `size`."""
    size = _SAMPLE_SIZE if size is None else size
    shape = check_size(size, (MAX_POINTS,) * 3 if isinstance(size, int) else None)
    if math.prod(shape) > max_points:
        raise SignalError(
            f"size {' x '.join(map(str, shape))} is {math.prod(shape)} points, but the limit is "
            f"{max_points}; choose a smaller size or raise the limit."
        )
    values, fine = synthetic_fields.field(shape), None
    if math.prod(shape) * FINER ** len(shape) <= _MAX_FINER_SAMPLE:
        fine = synthetic_fields.field(tuple(n * FINER for n in shape))
    attributes = range_of("the sample", values, fine)
    attributes |= {f"spacing_{i}": 200.0 / n for i, n in enumerate(shape)}
    attributes |= {f"origin_{i}": 100.0 / n - 100.0 for i, n in enumerate(shape)}
    return Field(values, attributes, _finer_of(fine, attributes))


def range_of(name: str, *parts: np.ndarray | None) -> dict[str, float]:
    """The attributes low and high; of a constant a range about it.

    Raises:
        SignalError: numbers that are not finite.
    """
    ends = [float(end) for part in parts if part is not None for end in (part.min(), part.max())]
    low, high = min(ends), max(ends)
    if not all(map(math.isfinite, ends)) or max(map(abs, ends)) >= 1e30:
        raise SignalError(
            f"{name} has numbers that are nan, infinite or beyond 1e30, but finite ones were "
            "expected; give them as a mask, or fill them."
        )
    if not low < high:
        margin = max(1.0, abs(low))
        low, high = low - 0.5 * margin, high + 0.5 * margin
    return {"low": low, "high": high}


def check_size(size: Any, old: tuple[int, ...] | None) -> tuple[int, ...]:
    """A size as a shape; one number is the points along the longest side of the shape `old`."""
    sides = list(size) if isinstance(size, tuple | list) else [size]
    is_whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in sides)
    num_dims = len(sides) if old is None else len(old)
    if not is_whole or min(sides, default=0) < 2 or len(sides) not in (1, num_dims) or num_dims > 4:
        raise SignalError(
            f"size is {size!r}, but a whole number of at least 2, the points along the longest "
            f"side, or as many as there are axes ({num_dims}) was expected; try size=32."
        )
    if old is not None and not isinstance(size, tuple | list):
        return shape_for(int(size), old) if max(old) < MAX_POINTS else (int(size),) * len(old)
    return tuple(map(int, sides))


def write_field(
    path: Path, values: Float[np.ndarray, "*shape C"], attributes: Mapping[str, float]
) -> Path:
    """Write .npy, .npz (with `spacing` and `origin`), .nii, .nii.gz, .h5, .exr or .tif.

    Raises:
        SignalError: another suffix, numbers that are not finite, or a folder that is missing.
    """
    path, suffix = Path(path), suffix_of(Path(path))
    if suffix not in _WRITABLE:
        raise SignalError(
            f"{path} ends in {suffix or 'no suffix'}, but a field is written as one of "
            f"{', '.join(_WRITABLE)}; change the suffix."
        )
    values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise SignalError(
            "a field to write has numbers that are nan or infinite, but finite ones were expected; "
            "check that the training did not diverge."
        )
    try:
        return write_atomic(path, _content(path, suffix, values, attributes))
    except OSError as error:
        raise SignalError(str(error)) from error


def _content(path: Path, suffix: str, values: np.ndarray, attributes: Mapping[str, float]) -> bytes:
    num_dims, file = values.ndim - 1, io.BytesIO()
    places = {
        name: np.array([attributes[f"{name}_{i}"] for i in range(num_dims)])
        for name in ("spacing", "origin")
        if f"{name}_0" in attributes
    }
    if suffix in rasters.EXR:
        return rasters.exr_bytes(path, values)
    if suffix in rasters.TIFF:
        return rasters.tiff_bytes(values)
    if suffix.startswith(".nii"):
        return _nifti(path, suffix, values, attributes)
    plain = values[..., 0] if values.shape[-1] == 1 else values
    if suffix == ".npy":
        np.save(file, plain)
    elif suffix == ".npz":
        affine = affine_of(attributes)
        content: dict[str, Any] = {"values": plain, **places}
        content |= {} if affine is None else {"affine": affine}
        np.savez_compressed(file, **content)
    else:
        with import_extra("h5py", path).File(file, "w") as written:
            data = written.create_dataset("values", data=plain, compression="gzip")
            data.attrs.update(places)
    return file.getvalue()


def _nifti(path: Path, suffix: str, values: np.ndarray, attributes: Mapping[str, float]) -> bytes:
    import gzip

    nibabel = import_extra("nibabel", path)
    shape, num_dims = values.shape[:-1], values.ndim - 1
    full = shape + (1,) * max(3 - num_dims, 0)
    steps = [attributes.get(f"spacing_{i}", 1.0) for i in range(num_dims)]
    affine = np.eye(4)
    known = affine_of(attributes)
    if known is not None:
        affine[:3] = known
    else:
        for i in range(min(num_dims, 3)):
            affine[i, i], affine[i, 3] = steps[i], attributes.get(f"origin_{i}", 0.0)
    if values.shape[-1] == 1:
        picture = nibabel.Nifti1Image(values[..., 0].reshape(full), affine)
    else:
        full += (1,) * (4 - len(full))
        picture = nibabel.Nifti1Image(values.reshape(*full, values.shape[-1]), affine)
        picture.header.set_intent("vector")
    if num_dims > 3:
        picture.header.set_zooms((*picture.header.get_zooms()[:3], steps[3], 1.0)[: picture.ndim])
    content = picture.to_bytes()
    return gzip.compress(content, mtime=0) if suffix.endswith(".gz") else content


def _places(source: Source, num_dims: int) -> dict[str, float]:
    """Attributes of where a grid lies."""
    found: dict[str, float] = {}
    for name, numbers in (("spacing", source.spacing), ("origin", source.origin)):
        if numbers is not None and len(numbers) >= num_dims:
            found |= {f"{name}_{i}": float(numbers[i]) for i in range(num_dims)}
    if source.affine is not None and num_dims >= 3:
        found |= {f"affine_{r}{c}": float(source.affine[r, c]) for r in range(3) for c in range(4)}
    return found


def affine_of(attributes: Mapping[str, float]) -> Float[np.ndarray, "3 4"] | None:
    """From indices of the first three axes to positions; None: the spacing alone is known."""
    if "affine_00" not in attributes:
        return None
    return np.array([[attributes[f"affine_{r}{c}"] for c in range(4)] for r in range(3)])


def rescale_attributes(
    attributes: dict[str, float], old: tuple[int, ...], new: tuple[int, ...]
) -> dict[str, float]:
    """Attributes of the same field on a grid of another shape, whose cells fill the same extent."""
    moved = dict(attributes)
    steps = [n / m for n, m in zip(old, new, strict=True)]
    for i, step in enumerate(steps):
        if f"spacing_{i}" in attributes:
            spacing = attributes[f"spacing_{i}"]
            moved[f"spacing_{i}"] = spacing * step
            if f"origin_{i}" in attributes:
                moved[f"origin_{i}"] = attributes[f"origin_{i}"] + 0.5 * (step - 1.0) * spacing
    affine = affine_of(attributes)
    if affine is not None:
        first = 0.5 * (np.array(steps[:3]) - 1.0)
        offset = affine[:, :3] @ first + affine[:, 3]
        changed = np.column_stack([affine[:, :3] * np.array(steps[:3])[None, :], offset])
        moved |= {f"affine_{r}{c}": float(changed[r, c]) for r in range(3) for c in range(4)}
    return moved


def has_place(attributes: Mapping[str, float]) -> bool:
    """Whether a field says where it lies."""
    return "spacing_0" in attributes or affine_of(attributes) is not None


def world_of_places(
    places: Float[np.ndarray, "N 3"], attributes: Mapping[str, float]
) -> Float[np.ndarray, "N 3"]:
    """Positions in the units of the file of places, counted in samples, of a field in space."""
    affine = affine_of(attributes)
    if affine is not None:
        return places @ affine[:, :3].T + affine[None, :, 3]
    spacing, origin = (
        np.array([[attributes.get(f"{name}_{i}", usual) for i in range(3)]])
        for name, usual in (("spacing", 1.0), ("origin", 0.0))
    )
    return origin + places * spacing


def places_of_world(positions: Any, shape: tuple[int, ...], attributes: Mapping[str, float]) -> Any:
    """Places, counted in samples, of positions in the units of the file.

    Raises:
        SignalError: the field does not say where it lies.
    """
    num_dims, affine = len(shape), affine_of(attributes)
    if not has_place(attributes):
        raise SignalError(
            "the field does not say where it lies, but the attributes spacing_0 ... were expected; "
            'make it with them, or use units="samples".'
        )
    spacing = np.array([attributes.get(f"spacing_{i}", 1.0) for i in range(num_dims)])
    origin = np.array([attributes.get(f"origin_{i}", 0.0) for i in range(num_dims)])
    places = (positions - origin[None, :]) / spacing[None, :]
    if affine is None:
        return places
    first = (positions[:, :3] - affine[None, :, 3]) @ np.linalg.inv(affine[:, :3]).T
    return np.concatenate([first, places[:, 3:]], axis=1)
