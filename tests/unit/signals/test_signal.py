"""Signals of every kind: made, loaded, scored, written."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from optiinr_jax.signals import (
    KINDS,
    LossWarning,
    SignalError,
    load_signal,
    make_signal,
    picture,
    sample_signal,
    write_image,
    write_signal,
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "points"])
def test_sample_of_each_kind(kind):
    signal, row = sample_signal(kind, size=12), KINDS[kind]
    assert signal.kind == kind
    assert row.has_dims(signal.num_dims) and signal.grid_coords().shape[1] == signal.num_dims
    assert signal.values.shape == (signal.num_points, signal.num_channels)
    assert signal.values.dtype == np.float32
    assert row.value_range[0] <= signal.values.min() <= signal.values.max() <= row.value_range[1]
    assert signal.metric_name == row.metric.name
    assert signal.score(signal.samples) > signal.score(np.zeros_like(signal.samples))


def test_values_are_the_picture_in_the_frame_of_the_network():
    signal, pixels = sample_signal("image", size=(5, 7)), picture(5, 7)
    assert signal.shape == (5, 7)
    np.testing.assert_allclose(signal.values, 2 * pixels.reshape(35, 3) - 1, atol=1e-6)
    np.testing.assert_allclose(signal.samples, pixels, atol=1e-6)


def test_score_is_psnr_on_unit_range_not_clipped():
    signal = sample_signal("image", size=16)
    values = signal.samples + np.float32(0.15) * np.sin(np.arange(768)).reshape(16, 16, 3)
    expected = peak_signal_noise_ratio(
        signal.samples.astype(float), values.astype(float), data_range=1.0
    )
    assert signal.score(values) == signal.score(values.reshape(256, 3))
    assert signal.score(values) == pytest.approx(expected, abs=1e-4)


def test_score_refuses_another_shape():
    signal = sample_signal("image", size=4)
    with pytest.raises(SignalError, match="predict at its grid_coords"):
        signal.score(signal.samples[..., :1])


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((4, 4)), "reshape"),
        (np.zeros((4, 4, 2)), "reshape"),
        (np.zeros((1, 4, 3)), "at least 2 points"),
        (np.zeros((4, 4, 3), np.uint8), "convert them to float"),
        (np.full((4, 4, 3), 1.5), "rescale"),
        (np.full((4, 4, 3), np.nan), "finite"),
        (np.full((4, 4, 3), -np.inf), "finite"),
    ],
)
def test_make_signal_refuses(samples, words):
    with pytest.raises(SignalError, match=words):
        make_signal("image", samples)


def test_a_constant_picture_is_accepted():
    assert make_signal("image", np.full((2, 2, 1), 0.5)).score(np.full((4, 1), 0.5)) == np.inf


def test_an_unknown_kind_is_said():
    with pytest.raises(SignalError, match="must be one of"):
        sample_signal("smell")


def test_write_and_load(tmp_path):
    signal = sample_signal("image", size=16)
    path = write_signal(tmp_path / "Photo.PNG", signal.samples, signal.frame)
    loaded = load_signal(path)
    assert (loaded.kind, loaded.name, loaded.shape) == ("image", "Photo", (16, 16))
    np.testing.assert_allclose(loaded.values, signal.values, atol=1.01 / 255)  # 8 bits


@pytest.mark.parametrize("name", ["photo", "photo.xyz", "photo.exe", ".png"])
def test_a_wrong_suffix_is_said(tmp_path, name):
    with pytest.raises(SignalError, match=r"ends in one of \.png"):
        load_signal(tmp_path / name)


def test_max_points_is_checked(tmp_path):
    path = write_image(tmp_path / "a.png", picture(8, 8))
    assert load_signal(path, max_points=64).num_points == 64
    with pytest.raises(SignalError, match="limit is 63"):
        load_signal(path, max_points=63)


def test_a_real_photograph_at_64_x_64(data_folder):
    path = data_folder / "kodak" / "kodim04.png"
    with pytest.warns(LossWarning, match="the 512 x 512 in the middle are kept"):
        signal = load_signal(path, size=64, square=True)
    assert signal.shape == (64, 64)
    assert load_signal(path).shape in {(768, 512), (512, 768)}
    assert signal.values.std() > 0.1
