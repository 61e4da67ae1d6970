"""The paper's size in pieces: a training that is killed goes on to the same curve."""

import json

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from experiments import full_size, full_size_page

STEPS = 120
NAME = "div2k/test_01"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(full_size, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(full_size, "STATES", tmp_path / "states")
    monkeypatch.setattr(full_size, "MARKS", (50, 100))
    monkeypatch.setattr(full_size, "WIDTH", 16)
    monkeypatch.setattr(full_size, "load", lambda name: oi.sample_signal("image", 12))
    return tmp_path


def curve(contender, batch="64"):
    full_size.train(NAME, contender, STEPS, batch, "samples")
    path = full_size.result_of(NAME, contender, STEPS, batch, "samples")
    return json.loads(path.read_text())


@pytest.mark.integration
def test_killed_and_continued_it_is_the_same_curve(folders, monkeypatch):
    whole = curve("siren, official")
    assert [row["steps"] for row in whole["curve"]] == [50, 100, 120]
    assert whole["config"]["batch_size"] == 64
    monkeypatch.setattr(full_size, "FOLDER", folders / "again")
    tick = full_size.Clock.tick

    def killed(clock, done, num_steps, loss):
        tick(clock, done, num_steps, loss)
        if done >= 100:
            raise SystemExit

    monkeypatch.setattr(full_size.Clock, "tick", killed)
    with pytest.raises(SystemExit):
        curve("siren, official")
    monkeypatch.setattr(full_size.Clock, "tick", tick)
    again = curve("siren, official")
    scores = [[row["samples"] for row in record["curve"]] for record in (whole, again)]
    np.testing.assert_array_equal(*scores)
    assert again["seconds"] > 0.0
    result = full_size.result_of(NAME, "siren, official", STEPS, "64", "samples")
    kept = oi.load_inr(full_size.state_of(result, full_size.NETWORK))
    assert kept.scores.samples == again["curve"][-1]["samples"]


@pytest.mark.integration
def test_a_narrowed_network_has_no_more_numbers_than_the_published(folders):
    signal = full_size.load(NAME)
    siren = full_size.CONTENDERS["siren, official"](NAME, signal, STEPS, "samples").config
    ours = full_size.CONTENDERS["portfolio"](NAME, signal, STEPS, "samples").config
    budget = full_size.count_params(siren, signal)
    inr = oi.make_inr(signal, siren)
    assert budget == inr.num_params
    assert full_size.count_params(ours, signal) > budget  # of as many units, but encoded
    narrow = full_size.narrowed(ours, signal)
    assert full_size.count_params(narrow, signal) <= budget and narrow.width == 8


def test_our_rule_trains_a_wide_published_network_at_the_rates_of_its_width():
    signal = oi.sample_signal("image", 16)
    config = full_size.CONTENDERS["finer, our rule"]("a", signal, STEPS, "samples").config
    official = oi.preset("finer", width=full_size.WIDTH, depth=4)
    assert config.width == full_size.WIDTH > full_size.SMALL["image"][0]
    for ours, theirs in zip(config.layers, official.layers, strict=True):
        assert (ours.activation, ours.numbers) == (theirs.activation, theirs.numbers)
        assert ours.learning_rate < full_size.FACTOR * theirs.learning_rate


def test_a_mean_is_over_all_pictures_of_a_set_or_not_told():
    def record(index, score, steps=2000):
        curve = [{"steps": 300, "samples": 1.0}]
        curve += [{"steps": steps, "samples": score, "between": 30.0}]
        config, name = {"batch_size": 16384}, f"div2k/test_{index:02d}"
        facts = {"signal": name, "contender": "searched", "objective": "samples"}
        return facts | {"config": config, "curve": curve, "num_steps": steps}

    four = [record(i, score) for i, score in ((0, 40.0), (1, 46.0), (4, 42.0), (8, 44.0))]
    assert not list(full_size_page.means("div2k", four[:3]))
    *_, line, end = full_size_page.means("div2k", [*four, record(1, 50.0, steps=300)])
    assert line == "| searched | 16,384 | 2,000 | 43.00 | 30.00 |" and not end
    running = four[3] | {"curve": four[3]["curve"][:1]}
    assert not list(full_size_page.means("div2k", [*four[:3], running]))
    assert full_size_page.sizes_of(running)[1] == "2,000"


def test_the_picture_of_errors_is_dark_where_the_network_is_right(tmp_path, monkeypatch):
    monkeypatch.setattr(full_size_page, "AMPLIFIED", 1.0)  # nothing is learned yet
    signal = oi.sample_signal("image", 16)
    inr = oi.make_inr(signal, oi.preset("siren", width=8))
    full_size_page.draw(signal, inr, tmp_path / "a.jpg")
    panels, size = np.asarray(Image.open(tmp_path / "a.jpg"), float), 16 * full_size_page.MAGNIFIED
    assert panels.shape == (size, 3 * size + 2 * full_size_page.MARGIN, 3)
    error = np.abs(np.clip(inr.render(), 0.0, 1.0) - signal.samples).mean(-1)
    middle = full_size_page.MAGNIFIED // 2
    shown = panels[middle :: full_size_page.MAGNIFIED, -size + middle :: full_size_page.MAGNIFIED]
    assert np.abs(shown.mean(-1) / 255.0 - error).mean() < 0.03 < error.std()
