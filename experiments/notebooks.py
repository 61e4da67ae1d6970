"""Run the notebooks and keep them with what they print and draw: `python -m experiments.notebooks`.

A notebook is written as notebooks/NAME.py, which one edits and reviews. notebooks/NAME.ipynb
is the same with its outputs, for people who look before they run, and for the site.
"""

import argparse
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

from optiinr_jax.files import write_atomic

FOLDER = Path(__file__).parents[1] / "notebooks"


def execute(path: Path) -> Path:
    """Run one notebook in an empty folder, and write it beside its source; gives its new path."""
    notebook = jupytext.read(path)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"{path.stem}-{i}"  # the same at every run
        cell.metadata.pop("execution", None)  # times of day
        if "outputs" in cell:  # warnings are of this machine, as is the folder
            cell["outputs"] = [out for out in cell["outputs"] if out.get("name") != "stderr"]
    target = path.with_suffix(".ipynb")
    text = nbformat.writes(notebook).replace(f"{folder}/", "")
    write_atomic(target, (text + "\n").encode())
    return target


def main() -> None:
    """Run the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="without .py; none: all")
    names = parser.parse_args().names or sorted(path.stem for path in FOLDER.glob("*.py"))
    for name in names:
        print(execute(FOLDER / f"{name}.py"), flush=True)


if __name__ == "__main__":
    main()
