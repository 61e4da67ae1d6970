"""Every notebook runs to its end, in a fresh kernel, and shows what it promises."""

from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
SMALLER = {  # for the sake of time: notebook -> what is written, what is run
    "first_fit": ("NUM_STEPS = 300", "NUM_STEPS = 20"),
    "first_search": ("NUM_TRIALS = 32, 16, 200, 24", "NUM_TRIALS = 32, 16, 100, 12"),
    "learned_landscapes": ("NUM_STARTS = 2048, 3000, 100", "NUM_STARTS = 256, 100, 8"),
    "hyperparameter_trajectories": ("num_steps=1000, ", "num_steps=40, "),
    "optimiser": ("NUM_TRIALS = 30", "NUM_TRIALS = 12"),
    "own_training": ("length=500", "length=50"),
    "signals_and_networks": ("num_steps=300", "num_steps=100"),
}
# notebook -> a file it leaves, and words that one of its tables holds
PROMISES = {
    "first_fit": ("terrain.inr.safetensors", ""),
    "first_search": ("first.inr.safetensors", "trials, best"),
    "learned_landscapes": ("landscapes.npz", ""),
    "signals_and_networks": ("knot.ply", ""),
    "hyperparameter_trajectories": ("half_circles.safetensors", ""),
    "optimiser": ("optimizer.json", ""),
    "own_training": ("from_slopes.inr.safetensors", ""),
}


def test_every_notebook_is_run():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_what_a_notebook_printed_is_kept_with_what_it_says_now(name):
    """Or run `python -m experiments.notebooks`."""
    written = jupytext.read(FOLDER / f"{name}.py")
    kept = jupytext.read(FOLDER / f"{name}.ipynb")
    assert [cell.source for cell in kept.cells] == [cell.source for cell in written.cells]
    assert any(cell.get("outputs") for cell in kept.cells)


@pytest.mark.parametrize("name", PROMISES)
@pytest.mark.filterwarnings("ignore")  # of the kernel's own machinery
def test_notebook_runs(name, tmp_path):
    file, words = PROMISES[name]
    notebook = jupytext.read(FOLDER / f"{name}.py")
    written, run = SMALLER[name]
    assert any(written in cell.source for cell in notebook.cells)
    for cell in notebook.cells:
        cell.source = cell.source.replace(written, run)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 2
    assert any(words in out.get("data", {}).get("text/html", "") for out in outputs)
    assert (tmp_path / file).is_file()
