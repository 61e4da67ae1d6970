"""The folder for OptunaHub: its example runs, loaded as OptunaHub loads it."""

import runpy
from pathlib import Path

import optuna
import pytest

FOLDER = Path(__file__).parents[3] / "hub"


def test_the_example_finds_the_valley(monkeypatch, capsys):
    optunahub = pytest.importorskip("optunahub", reason="pip install optunahub")

    def local(package):
        return optunahub.load_local_module(package, registry_root=str(FOLDER))

    monkeypatch.setattr(optunahub, "load_module", local)  # the registry is on the internet
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = runpy.run_path(str(FOLDER / "samplers" / "optiinr" / "example.py"))
    assert found["study"].best_params["depth"] == 4
    assert found["study"].best_value < 0.1


def test_the_example_of_the_page_is_the_file():
    folder = FOLDER / "samplers" / "optiinr"
    page = (folder / "README.md").read_text()
    block = page.split("```python\n")[1].split("```")[0]
    calls = [line for line in block.splitlines() if "trial." in line or "sampler" in line]
    example = (folder / "example.py").read_text()
    assert len(calls) >= 5 and all(line in example for line in calls)
