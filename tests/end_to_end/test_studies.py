"""The verbs of a study, and what happens to it when the machine misbehaves: disks, locks, files."""

import contextlib
import gc
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import optiinr_jax as oi
from optiinr_jax.cli.config_file import expand_config
from optiinr_jax.cli.main import run
from optiinr_jax.cli.studies import FRESH_SCORES
from optiinr_jax.studies.store import connection

COMMAND = [sys.executable, "-m", "optiinr_jax"]
SMALL = {"size": 12, "width": 8, "depth": 1, "num_steps": 300, "strategy": "random"}
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]


def search(folder, num_trials, *more):
    arguments = ["search", *FLAGS, "--num-seeds=1", f"--num-trials={num_trials}", *more]
    return run([*arguments, "--out", str(folder), "--quiet"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies") / "run"
    assert search(folder, 10) == 0
    gc.collect()  # closes the search's connections, so that the file alone is the whole study
    return folder


def address(folder):
    return f"sqlite:///{folder / 'study.db'}"


def test_status_in_words_and_as_json(finished, capsys):
    capsys.readouterr()
    assert run(["status", str(finished)]) == 0
    out = capsys.readouterr().out
    assert "sample_image: 10 of 10 trials (" in out and "trial 0 again: siren" in out
    assert run(["status", address(finished), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["ended"] == 10 >= record["complete"] >= 5 and record["is_over"]
    assert (
        record["command"].startswith("optiinr search --out ") and "--depth 1" in record["command"]
    )
    assert run(["status", str(finished), "--watch"]) == 0  # it is over, so this ends
    capsys.readouterr()
    assert run(["worker", str(finished), "--json"]) == 0  # nothing left to do
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ended"] == 10


def test_report_of_a_stored_study(finished, tmp_path, capsys):
    capsys.readouterr()
    arguments = ["report", str(finished), "--num-seeds", "1", "--out", str(tmp_path), "--json"]
    assert run(arguments) == 0
    assert (tmp_path / "report.html").stat().st_size > 50_000
    assert "gain" in json.loads(capsys.readouterr().out)


def test_report_against_another_search(finished, tmp_path, capsys):
    """The other one is drawn beside; one of another size is refused before anything is trained."""
    other, larger = tmp_path / "other", tmp_path / "larger"
    options = {name: value for name, value in SMALL.items() if name != "size"}
    for folder, size in ((other, SMALL["size"]), (larger, 13)):
        signal = oi.sample_signal("image", size)
        folder.mkdir()
        oi.search(signal, num_trials=1, storage=address(folder), name="b", **options)
    arguments = ["report", str(finished), "--num-seeds", "1", "--out", str(tmp_path), "--quiet"]
    assert run([*arguments, "--against", str(other), "--against-name", "b"]) == 0
    words = " ".join((tmp_path / "report.html").read_text().split())
    assert "another search of this signal: b, strategy random" in words
    (tmp_path / FRESH_SCORES).unlink()
    assert run([*arguments, "--against", str(larger)]) == 2
    assert "study 'b' has another signal than 'sample_image'" in capsys.readouterr().err
    assert not (tmp_path / FRESH_SCORES).exists()


@pytest.mark.parametrize("verb", ["status", "worker", "report"])
def test_no_study_is_one_sentence(verb, tmp_path, capsys):
    assert run([verb, str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert "there is no study" in errors and errors.count("\n") == 1
    with contextlib.closing(sqlite3.connect(tmp_path / "study.db")):
        assert run([verb, str(tmp_path), "--name", "x"]) == 2
    assert "there is no study 'x'" in capsys.readouterr().err


def test_a_configuration_file_stands_for_flags_which_beat_it(tmp_path, capsys):
    path = tmp_path / "run.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in SMALL.items()]
    path.write_text("\n".join([*lines, "num_trials = 7", "[search]", "num_seeds = 1"]))
    out = tmp_path / "run"
    arguments = ["search", "--config", str(path), "--num-trials", "2", "--out", str(out), "--json"]
    assert run(arguments) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["num_trials"] == 2 and record["settings"]["num_steps"] == 300


def test_words_of_a_configuration_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        'file = "b.png"\nkeep_best = true\nquiet = false\nregion = [0, 0.5]\n[fit]\nseed = 3'
    )
    flags = ["--keep-best", "--no-quiet", "--region", "0", "0.5", "--seed", "3"]
    assert expand_config(["fit", "--config", str(path)]) == ["fit", "b.png", *flags]
    assert expand_config(["fit", "c.png", f"--config={path}", "--seed", "4"]) == [
        "fit",
        "c.png",
        *flags,
        "--seed",
        "4",
    ]
    assert expand_config(["fit", "c.png"]) == ["fit", "c.png"]
    path.write_text("born = 1979-05-27")
    with pytest.raises(ValueError, match=r"has born = .* a number, text, true, false or a list"):
        expand_config(["fit", "--config", str(path)])


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no configuration file"), ("a = = 3", "is not a TOML file")],
)
def test_configuration_files_that_are_none(content, message, tmp_path, capsys):
    path = tmp_path / "a.toml"
    if content is not None:
        path.write_text(content)
    assert run(["search", "--config", str(path)]) == 2
    errors = capsys.readouterr().err
    assert message in errors and errors.count("\n") == 1


def test_shells_can_complete(capsys):
    with pytest.raises(SystemExit) as stopped:
        run(["--tyro-print-completion", "bash"])
    assert not stopped.value.code
    assert "optiinr" in capsys.readouterr().out


@pytest.fixture
def copied(finished, tmp_path):
    """A study of ten trials that a larger budget continues."""
    for path in finished.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def ended(folder):
    return oi.load_study(address(folder)).count_ended()


def test_a_locked_database_is_one_sentence_and_loses_nothing(copied, capsys, monkeypatch):
    monkeypatch.setattr(connection, "WRITE_TIMEOUT", 0.2)
    with contextlib.closing(sqlite3.connect(copied / "study.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert search(copied, 12) in (1, 2)
        errors = capsys.readouterr().err
        assert "database is locked" in errors and errors.count("\n") == 1, errors
    assert ended(copied) == 10
    assert search(copied, 12) == 0 and ended(copied) == 12


def test_a_damaged_model_file_is_made_anew(copied):
    model = copied / "best.inr.safetensors"
    before = oi.load_inr(model)
    model.write_bytes(b"not a model")
    assert search(copied, 10) == 0
    assert oi.load_inr(model).score == before.score


def test_a_damaged_database_is_one_sentence(copied, capsys):
    whole = (copied / "study.db").read_bytes()
    for content in (b"not a database" * 100, whole[:5000]):
        (copied / "study.db").write_bytes(content)
        assert search(copied, 12) in (1, 2)
        errors = capsys.readouterr().err
        assert errors.startswith("optiinr: ") and errors.count("\n") == 1, errors
    (copied / "study.db").write_bytes(whole)
    assert ended(copied) == 10


def test_another_signal_or_space_under_the_same_name(copied, capsys):
    for flag, what in {"--size=14": "signal", "--space=full": "space", "--seed=1": "seed"}.items():
        assert search(copied, 12, flag) == 2
        errors = capsys.readouterr().err
        assert errors.count("\n") == 1 and (
            f"was made with another {what}" in errors or "network of another search" in errors
        )
    files = {path.name: path.read_bytes() for path in copied.glob("*.json")}
    for flags in (["--name=x"], ["--sample=audio", "--size=64"]):  # of another name too
        assert run(["search", *flags, "--num-trials=2", "--out", str(copied), "--quiet"]) == 2
        errors = capsys.readouterr().err
        assert "holds the search 'sample_image', whose files" in errors and errors.count("\n") == 1
    assert files == {path.name: path.read_bytes() for path in copied.glob("*.json")}
    (copied / "study.db").unlink()  # as of one whose database is elsewhere
    assert run(["fit", "--num-steps=2", "--out", str(copied), "--quiet"]) == 2
    assert "holds a search, which this would overwrite" in capsys.readouterr().err


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 12 MiB, where the system lets us make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        done = None
    if done is None or done.returncode != 0:
        pytest.skip("mounting a small disk needs the superuser")
    yield folder
    gc.collect()  # a search that failed keeps its connections until its error is collected
    subprocess.run(["umount", str(folder)], check=True)  # refused while anything holds a file


def test_a_disk_that_fills_up(small_disk, capsys):
    """It ends with one sentence; with room again the same command finishes the study."""
    assert search(small_disk, 2) == 0
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(b"\0" * 65536)
            file.flush()
    capsys.readouterr()
    assert search(small_disk, 4) in (1, 2)
    errors = capsys.readouterr().err
    assert errors.splitlines()[-1].startswith("optiinr: ") and "Traceback" not in errors
    assert "disk is full" in errors or "No space left" in errors, errors
    ballast.unlink()
    assert search(small_disk, 4) == 0 and ended(small_disk) == 4
    alone = oi.search(
        oi.sample_signal("image", size=12),
        num_trials=4,
        progress=False,
        **{name: value for name, value in SMALL.items() if name != "size"},
    )
    scores = [trial.score for trial in oi.load_study(address(small_disk)).trials]
    assert scores == [trial.score for trial in alone.trials]


def test_a_folder_that_turns_read_only(copied, capsys):
    if os.geteuid() == 0:
        pytest.skip("nothing is read-only to the superuser")
    copied.chmod(0o500)
    assert search(copied, 12) in (1, 2)
    errors = capsys.readouterr().err
    copied.chmod(0o700)
    assert errors.startswith("optiinr: ") and errors.count("\n") == 1
    assert ended(copied) == 10


def test_watching_a_search_while_it_runs(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "search", *FLAGS, "--num-seeds=1", "--num-trials=9", "--out", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (tmp_path / "study.db").exists() or _count(tmp_path) < 1:
        assert process.poll() is None
        threading.Event().wait(0.1)
    watch = subprocess.run(
        [*COMMAND, "status", str(tmp_path), "--watch"], capture_output=True, text=True, timeout=120
    )
    assert watch.returncode == 0 and "9 of 9 trials" in watch.stdout
    assert process.wait() == 0


def _count(folder: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(folder / "study.db")) as database:
            (count,) = database.execute("select count(*) from trials").fetchone()
            return count
    except sqlite3.OperationalError:  # the tables are being made
        return 0
