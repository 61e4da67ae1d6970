"""The picture of several networks: every kind of signal, panels where they belong."""

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.report.side_by_side import PANELS, draw_side_by_side, solid_picture
from optiinr_jax.inr.baselines import fit_presets, summary
from optiinr_jax.signals import KINDS

SIZES = {"image": 16, "audio": 1024, "volume": 10}


def test_every_kind_has_panels():
    assert set(PANELS) == set(KINDS) == set(SIZES)


@pytest.mark.parametrize("kind", SIZES)
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


def test_an_empty_solid_is_white():
    signal = oi.sample_signal("volume", 10)
    assert np.all(solid_picture(np.zeros_like(signal.samples), signal.frame) == 1.0)
