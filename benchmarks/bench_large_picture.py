"""A photo of 12 million pixels at its own size: the first line, the memory, and an interrupt.

    python benchmarks/bench_large_picture.py
    python benchmarks/bench_large_picture.py --size 8200 8200 --seconds 600 --fit --num-steps 20

The photo is made of noise at five scales. A `fit` of all its pixels is interrupted after a minute,
in the middle of a step that takes minutes. Printed are what the command says and when, the greatest
memory of the process, and the time from the interrupt to its end, if it did not end by itself.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

SCALES = {4: 1.0, 16: 0.5, 64: 0.3, 256: 0.15, 1000: 0.08}  # points along a row: amplitude


def write_photo(path: Path, width: int = 4000, height: int = 3000) -> None:
    """A JPEG with detail at every scale."""
    rng, total = np.random.default_rng(0), np.zeros((height, width, 3), np.float32)
    for n, amplitude in SCALES.items():
        coarse = Image.fromarray(rng.integers(0, 256, (n * 3 // 4, n, 3), np.uint8))
        fine = coarse.resize((width, height), Image.Resampling.BICUBIC)
        total += amplitude * (np.asarray(fine, np.float32) - 128.0)
    Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8)).save(path, quality=90)


def measure(photo: Path, folder: Path, seconds: float, options: list[str]) -> None:
    """Run a fit, interrupt it, and print what happened."""
    begin = time.monotonic()
    command = [sys.executable, "-m", "optiinr_jax", "fit", str(photo), "--size", "full"]
    process = subprocess.Popen(
        [*command, "--out", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def show() -> None:
        for line in process.stdout or ():
            print(f"{time.monotonic() - begin:7.1f} s  {line.rstrip()}", flush=True)

    reader = threading.Thread(target=show)
    reader.start()
    status, peak = Path(f"/proc/{process.pid}/status"), None
    while process.poll() is None and time.monotonic() - begin < seconds:
        peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) or peak
        time.sleep(0.2)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    code = process.wait()
    reader.join()
    print(f"interrupt: {time.monotonic() - sent:.1f} s to the end, exit code {code}")
    print(f"greatest memory: {int(peak[1]) / 1e6 if peak else float('nan'):.2f} GB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="until the interrupt")
    parser.add_argument("--size", type=int, nargs=2, default=(4000, 3000), help="width, height")
    parser.add_argument("--fit", nargs=argparse.REMAINDER, default=[], help="further options of it")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        write_photo(place / "photo.jpg", *asked.size)
        measure(place / "photo.jpg", place / "run", asked.seconds, asked.fit)
