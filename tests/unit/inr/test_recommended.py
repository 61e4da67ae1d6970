"""Recommended networks: what is packaged, how it is scaled, and files that are none."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.inr import make_layer
from optiinr_jax.inr.recommended import (
    FEW,
    FORMAT,
    WIDTHS,
    Cell,
    Entry,
    PortfolioError,
    choose,
    in_batches,
    packaged,
    read_cells,
    recommend,
    usual_width,
    write_cells,
)
from optiinr_jax.signals.kinds import KINDS


def config(rate=1e-3, sigma=2.0, width=48):
    layer = make_layer("siren", learning_rate=rate)
    encoding = oi.inr.FourierFeatures(sigma=sigma, num_frequencies=width)
    return oi.inr.NetworkConfig(layers=(layer,) * 4, width=width, encoding=encoding)


def cell(**changes):
    entries = tuple(Entry(config(sigma=s), f"signal {s}", 30.0 + s, 32.0) for s in (1.0, 2.0))
    usual = Cell("image", 9216, 48, 500, ("a", "b"), entries)
    return replace(usual, **changes)


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
def test_the_package_knows_every_kind_and_its_networks_can_be_trained(kind):
    signal = oi.sample_signal(kind, size=12)
    found = recommend(signal, num=5)
    assert found and all(row.config.sampling is None for row in found)
    assert all("found on" in row.reason and "scaled from there" in row.reason for row in found)
    inr = oi.fit(signal, num_steps=2, progress=False, warn=False)
    assert inr.config.width == usual_width(signal) and inr.objective == "continuous"


def test_rates_fall_for_longer_in_mini_batches():
    cells = (cell(entries=(Entry(replace(config(), lr_cooldown=0.3), "a", 30.0, 30.0),)),)
    picture = oi.sample_signal("image", size=32)
    whole = recommend(picture, 1, cells=cells)[0].config
    assert (whole.batch_size, whole.lr_cooldown) == (None, 0.3)
    volume = oi.sample_signal("field", size=48)  # of a kind that is trained in mini-batches
    parts = recommend(volume, 1, cells=cells)[0].config
    assert parts.batch_size < FEW * volume.num_points and parts.lr_cooldown == 1.0


@pytest.mark.parametrize(
    ("kind", "share", "known", "expected"),
    [
        ("image", 0.1, 0.3, 1.0),
        ("image", 0.25, 0.3, 0.3),
        ("image", 1.5, 0.3, 0.3),
        ("image", 0.1, 0.0, 0.0),  # a published schedule stays as it is
        ("volume", 0.1, 0.3, 0.3),
    ],
)
def test_the_fall_of_the_rates_by_the_share_of_the_points(kind, share, known, expected):
    signal = oi.sample_signal(kind, size=16)
    batch = round(share * signal.num_points)
    made = in_batches(replace(config(), lr_cooldown=known), signal, batch)
    assert (made.batch_size, made.lr_cooldown) == (batch, expected)


def test_a_large_picture_is_recommended_in_mini_batches(monkeypatch):
    monkeypatch.setattr("optiinr_jax.inr.batches.LARGE_BATCH", 256)
    monkeypatch.setattr("optiinr_jax.signals.inputs.LARGE", 1000)
    monkeypatch.setattr("optiinr_jax.signals.loading.LARGE", 1000)
    signal = oi.as_signal(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8))
    assert signal.is_large
    found = recommend(signal, 1)[0].config
    assert (found.batch_size, found.lr_cooldown) == (256, 1.0)


def test_the_packaged_lists_get_better_with_every_entry():
    for known in packaged():
        bests = [entry.best_of for entry in known.entries]
        assert bests == sorted(bests) and bests[0] == known.entries[0].mean
        assert len(known.signals) > 1 and known.width == known.entries[0].config.width


def test_the_nearest_cell_is_taken_and_scaled():
    signal = oi.sample_signal("image", size=96)
    far = cell(num_points=512**2, width=256, num_steps=10_000)
    first, second = recommend(signal, width=96, num_steps=500, cells=(far, cell()))
    assert first.config == config(sigma=1.0).scaled(width=96) and "signal 1.0" in first.reason
    assert second.config.encoding.sigma == 2.0 and second.config.encoding.num_frequencies == 96
    assert float(first.config.layers[0].learning_rate) == pytest.approx(1e-3 / 2)
    wide = cell(width=256, num_steps=10_000, num_points=512**2)
    near = recommend(signal, width=256, num_steps=9000, cells=(wide, cell(num_points=16)))[0]
    assert "width 256" in near.reason


def test_frequencies_of_a_longer_sound_grow_with_it():
    sound = oi.make_signal("audio", np.zeros((8192, 1), np.float32))
    known = cell(kind="audio", num_points=4096)
    found = recommend(sound, 1, width=48, num_steps=500, cells=(known,))[0].config
    assert found.encoding.sigma == pytest.approx(2.0)  # 1.0, twice
    plain = replace(config(), encoding=None).scaled(size=(10.0, 30.0))
    assert plain.layers[0].numbers["omega"] == pytest.approx(90.0)
    assert plain.layers[1].numbers["omega"] == 30.0
    assert config().scaled() == config()


@pytest.mark.parametrize(
    ("size", "width", "raised"), [(192, 48, 1.0), (192, 96, 2.0), (192, 192, 2.0), (48, 96, 1.0)]
)
def test_frequencies_of_a_finer_picture_grow_with_it_where_the_network_does(size, width, raised):
    picture = oi.make_signal("image", np.zeros((size, size, 3), np.float32))
    known = cell(num_points=96**2, width=48, num_steps=500)
    found = recommend(picture, 1, width=width, num_steps=500, cells=(known,))[0].config
    assert found.encoding.sigma == pytest.approx(raised)


def test_a_kind_that_nobody_has_searched_is_refused():
    with pytest.raises(PortfolioError, match="no configuration for signals of kind audio"):
        recommend(oi.sample_signal("audio", size=64), cells=(cell(),))


def test_the_usual_width_has_about_as_many_numbers_as_the_signal():
    assert usual_width(oi.sample_signal("image", size=96)) == 96
    assert usual_width(oi.sample_signal("audio", size=64)) == WIDTHS[0]
    large = oi.make_signal("image", np.zeros((700, 700, 3), np.float32))
    assert usual_width(large) == WIDTHS[1]


def test_the_choice_is_greedy_by_the_mean_of_the_best():
    scores = {
        "good": np.array([5.0, 5.0, 5.0]),
        "other": np.array([0.0, 0.0, 9.0]),
        "alike": np.array([5.5, 4.9, 4.5]),
        "bad": np.array([-math.inf, 1.0, 1.0]),
    }
    assert choose(scores, 4) == ["good", "other", "alike"]  # nothing is added by the last
    assert choose(scores, 1) == ["good"]
    assert choose({"bad": scores["bad"]}, 2) == []


def test_a_file_holds_all_of_it(tmp_path):
    path = write_cells(tmp_path / "a.json", [cell(), cell(kind="audio")])
    assert read_cells(path) == (cell(), cell(kind="audio"))


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.pop("cells"),
        lambda r: r.update(format=FORMAT + 1),
        lambda r: r["cells"][0].update(width="48"),
        lambda r: r["cells"][0].update(num_points=-1),
        lambda r: r["cells"][0].update(kind="smell"),
        lambda r: r["cells"][0].update(entries=[]),
        lambda r: r["cells"][0]["entries"][0].update(config={"layers": [], "width": 4}),
        lambda r: r["cells"][0]["entries"][0]["config"].update(hook="os.system"),
        lambda r: r["cells"][0]["entries"][0].update(mean="high"),
        lambda r: r.update(cells=3),
    ],
)
def test_what_is_no_portfolio_is_refused_in_a_sentence(tmp_path, change):
    path = write_cells(tmp_path / "a.json", [cell()])
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError) as refused:
        read_cells(path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) > 20


def test_bytes_are_no_portfolio_either(tmp_path):
    path = tmp_path / "a.json"
    for content in (b"\xff\xfe\x00", b"[]", b"null", b'{"format": 1}'):
        path.write_bytes(content)
        with pytest.raises(PortfolioError, match="no portfolio"):
            read_cells(path)
    with pytest.raises(FileNotFoundError):
        read_cells(tmp_path / "missing.json")
