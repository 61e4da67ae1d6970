"""Scenes of other programs: quantised positions, extensions, sparse numbers."""

import json
import struct

import numpy as np
import pytest
import trimesh

from optiinr_jax.signals import load_signal

BALL = trimesh.creation.icosphere(subdivisions=2)
QUANTISED = "KHR_mesh_quantization"


def glb(document, block=b""):
    text = json.dumps({"asset": {"version": "2.0"}} | document).encode()
    text += b" " * (-len(text) % 4)
    block += b"\0" * (-len(block) % 4)
    head = struct.pack("<4sIIII", b"glTF", 2, 28 + len(text) + len(block), len(text), 0x4E4F534A)
    return head + text + struct.pack("<II", len(block), 0x4E4942) + block


def two_balls(dtype, number, *, is_normalised, stride):
    """One ball in whole numbers, shown twice, one unit apart."""
    top = np.iinfo(dtype).max
    packed = np.zeros((len(BALL.vertices), stride // np.dtype(dtype).itemsize), dtype)
    packed[:, :3] = np.round(BALL.vertices * top)
    corners = BALL.faces.astype("<u4").tobytes()
    scale = 1.0 if is_normalised else 1.0 / top
    nodes = [{"mesh": 0, "scale": [scale] * 3, "translation": [x, 0, 0]} for x in (0, 1)]
    view = {"buffer": 0, "byteLength": packed.nbytes, "byteStride": stride}
    more = {"buffer": 0, "byteOffset": packed.nbytes, "byteLength": len(corners)}
    count = len(packed)
    position = {"bufferView": 0, "componentType": number, "count": count, "type": "VEC3"}
    indices = {"bufferView": 1, "componentType": 5125, "count": BALL.faces.size, "type": "SCALAR"}
    document = {
        "extensionsRequired": [QUANTISED],
        "buffers": [{"byteLength": packed.nbytes + len(corners)}],
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "nodes": nodes,
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "bufferViews": [view, more],
        "accessors": [position | ({"normalized": True} if is_normalised else {}), indices],
    }
    return document, packed.tobytes() + corners


@pytest.mark.parametrize("is_normalised", [True, False])
@pytest.mark.parametrize(("dtype", "number", "stride"), [("<i2", 5122, 8), ("<i1", 5120, 4)])
def test_positions_in_few_bits_are_on_the_scale_of_their_nodes(
    tmp_path, dtype, number, stride, is_normalised
):
    (tmp_path / "a.glb").write_bytes(
        glb(*two_balls(dtype, number, is_normalised=is_normalised, stride=stride))
    )
    signal = load_signal(tmp_path / "a.glb", size=32)
    assert signal.shape == (32, 22, 22)  # two balls, which was one where 1 apart is next to nothing
    high = [signal.attributes[f"high_{axis}"] for axis in "xyz"]
    np.testing.assert_allclose(high, [2.0, 1.0, 1.0], atol=0.06)


@pytest.mark.parametrize("name", ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "X_new"])
def test_what_a_scene_needs_and_nobody_here_has_is_named(tmp_path, name, check_refusal):
    (tmp_path / "a.glb").write_bytes(glb({"extensionsRequired": [name]}))
    check_refusal(f"needs {name}, so export it without", lambda: load_signal(tmp_path / "a.glb"))


def test_materials_are_no_obstacle_and_sparse_numbers_are(tmp_path, check_refusal):
    document, block = two_balls("<i2", 5122, is_normalised=True, stride=8)
    document["extensionsRequired"] += ["KHR_materials_unlit", "KHR_texture_transform"]
    (tmp_path / "a.glb").write_bytes(glb(document, block))
    assert load_signal(tmp_path / "a.glb", size=32).shape == (32, 22, 22)
    document["accessors"][0]["sparse"] = {"count": 1}
    (tmp_path / "a.glb").write_bytes(glb(document, block))
    check_refusal("sparse accessors", lambda: load_signal(tmp_path / "a.glb"))
