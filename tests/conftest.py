"""Shared by all tests: where golden figures and optional data are, and JAX's strict settings."""

import json
import os
from pathlib import Path

import jax
import numpy as np
import pytest

# An implicit broadcast of ranks is a bug until it is written out.
jax.config.update("jax_numpy_rank_promotion", "raise")

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"


class Golden:
    """Outputs, gradients and traces of the official PyTorch code."""

    def __init__(self) -> None:
        with np.load(GOLDEN / "golden.npz", allow_pickle=False) as file:
            self.arrays = {name: file[name] for name in file.files}
        self.index = json.loads((GOLDEN / "golden.json").read_text())

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]


@pytest.fixture(scope="session")
def golden() -> Golden:
    return Golden()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The optional dataset folder: OPTIINR_DATA, or shared/data beside the repository."""
    folder = Path(os.environ.get("OPTIINR_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no dataset folder; set OPTIINR_DATA to one to run this test")
    return folder
