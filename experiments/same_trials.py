"""Claim: a study is the same whoever runs it: one process, one, two or four workers, and two of
which 20 are killed (SIGKILL) in the middle of their work; with rungs, and with two objectives.

Real trainings and the command's own workers in an SQLite file. Compared is a hash of every row: its
number, point, state, origin, score, and what it had at its rungs; and the Pareto front. Between
two kills a trial comes to its end or to its rung: one whose process has died three times would end
as failed, whoever runs it.

Command: python -m experiments.same_trials [--num-kills 20]
Time: half an hour on 2 cores.
Expected: "the same" in every row, and 17 kills or more before a study is over.
"""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tyro

import optiinr_jax as oi

STUDIES: dict[str, dict[str, Any]] = {
    "rungs": {"rungs": (0.3,)},
    "two objectives": {"objectives": ("psnr", "num_bytes")},
}
SIZE = {"width": 16, "depth": 2, "num_steps": 600, "num_initial": 6}
PAUSE = 0.5, 4.0  # seconds from a trial's end to a kill


def digest(study: oi.Study) -> str:
    """A hash of all rows."""
    rows = [
        [t.number, t.point, t.state, str(t.origin), t.score, sorted(t.rungs.items())]
        for t in study.trials
    ]
    rows.append([t.number for t in study.pareto_front] if study.settings.objectives else [])
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]


def num_stops(study: oi.Study) -> int:
    """How often a trial has come to its end or to its rung."""
    return sum(t.state == "complete" for t in study.trials) + sum(
        len(t.rungs) for t in study.trials
    )


def work(storage: str, num_workers: int, num_kills: int) -> int:
    """Let workers run a study; the number of those that were killed while they were at work."""
    command = [sys.executable, "-m", "optiinr_jax", "worker", storage, "--quiet"]
    workers = [subprocess.Popen(command) for _ in range(num_workers)]
    study, chance, killed, stops = oi.load_study(storage), random.Random(0), 0, 0
    while any(worker.poll() is None for worker in workers):
        time.sleep(0.5)
        if killed < num_kills and num_stops(study) > stops:
            time.sleep(chance.uniform(*PAUSE))
            stops, victim = num_stops(study), chance.randrange(num_workers)
            if workers[victim].poll() is None:
                workers[victim].kill()
                workers[victim].wait()
                killed += 1
                workers[victim] = subprocess.Popen(command)
    assert all(worker.returncode == 0 for worker in workers)
    return killed


def main(num_trials: int = 36, num_kills: int = 20) -> None:
    """Run every study in every way, and print a row for each."""
    signal, size = oi.sample_signal("image", size=24), SIZE | {"num_trials": num_trials}
    for name, options in STUDIES.items():
        begin = time.monotonic()
        alone = oi.search(signal, progress=False, **size, **options)
        expected = digest(alone)
        states = ", ".join(
            f"{sum(t.state == state for t in alone.trials)} {state}"
            for state in sorted({t.state for t in alone.trials})
        )
        print(f"{name}: {states}; alone {expected}, {time.monotonic() - begin:.0f} s", flush=True)
        for num_workers, kills in ((1, 0), (2, 0), (4, 0), (2, num_kills)):
            with tempfile.TemporaryDirectory() as folder:
                begin, storage = time.monotonic(), f"sqlite:///{Path(folder) / 'study.db'}"
                oi.create_study(signal, storage=storage, **size, **options)
                killed = work(storage, num_workers, kills)
                found = digest(oi.load_study(storage))
            print(
                f"{name}: {num_workers} workers, {killed} killed: {found}, "
                f"{'the same' if found == expected else 'ANOTHER STUDY'}, "
                f"{time.monotonic() - begin:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    tyro.cli(main)
