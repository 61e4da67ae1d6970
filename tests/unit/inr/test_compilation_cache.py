"""The cache of compiled programs: private, filled by a fit, never another's. In fresh processes."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import optiinr_jax as oi
from optiinr_jax.inr import compilation_cache
from optiinr_jax.inr.compilation_cache import keep_compiled_programs

FIT = """
import optiinr_jax as oi
from optiinr_jax.inr.compilation_cache import keep_compiled_programs
print(keep_compiled_programs())
import jax
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # on any machine
oi.fit(oi.sample_signal("image", 8), oi.preset("siren", width=8), num_steps=2, warn=False)
"""


def run(code, home):
    env = {name: os.environ[name] for name in os.environ if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env | {"XDG_CACHE_HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.mark.integration
def test_a_fit_fills_a_private_folder(tmp_path):
    folder = tmp_path / "optiinr" / "compiled"
    folder.mkdir(parents=True, mode=0o755)
    assert run(FIT, tmp_path) == str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    programs = sorted(folder.glob("*run_chunk*-cache"))
    assert programs
    run(FIT, tmp_path)  # finds them
    assert sorted(folder.glob("*run_chunk*-cache")) == programs


def test_a_folder_that_jax_has_stays(tmp_path):
    import jax

    known = jax.config.values["jax_compilation_cache_dir"]
    assert known and str(keep_compiled_programs(tmp_path)) == known
    assert jax.config.values["jax_compilation_cache_dir"] == known


@pytest.mark.integration
def test_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.touch()
    code = f"""
from optiinr_jax.inr.compilation_cache import keep_compiled_programs
try:
    keep_compiled_programs({str(file)!r})
except ValueError as error:
    print(error)
"""
    assert "is not a folder" in run(code, tmp_path)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_made_is_left_out(tmp_path):
    tmp_path.chmod(0o500)
    code = "from optiinr_jax.inr.compilation_cache import keep_compiled_programs as keep\n"
    assert run(code + "print(keep())", tmp_path) == "None"


@pytest.mark.integration
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux counts memory maps")
def test_networks_of_many_sizes_leave_the_process_memory_maps(tmp_path, monkeypatch):
    def count():
        return len(Path("/proc/self/maps").read_bytes().splitlines())

    signal = oi.sample_signal("image", 8)
    compilation_cache.forget_compiled_programs(most=0)
    (allowed := tmp_path / "max_map_count").write_text(f"{2 * count() + 400}\n")
    monkeypatch.setattr(compilation_cache, "_MOST_MAPS", allowed)
    counts = []
    for width in range(5, 9):
        oi.fit(signal, oi.preset("siren", width=width), num_steps=2, warn=False)
        counts.append(count())
    assert max(counts) < 1.3 * counts[0], counts
