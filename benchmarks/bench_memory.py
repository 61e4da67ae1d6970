"""A solid of 512^3 voxels on a small machine: load, train one step, evaluate every voxel.

Command: python -m benchmarks.bench_memory [--file occupancy.npz] [--width 64]
Without a file the embedded solid is written to a temporary one first. Prints and writes
benchmarks/results/memory.json: seconds, and the peak memory of the whole process, Python and JAX
included.
"""

import json
import resource
import tempfile
import time
from pathlib import Path

import tyro

import optiinr_jax as oi
from optiinr_jax.files import write_atomic
from optiinr_jax.signals import write_samples

RESULT = Path(__file__).parent / "results" / "memory.json"


def peak_gib() -> float:
    """Peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(file: Path | None = None, size: int = 512, width: int = 64, depth: int = 4) -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as folder:
        if file is None:
            file = Path(folder) / "solid.npz"
            sample = oi.sample_signal("volume", size)
            write_samples(file, sample.samples, sample.frame)
        start = time.perf_counter()
        signal = oi.load_signal(file, crop=None)
        loaded = time.perf_counter()
    config = oi.preset("siren", modality="volume", width=width, depth=depth)
    inr = oi.fit(signal, config, num_steps=1, warn=False, share_program=False)
    done = time.perf_counter()
    record = {
        "voxels": signal.num_points,
        "bytes of targets": int(signal.stored.nbytes),
        "network": f"{depth} x {width}",
        "load (s)": round(loaded - start, 2),
        "one step of 131 072 voxels and the IoU over all (s)": round(done - loaded, 1),
        "peak memory (GiB)": round(peak_gib(), 2),
        "IoU": inr.score,
    }
    print(json.dumps(record, indent=1))
    RESULT.parent.mkdir(exist_ok=True)
    write_atomic(RESULT, (json.dumps(record, indent=1) + "\n").encode())


if __name__ == "__main__":
    tyro.cli(main)
