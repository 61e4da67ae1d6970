"""Who a process is, for what it leaves behind: does its owner still live?

A PID alone says nothing: other machines, other containers and later processes have the same one.
"""

import os
from pathlib import Path

_PROC = Path("/proc")


def this_process() -> str:
    """Name no other process ever has: PID, start, PID namespace and boot of the machine.

    Empty where the system does not tell (all but Linux), or where /proc shows another namespace.
    """
    pid = os.getpid()
    try:
        is_own = os.readlink(_PROC / "self") == str(pid)
        return f"{pid}-{_start_of(pid)}-{_here()}" if is_own else ""
    except (OSError, IndexError):
        return ""


def has_ended(process: str) -> bool | None:
    """Whether the process of that name has ended; None: it is not for this machine to tell."""
    pid, _, rest = process.partition("-")
    start, _, where = rest.partition("-")
    if not (pid.isdigit() and where and this_process().endswith(f"-{where}")):
        return None
    try:
        return _start_of(int(pid)) != start
    except (OSError, IndexError):
        return None if _is_hidden(int(pid)) else True


def _here() -> str:
    """PID namespace and boot of the machine."""
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    namespace = os.readlink(_PROC / "self/ns/pid")
    return f"{''.join(filter(str.isdigit, namespace))}-{boot}"


def _start_of(pid: int) -> str:
    """When a process began, in ticks since the boot; of a zombie, which has ended, "0"."""
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return "0" if fields[0] in "ZX" else fields[19]


def _is_hidden(pid: int) -> bool:
    """Whether a process is there all the same, of a user whose processes we may not look at."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False
