"""The script `optiinr`: version and overview without the import that takes a second or two."""

import subprocess
import sys
from pathlib import Path

import pytest

import optiinr_command
import optiinr_jax as oi
from optiinr_jax.cli.main import VERBS, run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("option", ["--version", "--help", "-h"])
def test_answers_at_once_import_nothing(option):
    program = (
        f"import sys; sys.argv = ['optiinr', {option!r}]; import optiinr_command as c; c.main(); "
        "assert not {'optiinr_jax', 'jax', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "optiinr" in done.stdout


def test_they_say_what_the_package_says(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["optiinr", "--version"])
    optiinr_command.main()
    assert capsys.readouterr().out == f"optiinr {oi.__version__}\n"
    monkeypatch.setattr(sys, "argv", ["optiinr", "--help"])
    optiinr_command.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(VERBS)
    assert any("--config FILE" in line for line in lines)


def test_a_verb_that_is_nearly_right_is_guessed(capsys):
    assert run(["serch", "photo.png"]) == 2
    assert "did you mean 'search'?" in capsys.readouterr().err
