"""What the commands share: the line that repeats a run, sizes, output for people and scripts."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.cli import studies, verbs
from optiinr_jax.cli.common import Output, command_line
from optiinr_jax.cli.reading import Reading
from optiinr_jax.studies import StudySettings


def options_of(verb, **changed):
    """The arguments of a command, as it would see them itself."""
    import inspect

    return {n: p.default for n, p in inspect.signature(verb).parameters.items()} | changed


def test_the_command_line_has_what_is_not_the_default():
    settings = StudySettings(width=16, seed=3)
    options = options_of(studies.search, file=Path("a b.png"), num_trials=7, settings=settings)
    line = command_line(studies.search, options)
    assert line == "optiinr search 'a b.png' --num-trials 7 --width 16 --seed 3"
    assert command_line(studies.search, options_of(studies.search, quiet=True)) == "optiinr search"
    part = options_of(studies.search, file=Path("a.wav"), reading=Reading(start=0.5, mono=True))
    assert command_line(studies.search, part) == "optiinr search a.wav --start 0.5 --mono True"
    several = options_of(studies.search, settings=StudySettings(rungs=(0.2, 0.5)))
    assert command_line(studies.search, several) == "optiinr search --rungs 0.2 0.5"


def test_output_for_people_and_for_scripts(capsys):
    record = {"gain": math.nan, "scores": (1.0, -math.inf), "best": {"score": 2.5}, "name": "a"}
    for output, lines in ((Output(), ["words"]), (Output(quiet=True), [])):
        output.say("words")
        output.result(record)
        assert capsys.readouterr().out.split() == lines
    Output(json=True).say("words")
    Output(json=True).result(record)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    expected = {"gain": None, "scores": [1.0, None], "best": {"score": 2.5}, "name": "a"}
    assert json.loads(out) == expected  # NaN and Infinity are not JSON


def test_an_array_of_voxels_is_cropped_as_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    occupied = np.zeros((8, 8, 8), bool)
    occupied[2:6, 2:6, 2:6] = True
    np.savez("a.npz", occupied)
    shapes = {}
    monkeypatch.setattr(oi, "fit", lambda signal, *_, **__: shapes.update(x=signal.shape) or 1 / 0)
    for crop, side in (("none", 8), ("tight", 4), ("wire", 3), (None, 4)):
        with pytest.raises(ZeroDivisionError):
            reading = Reading(size="full", crop=crop)
            verbs.fit(Path("a.npz"), reading=reading, out=tmp_path / "run", quiet=True)
        assert shapes["x"] == (side, side, side)
