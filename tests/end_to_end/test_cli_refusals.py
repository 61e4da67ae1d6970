"""What the command cannot do: one sentence, exit code 2, and nothing is written."""

import os
from pathlib import Path

import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.cli.main import run


@pytest.fixture
def bad_files(tmp_path):
    (tmp_path / "text.png").write_text("this is not a picture")
    Image.new("RGB", (1, 1)).save(tmp_path / "one.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "ok.png")
    sample, siren = oi.sample_signal("image", size=4), oi.preset("siren", width=4)
    inr = oi.fit(sample, siren, num_steps=1, warn=False)
    whole = inr.save(tmp_path / "ok.inr.safetensors").read_bytes()
    (tmp_path / "cut.inr.safetensors").write_bytes(whole[:-40])
    (tmp_path / "flipped.inr.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (tmp_path / "file").write_text("a file where a folder should be")
    return tmp_path


BAD = {
    "missing file": (["fit", "absent.png"], "absent.png"),
    "text named .png": (["fit", "text.png"], "text.png"),
    "one pixel": (["fit", "one.png", "--size", "None"], "at least 2"),
    "no steps": (["fit", "ok.png", "--num-steps", "0"], "num_steps is 0"),
    "no steps in search": (["search", "ok.png", "--num-steps", "0"], "num_steps is 0"),
    "no trials": (["search", "ok.png", "--num-trials", "0"], "num_trials is 0"),
    "no seeds": (["search", "ok.png", "--num-seeds", "0"], "num_seeds is 0"),
    "no width": (["search", "ok.png", "--width", "0"], "width is 0"),
    "size": (["fit", "ok.png", "--size", "0"], "size"),
    "unknown preset": (["fit", "ok.png", "--preset", "magic"], "unknown preset 'magic'; known are"),
    "unknown protocol": (["fit", "ok.png", "--protocol", "magic"], "unknown protocol 'magic'"),
    "unknown strategy": (["search", "ok.png", "--strategy", "magic"], "unknown strategy"),
    "unknown space": (["search", "ok.png", "--space", "magic"], "unknown space"),
    "folder is a file": (["fit", "ok.png", "--out", "file"], "cannot write to the folder file"),
    "folder as file": (["fit", "."], "is a folder"),
    "no suffix": (["fit", "file"], "no suffix"),
    "folder with ?": (["search", "--out", "a?b"], "has '?' or '%' in its name"),
    "seed": (["search", "--seed", "-1"], "seed is -1"),
    "huge seed": (["fit", "ok.png", "--seed", "99999999999999999999"], "seed is 9999999999"),
    "folder in a file": (["search", "--out", "file/run"], "cannot write to the folder file"),
    "truncated model": (["render", "cut.inr.safetensors"], "cut.inr.safetensors"),
    "flipped bit": (["render", "flipped.inr.safetensors"], "has changed since it was saved"),
    "missing model": (["render", "absent.safetensors"], "no model file absent.safetensors"),
    "picture as model": (["render", "ok.png"], "not a model file"),
    "scale": (["render", "ok.inr.safetensors", "--scale", "-1"], "scale is -1"),
    "huge scale": (["render", "ok.inr.safetensors", "--scale", "1e9"], "limit"),
    "odd region": (["render", "ok.inr.safetensors", "--region", "0", "1", "0"], "3 numbers"),
    "rendering": (["render", "ok.inr.safetensors", "-o", "big.xyz"], ".xyz"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence_and_exit_code_2(case, bad_files, monkeypatch, capsys):
    arguments, expected = BAD[case]
    monkeypatch.chdir(bad_files)
    before = sorted(path.name for path in bad_files.rglob("*.*"))
    assert run(arguments) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("optiinr: ") and errors.count("\n") == 1, errors
    assert expected in errors and "Traceback" not in errors
    assert sorted(path.name for path in bad_files.rglob("*.*")) == before  # nothing half-made


def test_a_read_only_folder(bad_files, monkeypatch, capsys):
    folder = bad_files / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        folder = Path("/proc")  # the superuser may write anywhere but here
    assert run(["search", "--out", str(folder / "run")]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("optiinr: cannot write to the folder") and errors.count("\n") == 1
