"""From a surface of triangles to the voxels inside it, by counting signed crossings.

Every column of voxel centres along one axis is a line. Where it crosses a triangle it goes in (+1)
or out (-1), by the triangle's orientation; the running sum along the line is the winding number,
and a voxel is inside where that is not zero. So overlapping parts are united, cavities stay empty.

Which columns a triangle covers is decided along its rows: a row crosses the triangle's long edge
and one of its two short ones, and covers the columns between, left end included and right end not.
An edge's crossing is computed from its two end points, the lower first, so it is the same number
for both triangles that share the edge. Hence the crossings of a closed surface add up to exactly
zero in every column, whatever is rounded.

Faces that are turned, and bodies that are inside out, have been turned back before, see
`orientation`. Where that is not possible and every edge belongs to an even number of faces, a voxel
is inside behind an odd number of crossings. If the surface has holes, it
is swept along all three axes and the majority of the three answers taken.

Letters: V vertices, F faces; a vertex is given in voxels, the centre of voxel (i, j, k) at
(i, j, k). The sweep runs along the third axis: row i, column j, depth k.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, UInt64

_BATCH = 1 << 20  # rows or crossings worked on at once: bounds the memory, not the size

Vertices = Float[np.ndarray, "V 3"]
Faces = Int[np.ndarray, "F 3"]


class Voxels(NamedTuple):
    """What is inside a surface, and how sure that is."""

    occupied: Bool[np.ndarray, "nx ny nz"]
    disputed: float  # share of the voxels on which the three sweeps do not agree; 0 if closed


class Crossings(NamedTuple):
    """Where lines along the third axis pass through triangles; arrays of one length n."""

    row: Int[np.ndarray, " n"]
    column: Int[np.ndarray, " n"]
    depth: Float64[np.ndarray, " n"]
    sign: Int[np.ndarray, " n"]  # +1 where the line enters a surface whose faces look outwards
    face: Int[np.ndarray, " n"]


def voxelize(vertices: Vertices, faces: Faces, shape: tuple[int, int, int]) -> Voxels:
    """Find the voxels of a grid whose centres lie inside a surface.

    Args:
        vertices: in voxels, see the module's text; finite. What lies outside the grid counts too.
        faces: three vertex numbers each, if possible in one sense of rotation seen from outside.
    """
    is_oriented, is_closed = _boundary_is_empty(vertices, faces)
    if is_oriented or is_closed:
        return Voxels(_sweep(vertices, faces, shape, is_oriented=is_oriented), 0.0)
    votes = np.zeros(shape, np.uint8)
    for axes in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):  # even: they keep the sense of rotation
        turned = tuple(shape[a] for a in axes)
        votes += _sweep(vertices[:, axes], faces, turned).transpose(np.argsort(axes))
    disputed = float(np.mean((votes == 1) | (votes == 2)))
    return Voxels(votes >= 2, disputed)


def crossings(
    vertices: Vertices, faces: Faces, num_rows: int, num_columns: int
) -> Iterator[Crossings]:
    """All crossings of the lines through (i, j), i < num_rows and j < num_columns, in batches."""
    first_row = _first_integer(vertices[:, 0], num_rows)
    first_column = _first_integer(vertices[:, 1], num_columns)
    row_counts = _extent(first_row, faces)
    kept = np.flatnonzero((row_counts > 0) & (_extent(first_column, faces) > 0))
    for batch in _batches(row_counts[kept]):
        chosen = kept[batch]
        yield from _scan(vertices, faces[chosen], chosen, first_row, num_columns)


def _boundary_is_empty(vertices: Vertices, faces: Faces) -> tuple[bool, bool]:
    """Whether all edges cancel each other, a -> b against b -> a, and whether they do in pairs.

    Each vertex gets two random numbers, made from its coordinates, so that vertices in one place
    count as one. An edge is then a number that changes its sign with its direction, or one that
    does not, and instead of a sorted list of edges a sum is looked at. It is wrong about once in
    2^64 times.
    """
    r, s = (numbers_of_places(vertices, seed) for seed in (1, 2))
    directed = paired = 0
    for start in range(0, len(faces), _BATCH):
        block = faces[start : start + _BATCH]
        for i in range(3):
            a, b = block[:, i], block[:, (i + 1) % 3]
            ra, rb, sa, sb = r[a], r[b], s[a], s[b]
            directed += int(np.sum(ra * sb - rb * sa))
            paired ^= int(np.bitwise_xor.reduce((ra - rb) * (sa - sb)))
    return directed % 2**64 == 0, paired == 0


def numbers_of_places(vertices: Vertices, seed: int = 1) -> UInt64[np.ndarray, " V"]:
    """A number for each place that looks random, the same for vertices in one place.

    It is the finaliser of splitmix64 (Vigna 2015).
    """
    bits = (vertices.astype(np.float64) + 0.0).view(np.uint64)  # -0.0 becomes 0.0
    odd = np.random.default_rng(seed).integers(2**63, size=3, dtype=np.uint64) * 2 + 1
    z = (bits ^ (bits >> np.uint64(31))) @ odd
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _sweep(
    vertices: Vertices, faces: Faces, shape: tuple[int, ...], *, is_oriented: bool = True
) -> Bool[np.ndarray, "nx ny nz"]:
    """Voxels whose winding number along the third axis is not 0 (or, without signs, is odd)."""
    number = winding(vertices, faces, shape, is_signed=is_oriented)
    if not is_oriented:
        number &= 1
    return number != 0


def winding(
    vertices: Vertices, faces: Faces, shape: tuple[int, ...], *, is_signed: bool = True
) -> Int[np.ndarray, "nx ny nz"]:
    """How often a surface goes round each voxel, counted along the third axis.

    Without signs, how often the line up to the voxel crosses it.
    """
    num_rows, num_columns, num_depths = shape
    steps = np.zeros((num_rows, num_columns, num_depths + 1), np.int32)  # last: above the grid
    for found in crossings(vertices, faces, num_rows, num_columns):
        above = _first_integer(found.depth, num_depths)  # the first voxel behind the crossing
        np.add.at(steps, (found.row, found.column, above), found.sign if is_signed else 1)
    return np.cumsum(steps, axis=-1, out=steps)[..., :-1]


def _scan(
    vertices: Vertices,
    faces: Faces,
    names: Int[np.ndarray, " F"],
    first_row: Int[np.ndarray, " V"],
    num_columns: int,
) -> Iterator[Crossings]:
    """The crossings of a few faces: face by face, row by row, column by column."""
    order = np.argsort(vertices[faces, 0], axis=1, kind="stable")
    is_even = (order[:, 1] - order[:, 0]) % 3 == 1
    a, b, c = np.take_along_axis(faces, order, axis=1).T  # from the lowest row to the highest

    face, row = _ranges(first_row[a], first_row[c])
    a, b, c = a[face], b[face], c[face]
    is_lower = row < first_row[b]
    long = _cut(vertices, a, c, row)
    short = _cut(vertices, np.where(is_lower, a, b), np.where(is_lower, b, c), row)
    is_long_left = long[0] < short[0]
    left, right = np.minimum(long[0], short[0]), np.maximum(long[0], short[0])
    start, stop = _first_integer(left, num_columns), _first_integer(right, num_columns)
    sign = np.where(is_even[face] == is_long_left, 1, -1).astype(np.int32)

    for batch in _batches(stop - start):
        span, column = _ranges(start[batch], stop[batch])
        span += batch.start
        along = (column - long[0][span]) / (short[0][span] - long[0][span])
        depth = long[1][span] + (short[1][span] - long[1][span]) * along
        yield Crossings(row[span], column, depth, sign[span], names[face[span]])


def _cut(
    vertices: Vertices,
    start: Int[np.ndarray, " n"],
    stop: Int[np.ndarray, " n"],
    row: Int[np.ndarray, " n"],
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Column and depth at which the edges start -> stop, of rising row, cross each row."""
    low, high = vertices[start].astype(np.float64), vertices[stop].astype(np.float64)
    along = (row - low[:, 0]) / (high[:, 0] - low[:, 0])
    at = low[:, 1:] + (high[:, 1:] - low[:, 1:]) * along[:, None]
    return at[:, 0], at[:, 1]


def _first_integer(x: Float[np.ndarray, " n"], limit: int) -> Int[np.ndarray, " n"]:
    """The least integer not below x, in [0, limit]."""
    return np.clip(np.ceil(x), 0, limit).astype(np.int32)


def _extent(position: Int[np.ndarray, " V"], faces: Faces) -> Int[np.ndarray, " F"]:
    """Number of lines that each face spans, of those numbered by `position`."""
    a, b, c = (position[faces[:, i]] for i in range(3))
    return np.maximum(np.maximum(a, b), c) - np.minimum(np.minimum(a, b), c)


def _batches(counts: Int[np.ndarray, " n"]) -> Iterator[slice]:
    """Cut a list so that the counts of each piece add up to about _BATCH."""
    ends = np.cumsum(counts, dtype=np.int64)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _BATCH, side="right")))
        yield slice(start, stop)
        start = stop


def _ranges(
    start: Int[np.ndarray, " n"], stop: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """All of range(start[i], stop[i]) one after another: the i of each number, and the number."""
    counts = np.maximum(stop - start, 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - (first - start)[owner]
