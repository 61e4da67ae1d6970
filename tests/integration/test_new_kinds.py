"""A second of video and a NIfTI file through the command: fitted, rendered, measured."""

import json

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.cli import verbs
from optiinr_jax.cli.main import run
from optiinr_jax.cli.reading import Reading
from optiinr_jax.signals import load_signal, write_samples

FILES = {"video": "a.mp4", "field": "a.nii.gz"}
PACKAGES = {"video": "av", "field": "nibabel"}


@pytest.mark.filterwarnings("ignore::optiinr_jax.inr.FloorWarning")
@pytest.mark.filterwarnings("ignore::optiinr_jax.signals.LossWarning")
@pytest.mark.filterwarnings("ignore:between its samples")
@pytest.mark.parametrize("kind", FILES)
def test_through_the_command(kind, tmp_path, capsys):
    pytest.importorskip(PACKAGES[kind])
    signal = oi.sample_signal(kind, (4, 6, 8))
    file = write_samples(tmp_path / FILES[kind], signal.samples, signal.frame)
    options = {"preset": "siren", "width": 6, "depth": 1, "num_steps": 5, "json_output": True}
    verbs.fit(file, out=tmp_path / "run", reading=Reading(size="8"), **options)
    fitted = json.loads(capsys.readouterr().out)
    model = tmp_path / "run" / "best.inr.safetensors"
    verbs.render(model, scale=2.0, out=tmp_path / f"large{FILES[kind][1:]}")
    large = load_signal(tmp_path / f"large{FILES[kind][1:]}", kind=kind)
    assert large.shape == (8, 12, 16)
    capsys.readouterr()
    verbs.evaluate(model, file, json_output=True)
    found = json.loads(capsys.readouterr().out)
    assert found["PSNR (dB)"] == pytest.approx(fitted["PSNR (dB)"], abs=1e-3)
    if kind == "field":
        assert large.attributes["spacing_0"] == pytest.approx(25.0)
    else:
        assert large.attributes["frame_rate"] == pytest.approx(8.0)
        assert np.ptp(large.samples) > 0.0


SEARCH = [
    "search",
    "picture.png",
    "--size",
    "16",
    "--mask",
    "mask.png",
    "--json",
    "--num-seeds",
    "1",
]
SEARCH += ["--num-trials", "3", "--num-initial", "3", "--num-confirm", "0", "--strategy", "random"]
SEARCH += ["--num-steps", "150", "--width", "8", "--depth", "2"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_search_of_a_masked_picture_through_the_command(tmp_path, monkeypatch, capsys):
    """The page draws it, and the same command again trains nothing."""
    monkeypatch.chdir(tmp_path)
    picture, hidden = oi.sample_signal("image", (12, 16)), np.zeros((12, 16), np.uint8)
    hidden[4:8, 4:12] = 255
    write_samples("picture.png", picture.samples, picture.frame)
    Image.fromarray(hidden).save("mask.png")
    assert run(SEARCH) == 0
    found = json.loads(capsys.readouterr().out)
    page = (tmp_path / found["folder"] / "report.html").read_text()
    assert "kept apart" in page and page.count("data:image/png") >= 3
    assert len(found["presets"]) > 1
    assert run(SEARCH) == 0
    assert json.loads(capsys.readouterr().out)["found"] == found["found"]
    model = f"{found['folder']}/best.inr.safetensors"
    assert run(["eval", model, "picture.png", "--mask", "mask.png", "--json"]) == 0
    assert "PSNR (dB) at hidden samples" in json.loads(capsys.readouterr().out)
