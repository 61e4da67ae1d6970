"""Signals of more points than LARGE: the limit is lowered, so that a small one is."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.signals import SignalError, psnr, signal
from optiinr_jax.signals.large import LargeSignal

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch):
    for module in ("loading", "image", "inputs"):
        monkeypatch.setattr(f"optiinr_jax.signals.{module}.LARGE", 1000)


@pytest.fixture(params=[np.uint8, np.uint16])
def levels(request):
    return RNG.integers(0, np.iinfo(request.param).max + 1, (40, 60, 3)).astype(request.param)


def both(levels):
    """The large signal, and the same one as floats."""
    large = oi.as_signal(levels)
    assert isinstance(large, LargeSignal) and large.stored.dtype == levels.dtype
    natural = levels / np.float32(np.iinfo(levels.dtype).max)
    frame = oi.signals.frame.natural_frame("image", (40, 60), 3, {})
    stored = np.float32(2.0 * natural - 1.0).reshape(-1, 3)
    return large, signal.Signal("a", frame, stored, interpolation="linear")


@pytest.mark.integration
def test_it_is_the_same_signal(levels):
    large, plain = both(levels)
    np.testing.assert_allclose(large.samples, plain.samples, atol=1e-6)
    index = jnp.arange(0, 2400, 7)
    np.testing.assert_allclose(large.targets().at(index), plain.stored[index], atol=1e-6)
    coords = RNG.uniform(-1, 1, (50, 2))
    np.testing.assert_allclose(large.at(coords), plain.at(coords), atol=1e-5)
    assert large.variance() == pytest.approx(plain.variance(), rel=1e-5)
    moved = large.with_value_range((0.0, 1.0))
    np.testing.assert_allclose(moved.targets().dense(), plain.samples.reshape(-1, 3), atol=1e-6)
    assert moved.variance() == pytest.approx(plain.variance() / 4.0, rel=1e-5)


@pytest.mark.integration
def test_its_figures_are_those_of_a_part_of_its_samples(levels):
    large, plain = both(levels)
    guess = plain.samples + RNG.normal(0.0, 0.1, plain.samples.shape)
    assert large.score(guess) == pytest.approx(float(psnr(guess, plain.samples)), abs=1e-3)
    inr = oi.make_inr(plain, oi.preset("siren", width=4, depth=1))
    ours, theirs = large.scores(inr.network()), plain.scores(inr.network())
    assert ours.samples == pytest.approx(theirs.samples, abs=0.1)
    assert ours.between == pytest.approx(theirs.between, abs=1e-3)


@pytest.mark.integration
def test_it_is_fitted_by_batches_and_says_what_that_takes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("optiinr_jax.inr.batches.LARGE_BATCH", 256)
    Image.fromarray(RNG.integers(0, 256, (40, 60, 3), np.uint8)).save(tmp_path / "a.png")
    found = oi.load_signal(tmp_path / "a.png")
    assert isinstance(found, LargeSignal) and found.stored.dtype == np.uint8
    inr = oi.fit(found, oi.preset("siren", width=4, depth=1), num_steps=3, warn=False)
    assert inr.config.batch_size == 256 and np.isfinite(inr.scores.both)
    assert "3 steps of 256 of 2400 points" in capsys.readouterr().err
    assert set(inr.evaluate(found)) >= {"PSNR (dB)"} and list(inr.sizes(found)) == ["model file"]


def test_what_is_not_done_with_one_is_said(levels):
    large, plain = both(levels)
    with pytest.raises(SignalError, match="give an array of uint8 or uint16"):
        oi.as_signal(plain.samples)
    with pytest.raises(SignalError, match="search at a smaller size"):
        large.to_record()
    with pytest.raises(SignalError, match="a signal with a mask has at most"):
        oi.mask(large, np.zeros((40, 60), bool))
