"""Videos: films and animations, read in parts, brought down, written with their frame rate."""

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.signals import LossWarning, SignalError, load_signal, make_signal, write_samples
from optiinr_jax.signals.kinds import kind_of_file

VIDEO = oi.sample_signal("video", (5, 12, 16))
# How far a format is from the levels that were written, root mean square of 255.
NOISE = {".gif": 8.0, ".npz": 0.5, ".npy": 0.5, ".mp4": 8.0, ".mkv": 8.0}


@pytest.mark.parametrize("suffix", NOISE)
def test_what_is_written_is_read_again(suffix, tmp_path):
    if suffix in (".mp4", ".mkv"):
        pytest.importorskip("av")
    path = write_samples(tmp_path / f"a{suffix}", VIDEO.samples, VIDEO.frame)
    again = load_signal(path)
    assert (again.kind, again.shape) == ("video", VIDEO.shape)
    error = 255.0 * np.sqrt(np.mean((again.samples - VIDEO.samples) ** 2))
    assert error < NOISE[suffix]
    if suffix not in (".npz", ".npy"):
        assert again.attributes["frame_rate"] == pytest.approx(5.0)


def test_odd_sides_and_grey(tmp_path):
    pytest.importorskip("av")
    grey = VIDEO.samples[:, :7, :9, :1]
    signal = make_signal("video", grey, attributes={"frame_rate": 10.0})
    path = write_samples(tmp_path / "a.mp4", signal.samples, signal.frame)
    again = load_signal(path)
    assert again.shape == (5, 7, 9)
    assert np.ptp(again.samples, axis=-1).max() < 0.05


def test_a_part_and_a_size(tmp_path):
    pytest.importorskip("av")
    path = write_samples(tmp_path / "a.mp4", VIDEO.samples, VIDEO.frame)
    with pytest.warns(LossWarning, match="first 4 frames"):
        small = load_signal(path, 4)
    assert small.shape == (4, 3, 4) and small.attributes["frame_rate"] == pytest.approx(5.0)
    part = load_signal(path, 8, start=0.4, duration=0.6)
    assert part.shape == (3, 6, 8)
    whole = load_signal(path, (2, 6, 8))
    assert whole.reference == "file" and whole.attributes["frame_rate"] == pytest.approx(2.0)


def test_an_animation_is_a_video_and_a_still_a_picture(tmp_path):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "still.gif")
    for name in ("a.gif", "a.png", "a.webp"):
        frames[0].save(
            tmp_path / name, save_all=True, append_images=frames[1:], duration=50, lossless=True
        )
        signal = load_signal(tmp_path / name)
        assert signal.kind == "video" and signal.shape == (3, 4, 6)
        np.testing.assert_allclose(signal.samples[2, 0, 0], [0.0, 0.0, 1.0], atol=0.02)
    assert load_signal(tmp_path / "still.gif").kind == "image"


def test_pages_of_a_tiff_are_a_video_where_one_says_so(tmp_path):
    pages = [Image.new("L", (6, 4), level) for level in (0, 100, 255)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert kind_of_file(tmp_path / "a.tif") == "image"
    signal = load_signal(tmp_path / "a.tif", kind="video")
    assert (signal.shape, signal.num_channels) == ((3, 4, 6), 1)


def test_bytes_with_four_axes_are_a_video(tmp_path):
    levels = np.rint(255 * VIDEO.samples).astype(np.uint8)
    signal = oi.as_signal(levels, sample_rate=12.5)
    assert signal.kind == "video" and signal.attributes == {"frame_rate": 12.5}
    np.save(tmp_path / "a.npy", levels)
    assert kind_of_file(tmp_path / "a.npy") == "video"


def test_at_twice_the_frames_it_lasts_as_long():
    assert VIDEO.frame.with_shape((10, 12, 16)).attributes["frame_rate"] == 10.0
    seconds = VIDEO.frame.coords_in("seconds", np.array([[0.8, 11.0, 15.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(seconds, [[1.0] * 3, [-1.0] * 3], atol=1e-6)


def test_refusals(tmp_path, check_refusal, no_type_checks):
    path = write_samples(tmp_path / "a.gif", VIDEO.samples, VIDEO.frame)
    check_refusal("at least 2 of each", lambda: load_signal(path, start=30.0))
    check_refusal("that is the limit", lambda: load_signal(path, max_points=300))
    check_refusal("size is 1", lambda: load_signal(path, 1))
    with pytest.raises(SignalError, match="change the suffix"):
        write_samples(tmp_path / "a.wav", VIDEO.samples, VIDEO.frame)
    (tmp_path / "a.mp4").write_bytes(b"no film")
    pytest.importorskip("av")
    check_refusal("cannot be decoded", lambda: load_signal(tmp_path / "a.mp4"))
