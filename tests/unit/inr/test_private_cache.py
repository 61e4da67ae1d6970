"""The cache of compiled programs is nobody else's: no link, no foreign file, no foreign parent."""

import os
from pathlib import Path

import jax
import pytest

from optiinr_jax.inr.compilation_cache import keep_compiled_programs

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners on this system")


NAMES = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


@pytest.fixture
def no_cache():
    """As in a process without a cache; gives the folder that is in use."""
    before = {name: jax.config.values[name] for name in NAMES}
    jax.config.update(NAMES[0], None)
    yield lambda: jax.config.values[NAMES[0]]
    for name, value in before.items():
        jax.config.update(name, value)


def make(folder: Path, mode: int = 0o700) -> Path:
    folder.mkdir()
    folder.chmod(mode)
    return folder


def test_a_folder_that_only_others_can_read_becomes_private(tmp_path, no_cache):
    folder = make(tmp_path / "a", 0o755)
    assert keep_compiled_programs(folder) == folder and folder.stat().st_mode & 0o777 == 0o700
    assert no_cache() == str(folder)


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o722, 0o1777])
def test_a_folder_that_others_could_fill_is_refused(mode, tmp_path, no_cache):
    folder = make(tmp_path / "a", mode)
    (folder / "jit_run-cache").write_bytes(b"code")
    with pytest.raises(ValueError, match=r"others may write to .*/a, or have"):
        keep_compiled_programs(folder)
    assert folder.stat().st_mode & 0o7777 == mode and no_cache() is None


def test_a_link_is_not_followed(tmp_path, no_cache):
    target = make(tmp_path / "public_html", 0o755)
    (tmp_path / "a").symlink_to(target)
    with pytest.raises(ValueError, match=r"/a is a link"):
        keep_compiled_programs(tmp_path / "a")
    assert target.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("mode", [0o777, 0o703])
def test_a_parent_that_is_open_to_all_is_refused(mode, tmp_path, no_cache):
    make(tmp_path / "open", mode)
    with pytest.raises(ValueError, match=r"/open belongs to another user or is open to all"):
        keep_compiled_programs(tmp_path / "open" / "a")
    (tmp_path / "open").chmod(0o1777)  # as /tmp: nobody can replace what is another's
    assert keep_compiled_programs(tmp_path / "open" / "a")


@pytest.mark.needs_root
@pytest.mark.skipif(getattr(os, "getuid", int)() != 0, reason="only root gives files away")
def test_what_belongs_to_another_user_is_refused(tmp_path, no_cache):
    folder = make(tmp_path / "a")
    (folder / "jit_run-cache").write_bytes(b"code")
    os.chown(folder / "jit_run-cache", 12345, 12345)
    with pytest.raises(ValueError, match=r"others may write to .*/a, or have"):
        keep_compiled_programs(folder)
    os.chown(folder, 12345, 12345)
    with pytest.raises(ValueError, match=r"/a belongs to another user"):
        keep_compiled_programs(folder)
    theirs = make(tmp_path / "theirs")
    os.chown(theirs, 12345, 12345)
    with pytest.raises(ValueError, match=r"/theirs belongs to another user"):
        keep_compiled_programs(theirs / "b")


def test_without_a_home_there_is_no_cache(monkeypatch, no_cache):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert keep_compiled_programs() is None and no_cache() is None
