"""Surfaces of triangles: read, write, and the surface of a field of numbers.

Files are .ply, .obj, .stl, .off and .glb. What a file promises is compared with its bytes; then
trimesh decodes all but .obj and .off, with no access to other files or the network, no textures and
no repairs. What it lets pass, a file that ends early or holds garbage, is caught here.

Letters: V vertices, F faces. A vertex is (x, y, z) in the units of the file, or of the box.
"""

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Float64, Int

from optiinr_jax.files import write_atomic
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.gltf import plain_scene
from optiinr_jax.signals.mesh_promises import excess_of
from optiinr_jax.signals.obj import read_obj
from optiinr_jax.signals.off import read_off

if TYPE_CHECKING:
    from trimesh import Scene

MESH_SUFFIXES = (".ply", ".obj", ".stl", ".off", ".glb")
WRITABLE_MESHES = (".ply", ".obj", ".stl", ".glb", ".off")
MAX_FACES = 50_000_000
_LARGEST = 1e15  # of a coordinate: far beyond it float32 files, and the units, make no sense
_CLEARANCE = np.float32(1e-4)  # of a field from its level
_FLATTEST = 1e-6  # shortest side of the box over the longest


class Mesh(NamedTuple):
    """A surface. Seen from outside the vertices of a face go round against the clock."""

    vertices: Float64[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]


class Box(NamedTuple):
    """Where a grid lies: the centres of its first and of its last voxel."""

    low: Float64[np.ndarray, "3"]
    high: Float64[np.ndarray, "3"]


def read_mesh(path: str | os.PathLike[str]) -> Mesh:
    """Read a surface, as it is in the file: nothing is merged, reordered or repaired.

    Vertices that no face uses are left out. The parts of a .glb scene become one surface.
    """
    path = Path(path)
    content, suffix = path.read_bytes(), path.suffix.lower()
    excess = excess_of(suffix, content)
    if excess:
        raise SignalError(
            f"{path} promises {excess}, but no more than such a file can hold was expected; export "
            "it again as one mesh."
        )
    if suffix in _READERS:
        vertices, faces = _READERS[suffix](content)
        _check_whole(path, content, len(faces))
    else:
        vertices, faces = _load(path, content)
    if not len(faces) or not (0 <= faces.min() and faces.max() < len(vertices)):
        raise SignalError(
            f"{path} has {len(faces)} faces that name vertices from 0 to {len(vertices) - 1}, but "
            "at least one was expected; open it in a viewer and export it again as a mesh."
        )
    mesh = _used(vertices, faces)
    _check_extent(path, mesh.vertices)
    return mesh


def _load(path: Path, content: bytes) -> tuple[Float64[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices and faces as trimesh decodes them."""
    import trimesh

    suffix = path.suffix.lower()
    tidy = _TIDY[suffix](content)
    scene = trimesh.load_scene(
        io.BytesIO(tidy), file_type=suffix[1:], process=False, skip_materials=True
    )
    _check_whole(path, content, _num_faces(scene))
    loaded = scene.to_mesh()
    return np.asarray(loaded.vertices, np.float64), np.asarray(loaded.faces, np.int64)


def _tidy_ply(content: bytes) -> bytes:
    """A .ply file whose comments are ASCII, as trimesh reads them.

    Raises:
        ValueError: its faces are strips of triangles.
    """
    head, mark, rest = content.partition(b"end_header")
    if b"element tristrips" in head:
        raise ValueError("its faces are strips of triangles, so export it as single triangles")
    return re.sub(rb"[\x80-\xff]", b"?", head) + mark + rest


def _tidy_stl(content: bytes) -> bytes:
    """A binary .stl file without what some programs write behind its triangles."""
    if len(content) < 84 or content.lstrip().startswith(b"solid"):
        return content
    length = 84 + 50 * int.from_bytes(content[80:84], "little")
    return content[:length]


_READERS = {".obj": read_obj, ".off": read_off}
_TIDY = {".ply": _tidy_ply, ".stl": _tidy_stl, ".glb": plain_scene}


def write_mesh(path: str | os.PathLike[str], mesh: Mesh) -> Path:
    """Write a surface as .ply, .obj, .stl, .glb or .off, by the suffix."""
    path = Path(path)
    if path.suffix.lower() not in WRITABLE_MESHES:
        raise SignalError(
            f"{path} ends in {path.suffix or 'no suffix'}, but a surface is written as one of "
            f"{', '.join(WRITABLE_MESHES)}; change the suffix."
        )
    import trimesh

    surface = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    content = surface.export(file_type=path.suffix.lower()[1:])
    return write_atomic(path, content.encode() if isinstance(content, str) else bytes(content))


def surface_of(field: Float[ArrayLike, "nx ny nz"], box: Box, level: float = 0.5) -> Mesh:
    """The closed surface around all that is at least `level`, by marching cubes.

    The field is surrounded by one layer of voxels below the level, so that the surface is closed
    at the border of the grid too. Numbers at the level, and ties between the diagonals of a square
    as full and empty voxels have them, make scikit-image's marching cubes leave holes (its issue
    8116); so numbers keep a small distance from the level, and those below are stretched by 0.1 %.
    """
    field = np.asarray(field, np.float32)
    if not np.isfinite(field).all():
        raise SignalError(
            "a field to draw a surface around has numbers that are nan or infinite, but finite "
            "ones were expected; check that the training did not diverge."
        )
    if not (field >= level).any():
        raise SignalError(
            f"a field to draw a surface around is at most {field.max():.3g}, but something at or "
            f"above the level {level:g} was expected; train longer or choose a lower level."
        )
    height = np.pad(field, 1, constant_values=np.float32(level - 0.5))
    is_below = np.pad(field < level, 1, constant_values=True)
    height -= np.float32(level)
    np.maximum(height, _CLEARANCE, out=height, where=~is_below)
    np.minimum(height, -_CLEARANCE, out=height, where=is_below)
    np.multiply(height, np.float32(1.001), out=height, where=is_below)
    vertices, faces = _marching_cubes(height)
    steps = (box.high - box.low) / np.maximum(np.array(field.shape) - 1, 1)
    mesh = Mesh(box.low + (vertices.astype(np.float64) - 1.0) * steps, faces.astype(np.int64))
    return mesh if volume_of(mesh) > 0 else Mesh(mesh.vertices, mesh.faces[:, ::-1])


def volume_of(mesh: Mesh) -> float:
    """Volume inside a closed surface; negative if its faces look inwards."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] - mesh.vertices[0] for i in range(3))
    return float(np.einsum("fi,fi->", a, np.cross(b, c)) / 6.0)


def _marching_cubes(
    height: Float[np.ndarray, "nx ny nz"],
) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    try:
        from skimage.measure import marching_cubes
    except ImportError:
        raise SignalError(
            "scikit-image is not installed, but it was expected for the surface of a solid; run "
            "pip install 'optiinr-jax[mesh]'."
        ) from None
    vertices, faces, _, _ = marching_cubes(height, 0.0)
    return vertices, faces


def _num_faces(scene: "Scene") -> int:
    """Faces of all the parts of a scene, each as often as it stands in it."""
    parts = (scene.geometry[scene.graph[node][1]] for node in scene.graph.nodes_geometry)
    return sum(len(getattr(part, "faces", ())) for part in parts)


def _promised_faces(content: bytes, suffix: str) -> int:
    """Least number of faces of a file that is whole, from its header where that says it."""
    pattern = {
        ".ply": rb"\s*ply\b[^\0]*?element\s+face\s+(\d+)",
        ".off": rb"\s*(?:#[^\n]*\n\s*)*C?OFF\s+(?:#[^\n]*\n\s*)*\d+\s+(\d+)",
    }.get(suffix)
    found = pattern and re.match(pattern, content[:100_000])
    if found:
        return int(found[1])
    return 1


def _check_whole(path: Path, content: bytes, present: int) -> None:
    """Compare the faces that were read with what the file promises."""
    if present > MAX_FACES:
        raise SignalError(
            f"{path} has {present} faces, but the limit is {MAX_FACES}; simplify it first."
        )
    suffix = path.suffix.lower()
    promised = _promised_faces(content, suffix)
    if present < promised:
        raise SignalError(
            f"{path} has {present} faces, but at least {promised} were expected, so the file ends "
            "early or is no mesh; copy or export it again."
        )
    is_text_stl = suffix == ".stl" and re.match(rb"\s*solid\b[^\0]*?facet\s+normal", content[:4096])
    if is_text_stl and b"endsolid" not in content[-4096:]:
        raise SignalError(
            f"{path} is a text without 'endsolid', which was expected last, so the file ends "
            "early; copy or export it again."
        )


def _used(vertices: Float64[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Mesh:
    """The mesh without the vertices that no face uses."""
    is_used = np.zeros(len(vertices), bool)
    is_used[faces] = True
    if is_used.all():
        return Mesh(vertices, faces)
    return Mesh(vertices[is_used], (np.cumsum(is_used) - 1)[faces])


def _check_extent(path: Path, vertices: Float64[np.ndarray, "V 3"]) -> None:
    if not (np.abs(vertices).max() <= _LARGEST):  # false for nan too
        raise SignalError(
            f"{path} has vertices that are nan, infinite or beyond {_LARGEST:g}, but finite ones "
            "were expected; export it again."
        )
    sides = np.ptp(vertices, axis=0)
    if sides.min() <= _FLATTEST * sides.max():
        extent = " x ".join(f"{side:.3g}" for side in sides)
        raise SignalError(
            f"{path} is a surface of extent {extent}, but one that encloses a volume was "
            "expected; choose a solid."
        )
