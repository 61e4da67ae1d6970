"""Small files that stand for gigabytes: a sentence, or a signal, in little memory and time.

All are read by one process of its own, which may take 500 MB more than it has to begin with.
"""

import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

MAX_BYTES, MAX_SECONDS = 500 * 2**20, 5.0
TETRAHEDRON = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], "<f4")
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], "<u4")
POINTS = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"

READER = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
from optiinr_jax.signals import SignalError, load_signal
*plain, limit = sys.argv[1:]
files = json.loads(limit)
for name in plain:
    load_signal(name, 8)  # loads all libraries
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + %d, -1))
for name in files:
    start = time.process_time()
    try:
        is_grid = name.endswith((".npz", ".npy", ".mat", ".flac"))
        said = repr(load_signal(name, None if is_grid else 8))
    except SignalError as error:
        said = str(error)
    except BaseException as error:
        said = f"raised {error!r}"
    print(json.dumps([name, said, time.process_time() - start]), flush=True)
"""


def zeros(count: int, *, raw: bool = False) -> bytes:
    """So many zeros, deflated, without the work of it: one block again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = block * (count >> 20) + rest.compress(bytes(count % 2**20)) + rest.flush()
    return content if raw else b"\x78\x9c" + content + struct.pack(">HH", count % 65521, 1)


def zipped(name: str, head: bytes, count: int) -> bytes:
    """An archive with one member, which begins with `head` and goes on with zeros."""
    stored = struct.pack("<BHH", 0, len(head), 0xFFFF - len(head)) + head  # a block of its own
    content = stored + zeros(count, raw=True)
    facts = struct.pack(
        "<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(content), len(head) + count, len(name), 0
    )
    local = b"PK\3\4" + facts + name.encode() + content
    central = b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0)
    central += name.encode()
    return (
        local + central + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 1, 1, len(central), len(local), 0)
    )


def npy_head(shape: tuple[int, ...], kind: str) -> bytes:
    text = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def matlab(shape: tuple[int, ...], num_bytes: int, name: bytes = b"a") -> bytes:
    def part(kind: int, content: bytes) -> bytes:
        return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)

    head = part(6, struct.pack("<II", 6, 0)) + part(5, np.array(shape, "<i4").tobytes())
    head += part(1, name) if name else struct.pack("<II", 1, num_bytes)
    head += struct.pack("<II", 9, num_bytes) if name else b""
    inside = struct.pack("<II", 14, len(head) + num_bytes) + head
    stored = b"\x78\x9c" + struct.pack("<BHH", 0, len(inside), 0xFFFF - len(inside)) + inside
    content = stored + zeros(num_bytes, raw=True)
    mark = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    return mark + struct.pack("<II", 15, len(content)) + content


def png(side: int, bits: int = 8) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        sum_of = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + sum_of

    head = struct.pack(">IIBBBBB", side, side, bits, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zeros(side * (3 * side * bits // 8 + 1)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


def scene(nodes: int = 1, primitives: int = 1, copies: int = 1, views: int = 0, **changes) -> bytes:
    points = np.tile(TETRAHEDRON, (copies, 1)).tobytes()
    faces = np.concatenate([FACES + 4 * i for i in range(copies)]).astype("<u4").tobytes()
    accessors = [
        {"bufferView": 0, "componentType": 5126, "count": 4 * copies, "type": "VEC3"},
        {"bufferView": 1, "componentType": 5125, "count": 12 * copies, "type": "SCALAR"},
    ]
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": list(range(nodes))}],
        "nodes": [{"mesh": 0, "translation": [i, 0, 0]} for i in range(nodes)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}] * primitives}],
        "buffers": [{"byteLength": len(points + faces)}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": len(points)},
            {"buffer": 0, "byteOffset": len(points), "byteLength": len(faces)},
            *({"buffer": 0, "byteLength": len(points + faces)} for _ in range(views)),
        ],
        "accessors": accessors,
    } | changes
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary = points + faces
    body = struct.pack("<I4s", len(text), b"JSON") + text
    body += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def holes(count: int) -> bytes:
    """Accessors without bytes, which stand for zeros."""
    kinds = [(5126, "VEC3"), (5125, "SCALAR")]
    return scene(accessors=[{"componentType": c, "count": count, "type": t} for c, t in kinds])


def jpeg(side: int, data_side: int = 16) -> bytes:
    """The data of a small picture under the size of a large one."""
    import io

    stream = io.BytesIO()
    Image.new("RGB", (data_side, data_side), (200, 30, 60)).save(stream, "JPEG")
    content = bytearray(stream.getvalue())
    place = content.find(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", side, side)
    return bytes(content)


def ply(count: int) -> bytes:
    return (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\nproperty float x\n"
        f"property float y\nproperty float z\nelement face {count}\n"
        "property list uchar int vertex_indices\nend_header\n"
    ).encode() + bytes(200)


BOMBS = {
    "holes.glb": lambda: holes(150_000_000),
    "more holes.glb": lambda: holes(10**9),
    "nodes.glb": lambda: scene(nodes=12_000),
    "primitives.glb": lambda: scene(primitives=12_000),
    "instances.glb": lambda: scene(nodes=300, copies=5000),
    "views.glb": lambda: scene(copies=5000, views=2000),
    "groups.obj": lambda: (POINTS + "".join(f"g {i}\nf 1 2 3\n" for i in range(40_000))).encode(),
    "materials.obj": lambda: (
        POINTS + "".join(f"usemtl {i}\nf 1 2 3\n" for i in range(40_000))
    ).encode(),
    "fan.obj": lambda: (POINTS + "f " + "1 2 3 4 " * 100_000).encode(),
    "zero.obj": lambda: (POINTS + "f 0 1 2\nf 1 2 4\nf 2 3 4\nf 1 3 4\n").encode(),
    "elements.ply": lambda: ply(10**9),
    "counts.off": lambda: b"OFF\n1000000000 1000000000 0\n0 0 0\n",
    "count.stl": lambda: bytes(80) + struct.pack("<I", 2**31 - 1) + bytes(1000),
    "header.npz": lambda: zipped("a.npy", b"\x93NUMPY\2\0" + struct.pack("<I", 2**30), 2**30),
    "header.npy": lambda: b"\x93NUMPY\2\0" + struct.pack("<I", 2**31 - 1) + bytes(100),
    "text.npz": lambda: zipped("shape.npy", npy_head((3,), "<U90000000"), 12 * 90_000_000),
    "double.npz": lambda: zipped("a.npy", npy_head((500, 500, 400), "<f8"), 8 * 10**8),
    "number.mat": lambda: matlab((2, 2, 2), 2**30),
    "name.mat": lambda: matlab((2, 2, 2), 2**30, b""),
    "double.mat": lambda: matlab((500, 500, 400), 8 * 10**8),
    "grey.jpg": lambda: jpeg(8000),
    "small grey.jpg": lambda: jpeg(1600),
    "large.png": lambda: png(5500),
    "wide.png": lambda: png(8000, 16),
}


def silence() -> bytes:
    import io

    import soundfile

    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", 44100, 2, "PCM_16", format="FLAC") as file:
        for _ in range(80):
            file.write(np.zeros((2**19, 2), np.int16))
    return stream.getvalue()


@pytest.mark.integration
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is bounded on Linux")
def test_a_small_file_takes_little_memory_and_time(tmp_path):
    for name, make in {**BOMBS, "silence.flac": silence}.items():
        (tmp_path / name).write_bytes(make())
        assert (tmp_path / name).stat().st_size < 4 * 2**20
    Image.new("RGB", (9, 9), 3).save(tmp_path / "plain.png")
    (tmp_path / "plain.glb").write_bytes(scene())
    names = [*BOMBS, "silence.flac"]
    done = subprocess.run(
        [sys.executable, "-c", READER % MAX_BYTES, "plain.png", "plain.glb", json.dumps(names)],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, _, _ in results] == names, done.stderr[-1000:]
    print("the slowest:", max(results, key=lambda result: result[2]))
    for name, said, seconds in results:
        whole = ("fan.obj", "large.png")  # which may be read
        assert said.startswith((name, "Signal" if name in whole else name)), said
        assert "emory" not in said and "allocate" not in said, (name, said)
        assert seconds < MAX_SECONDS, (name, seconds)
