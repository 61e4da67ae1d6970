"""Masks in files: pictures and arrays, at the size of the signal."""

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.signals import LossWarning, SignalError, read_mask

hidden = np.zeros((24, 36), bool)
hidden[6:12, 9:21] = True


@pytest.fixture
def files(tmp_path):
    Image.fromarray(np.uint8(255 * hidden)).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", hidden)
    np.savez(tmp_path / "a.npz", values=np.broadcast_to(hidden[:12, :12, None], (12, 12, 12)))
    np.save(tmp_path / "a.bool.npy", np.arange(30) % 7 == 0)
    return tmp_path


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_at_the_signals_own_size_it_is_what_the_file_says(name, files):
    signal = oi.sample_signal("image", (24, 36))
    np.testing.assert_array_equal(read_mask(files / name, signal), hidden)


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_smaller_every_sample_that_it_touches_is_hidden(name, files):
    signal = oi.sample_signal("image", (8, 12))
    touched = hidden.reshape(8, 3, 12, 3).any(axis=(1, 3))
    found = read_mask(files / name, signal)
    assert found.shape == (8, 12) and found[touched].all() and not found.all()


def test_a_square_of_the_picture_has_the_square_of_the_mask(files):
    with pytest.warns(LossWarning, match="24 x 24 in the middle"):
        found = read_mask(files / "a.png", oi.sample_signal("image", (24, 24)))
    np.testing.assert_array_equal(found, hidden[:, 6:30])


def test_a_picture_hides_the_same_of_every_frame(files):
    found = read_mask(files / "a.png", oi.sample_signal("video", (3, 24, 36)))
    np.testing.assert_array_equal(found, np.broadcast_to(hidden, (3, 24, 36)))


def test_an_array_for_a_field_a_solid_and_a_sound(files):
    for kind in ("field", "volume"):
        found = read_mask(files / "a.npz", oi.sample_signal(kind, (12, 12, 12)))
        np.testing.assert_array_equal(found, np.broadcast_to(hidden[:12, :12, None], (12, 12, 12)))
        assert read_mask(files / "a.npz", oi.sample_signal(kind, (6, 6, 6))).shape == (6, 6, 6)
    assert read_mask(files / "a.bool.npy", oi.sample_signal("audio", 30)).sum() == 5


@pytest.mark.parametrize(
    ("kind", "size", "name", "words"),
    [
        ("points", 50, "a.npy", "points on no grid"),
        ("field", (8, 8, 8), "a.png", "a mask for a signal of kind field, but a file that ends in"),
        ("audio", 40, "a.bool.npy", r"has shape \(30,\), but the signal .* has \(40,\)"),
        ("image", (24, 24), "a.npy", r"has shape \(24, 36\), but the signal .* has \(24, 24\)"),
        ("image", (24, 36), "none.png", "does not exist"),
        ("image", (24, 36), "a.wav", "a mask for a signal of kind image, but a file that ends in"),
    ],
)
def test_what_fits_no_signal_is_refused_in_one_sentence(kind, size, name, words, files):
    with pytest.raises(SignalError, match=words):
        read_mask(files / name, oi.sample_signal(kind, size))
