"""The command as a user calls it: real processes and files, exit codes, one sentence for errors."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.cli.main import run

SMALL = ["--size", "16", "--width", "8", "--num-steps", "20", "--num-seeds", "1"]
COMMAND = [sys.executable, "-m", "optiinr_jax"]


def search_arguments(out, num_trials, *more):
    return ["search", *SMALL, "--num-trials", str(num_trials), "--out", str(out), *more]


def scores(folder):
    with sqlite3.connect(folder / "study.db") as database:
        rows = database.execute(
            "select t.number, t.state, v.value from trials t left join trial_values v "
            "on v.trial_id = t.trial_id where t.state != 'WAITING' order by t.number"
        )
        return rows.fetchall()


def read_picture(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures") / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 255, (24, 20, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One search to its end, in a process of its own."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    done = subprocess.run(
        [*COMMAND, *search_arguments(out, 14)], capture_output=True, text=True, check=True
    )
    return out, done


def test_search_leaves_everything_and_says_what_it_found(finished):
    out, done = finished
    assert {path.name for path in out.iterdir()} == {
        "study.db",
        "best.inr.safetensors",
        "best.png",
        "config.json",
        "comparison.json",
        "report.html",
    }
    assert "found configuration" in done.stdout and "dB" in done.stdout
    assert " 14/14  trial  13 " in done.stderr and "eta" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr  # plain lines when not a terminal
    assert read_picture(out / "best.png").shape == (16, 16, 3)
    record = json.loads((out / "config.json").read_text())
    inr = oi.load_inr(out / "best.inr.safetensors")
    assert record["score"] == inr.score == max(score for *_, score in scores(out))
    assert oi.inr.NetworkConfig.from_json(record["config"]) == inr.config


def test_model_gives_the_same_values_and_psnr_in_a_new_process(finished):
    out, _ = finished
    model = out / "best.inr.safetensors"
    code = (
        "import sys, numpy as np, optiinr_jax as oi\n"
        "inr = oi.load_inr(sys.argv[1]); s = oi.sample_signal('image', size=16)\n"
        "values = inr.predict(s.grid_coords()); np.save(sys.argv[2], values)\n"
        "print(repr(s.score(values)), repr(inr.score))\n"
    )
    values = out.parent / "values.npy"
    done = subprocess.run(
        [sys.executable, "-c", code, str(model), str(values)],
        capture_output=True,
        text=True,
        check=True,
    )
    again, stored = map(float, done.stdout.split())
    assert again == pytest.approx(stored, abs=1e-4)
    inr = oi.load_inr(model)
    coords = oi.sample_signal("image", size=16).grid_coords()
    np.testing.assert_allclose(np.load(values), inr.predict(coords), rtol=0, atol=1e-6)


def test_the_same_command_again_trains_nothing(finished):
    out, _ = finished
    before = scores(out)
    model = out / "best.inr.safetensors"
    inr = oi.load_inr(model)
    done = subprocess.run([*COMMAND, *search_arguments(out, 14)], capture_output=True, text=True)
    assert done.returncode == 0 and scores(out) == before
    assert " trial " not in done.stderr
    assert oi.load_inr(model).info == inr.info
    model.write_bytes(model.read_bytes()[:100])  # damaged: trained again, the same
    done = subprocess.run([*COMMAND, *search_arguments(out, 14)], capture_output=True, text=True)
    assert done.returncode == 0 and scores(out) == before
    assert oi.load_inr(model).score == inr.score == max(score for *_, score in before)


@pytest.mark.parametrize("wait_for", [3, 10, 12])
def test_kill_and_continue(finished, tmp_path, wait_for):
    """kill -9 after some trials; the same command ends with the scores of an undisturbed run."""
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [*COMMAND, *search_arguments(out, 14)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (out / "study.db").is_file() and _count(out) >= wait_for:
            break
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    left = [row for row in scores(out) if row[1] == "COMPLETE"]
    done = subprocess.run([*COMMAND, *search_arguments(out, 14)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    whole, _ = finished
    assert scores(out)[: len(left)] == left  # nothing is lost or trained twice
    assert scores(out) == scores(whole)


def _count(folder: Path) -> int:
    try:
        return sum(row[1] == "COMPLETE" for row in scores(folder))
    except sqlite3.OperationalError:  # the tables are being made
        return 0


def test_interrupt_keeps_what_is_done(tmp_path):
    out = tmp_path / "interrupted"
    process = subprocess.Popen(
        [*COMMAND, *search_arguments(out, 500)], stderr=subprocess.PIPE, text=True
    )
    while not ((out / "study.db").is_file() and _count(out) >= 3):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors.splitlines()[-1].startswith("optiinr: terminated; what is finished is kept")
    assert "Traceback" not in errors and _count(out) >= 3


def test_fit_then_render(picture, tmp_path, capsys):
    out = tmp_path / "fit"
    arguments = ["--size", "16", "--width", "8", "--num-steps", "30", "--out", str(out)]
    assert run(["fit", str(picture), "--preset", "finer", *arguments]) == 0
    assert "PSNR (dB)" in capsys.readouterr().out
    big = tmp_path / "big.png"
    assert run(["render", str(out / "best.inr.safetensors"), "--scale", "2", "-o", str(big)]) == 0
    inr = oi.load_inr(out / "best.inr.safetensors")
    expected = np.rint(255 * np.clip(inr.render(2.0), 0, 1))
    np.testing.assert_array_equal(read_picture(big), expected)
    assert expected.shape == (32, 32, 3)


def test_doctor(capsys):
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "jax" in out and "devices" in out and "self-test" in out


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"optiinr {oi.__version__}\n"


@pytest.fixture
def bad_files(tmp_path):
    (tmp_path / "text.png").write_text("this is not a picture")
    Image.new("RGB", (1, 1)).save(tmp_path / "one.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "ok.png")
    inr = oi.fit(oi.sample_signal("image", size=4), oi.preset("siren", width=4), num_steps=1)
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


def test_another_search_in_the_same_folder_is_refused(finished, picture, capsys):
    out, _ = finished
    before = scores(out)
    assert run(["fit", str(picture), "--out", str(out)]) == 2
    assert "holds a search" in capsys.readouterr().err
    assert run(search_arguments(out, 14, "--seed", "5")) == 2
    assert "was made with another seed" in capsys.readouterr().err
    assert scores(out) == before


def test_unknown_option_is_explained():
    with pytest.raises(SystemExit) as stopped:
        run(["search", "--num-trails", "3"])
    assert stopped.value.code == 2
