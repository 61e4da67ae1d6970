"""What trimesh passes over in a .glb file: extensions it has to have, and positions in few bits.

A file of 8 or 16 bits a number (KHR_mesh_quantization, as gltfpack and gltf-transform write it)
stands here for the same one with float32 positions. What needs another decoder is refused.

Letters: V vertices. The file is a JSON document and a block of bytes; see `mesh_promises`.
"""

import json
import struct
from typing import Any

import numpy as np
from jaxtyping import Float32

_QUANTISED = "KHR_mesh_quantization"
_HARMLESS = (
    "KHR_materials",
    "KHR_texture",
    "EXT_texture",
    "KHR_lights",
    "KHR_xmp",
    "KHR_animation",
)
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2"}  # componentType: whole numbers
_FLOAT = 5126
_JSON, _BYTES = 0x4E4F534A, 0x004E4942  # names of the two chunks


def plain_scene(content: bytes) -> bytes:
    """A .glb file as trimesh understands it; one that is no such file stays as it is.

    Raises:
        ValueError: it needs what neither we nor trimesh can do, such as compressed vertices.
    """
    if content[:4] != b"glTF" or len(content) < 20:
        return content
    (length,) = struct.unpack("<I", content[12:16])
    document = json.loads(content[20 : 20 + length])
    for name in document.get("extensionsRequired", []):
        if name != _QUANTISED and not name.startswith(_HARMLESS):
            raise ValueError(f"it needs {name}, so export it without compression")
    accessors = document.get("accessors", [])
    named = _geometry(document)
    if any("sparse" in accessors[i] for i in named):
        raise ValueError("it has sparse accessors, so export it without them")
    positions = [i for i in _positions(document) if accessors[i]["componentType"] in _TYPES]
    if not positions:
        return content
    block = content[20 + length + 8 :]
    for i in positions:
        block = _with_floats(document, accessors[i], block)
    return _packed(document, block)


def _primitives(document: Any) -> list[Any]:
    return [part for mesh in document.get("meshes", []) for part in mesh["primitives"]]


def _positions(document: Any) -> list[int]:
    """Accessors of positions, each once."""
    found = {part["attributes"].get("POSITION") for part in _primitives(document)}
    return sorted(found - {None})


def _geometry(document: Any) -> list[int]:
    """Accessors of positions and corners."""
    corners = {part.get("indices") for part in _primitives(document)}
    return sorted({*_positions(document), *corners} - {None})


def _with_floats(document: Any, accessor: Any, block: bytes) -> bytes:
    """Let an accessor of whole numbers name float32 ones, which are added to the block."""
    values = _numbers_of(accessor, document["bufferViews"][accessor["bufferView"]], block)
    block += b"\0" * (-len(block) % 4)
    view = {"buffer": 0, "byteOffset": len(block), "byteLength": values.nbytes}
    document["bufferViews"].append(view)
    accessor |= {
        "bufferView": len(document["bufferViews"]) - 1,
        "byteOffset": 0,
        "componentType": _FLOAT,
        "normalized": False,
    }
    return block + values.tobytes()


def _numbers_of(accessor: Any, view: Any, block: bytes) -> Float32[np.ndarray, "V 3"]:
    dtype, count = np.dtype(_TYPES[accessor["componentType"]]), int(accessor["count"])
    stride = int(view.get("byteStride", 3 * dtype.itemsize))
    first = int(view.get("byteOffset", 0)) + int(accessor.get("byteOffset", 0))
    numbers = np.ndarray((count, 3), dtype, block, first, (stride, dtype.itemsize))
    values = numbers.astype(np.float32)
    if accessor.get("normalized"):
        values = np.maximum(values / np.float32(np.iinfo(dtype).max), -1.0)
    return values


def _packed(document: Any, block: bytes) -> bytes:
    block += b"\0" * (-len(block) % 4)
    document["buffers"][0]["byteLength"] = len(block)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(block))
    chunks = ((text, _JSON), (block, _BYTES))
    return head + b"".join(struct.pack("<II", len(part), name) + part for part, name in chunks)
