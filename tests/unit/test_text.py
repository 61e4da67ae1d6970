"""Names are text: no markup, no control sequence, nothing that an encoding lacks."""

import io
import os
import sys

import pytest
from PIL import Image
from rich.console import Console

import optiinr_jax as oi
from optiinr_jax import progress
from optiinr_jax.cli.common import command_line
from optiinr_jax.cli.main import run
from optiinr_jax.cli.verbs import fit
from optiinr_jax.report import status
from optiinr_jax.studies import StudyError
from optiinr_jax.text import printable

SMALL = {"width": 4, "depth": 1, "num_steps": 3, "strategy": "random", "num_initial": 1}
ESCAPES = {
    "\x1b[31mred\x1b[0m": "\\x1b[31mred\\x1b[0m",
    "\x1b]0;title\a": "\\x1b]0;title\\x07",
    "a\rb": "a\\x0db",
    "a\nb: 9 of 9 trials": "a\\x0ab: 9 of 9 trials",
    "\x9b31mred": "\\x9b31mred",
    "abc\u202egnp.exe": "abc\\u202egnp.exe",
    "caf\udce9": "caf\\xe9",
    "\ud800": "\\ud800",
    "scan[copy]": "scan[copy]",
    "x[/bold]": "x[/bold]",
    "[link=http://a]b": "[link=http://a]b",
    "写真 $x_{$": "写真 $x_{$",
    "a\u202fb": "a\u202fb",
}
NAMES = [name for name in ESCAPES if "\ud800" not in name and "\udce9" not in name]


@pytest.mark.parametrize("name", ESCAPES)
def test_what_is_no_letter_is_escaped(name):
    assert printable(name) == ESCAPES[name]


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """One study for each name, whose trial has it as reason too."""
    folder = tmp_path_factory.mktemp("names")
    for i, name in enumerate(NAMES):
        signal = oi.sample_signal("image", size=8)
        study = oi.create_study(signal, storage=folder / f"{i}.db", name=name, **SMALL)
        study.tell(study.ask(), None, reason=name)
    return folder


@pytest.mark.integration
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is_in_one_line(name, studies, capsys, monkeypatch):
    path = str(studies / f"{NAMES.index(name)}.db")
    assert run(["status", path]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{ESCAPES[name]}: 0 of 0 trials") or ESCAPES[name] in out
    assert out.isprintable() or not set("\x1b\r\a\x9b\u202e") & set(out)
    once = iter([False, True])  # of `--watch`, which ends when the search is over
    monkeypatch.setattr(status, "_STATES", status._STATES)
    monkeypatch.setattr("optiinr_jax.cli.studies.REFRESH", 0.0)
    real = status.summarise
    monkeypatch.setattr(
        "optiinr_jax.cli.studies.summarise", lambda s: real(s) | {"is_over": next(once)}
    )
    assert run(["status", path, "--watch"]) == 0
    assert ESCAPES[name] in capsys.readouterr().out.replace("\n", "")
    assert run(["status", path, "--name", "\x1b[2J"]) == 2
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_a_bar_takes_no_markup(name, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setenv("COLUMNS", "200")
    with progress.Progress(name, 3) as bar:
        bar.update(1, name)
        bar.line(name)
    text = Console(file=io.StringIO()).render_str(stream.getvalue(), markup=False).plain
    assert text.count(ESCAPES[name]) >= 3
    assert "\x1b[31m" not in stream.getvalue() and "\a" not in stream.getvalue()


@pytest.fixture
def undecodable(tmp_path, monkeypatch):
    """A picture whose name is Latin-1, as old archives have it."""
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9.png")
    try:
        Image.new("L", (8, 8), 200).save(os.fsencode(tmp_path / name))
    except OSError:
        pytest.skip("this file system has UTF-8 names alone")
    return name


@pytest.mark.integration
def test_a_file_name_that_is_no_utf8_is_searched(undecodable, tmp_path):
    signal = oi.load_signal(undecodable)
    assert signal.name == "caf\\xe9"
    study = oi.create_study(signal, storage=tmp_path / "study.db", **SMALL)
    assert study.name == "caf\\xe9" and study.model_path.name.isascii()
    for call in (
        lambda: oi.create_study(signal, storage=tmp_path / "study.db", name="\udce9", **SMALL),
        lambda: oi.create_study(signal, storage=tmp_path / "\udce9" / "study.db", **SMALL),
        lambda: oi.load_study(tmp_path / "study.db", "\udce9"),
    ):
        with pytest.raises(StudyError, match=r"\\xe9 .*UTF-8|\\xe9/study.db has a name .*UTF-8"):
            call()


def test_the_command_that_repeats_it_is_one_that_a_shell_takes(undecodable):
    import inspect
    import subprocess

    options = {n: p.default for n, p in inspect.signature(fit).parameters.items()}
    line = command_line(fit, options | {"file": undecodable, "preset": "it's \x1b \\n"})
    assert line.isprintable()
    words = line.removeprefix("optiinr fit ")
    done = subprocess.run(["bash", "-c", f"printf '%s|' {words}"], capture_output=True)
    assert done.stdout == b"caf\xe9.png|--preset|it's \x1b \\n|"


def test_a_configuration_file_is_utf8_whatever_the_locale(tmp_path, monkeypatch):
    from optiinr_jax.cli.config_file import expand_config

    path = tmp_path / "run.toml"
    monkeypatch.setattr("locale.getencoding", lambda: "ascii")
    monkeypatch.setattr("io.text_encoding", lambda *_: "ascii")
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + 'file = "café.png"\n'.encode())
        assert expand_config(["fit", "--config", str(path)]) == ["fit", "café.png"]


@pytest.mark.integration
def test_names_with_dollars_are_no_formulas(tmp_path):
    signal = oi.make_signal("image", oi.sample_signal("image", 8).samples, name="$x_{$ \x1b")
    inr = oi.make_inr(signal, oi.preset("siren", width=4, depth=1))
    figure = inr.plot(signal)[0].figure
    figure.savefig(tmp_path / "a.png")
    assert "$x_{$ \\x1b" in figure.get_suptitle()
