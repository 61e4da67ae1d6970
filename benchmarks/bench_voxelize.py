"""Speed, memory and error of the voxeliser, on a closed surface whose inside is known by formula.

    python benchmarks/bench_voxelize.py [--faces 5000000] [--size 512] [--out bench_voxelize.json]

The surface is a ball with bumps, r(direction) = 1 + 0.12 sin(5 x) sin(4 y + 1) cos(3 z), as a grid
of longitude and latitude. Ours is measured in a process of its own that reads the mesh from a .ply
file, finds the voxels and packs them; its memory is the peak above that process after import. The
peer is trimesh's `voxelized(pitch).fill()`, which marks every voxel that the surface touches and
fills the holes; it is run at a size it can do, and ours again at that size.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from optiinr_jax.files import write_atomic
from optiinr_jax.signals.mesh import Mesh, write_mesh

PEER_FACES, PEER_SIZE = 20_000, 128

CHILD = """
import json, resource, sys, time
import numpy as np
import trimesh
from optiinr_jax.signals import load_signal, read_mesh
from pathlib import Path
path, size, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
start = time.perf_counter()
signal = load_signal(path, size)
seconds = time.perf_counter() - start
memory = peak() - before
start = time.perf_counter()
read_mesh(Path(path))
reading = time.perf_counter() - start
np.savez(out, packed=signal.stored, shape=signal.shape)
record = {"seconds": seconds, "of_which_reading": reading, "peak_bytes": memory}
print(json.dumps(record | {"attributes": signal.attributes}))
"""


def radius(direction: np.ndarray) -> np.ndarray:
    """Distance of the surface from the centre, by direction (..., 3)."""
    x, y, z = np.moveaxis(direction, -1, 0)
    return 1.0 + 0.12 * np.sin(5.0 * x) * np.sin(4.0 * y + 1.0) * np.cos(3.0 * z)


def bumpy_ball(num_faces: int) -> Mesh:
    """The surface, closed, with about `num_faces` faces."""
    rows = max(3, round((num_faces / 4) ** 0.5))
    columns = 2 * rows
    latitude = np.pi * np.arange(1, rows) / rows
    longitude = 2.0 * np.pi * np.arange(columns) / columns
    theta, phi = np.meshgrid(latitude, longitude, indexing="ij")
    ring = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    poles = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    directions = np.concatenate([ring.reshape(-1, 3), poles])
    i, j = np.meshgrid(np.arange(rows - 2), np.arange(columns), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    c, d = a + columns, b + columns
    north, south = len(directions) - 2, len(directions) - 1
    first, last = np.arange(columns), (rows - 2) * columns + np.arange(columns)
    faces = [
        np.stack([a, c, d], -1).reshape(-1, 3),
        np.stack([a, d, b], -1).reshape(-1, 3),
        np.stack([np.full(columns, north), first, np.roll(first, -1)], -1),
        np.stack([np.full(columns, south), np.roll(last, -1), last], -1),
    ]
    vertices = directions * radius(directions)[:, None]
    return Mesh(vertices, np.concatenate(faces))


def wrong_share(occupied: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Share of the voxels that lie on the other side of the analytic surface."""
    axes = [np.linspace(a, b, n) for a, b, n in zip(low, high, occupied.shape, strict=True)]
    wrong = 0
    for x, inside in zip(axes[0], occupied, strict=True):
        point = np.stack(np.meshgrid([x], axes[1], axes[2], indexing="ij"), -1)[0]
        distance = np.linalg.norm(point, axis=-1)
        truth = distance < radius(point / np.maximum(distance, 1e-12)[..., None])
        wrong += np.count_nonzero(truth != inside)
    return wrong / occupied.size


def measure_ours(mesh: Mesh, size: int) -> dict[str, float]:
    """Seconds, memory and error of `load_signal` on a mesh file."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "ball.ply", Path(folder) / "voxels.npz"
        write_mesh(path, mesh)
        command = [sys.executable, "-c", CHILD, str(path), str(size), str(out)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        with np.load(out) as file:
            shape = tuple(file["shape"])
            bits = np.unpackbits(file["packed"], count=int(np.prod(shape)))
        record = json.loads(done.stdout)
    attributes = record.pop("attributes")
    low, high = ([attributes[f"{end}_{axis}"] for axis in "xyz"] for end in ("low", "high"))
    error = wrong_share(bits.reshape(shape).astype(bool), np.array(low), np.array(high))
    voxels = int(np.prod(shape))
    return record | {"faces": len(mesh.faces), "voxels": voxels, "wrong_share": error}


def measure_trimesh(mesh: Mesh, size: int) -> dict[str, float]:
    """The same of trimesh, from arrays in memory."""
    import trimesh

    surface = trimesh.Trimesh(*mesh, process=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    grid = surface.voxelized(surface.extents.max() / size).fill()
    seconds = time.perf_counter() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    low, high = grid.indices_to_points(np.array([np.zeros(3), np.array(grid.shape) - 1]))
    error = wrong_share(grid.matrix, low, high)
    record = {"seconds": seconds, "peak_bytes": memory, "faces": len(mesh.faces)}
    return record | {"voxels": int(np.prod(grid.shape)), "wrong_share": error}


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--faces", type=int, default=5_000_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    small = bumpy_ball(PEER_FACES)
    rows = {
        "trimesh_small": measure_trimesh(small, PEER_SIZE),
        "ours_small": measure_ours(small, PEER_SIZE),
        "ours": measure_ours(bumpy_ball(arguments.faces), arguments.size),
    }
    for name, row in rows.items():
        print(
            f"{name:14} {row['faces']:9,} faces {row['voxels']:12,} voxels {row['seconds']:7.2f} s "
            f"{row['peak_bytes'] / 1e9:5.2f} GB  wrong {row['wrong_share']:.1e}"
        )
    ratio = rows["trimesh_small"]["seconds"] / rows["ours_small"]["seconds"]
    print(f"trimesh takes {ratio:.1f} times as long as ours, reading the file included in ours")
    machine = {"python": platform.python_version(), "numpy": np.__version__}
    record = {"rows": rows, "ratio_trimesh_over_ours": ratio, "machine": machine}
    if arguments.out is not None:
        write_atomic(arguments.out, json.dumps(record, indent=1).encode())


if __name__ == "__main__":
    main()
