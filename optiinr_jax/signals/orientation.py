"""The faces of a surface, turned so that its parts count: each part of it by itself.

Programs turn single faces, or write whole bodies inside out. Faces that share an edge with no third
one are parts of one body; seen from one side, they run along the edge in opposite directions. A
closed body then looks outwards where its volume is positive. A body with a negative one is inside
out, unless it lies inside of another one, whose cavity it then is.

A double-sided surface, which has every face once more the other way round, is taken once.

Letters: V vertices, F faces, E edges of faces, each face has three.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, UInt64

from optiinr_jax.signals.voxelize import Faces, Vertices, numbers_of_places, winding

_FEWEST = 4  # faces of a closed body
_MOST = 2000  # bodies that are looked at one by one; more stay as they are
_INSIDE = 0.9  # of a body's voxels in another one: it lies inside


class _Bodies(NamedTuple):
    """Connected parts: of every face the body, and which are closed."""

    body: Int[np.ndarray, " F"]
    is_closed: Bool[np.ndarray, " bodies"]


def oriented(
    vertices: Vertices, faces: Faces, shape: tuple[int, int, int]
) -> Int[np.ndarray, "less 3"]:
    """The faces, in one sense of rotation within every body, closed bodies looking outwards.

    Args:
        vertices: in voxels of the grid `shape`, on which bodies are told from cavities.
        faces: three vertex numbers each.
    """
    numbers, places = np.unique(numbers_of_places(vertices), return_inverse=True)
    faces = _single_sided(faces, places[faces], numbers)
    faces, bodies = _consistent(faces, places[faces])
    volumes = np.bincount(bodies.body, _volumes(vertices, faces), len(bodies.is_closed))
    is_solid = bodies.is_closed & (np.bincount(bodies.body) >= _FEWEST)
    volumes[~is_solid] = 0.0
    if (volumes >= 0).all() or is_solid.sum() > _MOST:
        return faces
    return _turned(
        faces, _are_inside_out(vertices, faces, bodies.body, volumes, shape)[bodies.body]
    )


def _are_inside_out(
    vertices: Vertices,
    faces: Faces,
    body: Int[np.ndarray, " F"],
    volumes: Float64[np.ndarray, " bodies"],
    shape: tuple[int, int, int],
) -> Bool[np.ndarray, " bodies"]:
    """Which bodies are to be turned round, the largest first.

    A body inside of another one keeps its sense relative to that one: it is a cavity, or is not.
    """
    is_turned = volumes < 0
    owner = np.full(shape, -1, np.int32)  # the body in which each voxel is
    by_body = np.split(np.argsort(body, kind="stable"), np.cumsum(np.bincount(body))[:-1])
    for number in np.argsort(-np.abs(volumes), kind="stable"):
        if volumes[number] == 0.0:
            continue
        part, inside = _voxels_of(vertices, faces[by_body[number]], shape)
        owners = owner[part][inside]
        is_nested = len(owners) > 0 and np.mean(owners >= 0) > _INSIDE
        if is_nested:
            is_turned[number] = is_turned[np.bincount(owners[owners >= 0]).argmax()]
        owner[part][inside & (is_nested | (owner[part] < 0))] = number
    return is_turned


def _voxels_of(
    vertices: Vertices, faces: Faces, shape: tuple[int, int, int]
) -> tuple[tuple[slice, ...], Bool[np.ndarray, "nx ny nz"]]:
    """The part of the grid in which a body lies, and its voxels in it."""
    corners = vertices[faces].reshape(-1, 3)
    low = np.clip(np.floor(corners.min(axis=0)), 0, np.array(shape) - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, low + 1, shape).astype(int)
    inside = winding(vertices - low, faces, tuple((high - low).tolist())) != 0
    return tuple(map(slice, low, high)), inside


def _turned(faces: Faces, is_turned: Bool[np.ndarray, " F"]) -> Faces:
    return np.where(is_turned[:, None], faces[:, ::-1], faces)


def _single_sided(
    faces: Faces, corners: Int[np.ndarray, "F 3"], numbers: UInt64[np.ndarray, " V"]
) -> Int[np.ndarray, "less 3"]:
    """One of every two faces of a surface that has each of them in both directions.

    A face's name is the sum of its corners' random numbers, so that its order is none of it.
    """
    order = np.argsort(corners, axis=1, kind="stable")
    is_even = (order[:, 1] - order[:, 0]) % 3 == 1
    names = numbers[corners].sum(axis=1)
    if int(np.where(is_even, names, -names).sum()):  # some face has no other one
        return faces
    _, first, counts = np.unique(names, return_index=True, return_counts=True)
    return faces[np.sort(first)] if (counts == 2).all() else faces


def _consistent(faces: Faces, corners: Int[np.ndarray, "F 3"]) -> tuple[Faces, _Bodies]:
    """The faces of every body in one sense of rotation, that of most of them.

    Every face stands twice in a graph, as it is and turned round. Two faces at an edge are joined
    with those of their forms that run along it in opposite directions: then a body is two
    components, each the other one turned round, or one, as a Moebius strip, which stays as it is.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(faces)
    start, stop = corners.reshape(-1), corners[:, [1, 2, 0]].reshape(-1)
    face, is_forward = np.repeat(np.arange(count), 3), start < stop
    low, high = np.minimum(start, stop).astype(np.int64), np.maximum(start, stop)
    names = low * (int(corners.max()) + 1) + high
    order = np.argsort(names, kind="stable")
    order = order[(start != stop)[order]]  # the edge of a face without area joins nothing
    first = np.flatnonzero(np.diff(names[order], prepend=-1))  # of every edge, its first face
    sizes = np.diff(first, append=len(order))
    one, other = order[first[sizes == 2]], order[first[sizes == 2] + 1]
    is_same = is_forward[one] != is_forward[other]
    a, b = face[one], np.where(is_same, face[other], face[other] + count)
    rows = np.concatenate([a, a + count])
    columns = np.concatenate([b, (b + count) % (2 * count)])
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), (2 * count, 2 * count))
    _, form = connected_components(graph, directed=False)
    plain, turned = form[:count], form[count:]
    weight = np.bincount(plain, minlength=form.max() + 1)  # faces of a component as they are
    is_turned = (weight[turned] > weight[plain]) | (
        (weight[turned] == weight[plain]) & (turned < plain)
    )
    chosen = np.minimum(np.where(is_turned, turned, plain), np.where(is_turned, plain, turned))
    names_of_bodies, body = np.unique(chosen, return_inverse=True)
    is_open = np.zeros(len(names_of_bodies), bool)
    is_open[body[face[order[first[sizes == 1]]]]] = True
    return _turned(faces, is_turned & (plain != turned)), _Bodies(body, ~is_open)


def _volumes(vertices: Vertices, faces: Faces) -> Float64[np.ndarray, " F"]:
    """What each face adds to the volume of its body, seen from the middle of all."""
    a, b, c = ((vertices - vertices.mean(axis=0))[faces[:, i]] for i in range(3))
    return np.einsum("fi,fi->f", a, np.cross(b, c)) / 6.0
