"""What the commands share: the line that repeats a run, sizes, output for people and scripts."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.cli import studies, verbs
from optiinr_jax.cli.common import Output, command_line, get_signal
from optiinr_jax.signals import LossWarning
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
    several = options_of(studies.search, settings=StudySettings(rungs=(0.2, 0.5)))
    assert command_line(studies.search, several) == "optiinr search --rungs 0.2 0.5"


def test_sizes_of_a_command():
    assert get_signal(None, "image", "auto", "fit", {}).shape == (128, 128)
    assert get_signal(None, "image", "auto", "search", {}).shape == (96, 96)
    assert get_signal(None, "audio", 100, "fit", {}).shape == (100,)


def test_a_file_shorter_than_the_usual_size_is_taken_whole(tmp_path):
    path = oi.signals.write_samples(tmp_path / "a.wav", *_sound(500))
    assert get_signal(path, "image", "auto", "search", {}).shape == (500,)


def _sound(count):
    signal = oi.sample_signal("audio", count)
    return signal.samples, signal.frame


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
            verbs.fit(Path("a.npz"), size=None, crop=crop, out=tmp_path / "run", quiet=True)
        assert shapes["x"] == (side, side, side)


def test_a_picture_is_cut_to_a_square(tmp_path):
    Image.new("RGB", (40, 20), "red").save(tmp_path / "a.png")
    with pytest.warns(LossWarning, match="the 20 x 20 in the middle are kept"):
        signal = get_signal(tmp_path / "a.png", "image", 16, "fit", {})
    assert signal.shape == (16, 16)
