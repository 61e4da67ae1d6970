"""The embedded picture: deterministic, in range, with edges, fine detail and no moire."""

from itertools import pairwise

import numpy as np
import pytest

from optiinr_jax.signals import picture


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


def test_a_larger_picture_holds_more_detail_and_the_same_scene():
    small, large = grey(64), grey(256)
    averaged = large.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.sqrt(np.mean((averaged - small) ** 2)) < 0.04
    assert np.abs(np.diff(large, axis=0)).sum() > 4 * np.abs(np.diff(small, axis=0)).sum()
