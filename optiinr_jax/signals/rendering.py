"""Pictures of solids, drawn by NumPy alone: for reports and notebooks, not for films.

The picture is seen from far away (parallel projection). Pixels are lines of sight, and what they
meet is found by the same crossings that find the voxels inside a surface; the nearest one is seen.

Letters: V vertices, F faces, H x W pixels; a turned vertex is (row, column, depth), the depth away
from the eye.
"""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Float32, Float64, Int

from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.fields import has_place, world_of_places
from optiinr_jax.signals.frame import Frame
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.mesh import Box, Mesh, surface_of, volume_of
from optiinr_jax.signals.volume import box_of
from optiinr_jax.signals.voxelize import crossings

_SUPERSAMPLING = 2
_MARGIN = 0.04  # of the picture, on each side
_COLOUR = np.array([0.93, 0.66, 0.40])
_LIGHTS = [  # direction towards the light as (row, column, depth), and its colour
    (np.array([-0.72, -0.5, -0.48]), np.array([0.92, 0.90, 0.86])),
    (np.array([0.1, 0.9, -0.42]), np.array([0.10, 0.13, 0.22])),
]
_AMBIENT = np.array([0.05, 0.05, 0.07])
_SMOOTHING = 4  # rounds, which take the steps of voxels out of the shading
_CREASE = 0.6  # cosine of the angle from which two faces meet in a visible edge


def mesh_of(values: ArrayLike, frame: Frame, level: float | None = None) -> Mesh:
    """The closed surface of a network's (N, C) output on the grid of a solid or a field.

    It lies where the file of the signal lies, its spacing honoured; without a file, in a box about
    [-1, 1].

    Args:
        level: natural value at which it lies; None: the middle of the range, 0.5 of a solid.
    """
    if frame.num_dims != 3 or get_kind(frame.kind).first_axis_is_time:
        raise SignalError(
            f"a frame of kind {frame.kind} has {frame.num_dims} axes, but 3 of space were expected "
            "for the surface of a solid or a field; give the frame of one."
        )
    low, high = frame.natural_range
    parts = (frame.to_samples(values)[..., 0] - low) / (high - low)  # of the range
    part = 0.5 if level is None else (level - low) / (high - low)
    if not has_place(frame.attributes):
        return surface_of(parts, box_of(frame.shape, frame.attributes), part)
    sides = np.array(frame.shape, np.float64) - 1.0
    mesh = surface_of(parts, Box(np.zeros(3), sides), part)
    placed = Mesh(world_of_places(mesh.vertices, frame.attributes), mesh.faces)
    return placed if volume_of(placed) > 0 else Mesh(placed.vertices, placed.faces[:, ::-1])


def render_mesh(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    size: int = 512,
    *,
    azimuth: float = 35.0,
    elevation: float = 25.0,
    up: str = "z",
    colours: Float[np.ndarray, "F 3"] | None = None,
) -> Float32[np.ndarray, "{size} {size} 3"]:
    """Draw a surface, shaded and on white, to fill a square picture with numbers in [0, 1].

    Args:
        size: pixels on a side.
        azimuth: degrees by which the eye goes round the `up` axis.
        elevation: degrees by which it rises.
        up: "x", "y" or "z", the axis that points upwards in the picture.
        colours: red, green and blue of each face in [0, 1]; None: clay.
    """
    if up not in ("x", "y", "z") or size < 2 or not len(faces):
        raise SignalError(
            f"render_mesh got up {up!r}, size {size} and {len(faces)} faces, but one of x, y, z, a "
            "size of at least 2 and a face were expected; correct them."
        )
    fine = size * _SUPERSAMPLING
    turned = (vertices - vertices.mean(axis=0)) @ _view("xyz".index(up), azimuth, elevation)
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = fine * (1.0 - 2.0 * _MARGIN) / (high - low)[:2].max()
    turned = (turned - (low + high) / 2.0) * scale + np.array([fine / 2.0, fine / 2.0, 0.0])
    seen = _nearest_faces(turned, faces, fine)
    light = _light(_smooth_normals(turned, faces))
    shaded = np.clip(light * (_COLOUR if colours is None else colours), 0.0, 1.0)
    canvas = np.ones((fine * fine, 3))
    canvas[seen >= 0] = shaded[seen[seen >= 0]]
    blocks = canvas.reshape(size, _SUPERSAMPLING, size, _SUPERSAMPLING, 3)
    return np.sqrt(blocks.mean(axis=(1, 3))).astype(np.float32)  # from light to screen levels


def _view(up: int, azimuth: float, elevation: float) -> Float64[np.ndarray, "3 3"]:
    """Columns: the directions of row (down), column (right) and depth (away) of the picture."""
    a, e = np.radians([azimuth, elevation])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    away = -np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    down = np.cross(away, right)
    return np.roll(np.stack([down, right, away], axis=1), up - 2, axis=0)


def _nearest_faces(
    vertices: Float64[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], size: int
) -> Int[np.ndarray, " pixels"]:
    """The face seen in each pixel, or -1."""
    nearest = np.full(size * size, np.inf)
    seen = np.full(size * size, -1)
    for found in crossings(vertices, faces, size, size):
        pixel = found.row.astype(np.int64) * size + found.column
        np.minimum.at(nearest, pixel, found.depth)
        is_nearest = found.depth == nearest[pixel]
        seen[pixel[is_nearest]] = found.face[is_nearest]
    return seen


def _smooth_normals(
    vertices: Float64[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float64[np.ndarray, "F 3"]:
    """One direction per face: the mean over its neighbourhood, but its own beside an edge."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    flat = np.cross(b - a, c - a)  # its length is twice the area
    own, smooth = _unit(flat), flat
    for _ in range(_SMOOTHING):
        at_vertex = np.zeros(vertices.shape)
        for corner in range(3):
            np.add.at(at_vertex, faces[:, corner], smooth)
        smooth = at_vertex[faces].mean(axis=1)
    smooth = _unit(smooth)
    is_edge = np.einsum("fi,fi->f", own, smooth) < _CREASE
    return np.where(is_edge[:, None], own, smooth)


def _light(normals: Float64[np.ndarray, "F 3"]) -> Float64[np.ndarray, "F 3"]:
    """Light that each face sends to the eye (Lambert): two lamps and some from all round."""
    towards = np.where(normals[:, 2:] > 0, -normals, normals)  # seen from inside: its other side
    light = np.broadcast_to(_AMBIENT, normals.shape)
    for direction, colour in _LIGHTS:
        light = light + np.maximum(towards @ _unit(direction), 0.0)[:, None] * colour
    return light


def _unit(x: Float64[np.ndarray, "*n 3"]) -> Float64[np.ndarray, "*n 3"]:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-300)
