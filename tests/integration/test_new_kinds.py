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


TINY = ["--num-trials", "3", "--num-initial", "3", "--num-confirm", "0", "--strategy", "random"]
TINY += ["--num-steps", "150", "--width", "8", "--depth", "2", "--num-seeds", "1"]
SEARCHED = {  # file -> what of it is read, and words of the page
    "picture.png": (["--size", "16", "--mask", "mask.png"], "kept apart"),
    "points.csv": ([], "points in 2 dimensions, drawn on"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A picture with a mask beside it, and points."""
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    picture = oi.sample_signal("image", (12, 16))
    write_samples(folder / "picture.png", picture.samples, picture.frame)
    hidden = np.zeros((12, 16), np.uint8)
    hidden[4:8, 4:12] = 255
    Image.fromarray(hidden).save(folder / "mask.png")
    np.savetxt(folder / "points.csv", rng.uniform(size=(60, 3)), delimiter=",")
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::optiinr_jax.inr.FloorWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", SEARCHED)
def test_a_search_through_the_command(name, folder, monkeypatch, capsys):
    """The page draws it, and the same command again trains nothing."""
    monkeypatch.chdir(folder)
    more, words = SEARCHED[name]
    command = ["search", name, *more, *TINY]
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    out = folder / found["folder"]
    page = (out / "report.html").read_text()
    assert words in page and page.count("data:image/png") >= 3
    assert (out / "best.inr.safetensors").exists() and len(found["presets"]) > 1
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["found"] == found["found"]
    if "--mask" in more:
        assert run(["eval", str(out / "best.inr.safetensors"), name, *more, "--json"]) == 0
        assert "PSNR (dB) at hidden samples" in json.loads(capsys.readouterr().out)
