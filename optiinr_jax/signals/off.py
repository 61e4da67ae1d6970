"""Surfaces in OFF files: vertices and faces alone, polygons of any number of corners.

Source: Geomview, "Object File Format". Colours and normals are passed over.
"""

import re

import numpy as np
from jaxtyping import Float64, Int

from optiinr_jax.signals.obj import fans

_KINDS = (b"OFF", b"COFF", b"NOFF", b"CNOFF")  # whose vertices begin with x, y, z


def read_off(content: bytes) -> tuple[Float64[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices and faces of an OFF file.

    Raises:
        ValueError: it is none, is a binary one, or ends early.
    """
    content = re.sub(rb"\A\s*(C?N?OFF)(\d)", rb"\1 \2", content)  # so do ModelNet's files begin
    lines = [line.partition(b"#")[0].split() for line in content.splitlines()]
    lines = [line for line in lines if line]
    if not lines or lines[0][0] not in _KINDS or lines[0][1:2] == [b"BINARY"]:
        raise ValueError("it does not begin with OFF and a text")
    head = lines[0][1:] or lines[1]
    body = lines[1 if lines[0][1:] else 2 :]
    num_vertices, num_faces = int(head[0]), int(head[1])
    if len(body) < num_vertices + num_faces:
        raise ValueError(f"it ends early, after {len(body)} lines of numbers")
    vertices = np.array([line[:3] for line in body[:num_vertices]], np.float64).reshape(-1, 3)
    faces = [line for line in body[num_vertices:][:num_faces] if int(line[0]) > 2]
    counts = np.array([int(line[0]) for line in faces], np.int64)
    corners = [int(corner) for line in faces for corner in line[1 : int(line[0]) + 1]]
    if len(corners) != counts.sum():
        raise ValueError("a face has fewer corners than it says")
    return vertices, fans(np.array(corners, np.int64), counts)
