"""The help of every command: each option explained, in words that stand by themselves."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from optiinr_jax.cli.hints import options_of
from optiinr_jax.cli.main import VERBS as PLACES
from optiinr_jax.cli.main import _function, run
from optiinr_jax.studies import RunOptions, StudySettings

VERBS = ("search", "worker", "status", "report", "fit", "compare", "render", "export")
VERBS += ("eval", "info", "presets", "doctor")


def help_of(verb, capsys):
    with pytest.raises(SystemExit) as stopped:
        run([verb, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_explained(verb, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = help_of(verb, capsys)
    head, *boxes = re.split(r"\n [\w ]+\n -{70,} *\n", text)  # as it is in a pipe
    assert "usage" in head and boxes
    assert max(len(line.rstrip()) for line in "\n".join(boxes).splitlines()) <= 80
    entries = re.split(r"^  (?=\S)", "\n".join(boxes), flags=re.MULTILINE)[1:]
    words = [" ".join(entry.split()) for entry in entries]
    for entry in words:
        assert len(entry.partition(" ")[2]) > 10, entry
        assert not re.match(r"\S+(, \S+)?( [A-Z]+| \S*[|{]\S*)? of ", entry), (
            entry
        )  # no clipped "of a sound"
    assert "{None}|PATH" not in text
    shown = {name for entry in words for name in re.findall(r"^(?:-\w, )?--([\w-]+)", entry)}
    assert shown and shown <= options_of(_function(PLACES[verb]))


ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))


def test_every_command_of_the_manual_exists(capsys):
    """In its blocks, tables and sentences: the verb, and each option of that verb."""
    wanted: dict[str, set[str]] = {}
    for page in PAGES:
        for line in re.findall(r"(?:^|[`/ ])optiinr ([^`\n]*)", page.read_text(), re.MULTILINE):
            verb, *words = line.split("#")[0].split() or [""]
            if verb in VERBS:
                options = re.findall(r"--[a-z][a-z-]*", " ".join(words).split("optiinr ")[0])
                wanted.setdefault(verb, set()).update(options)
    assert set(wanted) == set(VERBS) and "--workers" in wanted["search"]
    for verb, options in wanted.items():
        known = set(re.findall(r"--[a-z][a-z-]*", help_of(verb, capsys)))
        assert options <= known | {"--config", "--quiet", "--json"}, verb


def test_settings_of_a_search_are_options(capsys):
    text = help_of("search", capsys)
    for field in fields(StudySettings):
        assert f"--{field.name.replace('_', '-')}" in text


@pytest.mark.parametrize("record", [StudySettings, RunOptions])
def test_every_field_of_a_record_is_explained(record):
    for field in fields(record):
        assert re.search(rf"\n\s+{field.name}: [a-z\"]", record.__doc__), field.name


def test_configuration_files_and_completion_are_in_the_help(capsys):
    with pytest.raises(SystemExit):
        run(["--help"])
    out = capsys.readouterr().out
    assert "--config FILE" in out and "completion" in out


HINTS = {
    "fit --lr 0.1": "optiinr fit has no option --lr; it is part of the network",
    "search --verbose": "a command says all it has to say, unless --quiet is given",
    "search --num-trails 3": "--num-trials is the nearest",
    "fit photo.png --steps=100": "--num-steps is what it is called here",
    "render a.inr.safetensors --output b.png": "--out is what it is called here",
    "fit --num_stpes 3": "--num-steps is the nearest",
    "status --zzz": "--help lists those that it has",
    "compare --trials 3": "--help lists",
    "search --no-squares": "--no-square is the nearest",
}


@pytest.mark.parametrize("line", HINTS)
def test_an_option_that_is_none_is_answered_by_what_is_meant(line, capsys):
    assert run(line.split()) == 2
    errors = capsys.readouterr().err
    assert HINTS[line] in errors and errors.count("\n") == 1


@pytest.mark.integration
def test_a_pipe_that_closes_early_is_no_error_and_no_success():
    code = f"{sys.executable} -m optiinr_jax doctor 2>&1 | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("optiinr-jax") and "Traceback" not in done.stdout
    assert done.returncode == 1 and not done.stderr
