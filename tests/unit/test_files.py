"""An atomic write leaves a whole file or the old one, and no litter."""

import os
import signal
import subprocess
import sys
import time

import pytest

from optiinr_jax.files import scratch_folder, write_atomic
from optiinr_jax.processes import has_ended, this_process

# Killed in the middle of a file, and of a folder.
KILLED = """
import os, pathlib, signal, sys
from optiinr_jax.files import scratch_folder, write_atomic
with scratch_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "a").touch()
    write_atomic(pathlib.Path(sys.argv[1]) / "b", lambda file: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_writes_bytes_and_callbacks(tmp_path):
    assert write_atomic(tmp_path / "a", b"one").read_bytes() == b"one"
    assert write_atomic(tmp_path / "a", lambda file: file.write(b"two")).read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a"]


def test_old_file_stays_when_the_callback_raises(tmp_path):
    path = write_atomic(tmp_path / "a", b"old")

    def fail(file):
        file.write(b"half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_atomic(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("name", ["missing/a", "file/a", ""])
def test_a_place_that_cannot_be_written_is_said(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"cannot write .*; choose"):
        write_atomic(tmp_path / name, b"x")
    assert os.listdir(tmp_path) == ["file"]


def test_a_device_is_never_replaced():
    if not os.path.exists(os.devnull) or os.path.isfile(os.devnull):
        pytest.skip("no device file here")
    with pytest.raises(OSError, match="it is not a file"):
        write_atomic(os.devnull, b"x")


def test_a_link_is_followed(tmp_path):
    target = write_atomic(tmp_path / "target", b"old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    (tmp_path / "ordinary").write_bytes(b"")
    path = write_atomic(tmp_path / "a", b"")
    assert path.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


@pytest.mark.integration
def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    if not this_process():
        pytest.skip("the system does not name processes")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL and len(os.listdir(tmp_path)) == 2
    ours = tmp_path / f".{'0' * 16}.{this_process()}.tmp"
    foreign = tmp_path / f".{'1' * 16}.5-6-7-{'0' * 32}.tmp"
    other = tmp_path / ".notes.tmp"
    for path in (ours, foreign, other):
        path.touch()
    write_atomic(tmp_path / "b", b"whole")
    assert set(os.listdir(tmp_path)) == {"b", ours.name, foreign.name, other.name}
    os.utime(foreign, (0, time.time() - 1e6))  # of another machine, and nobody's by now
    with scratch_folder(tmp_path) as folder:
        assert folder.is_dir() and not foreign.exists()
    assert set(os.listdir(tmp_path)) == {"b", ours.name, other.name}


def test_which_processes_have_ended():
    own = this_process()
    if not own:
        pytest.skip("the system does not name processes")
    pid, start, where = own.split("-", 2)
    assert has_ended(own) is False
    assert has_ended(f"{pid}-{int(start) + 1}-{where}") is True  # an earlier one of this PID
    assert has_ended(f"999999999-{start}-{where}") is True
    namespace, boot = where.split("-")
    for elsewhere in ("", "x", f"{pid}-{start}-1-{boot}", f"{pid}-{start}-{namespace}-{'0' * 32}"):
        assert has_ended(elsewhere) is None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with open(f"/proc/{child.pid}/stat") as file:
        name = f"{child.pid}-{file.read().rpartition(')')[2].split()[19]}-{where}"
    assert has_ended(name) is False
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(name) is True  # a zombie
    child.communicate()
