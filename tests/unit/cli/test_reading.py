"""What of a file is read: sizes in words, options by kind, and the same part once more."""

import numpy as np
import pytest
import soundfile
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.cli.reading import Reading, facts_of, read_again, read_signal
from optiinr_jax.signals import LossWarning
from tests.helpers import make_inr

pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.signals.LossWarning")
RATE = 4000
rng = np.random.default_rng(0)


@pytest.fixture
def files(tmp_path):
    Image.fromarray(rng.integers(0, 255, (60, 90, 3), np.uint8)).save(tmp_path / "a.png")
    t = np.arange(2 * RATE) / RATE
    wave = np.sin(2 * np.pi * (100 + 50 * t) * t) * (0.2 + t / 3)
    soundfile.write(tmp_path / "a.wav", np.stack([wave, wave[::-1]], 1), RATE, subtype="FLOAT")
    occupied = np.zeros((8, 8, 8), bool)
    occupied[2:6, 2:6, 2:7] = True
    np.savez(tmp_path / "a.npz", occupied)
    return tmp_path


def fitted(signal: oi.Signal, reading: Reading | None) -> oi.INR:
    """A network of a signal that nobody has trained, as its file holds it."""
    config = oi.preset("siren", modality=signal.kind, width=4, depth=1)
    inr = make_inr(signal, config)
    inr.info.update({} if reading is None else facts_of(reading, signal))
    return inr


READINGS = {
    "usual": ("a.png", Reading(), (85, 128)),
    "longest side": ("a.png", Reading(size="24"), (16, 24)),
    "square": ("a.png", Reading(size="24", square=True), (24, 24)),
    "all of a square": ("a.png", Reading(size="full", square=True), (60, 60)),
    "sides": ("a.png", Reading(size="20x16"), (20, 16)),
    "whole": ("a.png", Reading(size="None"), (60, 90)),
    "part": ("a.wav", Reading(start=0.5, duration=0.05), (200,)),
    "rate": ("a.wav", Reading(start=1.0, sample_rate=2000, mono=True, size="100"), (100,)),
    "whole sound": ("a.wav", Reading(), (2 * RATE,)),
    "crop": ("a.npz", Reading(size="full", crop="wire"), (3, 3, 4)),
    "no crop": ("a.npz", Reading(size="full", crop="none"), (8, 8, 8)),
}


@pytest.mark.integration
@pytest.mark.parametrize("name", READINGS)
def test_a_part_is_read_and_read_again(name, files):
    file, reading, shape = READINGS[name]
    signal = read_signal(files / file, "image", reading, "fit")
    assert signal.shape == shape
    again = read_again(fitted(signal, reading), files / file, Reading())
    np.testing.assert_array_equal(again.stored, signal.stored)
    assert again.attributes == signal.attributes


@pytest.mark.integration
def test_sizes_of_the_samples():
    assert read_signal(None, "image", Reading(), "fit").shape == (128, 128)
    assert read_signal(None, "image", Reading(), "search").shape == (96, 96)
    assert read_signal(None, "audio", Reading(size="100"), "fit").shape == (100,)


@pytest.mark.parametrize("size", ["fulll", "64x", "x", "1x2x3", "-3", "4.5", ""])
def test_a_size_that_is_none_is_said_in_one_sentence(size, files):
    with pytest.raises(ValueError, match=r"--size is .* HEIGHTxWIDTH, auto or full was expected"):
        read_signal(files / "a.png", "image", Reading(size=size), "fit")


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        (
            "a.png",
            {"duration": 1.0},
            "--duration is an option of audio or video",
        ),
        ("a.npz", {"sample_rate": 8000}, "--sample-rate is an option of audio"),
        ("a.wav", {"square": True}, "--square is an option of image"),
        ("a.wav", {"crop": "none"}, "--crop is an option of volume"),
    ],
)
def test_an_option_of_another_kind_is_named_as_it_was_written(file, options, words, files):
    with pytest.raises(ValueError, match=words):
        read_signal(files / file, "image", Reading(**options), "fit")


def test_another_part_is_refused_or_warned_of(files):
    square = fitted(oi.load_signal(files / "a.png", 24, square=True), None)
    with pytest.raises(ValueError, match="another part of it; give --square"):
        read_again(square, files / "a.png", Reading())
    assert read_again(square, files / "a.png", Reading(square=True)).shape == (24, 24)
    part = fitted(oi.load_signal(files / "a.wav", start=0.5, duration=0.05), None)
    with pytest.warns(UserWarning, match="the peak of the model's signal .* another part of it"):
        read_again(part, files / "a.wav", Reading(duration=0.05))
    slow = fitted(oi.load_signal(files / "a.wav", 100, sample_rate=2000), None)
    with pytest.warns(UserWarning, match="the (peak|sample_rate) of the model's signal"):
        read_again(slow, files / "a.wav", Reading())
    with pytest.raises(ValueError, match=r"the model is of kind image, but .* of kind audio"):
        read_again(square, files / "a.wav", Reading())


def test_a_reading_of_a_strangers_model_is_only_options(files):
    inr = fitted(oi.load_signal(files / "a.png", 24), None)
    for reading in ("text", ["size"], {"what": 1, "size": "24"}, {"size": "24", "__class__": "x"}):
        inr.info["reading"] = reading
        assert read_again(inr, files / "a.png", Reading()).shape == (16, 24)


def test_what_is_cut_off_is_said(files):
    with pytest.warns(LossWarning, match="the 60 x 60 in the middle are kept"):
        read_signal(files / "a.png", "image", Reading(square=True), "fit")
    with pytest.warns(LossWarning, match=r"the first 0.025 s are kept, 100 samples"):
        read_signal(files / "a.wav", "image", Reading(size="100"), "fit")


def test_a_mask_is_read_at_the_size_of_the_signal_and_not_kept(files):
    """A model file names no file of its maker's."""
    hidden = np.zeros((60, 90), np.uint8)
    hidden[:, :30] = 255
    Image.fromarray(hidden).save(files / "mask.png")
    reading = Reading(size="24", mask=files / "mask.png")
    signal = read_signal(files / "a.png", "image", reading, "fit")
    roles = signal.roles.reshape(signal.shape)
    assert signal.shape == (16, 24) and (roles[:, :8] == 2).all() and (roles[:, 10:] < 2).all()
    inr = fitted(signal, reading)
    assert inr.info["reading"] == {"size": "24"}
    inr.info["reading"]["mask"] = "/etc/passwd"  # of a stranger's model
    assert not read_again(inr, files / "a.png", Reading()).is_scattered
    again = read_again(inr, files / "a.png", Reading(mask=files / "mask.png"))
    np.testing.assert_array_equal(again.roles, signal.roles)
    auto = facts_of(Reading(), oi.mask(oi.load_signal(files / "a.png"), hidden > 0))
    assert auto == {"reading": {"size": "90"}}
