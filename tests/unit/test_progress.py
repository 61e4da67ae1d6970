"""What is said while one waits: plain lines here, for a test is no terminal."""

import time

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import progress
from optiinr_jax.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when they are told to."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_leaves_out_what_passed_before_the_first_steps(clock):
    """That was compilation: 60 seconds of it must not become 10 minutes."""
    with Progress("fit", 1000, enabled=False) as bar:
        assert bar.eta() == "?"
        clock[0] += 60.0
        bar.update(100)
        assert bar.eta() == "?"
        clock[0] += 1.0
        bar.update(200)
        assert bar.eta() == "8s"
        clock[0] += 8.0
        bar.update(1000)
        assert bar.eta() == "0s"


def test_a_continued_run_counts_its_own_steps(clock):
    with Progress("search", 40, done=30, enabled=False) as bar:
        clock[0] += 5.0
        bar.update(31)
        clock[0] += 10.0
        bar.update(33)
        assert bar.eta() == "35s"


def test_what_an_earlier_run_has_done_is_no_measure_of_the_pace(clock):
    with Progress("compare", 40, enabled=False) as bar:
        bar.skip(5)
        clock[0] += 5.0
        bar.update(bar.done + 1)
        bar.skip(4)
        clock[0] += 10.0
        bar.update(bar.done + 1)
        assert bar.done == 11 and bar.eta() == "4m50s"


def test_a_bar_shows_a_total_that_grows(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_has_bar", lambda: True)
    monkeypatch.setattr(progress, "DELAY", 0.0)
    with Progress("compare", 28) as bar:
        bar.update(27)
        bar.total = 30
        bar.update(29)
    assert "29/30" in capsys.readouterr().err


def test_a_line_is_printed_now_and_then(clock, capsys):
    with Progress("fit", 100) as bar:
        for done in range(1, 31):
            clock[0] += 1.0
            bar.update(done, "loss 0.1")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and lines[0] == "fit 10/100 loss 0.1 eta 1m30s"


@pytest.mark.integration
def test_a_long_fit_says_so_before_it_begins(monkeypatch, capsys):
    signal = oi.sample_signal("image", size=8)
    monkeypatch.setattr("optiinr_jax.inr.fitting.predict_seconds", lambda *facts: 1320.0)
    oi.fit(signal, oi.preset("siren", width=4), num_steps=2, share_program=True, warn=False)
    said = capsys.readouterr().err
    assert said.startswith(  # on a busy machine a line of progress follows
        "fit: 2 steps of 64 points on 4 units a layer, about 22m00s and 0.5 GB of memory on "
        "a machine like this.\n"
    )


@pytest.mark.integration
def test_what_takes_long_is_said_where_somebody_waits(monkeypatch, capsys):
    """The first guided point is compiled for; a quick one is not talked about."""
    monkeypatch.setattr(progress, "DELAY", 0.05)
    for is_terminal, is_said, seconds, said in (
        (True, None, 0.3, "busy\n"),
        (True, None, 0.0, ""),
        (False, None, 0.3, ""),
        (False, True, 0.3, "busy\n"),
        (True, False, 0.3, ""),
    ):
        monkeypatch.setattr(progress, "_has_bar", lambda is_terminal=is_terminal: is_terminal)
        with progress.saying("busy", is_said=is_said):
            time.sleep(seconds)
        assert capsys.readouterr().err == said


@pytest.mark.integration
def test_the_first_guided_point_says_what_it_waits_for(monkeypatch, capsys):
    monkeypatch.setattr(progress, "DELAY", 0.05)
    monkeypatch.setattr(progress, "_has_bar", lambda: True)
    options = oi.bo.Choice(range(11))  # no other test has compiled the model of such a space
    space = oi.bo.Space({"x": oi.bo.Float(0.0, 1.0), "option": options})
    optimizer = oi.bo.Optimizer(space, num_initial=2)
    for _ in range(2):
        optimizer.tell(optimizer.ask(), 0.0)
    capsys.readouterr()
    optimizer.ask()
    assert capsys.readouterr().err.startswith("ask: the model of this space is compiled")


@pytest.mark.integration
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_picture_is_learned(value, recwarn):
    """No network is better than the best constant, and this one is as good."""
    picture = oi.make_signal("image", value + 0 * oi.sample_signal("image", size=8).samples)
    config = oi.preset("siren", width=8, depth=2, protocol="search", factor=16.0)
    found = oi.fit(picture, config, num_steps=300, progress=False)
    assert found.scores.samples > 40.0 and not recwarn.list


@pytest.mark.integration
def test_a_solid_that_fills_its_box_is_searched():
    """Its best constant has no error, by which another error cannot be divided."""
    solid = oi.as_signal(np.ones((6, 6, 6), bool))
    study = oi.search(solid, num_trials=3, num_steps=400, width=8, depth=1, progress=False)
    assert study.best_score == 1.0 and all(
        np.isfinite(list(t.curve.values())).all() for t in study.trials
    )
