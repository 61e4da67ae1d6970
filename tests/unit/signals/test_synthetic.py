"""Embedded signals: deterministic, in range, with edges, fine detail and nothing aliased."""

from itertools import pairwise

import numpy as np
import pytest

from optiinr_jax.signals import picture, sound


def grey(size):
    return picture(size, size).mean(axis=-1)


@pytest.mark.parametrize("shape", [(2, 2), (64, 64), (40, 60), (61, 33)])
def test_is_a_finite_picture_in_range(shape):
    pixels = picture(*shape)
    assert pixels.shape == (*shape, 3)
    assert pixels.dtype == np.float32
    assert np.isfinite(pixels).all()
    assert 0 <= pixels.min() <= pixels.max() <= 1


def test_is_deterministic():
    np.testing.assert_array_equal(picture(32, 32), picture(32, 32))


def test_does_not_depend_on_how_it_is_cut_into_blocks(monkeypatch):
    whole = picture(32, 48)
    monkeypatch.setattr("optiinr_jax.signals.synthetic._BLOCK_POINTS", 48 * 16 * 5)
    np.testing.assert_array_equal(picture(32, 48), whole)


def test_has_edges_colours_and_smooth_parts():
    pixels = picture(64, 64)
    steps = np.abs(np.diff(pixels.mean(axis=-1), axis=1))
    assert (steps > 0.2).mean() > 0.01
    assert (steps < 0.02).mean() > 0.3
    assert (pixels.std(axis=(0, 1)) > 0.1).all()


@pytest.mark.integration
@pytest.mark.parametrize("size", [64, 128])
def test_has_energy_at_every_scale_falling_with_frequency(size):
    plane = grey(size) - grey(size).mean()
    window = np.hanning(size)
    power = np.abs(np.fft.fftshift(np.fft.fft2(plane * np.outer(window, window)))) ** 2
    cycles = np.hypot(*np.meshgrid(*[np.arange(size) - size // 2] * 2))
    edges = np.array([1, 4, 8, 16, 32, 64])
    octaves = [power[(cycles >= a) & (cycles < b)].sum() for a, b in pairwise(edges)]
    octaves = np.array(octaves[: int(np.log2(size)) - 2]) / power.sum()
    assert (octaves > 1e-4).all()
    assert (np.diff(octaves) < 0.02).all()  # the rings may lift one octave a little
    assert octaves[-1] == octaves.min()


@pytest.mark.integration
def test_a_larger_picture_holds_more_detail_and_the_same_scene():
    small, large = grey(64), grey(256)
    averaged = large.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.sqrt(np.mean((averaged - small) ** 2)) < 0.04
    assert np.abs(np.diff(large, axis=0)).sum() > 4 * np.abs(np.diff(small, axis=0)).sum()


@pytest.mark.integration
@pytest.mark.parametrize("rate", [2000, 8000, 44_100])
def test_sound_is_in_range_and_not_silent_anywhere(rate):
    wave = sound(5 * rate, rate)
    assert wave.shape == (5 * rate, 1)
    assert wave.dtype == np.float32
    assert 0.3 < np.abs(wave).max() < 1.0  # nothing is clipped
    loudness = np.abs(wave.reshape(50, -1)).max(axis=1)
    assert loudness.min() > 0.05


@pytest.mark.integration
def test_sound_goes_on_as_it_began():
    long = sound(3 * 32_768)
    np.testing.assert_array_equal(sound(5000), long[:5000])
    np.testing.assert_array_equal(long, sound(3 * 32_768))
    # After four bars of 8192 samples it starts again; the last notes still ring at the first time.
    np.testing.assert_allclose(long[32_768 + 8192 : 65_536], long[65_536 + 8192 :], atol=1e-6)


def test_sound_does_not_alias():
    """Below 2.5 kHz, 8 kHz holds what 48 kHz holds: nothing came down from above."""
    low, high = sound(16_384, 8000)[:, 0], sound(6 * 16_384, 48_000)[:, 0]
    window = np.hanning(16_384)
    narrow = np.abs(np.fft.rfft(low * window))
    wide = np.abs(np.fft.rfft(high * np.hanning(6 * 16_384)))[: len(narrow)] / 6
    below = np.arange(len(narrow)) < len(narrow) * 2000 / 4000
    assert np.abs(narrow - wide)[below].max() < 0.01 * wide.max()
    above = narrow[len(narrow) * 39 // 40 :]
    assert above.max() < 1e-3 * narrow.max()


def test_sound_has_the_notes_of_its_bars():
    """The first note is a C4 of 261.6 Hz, the fourth a C5."""
    wave = sound(44_100, 44_100)[:, 0]
    for step, pitch in [(0, 261.63), (3, 523.25)]:
        start = int(44_100 * (0.128 * step + 0.03))
        part = wave[start : start + 4096] * np.hanning(4096)
        power = np.abs(np.fft.rfft(part, 65_536)) ** 2
        near = np.abs(np.fft.rfftfreq(65_536, 1 / 44_100) - pitch) < 15
        peak = np.flatnonzero(near)[power[near].argmax()] * 44_100 / 65_536
        assert peak == pytest.approx(pitch, rel=0.01)
        assert power[near].max() > 0.1 * power.max()
