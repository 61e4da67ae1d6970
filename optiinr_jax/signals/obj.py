"""Surfaces in OBJ files: vertices and faces alone, in time and memory that grow with the file.

trimesh takes seconds for a small file of many groups or of one large polygon, and reads the index
0, which OBJ does not have, as the last vertex. Groups, materials, normals and textures are passed
over here; a polygon becomes a fan of triangles. Source: Wavefront, "Object Files (.obj)", 1995.
"""

from array import array

import numpy as np
from jaxtyping import Float64, Int


def read_obj(content: bytes) -> tuple[Float64[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices and faces of an OBJ file.

    Raises:
        ValueError: a vertex without three numbers, or the index 0.
    """
    numbers, corners, counts = array("d"), array("q"), array("q")
    for line in content.replace(b"\\\n", b" ").replace(b"\\\r\n", b" ").splitlines():
        word, *parts = line.split(None, 1) or [b""]
        rest = parts[0].partition(b"#")[0].split() if parts else []
        if word == b"v":
            x, y, z, *_ = rest
            numbers.extend((float(x), float(y), float(z)))
        elif word == b"f" and len(rest) > 2:
            corners.extend(_index(corner, len(numbers) // 3) for corner in rest)
            counts.append(len(rest))
    vertices = np.array(numbers, np.float64).reshape(-1, 3)
    return vertices, fans(np.array(corners, np.int64), np.array(counts, np.int64))


def _index(corner: bytes, num_vertices: int) -> int:
    """The vertex of a corner like b"7/2/5"; from 1 on, or backwards from the last one so far."""
    number = int(corner.partition(b"/")[0])
    if number == 0:
        raise ValueError("a face names the vertex 0, but the first one is 1")
    return number - 1 if number > 0 else num_vertices + number


def fans(corners: Int[np.ndarray, " n"], counts: Int[np.ndarray, " P"]) -> Int[np.ndarray, "F 3"]:
    """The triangles of polygons whose corners stand one after the other."""
    num_triangles = counts - 2
    starts = np.cumsum(counts) - counts
    first = np.repeat(starts, num_triangles)
    begin = np.repeat(np.cumsum(num_triangles) - num_triangles, num_triangles)
    second = first + 1 + np.arange(len(first)) - begin
    return corners[np.stack([first, second, second + 1], axis=-1)]
