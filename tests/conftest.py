"""Shared by all tests: where golden figures and optional data are, and JAX's strict settings."""

import atexit
import json
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

# Two test processes on two cores would wait for each other's BLAS threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# One private compilation cache for this run, its workers and the commands that tests start; or one
# that is kept from run to run, which saves two fifths of the time or more.
KEPT = os.environ.get("OPTIINR_TEST_CACHE")
if KEPT:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = KEPT
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.05"
elif "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="optiinr-tests-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = (
        "0.05"  # of commands, which are short
    )
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
# Most of a test's time is compilation of programs that run once: LLVM optimises them little, and
# XLA's older emitters, as long as it has them, make them a fifth faster. A flag that it does not
# know ends the process without a word.
if "xla_backend_optimization_level" not in (flags := os.environ.get("XLA_FLAGS", "")):
    quick = "--xla_backend_optimization_level=1"
    if version("jaxlib").startswith("0.10."):
        quick += " --xla_cpu_use_fusion_emitters=false"
    os.environ["XLA_FLAGS"] = f"{flags} {quick}".strip()

import hypothesis
import jax
import jaxtyping
import numpy as np
import pytest

jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
# XLA now and then crashes when a process that has compiled thousands of programs writes one down
# (in `executable.serialize`), so that the tests themselves keep the dear ones only.
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0 if KEPT else 2.0)
# An implicit broadcast of ranks is a bug until it is written out.
jax.config.update("jax_numpy_rank_promotion", "raise")

# No test is timed: the first example of one may compile.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
MOST_MAPS = 12_000


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """Drop compiled programs earlier than `fit` does: tests have many beside those of networks."""
    yield
    from optiinr_jax.inr.compilation_cache import forget_compiled_programs

    forget_compiled_programs(MOST_MAPS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder and by fixture what no test has to say itself."""
    for item in items:
        parts = item.path.relative_to(ROOT).parts
        if "integration" in parts or "end_to_end" in parts:
            item.add_marker("integration")
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("needs_data")


class Golden:
    """Outputs, gradients and traces of the official PyTorch code."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        for part in sorted(GOLDEN.glob("*.npz")):
            with np.load(part, allow_pickle=False) as file:
                self.arrays |= {name: file[name] for name in file.files}
        self.index = json.loads((GOLDEN / "golden.json").read_text())

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]


@pytest.fixture(scope="session")
def golden() -> Golden:
    return Golden()


@pytest.fixture
def no_type_checks(monkeypatch) -> None:
    """As users run it: under pytest a run-time type checker would answer before our checks do."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The optional dataset folder: OPTIINR_DATA, or shared/data beside the repository."""
    folder = Path(os.environ.get("OPTIINR_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no dataset folder; set OPTIINR_DATA to one to run this test")
    return folder
