"""A part of a file from `fit` to `eval`, and networks that nothing replaces."""

import json

import numpy as np
import pytest
import soundfile

from optiinr_jax.cli.main import run

RATE = 4000
SIREN = ["fit", "--preset", "siren"]
FIT = ["--width", "8", "--depth", "1", "--num-steps", "5", "--quiet"]
PART = ["--start", "0.5", "--duration", "0.02"]
MODEL = "runs/a-siren/best.inr.safetensors"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a sound, and another sound of the same name in a folder of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    t = np.arange(2 * RATE) / RATE
    wave = np.sin(2 * np.pi * (100 + 50 * t) * t) * (0.2 + t / 3)
    for path, sound in (("a.wav", wave), ("b/a.wav", wave[::-1])):
        soundfile.write(path, sound, RATE, subtype="FLOAT")
    return tmp_path


@pytest.mark.filterwarnings("ignore")
def test_what_was_fitted_is_measured_and_kept(folder, capsys):
    assert run([*SIREN, "a.wav", *PART, *FIT]) == 0
    content = (folder / MODEL).read_bytes()
    score = json.loads((folder / "runs/a-siren/config.json").read_text())["scores"]["samples"]

    assert run(["eval", MODEL, "a.wav", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["PSNR (dB)"] == pytest.approx(score, abs=1e-4)  # and not that of the beginning

    assert run([*SIREN, "a.wav", *PART, *FIT]) == 0  # the same: it is there already
    others = (["b/a.wav"], ["a.wav", "--seed", "1"], ["a.wav", "--num-steps", "6"])
    for changed in others:
        assert run([*SIREN, changed[0], *PART, *FIT, *changed[1:]]) == 2
        assert "is the network of another fit" in capsys.readouterr().err
    assert (folder / MODEL).read_bytes() == content

    assert run(["render", MODEL]) == 0
    assert run(["render", MODEL]) == 2
    assert "render.wav exists" in capsys.readouterr().err
    assert run(["render", MODEL, "--out", "render.wav"]) == 0


@pytest.mark.filterwarnings("ignore")
def test_a_comparison_of_a_part_replaces_no_other_one(folder, capsys):
    compare = ["compare", "a.wav", *PART, *FIT, "--presets", "SIREN,"]
    assert run(compare) == 0
    model = folder / "runs/a-presets/siren.inr.safetensors"
    content = model.read_bytes()
    assert run(["eval", str(model), "a.wav", "--quiet"]) == 0
    assert run(compare) == 0
    assert run([*compare, "--num-steps", "6"]) == 2
    assert "of another signal or other options" in capsys.readouterr().err
    assert model.read_bytes() == content
