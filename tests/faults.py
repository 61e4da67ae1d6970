"""Workers with made-up training, to be killed, stopped and cut off: all else of them is real.

`python -m tests.faults STORAGE` is one. What a trial scores is a formula of its configuration, so
that a study can be compared with that of one undisturbed process.
"""

import json
import multiprocessing
import os
import sys
import time
import zlib
from pathlib import Path
from signal import SIGKILL

from optiinr_jax.cli.main import run
from optiinr_jax.studies import trainers
from optiinr_jax.studies.store import heartbeat, lock
from optiinr_jax.studies.training import Job, Look, StopTrial
from optiinr_jax.studies.trials import Outcome

SECONDS = 0.2  # of a training
LOOKS = 4
WORKER = ["worker", "--quiet", "--max-trial-seconds", "900"]  # which trains one after the other
OPTIONS = {
    "width": 8,
    "depth": 1,
    "num_steps": 100,
    "num_initial": 9,
    "strategy": "random",
    "batch_size": 4,
}


def make_train(seconds: float = 0.0, log: Path | None = None, deadly: int | None = None):
    """A made-up `train`, which writes down whom it trains; the deadly trial kills its process."""

    def note(word: str, job: Job) -> None:
        if log is not None:
            with log.open("a") as file:
                file.write(f"{word} {job.number} {os.getpid()}\n")

    def train(job: Job, look: Look | None = None) -> Outcome:
        note("begin", job)
        try:
            for i in range(1, LOOKS + 1):
                time.sleep(seconds / LOOKS)
                if job.number == deadly and i == LOOKS // 2:
                    os.kill(os.getpid(), SIGKILL)
                if look is not None:
                    look(i * job.num_steps // LOOKS, float(i))
        except StopTrial as end:
            note("lost", job)
            return Outcome(reason=str(end))
        draw = zlib.crc32(json.dumps(job.config.to_json(), sort_keys=True).encode())
        if draw % 10 == 0:
            return Outcome(reason="made up")
        return Outcome(score=draw % 1000 / 10 + job.number * 37 % 11 / 100)

    return train


def train_in_pool(job: Job) -> Outcome:
    """What a process of a pool does; the third trial kills it."""
    return make_train(deadly=2)(job)


def work(storage: str, folder: Path, options: dict) -> None:
    """Run a worker to its end, in this process; what it says goes to files of the folder."""
    os.dup2(os.open(folder / "said", os.O_CREAT | os.O_APPEND | os.O_WRONLY), 2)
    heartbeat.HEARTBEAT = options.get("heartbeat", heartbeat.HEARTBEAT)
    heartbeat.STALE_AFTER = 6 * heartbeat.HEARTBEAT
    lock.SAID_AFTER = options.get("said_after", lock.SAID_AFTER)
    names = {name: options[name] for name in ("seconds", "deadly") if name in options}
    trainers.train = make_train(log=folder / "log", **{"seconds": SECONDS} | names)
    sys.exit(run([*WORKER, storage]))


def hold_lock(storage: str, name: str, is_held) -> None:
    """Hold the lock of a study for ever."""
    with lock.locked(storage, name):
        is_held.set()
        time.sleep(3600)


def context() -> multiprocessing.context.ForkServerContext:
    """How processes begin: as copies of one that has imported all and used nothing."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.faults"])
    return made


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
