"""What a mesh file promises, compared with its bytes before trimesh takes memory for it.

Letters: the .glb file of a scene is a JSON document and a block of bytes. The document cuts the
block into views and names numbers in them, its accessors, and every node may show a mesh again.
"""

import json
import re
import struct
from collections.abc import Callable
from typing import Any

_MOST_CORNERS = 3_000_000  # that a scene may have more than its file has bytes
_MOST_PARTS = 10_000  # meshes in a scene, each as often as it is shown
_SPARE = 1 << 20  # bytes that small files may promise in any case
_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}


def excess_of(suffix: str, content: bytes) -> str:
    """What a file promises that it cannot hold, in words; empty where it may be read."""
    check = _CHECKS.get(suffix)
    return "" if check is None else check(content)


def _excess_of_scene(content: bytes) -> str:
    if content[:4] != b"glTF" or len(content) < 20:
        return ""
    (length,) = struct.unpack("<I", content[12:16])
    document = json.loads(content[20 : 20 + length])
    accessors, views = document.get("accessors", []), document.get("bufferViews", [])
    promised = sum(int(view["byteLength"]) for view in views)
    promised += sum(
        int(a["count"]) * _COLUMNS[a["type"]] * _BYTES[a["componentType"]] for a in accessors
    )
    if promised > 4 * len(content) + _SPARE:
        return f"{promised} bytes of numbers in {len(content)} bytes"
    primitives = [mesh["primitives"] for mesh in document.get("meshes", [])]
    corners = [sum(_corners(part, accessors) for part in parts) for parts in primitives]
    shown = [node["mesh"] for node in document.get("nodes", []) if "mesh" in node]
    num_parts = len(document.get("nodes", [])) + sum(map(len, primitives))
    num_parts += sum(len(primitives[i]) for i in shown)
    if num_parts > _MOST_PARTS:
        return f"{num_parts} parts, of which {_MOST_PARTS} can be read"
    total = sum(corners) + sum(corners[i] for i in shown)
    if total > max(_MOST_CORNERS, len(content)):
        return f"{total} corners, shown again and again, in {len(content)} bytes"
    return ""


def _corners(primitive: Any, accessors: Any) -> int:
    """Vertices and indices of a part of a mesh."""
    named = (primitive["attributes"].get("POSITION"), primitive.get("indices"))
    return sum(int(accessors[i]["count"]) for i in named if i is not None)


def _excess_of_elements(content: bytes) -> str:
    """Of a .ply file, each of whose elements takes a byte at least."""
    header = content[:100_000].partition(b"end_header")[0]
    counts = [int(n) for n in re.findall(rb"\n\s*element\s+\S+\s+(\d+)", header)]
    return _too_many(sum(counts), content)


def _excess_of_counts(content: bytes) -> str:
    """Of an .off file, whose vertices and faces take a byte each at least."""
    found = re.match(
        rb"\s*(?:#[^\n]*\n\s*)*C?OFF\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)", content[:100_000]
    )
    return _too_many(sum(map(int, found.groups())), content) if found else ""


def _too_many(count: int, content: bytes) -> str:
    return f"{count} vertices and faces in {len(content)} bytes" if count > len(content) else ""


_CHECKS: dict[str, Callable[[bytes], str]] = {
    ".glb": _excess_of_scene,
    ".ply": _excess_of_elements,
    ".off": _excess_of_counts,
}
