"""The gallery: every kind of signal, at its samples and between them, and small pages."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.inr import PRESETS
from optiinr_jax.inr.baselines import fit_presets, summary
from optiinr_jax.inr.presets import PAPER
from optiinr_jax.report.gallery import GALLERIES, Rival
from optiinr_jax.report.gallery.finer import control_of, sampled
from optiinr_jax.report.gallery.image import detail_of, shown_part
from optiinr_jax.report.gallery.side_by_side import draw_side_by_side
from optiinr_jax.report.gallery.volume import solid_pictures
from optiinr_jax.report.labels import measure_of
from optiinr_jax.signals import KINDS
from optiinr_jax.studies.points import FAMILIES

SIZES = {"image": 16, "audio": 1024, "volume": 10, "field": 8, "video": 8, "points": 40}


# Fields, videos and points share a gallery; what is known at some places alone has no between.
@pytest.fixture(scope="module", params=[kind for kind in SIZES if kind not in ("field", "points")])
def shown(request, untrained):
    """A signal of every kind, a network of it, and its gallery."""
    signal = oi.sample_signal(request.param, SIZES[request.param])
    config = oi.preset("siren", modality=signal.kind, protocol="paper", width=6, depth=2)
    inr = untrained(signal, config)
    rivals = [Rival("Found network", "trial 3", inr)]
    measure = measure_of(signal, "continuous")
    return signal, inr, GALLERIES[signal.kind].show(signal, rivals, measure)


def test_every_table_of_kinds_has_every_kind():
    tables = {"galleries": GALLERIES, "presets": PRESETS, "paper": PAPER, "families": FAMILIES}
    for name, table in {**tables, "sizes": SIZES}.items():
        assert set(table) == set(KINDS), name


@pytest.mark.integration
def test_every_kind_is_shown_between_its_samples(shown):
    signal, inr, gallery = shown
    last = gallery.groups[-1]
    titles = [tile.title for tile in last.tiles]
    assert titles == ["The signal", "To compare", "Found network"]
    assert any(
        "between" in group.title.lower() or "rate" in group.title for group in gallery.groups
    )
    text = " ".join(tile.text for group in gallery.groups for tile in group.tiles)
    measure = measure_of(signal, "continuous")
    assert measure.full(inr.scores.samples) in text
    assert measure.full(inr.scores.between) in text
    assert measure.full(signal.control_score) in text


@pytest.mark.integration
@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("scale", [1, 2])
def test_the_finer_grid_is_that_of_a_rendering(kind, scale):
    """A network that gives its coordinates is sampled where the continuous signal is."""
    signal = oi.sample_signal(kind, SIZES[kind])
    shape = tuple(scale * n for n in signal.shape)
    axes = [signal.frame.places(axis, count) for axis, count in enumerate(shape)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, signal.num_dims)
    ends = np.array(signal.shape) - 1.0
    coords = 2.0 * grid / ends - 1.0
    expected = signal.at(coords).reshape(*shape, -1)
    np.testing.assert_allclose(sampled(signal, shape), expected, atol=1e-5)
    frame = signal.frame.scaled(float(scale))
    np.testing.assert_allclose(frame.grid_coords(), coords, atol=1e-4)


@pytest.mark.integration
def test_at_the_samples_the_finer_grid_has_the_samples():
    for kind in SIZES:
        signal = oi.sample_signal(kind, SIZES[kind])
        for source in (signal, control_of(signal)):
            np.testing.assert_allclose(
                sampled(source, signal.shape), signal.samples, atol=2e-5 * signal.frame.unit
            )


def test_a_part_of_the_finer_grid_is_a_part_of_the_whole():
    signal = oi.sample_signal("image", 16)
    whole = sampled(signal, (32, 32))
    part = sampled(signal, (16, 8), [(0.0, 0.5), (0.25, 0.5)])
    np.testing.assert_allclose(part, whole[:16, 8:16], atol=1e-5)


@pytest.mark.integration
def test_the_control_is_not_the_signal_itself():
    signal = oi.sample_signal("image", 16)
    assert control_of(signal).reference == "linear" == signal.control
    fine = sampled(signal, (64, 64)) - sampled(control_of(signal), (64, 64))
    mse = float(np.mean(fine**2))
    assert -10 * np.log10(mse) == pytest.approx(signal.control_score, abs=1.0)


def test_the_detail_is_the_busiest_part():
    samples = np.zeros((40, 60, 1), np.float32)
    samples[20:28, 45:55] = np.indices((8, 10)).sum(axis=0)[..., None] % 2
    rows, columns = detail_of(oi.make_signal("image", samples))
    assert rows.stop - rows.start == 8 and columns.stop - columns.start == 12
    assert rows.start <= 21 and rows.stop >= 27 and columns.start <= 46 and columns.stop >= 54


@pytest.mark.integration
def test_large_pictures_show_their_centre(monkeypatch, untrained):
    assert shown_part((500, 800)) == (slice(0, 500), slice(0, 800))
    assert shown_part((1000, 1001)) == (slice(244, 756), slice(244, 756))
    assert shown_part((300, 4000)) == (slice(0, 300), slice(1744, 2256))
    monkeypatch.setattr("optiinr_jax.report.gallery.image.MAX_PIXELS", 100)
    monkeypatch.setattr("optiinr_jax.report.gallery.image.CENTRE", 8)
    signal = oi.sample_signal("image", 16)
    config = oi.preset("siren", protocol="paper", width=6, depth=2)
    inr = untrained(signal, config)
    gallery = GALLERIES["image"].show(signal, [Rival("a", "b", inr)], measure_of(signal, "samples"))
    assert "only the central 8 x 8 pixels are shown" in gallery.note


@pytest.mark.integration
def test_long_sounds_are_cut(monkeypatch):
    monkeypatch.setattr("optiinr_jax.report.gallery.audio.MAX_SAMPLES", 400)
    signal = oi.sample_signal("audio", 1024)
    gallery = GALLERIES["audio"].show(signal, [], measure_of(signal, "samples"))
    assert gallery.note == "Only the first 0.1 seconds are on this page."


def test_huge_solids_have_no_finer_surface(monkeypatch):
    monkeypatch.setattr("optiinr_jax.report.gallery.volume.MAX_POINTS", 100)
    signal = oi.sample_signal("volume", 10)
    gallery = GALLERIES["volume"].show(signal, [], measure_of(signal, "samples"))
    assert len(gallery.groups) == 1 and "no surface between them is drawn" in gallery.note


@pytest.mark.integration
def test_a_network_without_figures_shows_its_score(untrained):
    signal = oi.sample_signal("image", 16)
    config = oi.preset("siren", protocol="paper", width=6, depth=2)
    inr = untrained(signal, config)
    told = dataclasses.replace(inr, scores=None, score=12.346)
    gallery = GALLERIES["image"].show(
        signal, [Rival("a", "b", told)], measure_of(signal, "samples")
    )
    assert gallery.groups[0].tiles[1].text == "b, 12.35\u00a0dB"


def test_an_empty_solid_is_white():
    signal = oi.sample_signal("volume", 10)
    drawn = solid_pictures(np.zeros_like(signal.samples), signal.frame)
    assert len(drawn) == 2 and all(np.all(picture == 1.0) for picture in drawn)


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["image", "audio", "volume", "video"])
def test_picture_of_two_networks(kind, tmp_path):
    signal = oi.sample_signal(kind, SIZES[kind])
    found = fit_presets(
        signal, tmp_path, names=["siren", "finer"], num_steps=5, width=6, progress=False
    )
    assert [b.name for b in found] == ["siren", "finer"]
    with Image.open(draw_side_by_side(signal, found, tmp_path / "a.png")) as image:
        pixels = np.asarray(image.convert("RGB"), np.float32)
    third = pixels.shape[1] // 3
    parts = [pixels[:, i * third : (i + 1) * third] for i in range(3)]
    assert all(part.std() > 1.0 for part in parts)  # nothing is blank
    assert not np.array_equal(parts[0], parts[1])
    ranked = [row["score"] for row in summary(signal, found)["networks"]]
    assert ranked == sorted(ranked, reverse=True)


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["points", "image"])
def test_samples_at_some_places_are_shown_beside_their_interpolation(kind, untrained):
    signal = oi.sample_signal(kind, SIZES[kind])
    if kind == "image":
        signal = oi.mask(signal, np.random.default_rng(0).uniform(size=signal.shape) < 0.3)
    inr = untrained(signal, oi.preset("siren", modality=kind, protocol="paper", width=6, depth=2))
    measure = measure_of(signal, "continuous")
    rivals = [Rival("Found network", "trial 3", inr)]
    (group,) = GALLERIES["points"].show(signal, rivals, measure).groups
    titles = [tile.title for tile in group.tiles]
    assert titles[-2:] == ["To compare", "Found network"]
    assert (titles[0] == "The signal") == (kind == "image")
    assert measure.full(signal.control_score) in group.tiles[-2].text
    assert measure.full(inr.scores.between) in group.tiles[-1].text
    assert "kept apart" in group.lead and len(group.tiles[-1].images) == 3 - 2 * (kind == "image")
