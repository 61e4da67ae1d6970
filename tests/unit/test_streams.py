"""Streams that are closed, full or without a reader cost no work and make no success."""

import io
import os
import subprocess
import sys
from contextlib import suppress

import pytest

import optiinr_jax as oi
from optiinr_jax.cli.main import run
from optiinr_jax.streams import LastingStream, print_lines

SMALL = {"width": 4, "depth": 1, "num_steps": 3, "strategy": "random", "num_initial": 1}


@pytest.fixture(params=["no reader", "closed", "full", "none"])
def broken(request):
    """A stream that takes nothing."""
    if request.param == "none":  # as Python has it where the process has none
        yield None
        return
    if request.param == "full" and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    read, write = os.pipe()
    os.close(read)
    stream = open("/dev/full", "w") if request.param == "full" else open(write, "w")
    if request.param == "closed":
        stream.close()
    yield stream
    with suppress(OSError):
        stream.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run's folder with two trials."""
    folder = tmp_path_factory.mktemp("run")
    signal = oi.sample_signal("image", size=8)
    study = oi.create_study(signal, num_trials=2, storage=folder / "study.db", **SMALL)
    for score in (1.0, 2.0):
        study.tell(study.ask(), score)
    return folder


@pytest.mark.integration
def test_a_search_goes_on_where_nobody_can_read_its_progress(broken, monkeypatch):
    monkeypatch.setattr(sys, "stderr", broken)
    signal = oi.sample_signal("image", size=8)
    study = oi.search(signal, num_trials=2, num_portfolio=0, rungs=(), progress=True, **SMALL)
    assert study.count_ended() == 2


@pytest.mark.integration
@pytest.mark.parametrize("verb", [["status"], ["status", "--json"], ["status", "--watch"]])
def test_what_standard_output_did_not_take_is_no_success(
    broken, verb, folder, monkeypatch, capfd, request
):
    monkeypatch.setattr(sys, "stdout", broken)
    code = run([verb[0], str(folder), *verb[1:]])
    said = capfd.readouterr().err
    assert code == (0 if broken is None else 1)  # without one, nothing was to be said
    is_left = broken is None or "no reader" in request.node.name
    assert said == "" if is_left else "cannot write to standard output: " in said


def test_an_error_keeps_its_exit_code_where_nobody_hears_it(broken, monkeypatch):
    monkeypatch.setattr(sys, "stderr", broken)
    assert run(["status", "/absent"]) == 2


def test_what_an_encoding_lacks_is_escaped():
    for encoding, expected in (("ascii", b"\\u5199 \\xe9\n"), ("latin-1", b"\\u5199 \xe9\n")):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        print_lines(["写 é"], stream)
        assert stream.buffer.getvalue() == expected
    assert LastingStream(None).write("a") == 1 and not LastingStream(None).isatty()


@pytest.mark.integration
def test_no_file_takes_the_place_of_a_closed_stream(folder):
    """A database that is opened as descriptor 2 would get what C code writes to its errors."""
    code = (
        "import os, sys; from optiinr_jax.streams import hold_descriptors; hold_descriptors(); "
        f"sys.exit(os.open({str(folder / 'study.db')!r}, os.O_RDONLY))"
    )
    done = subprocess.run(["bash", "-c", f'{sys.executable} -c "{code}" <&- >&- 2>&-'])
    assert done.returncode > 2
