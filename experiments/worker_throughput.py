"""Claim: two workers on two cores train at least 1.6 times as fast as one, one thread each.

Command: python -m experiments.worker_throughput [--num-steps 300 --width 48]
Time: three minutes on 2 quiet cores.
Expected: trials a second of one and of two workers, from the first start to the last end, so that
the start of the processes does not count; their ratio is at least 1.6.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import tyro

import optiinr_jax as oi
from experiments.protocol import PLAIN

NUM_TRIALS, BATCH_SIZE = 32, 16


def measure(num_workers: int, folder: Path, **options: int) -> float:
    """Trials a second of some workers, each on a core of its own."""
    storage = f"sqlite:///{folder / f'{num_workers}.db'}"
    signal = oi.sample_signal("image", size=64)
    study = oi.create_study(
        signal,
        num_trials=NUM_TRIALS,
        batch_size=BATCH_SIZE,
        storage=storage,
        **PLAIN,
        **options,
    )
    cores = sorted(os.sched_getaffinity(0))[:num_workers]
    workers = []
    for core in cores:
        command = [sys.executable, "-m", "optiinr_jax", "worker", storage, "--quiet"]
        workers.append(subprocess.Popen(command))
        os.sched_setaffinity(workers[-1].pid, {core})
    for worker in workers:
        assert worker.wait() == 0
    rows = study.optuna_study.get_trials()
    begun = sorted(row.datetime_start for row in rows if row.datetime_start)
    ended = max(row.datetime_complete for row in rows if row.datetime_complete)
    first = begun[num_workers]  # when every worker has compiled its program
    return (NUM_TRIALS - num_workers) / (ended - first).total_seconds()


def main(num_steps: int = 500, width: int = 64) -> None:
    """Print both rates and their ratio, by default for the steps that a search trains."""
    with tempfile.TemporaryDirectory() as folder:
        one, two = (
            measure(count, Path(folder), num_steps=num_steps, width=width) for count in (1, 2)
        )
    print(f"1 worker {one:.2f} trials/s, 2 workers {two:.2f} trials/s, ratio {two / one:.2f}")


if __name__ == "__main__":
    tyro.cli(main)
