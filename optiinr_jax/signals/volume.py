"""Solids: read a mesh or an occupancy file as full and empty voxels, write them back.

Conventions. Grid axes 0, 1, 2 are x, y, z of a mesh, or the axes of the array in a file. The values
are at voxel centres; the first and the last centre of every axis lie at the two ends of the
coordinate range, as in WIRE, so a voxel of a flat solid is longer along one axis than along
another as the network sees it.

A mesh is put in its bounding box, with `size` cubic voxels along the longest side and as many along
the others as reach both walls. An occupancy file is cut to the box of its full voxels first, then
brought to `size` by taking the nearest voxel.

Where the first and last centres lie in the space of the file (or, of an occupancy file, in voxels
of the whole array) is kept in the attributes low_x ... high_z, at any resolution. So a surface that
is written from a trained network lies on the mesh it was trained on.
"""

import math
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from optiinr_jax.signals import synthetic
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.formats import check_exists, decoded
from optiinr_jax.signals.mesh import (
    MESH_SUFFIXES,
    WRITABLE_MESHES,
    Box,
    Mesh,
    read_mesh,
    surface_of,
    write_mesh,
)
from optiinr_jax.signals.occupancy import OCCUPANCY_SUFFIXES, read_occupancy, write_occupancy
from optiinr_jax.signals.orientation import oriented
from optiinr_jax.signals.targets import Finer, make_finer
from optiinr_jax.signals.voxelize import voxelize

MAX_VOXELS = 2 * 512**3
SUFFIXES = (*MESH_SUFFIXES, *OCCUPANCY_SUFFIXES)
AXES = ("x", "y", "z")
OPTIONS = ("crop",)  # of `read_volume`, for the table of kinds
_MESH_SIZE = 128
_SAMPLE_SIZE = 64
_MANY_DISPUTED = 0.001
# Points to a voxel of a mesh on each axis, and how many in all they may be.
_FINER = ((5, 2**24), (3, 2**26))

_T = TypeVar("_T")


class Solid(NamedTuple):
    """Voxels and what their file needs besides.

    Attributes:
        occupied: which voxels are full.
        attributes: low_x ... high_z, the centres of the first and last voxel; of a mesh with holes
            also `disputed`, the share of voxels on which its three sweeps do not agree.
        finer: what is inside between the voxels' centres, where a surface says so.
    """

    occupied: Bool[np.ndarray, "nx ny nz"]
    attributes: dict[str, float]
    finer: Finer | None = None


def read_volume(
    path: str | os.PathLike[str],
    size: int | tuple[int, ...] | None = None,
    *,
    crop: str | None = "tight",
    max_voxels: int = MAX_VOXELS,
) -> Solid:
    """Read a mesh (.ply .obj .stl .off .glb) or an occupancy file (.npz .npy .mat).

    A mesh with holes is read too, by majority of three directions, with a warning when these
    disagree on more than 0.1 % of the voxels.

    Args:
        size: voxels along the longest side; None is 128 for a mesh, all of an occupancy file.
        crop: "tight" cuts an occupancy to the least box that holds all full voxels; "wire" loses
            the last slice of that box along every axis, as WIRE's code does; None keeps the array
            as it is. A mesh lies in its bounding box anyway.
        max_voxels: refuse to decode or to make more.
    """
    path = Path(path)
    size = None if size is None else _check_size(size)
    if crop not in ("tight", "wire", None):
        raise SignalError(
            f"crop is {crop!r}, but 'tight', 'wire' or None was expected; leave it out for 'tight'."
        )
    check_exists(path, "a mesh or an occupancy file")
    if path.suffix.lower() in MESH_SUFFIXES:
        mesh = _decode(path, lambda: read_mesh(path))
        return _solid_in(path, mesh, size or _MESH_SIZE, crop, max_voxels)
    occupied = _decode(path, lambda: read_occupancy(path, max_voxels))
    return _solid_of(path, occupied, size, crop, max_voxels)


def sample_volume(
    size: int | tuple[int, ...] | None = None, *, max_voxels: int = MAX_VOXELS
) -> Solid:
    """The embedded solid, with `size` voxels along its longest side or of the shape `size`."""
    low, high = np.array(synthetic.SOLID_BOX)
    if isinstance(size, tuple) and len(size) == 3:
        shape = tuple(map(_check_size, size))
    else:
        n = _check_size(_SAMPLE_SIZE if size is None else size)
        sides = (high - low) / (high - low).max()
        shape = tuple(max(2, round(n * side)) for side in sides.tolist())
    _check_count(shape, max_voxels)
    margin = (high - low) / np.array(shape) / 2.0
    finer = _between(shape, lambda factor: synthetic.solid(*(n * factor for n in shape)))
    box = Box(low + margin, high - margin)
    return Solid(synthetic.solid(*shape), _attributes(box), finer)


def write_volume(
    path: str | os.PathLike[str],
    values: Float[np.ndarray, "nx ny nz 1"],
    attributes: Mapping[str, float],
) -> Path:
    """Write what is at least 0.5: its surface as .ply .obj .stl .glb .off, its voxels as .npz."""
    path, field = Path(path), np.asarray(values)[..., 0]
    suffix = path.suffix.lower()
    if suffix not in (*WRITABLE_MESHES, ".npz"):
        raise SignalError(
            f"{path} ends in {path.suffix or 'no suffix'}, but a solid is written as one of "
            f"{', '.join(WRITABLE_MESHES)}, .npz; change the suffix."
        )
    try:
        if suffix in WRITABLE_MESHES:
            return write_mesh(path, surface_of(field, box_of(field.shape, attributes)))
        if not np.isfinite(field).all():
            raise SignalError(
                "a solid to write has numbers that are nan or infinite, but finite ones were "
                "expected; check that the training did not diverge."
            )
        return write_occupancy(path, field >= 0.5)
    except OSError as error:
        raise SignalError(str(error)) from error


def rescale_attributes(
    attributes: dict[str, float], old: tuple[int, ...], new: tuple[int, ...]
) -> dict[str, float]:
    """Attributes of the same solid on a grid of another shape, whose voxels fill the same box."""
    if not {f"low_{AXES[0]}", f"high_{AXES[0]}"} <= set(attributes):
        return attributes
    box = box_of(old, attributes)
    steps = (box.high - box.low) / np.maximum(np.array(old) - 1, 1)
    moved = 0.5 * steps * (np.array(old) / np.array(new) - 1.0)
    return attributes | _attributes(Box(box.low + moved, box.high - moved))


def box_of(shape: tuple[int, ...], attributes: Mapping[str, float]) -> Box:
    """Where a grid lies; without attributes voxels are cubes, the longest side from -1 to 1."""
    try:
        low, high = (np.array([attributes[f"{end}_{a}"] for a in AXES]) for end in ("low", "high"))
    except KeyError:
        high = (np.array(shape, float) - 1.0) / max(*shape, 2)
        low = -high
    if not np.all((low < high) | (np.array(shape) == 1)):
        raise SignalError(
            f"a solid lies between {low.tolist()} and {high.tolist()}, but a box with the lower "
            "corner first was expected; correct the attributes low_x ... high_z."
        )
    return Box(low, high)


def places_of_world(positions: Any, shape: tuple[int, ...], attributes: Mapping[str, float]) -> Any:
    """Places, counted in voxels, of positions in the space of the file."""
    box = box_of(shape, attributes)
    steps = np.maximum(np.array([shape]) - 1, 1) / np.where(
        box.high > box.low, box.high - box.low, 1.0
    )
    return (positions - box.low[None, :]) * steps


def _decode(path: Path, read: Callable[[], _T]) -> _T:
    return decoded(path, read, "open it in a viewer and export it again")


def _solid_in(path: Path, mesh: Mesh, size: int, crop: str | None, max_voxels: int) -> Solid:
    """The voxels inside a mesh, in its bounding box."""
    if crop == "wire":
        raise SignalError(
            f"crop is 'wire' for the mesh {path}, but it is a rule for occupancy files and 'tight' "
            "was expected; leave it out."
        )
    first, last = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    step = (last - first).max() / size
    counts = np.maximum(2, np.ceil((last - first) / step - 1e-9)).astype(int)
    shape = tuple(counts.tolist())
    _check_count(shape, max_voxels)
    middle, reach = (first + last) / 2, (counts - 1) / 2 * step
    vertices = (mesh.vertices - middle + reach) / step
    faces = oriented(vertices, mesh.faces, shape)
    occupied, disputed = voxelize(vertices, faces, shape)
    if not occupied.any():
        raise SignalError(
            f"{path} encloses the centre of no voxel at size {size}, but a solid was expected; "
            "close its holes or choose a larger size."
        )
    if disputed > _MANY_DISPUTED:
        warnings.warn(
            f"{path} has holes or parts that do not fit, so {100 * disputed:.1f} % of its voxels "
            "are inside from one direction but not from another; repair it if that is too many.",
            stacklevel=5,
        )
    attributes = _attributes(Box(middle - reach, middle + reach))

    def inside(factor: int) -> Bool[np.ndarray, "fx fy fz"]:
        fine = (vertices + 0.5) * factor - 0.5
        return voxelize(fine, faces, (nx * factor, ny * factor, nz * factor)).occupied

    nx, ny, nz = shape
    attributes |= {"disputed": disputed} if disputed else {}
    return Solid(occupied, attributes, _between(shape, inside))


def _between(shape: tuple[int, ...], inside: Callable[[int], np.ndarray]) -> Finer | None:
    """What is inside on a lattice some times finer, the finest that the limit allows."""
    for factor, limit in _FINER:
        if math.prod(shape) * factor**3 <= limit:
            return make_finer(factor, inside(factor))
    return None


def _solid_of(
    path: Path,
    occupied: Bool[np.ndarray, "nx ny nz"],
    size: int | None,
    crop: str | None,
    limit: int,
) -> Solid:
    """The voxels of a file, cut and brought to a size."""
    low = np.zeros(3)
    if crop is not None:
        first, stop = _tight_box(path, occupied)
        stop = stop - 1 if crop == "wire" else stop
        occupied, low = occupied[tuple(map(slice, first, stop))], first.astype(float)
    if min(occupied.shape) < 2:
        raise SignalError(
            f"{path} has a full box of {' x '.join(map(str, occupied.shape))} voxels, but at least "
            "2 x 2 x 2 were expected; choose crop=None or a larger solid."
        )
    old = np.array(occupied.shape)
    if size is not None:
        shape = tuple(max(2, round(n * size / max(old))) for n in old.tolist())
        _check_count(shape, limit)
        nearest = [
            ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(shape, old, strict=True)
        ]
        occupied = occupied[np.ix_(*nearest)]
    step = old / np.array(occupied.shape)
    low = low + (step - 1.0) / 2.0
    return Solid(occupied, _attributes(Box(low, low + (np.array(occupied.shape) - 1) * step)))


def _tight_box(path: Path, occupied: Bool[np.ndarray, "nx ny nz"]) -> tuple[np.ndarray, np.ndarray]:
    """First full slice of each axis, and the one behind the last."""
    if not occupied.any():
        raise SignalError(
            f"{path} has no full voxel, but a solid was expected; check its level, or save its "
            "complement."
        )
    ends = []
    for axis in range(3):
        others = tuple({0, 1, 2} - {axis})
        full = np.flatnonzero(occupied.any(axis=others))
        ends.append((full[0], full[-1] + 1))
    first, stop = np.array(ends).T
    return first, stop


def _attributes(box: Box) -> dict[str, float]:
    ends = {"low": box.low, "high": box.high}
    return {f"{end}_{a}": float(x[i]) for end, x in ends.items() for i, a in enumerate(AXES)}


def _check_size(size: object) -> int:
    is_whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not is_whole or size < 2:
        raise SignalError(
            f"size is {size!r}, but a whole number of at least 2 was expected, the voxels along "
            "the longest side; try size=128."
        )
    return int(size)


def _check_count(shape: tuple[int, ...], max_voxels: int) -> None:
    if math.prod(shape) > max_voxels:
        raise SignalError(
            f"size {' x '.join(map(str, shape))} is {math.prod(shape)} voxels, but the limit is "
            f"{max_voxels}; choose a smaller size or raise the limit."
        )
