"""An atomic write leaves a whole file or the old one, and no litter."""

import os

import pytest

from optiinr_jax.files import write_atomic


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
