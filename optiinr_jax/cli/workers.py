"""Several processes on one machine for one study: a GPU each, or a share of the cores."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from optiinr_jax.checks import check_counts
from optiinr_jax.studies.store.address import split_password

Workers = int | Literal["auto"]
_LEAVING = 10.0  # seconds for a worker to end by itself


class Share(NamedTuple):
    """What one process has of the machine."""

    environment: dict[str, str]
    cores: set[int]  # empty where the system cannot tell


def make_shares(workers: Workers) -> list[Share]:
    """Divide the machine; "auto": as many shares as there are GPUs, at least one.

    Raises:
        ValueError: a number of workers below 1.
    """
    gpus = _gpus()
    count = max(1, len(gpus)) if workers == "auto" else workers
    check_counts(workers=count)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return [
        Share(
            {"CUDA_VISIBLE_DEVICES": gpus[i]} if len(gpus) >= count > 1 else {},
            set(cores[i::count] or cores),
        )
        for i in range(count)
    ]


def pin_to(share: Share, pid: int = 0) -> None:
    """Keep a process, by default this one, to its share; before it uses a device."""
    if not pid:
        os.environ |= share.environment
    if share.cores:
        os.sched_setaffinity(pid, share.cores)


@contextmanager
def started(
    storage: str, name: str, model: Path, shares: Sequence[Share]
) -> Generator[list[subprocess.Popen[bytes]]]:
    """Keep a worker busy with a study on every share; they end with this process, however it does.

    Each holds the other end of a pipe, which the system closes when we are gone. A list of
    processes shows everybody their arguments, so a password is none of them.
    """
    address, secrets = split_password(storage)
    command = [sys.executable, "-m", "optiinr_jax", "worker", address, "--name", name]
    command += ["--model", str(model), "--quiet", "--attached"]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for share in shares:
            environment = os.environ | share.environment | secrets
            processes.append(subprocess.Popen(command, env=environment, stdin=subprocess.PIPE))
            pin_to(share, processes[-1].pid)
        yield processes
    finally:
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in processes:
            try:
                process.wait(_LEAVING)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()


def _gpus() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout
    return [str(i) for i, _ in enumerate(line for line in listed.splitlines() if "GPU" in line)]
