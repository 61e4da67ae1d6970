"""The command as a user calls it: real processes and files, exit codes, one sentence for errors."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trimesh
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.cli import facts
from optiinr_jax.cli.main import run
from optiinr_jax.signals import write_samples

SMALL = ["--size", "16", "--width", "8", "--depth", "2"]
SMALL += ["--num-steps", "120", "--num-seeds", "1"]
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
        "best_preset.inr.safetensors",
        "config.json",
        "fresh_scores.json",
        "report.html",
        "study.db.lock",
        "study.artifacts",
    }
    assert json.loads((out / "config.json").read_text())["command"] in done.stdout
    assert "found configuration" in done.stdout and "dB" in done.stdout
    assert " 14/14  trial  13 " in done.stderr and "eta" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr  # plain lines when not a terminal
    assert "inf" not in done.stderr  # there is no best before the first score
    assert "at the samples" in done.stdout and "between them" in done.stdout
    assert "in the search it had" in done.stdout and "again: " in done.stderr
    assert read_picture(out / "best.png").shape == (16, 16, 3)
    record = json.loads((out / "config.json").read_text())
    inr = oi.load_inr(out / "best.inr.safetensors")
    study = oi.load_study(f"sqlite:///{out / 'study.db'}")
    assert record["score"] == inr.score == study.best_score
    assert record["scores"] == inr.scores._asdict() and record["objective"] == "continuous"
    assert oi.inr.NetworkConfig.from_json(record["config"]) == inr.config


def test_model_gives_the_same_values_and_psnr_in_a_new_process(finished):
    out, _ = finished
    model = out / "best.inr.safetensors"
    code = (
        "import sys, numpy as np, optiinr_jax as oi\n"
        "inr = oi.load_inr(sys.argv[1]); s = oi.sample_signal('image', size=16)\n"
        "values = inr.predict(s.grid_coords()); np.save(sys.argv[2], values)\n"
        "print(repr(s.score(values)), repr(inr.scores.samples))\n"
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


def test_the_same_command_again_trains_nothing(finished, capsys):
    out, _ = finished
    before = scores(out)
    model = out / "best.inr.safetensors"
    inr = oi.load_inr(model)
    assert run(search_arguments(out, 14)) == 0 and scores(out) == before
    assert " trial " not in capsys.readouterr().err
    assert oi.load_inr(model).info == inr.info
    model.write_bytes(model.read_bytes()[:100])  # damaged: trained again, the same
    assert run(search_arguments(out, 14)) == 0 and scores(out) == before
    assert oi.load_inr(model).score == inr.score


def _count(folder: Path) -> int:
    try:
        return sum(row[1] in ("COMPLETE", "FAIL") for row in scores(folder))
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
    assert "RUNNING" not in {state for _, state, _ in scores(out)}  # it waits for the next call


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
    assert expected.shape == (32, 26, 3)  # 24 x 20 pixels, of which the longer side became 16


SMALL_FIT = ["--width", "8", "--num-steps", "30"]
SIZES = {"image": "16", "audio": "512", "volume": "10"}


@pytest.mark.parametrize("kind", SIZES)
def test_fit_eval_and_render_of_every_kind(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    suffix = {"image": ".png", "audio": ".wav", "volume": ".ply"}[kind]
    target = "target.npz" if kind == "volume" else f"target{suffix}"
    signal = oi.sample_signal(kind, int(SIZES[kind]))
    write_samples(target, signal.samples, signal.frame)
    arguments = [target, "--size", SIZES[kind], "--out", "run", "--width", "16"]
    arguments += ["--num-steps", "200", "--objective", "continuous"]
    arguments += ["--protocol", "official" if kind == "volume" else "search"]
    assert run(["fit", *arguments, "--preset", "siren"]) == 0
    out = capsys.readouterr().out
    metric = signal.metric_name
    assert f"{metric} at the samples" in out and f"{metric} between samples" in out
    assert "parameters in" in out and "bytes" in out and "objective continuous" in out
    assert (tmp_path / "run" / f"best{suffix}").stat().st_size > 0
    model = "run/best.inr.safetensors"
    assert run(["render", model, "--scale", "2"]) == 0
    assert (tmp_path / f"render{suffix}").exists()
    capsys.readouterr()
    assert run(["eval", model, target, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    stored = oi.load_inr(model).scores
    assert scores[metric] == pytest.approx(stored.samples, abs=0.05)
    between = f"{metric} between samples"
    assert scores[between] == pytest.approx(stored.between, abs=0.05)
    assert f"{between}, {stored.control_label}" in scores
    assert run(["eval", model, target, "--quiet"]) == 0
    numbers = capsys.readouterr().out.split("\n")[:-1]
    assert [float(number) for number in numbers] == pytest.approx(list(scores.values()), abs=1e-4)


def test_export_writes_a_network_for_other_programs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture = oi.sample_signal("image", size=8)
    oi.make_inr(picture, oi.preset("siren", width=8)).save("a.inr.safetensors")
    assert run(["export", "a.inr.safetensors", "--torch", "--glsl", "--wgsl", "--html"]) == 0
    names = ["export.py", "export.glsl", "export.wgsl", "export.html"]
    for line, name in zip(capsys.readouterr().out.splitlines(), names, strict=True):
        assert line == f"wrote {name}, {(tmp_path / name).stat().st_size:,} bytes"
    assert (tmp_path / "export.safetensors").is_file()
    assert run(["export", "a.inr.safetensors", "--html", "-o", "page.html"]) == 0
    assert (tmp_path / "page.html").read_text() == (tmp_path / "export.html").read_text()
    capsys.readouterr()
    assert run(["export", "a.inr.safetensors", "--glsl", "--html", "-o", "b"]) == 2
    assert "--glsl and --html are several" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert run(["export", "a.inr.safetensors", "--onnx"]) == 2
    errors = capsys.readouterr().err
    assert "pip install 'optiinr-jax[onnx]'" in errors and errors.count("\n") == 1


def test_export_writes_a_closed_mesh_of_a_solid_only(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fit = ["fit", "--sample", "volume", "--size", "16", "--preset", "finer", "--out", "solid"]
    assert run([*fit, "--width", "32", "--num-steps", "150"]) == 0
    capsys.readouterr()
    assert run(["export", "solid/best.inr.safetensors", "-o", "b.stl"]) == 0
    assert capsys.readouterr().err == ""  # at the samples nothing is made up
    assert run(["export", "solid/best.inr.safetensors", "--scale", "1.5", "-o", "a.stl"]) == 0
    doubt = capsys.readouterr().err
    assert "between its samples this network has IoU" in doubt and doubt.count("\n") == 1
    mesh = trimesh.load_mesh("a.stl")
    assert mesh.is_watertight and mesh.volume > 0
    assert run(["fit", "--size", "8", "--out", "picture", *SMALL_FIT]) == 0
    capsys.readouterr()
    assert run(["export", "picture/best.inr.safetensors"]) == 2
    errors = capsys.readouterr().err
    assert "surface of a solid" in errors and errors.count("\n") == 1
    assert not (tmp_path / "mesh.ply").exists()


def test_compare_lists_all_and_trains_each_once(tmp_path, capsys):
    names = ["--presets", "SIREN,iga", "pemlp"]  # 16 does not divide into IGA's groups of 32
    arguments = ["compare", "--size", "16", "--out", str(tmp_path), *SMALL_FIT, *names]
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "does not divide into groups" in out and out.splitlines()[2].split()[1:3] == [
        "samples",
        "between",
    ]
    assert "the samples" in out.splitlines()[6]  # what interpolating them has between
    first = json.loads((tmp_path / "comparison.json").read_text())
    assert [row["name"] for row in first["networks"]][-1] == "iga"
    assert all(row["score"] == row["samples"] for row in first["networks"][:2])
    assert all(row["between"] for row in first["networks"][:2]) and first["control"] > 0
    height, width, _ = read_picture(tmp_path / "comparison.png").shape
    assert min(height, width) > 300
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.safetensors")}
    assert run(arguments) == 0
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.safetensors")} == before


# the command, with a line of progress after every chunk
TALKATIVE = """
import optiinr_jax.progress as progress
from optiinr_jax.cli.main import main
progress.DELAY = progress.LINE_EVERY = 0.0
main()
"""


def test_a_terminated_fit_goes_on_where_it_was(tmp_path):
    arguments = ["fit", "--size", "32", "--width", "16", "--num-steps", "3000", "--out"]
    process = subprocess.Popen(
        [sys.executable, "-c", TALKATIVE, *arguments, str(tmp_path / "a")],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("fit ")  # under way, far from its end
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143 and "Traceback" not in errors
    (checkpoint,) = (tmp_path / "a").glob("*.checkpoint")
    for name in ("a", "b"):  # b is not disturbed
        assert run([*arguments, str(tmp_path / name)]) == 0
    again, whole = (oi.load_inr(tmp_path / n / "best.inr.safetensors") for n in ("a", "b"))
    assert again.score == whole.score and not checkpoint.exists()


def test_doctor(capsys):
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "jax" in out and "devices" in out and "self-test" in out
    assert run(["doctor", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_doctor_notices_a_machine_that_cannot_train(monkeypatch, capsys):
    """One step is too few to learn anything."""
    monkeypatch.setattr(facts, "SELF_TEST_STEPS", 1)
    assert run(["doctor", "--quiet"]) == 1
    assert "the self-test failed: the loss went from" in capsys.readouterr().err


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"optiinr {oi.__version__}\n"


def test_another_search_in_the_same_folder_is_refused(finished, picture, capsys):
    out, _ = finished
    before = scores(out)
    for verb in ("fit", "compare"):
        assert run([verb, str(picture), "--out", str(out)]) == 2
        assert "holds a search" in capsys.readouterr().err
    assert run(search_arguments(out, 14, "--seed", "5")) == 2
    assert "holds the network of another search" in capsys.readouterr().err
    assert scores(out) == before


def test_a_comparison_and_a_search_have_no_file_in_common(finished, tmp_path):
    """A comparison may lie where a search is then made; neither takes the other's file."""
    arguments = ["compare", "--size", "16", "--out", str(tmp_path), "--presets", "siren", "--quiet"]
    assert run([*arguments, *SMALL_FIT]) == 0
    names = [{path.name for path in folder.iterdir()} for folder in (finished[0], tmp_path)]
    assert not names[0] & names[1]


def test_status_of_a_finished_search_fits_a_terminal(finished, monkeypatch, capsys):
    out, _ = finished
    monkeypatch.setattr("optiinr_jax.cli.studies.terminal_width", lambda: 80)
    assert run(["status", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].startswith("sample_image: 14 of 14 trials (")
    assert any("published siren, rate x 4" in line for line in lines)
    assert run(["status", str(out), "--json"]) == 0
    best = json.loads(capsys.readouterr().out)["best"]
    assert {"score", "samples", "between", "control", "control_name", "seeds"} <= set(best)


def test_two_channels_of_a_sound(tmp_path, capsys):
    """Fitted as they are, or as their mean; a model of the mean is measured against the mean."""
    wave = np.stack([np.sin(np.arange(600) / 7.0), np.cos(np.arange(600) / 11.0)], axis=1)
    oi.signals.write_audio(tmp_path / "a.wav", 0.5 * wave, 8000)
    for name, more, channels in (("both", [], 2), ("mean", ["--mono"], 1)):
        arguments = ["fit", str(tmp_path / "a.wav"), "--size", "None", "--width", "8"]
        arguments += ["--num-steps", "20", "--out", str(tmp_path / name), "--quiet", *more]
        assert run(arguments) == 0
        model = tmp_path / name / "best.inr.safetensors"
        assert oi.load_inr(model).frame.num_channels == channels
        assert soundfile.info(tmp_path / name / "best.wav").channels == channels
        assert run(["eval", str(model), str(tmp_path / "a.wav"), "--quiet"]) == 0
    assert "nan" not in capsys.readouterr().out
