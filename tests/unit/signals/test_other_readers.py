"""Files of phones, cameras and microscopes: each is read, or the sentence names its extra."""

import sys

import numpy as np
import pytest
from PIL import Image

import optiinr_jax as oi
from optiinr_jax.signals import SignalError, load_signal, make_signal, write_samples

PICTURE = oi.sample_signal("image", (24, 32))
HDR = np.random.default_rng(0).uniform(0.0, 40.0, (6, 8, 3)).astype(np.float32)


@pytest.mark.parametrize(("suffix", "noise"), [(".avif", 6.0), (".webp", 0.6)])
def test_pictures_are_written_and_read(suffix, noise, tmp_path):
    path = write_samples(tmp_path / f"a{suffix}", PICTURE.samples, PICTURE.frame)
    again = load_signal(path)
    assert (again.kind, again.shape) == ("image", PICTURE.shape)
    assert 255.0 * np.sqrt(np.mean((again.samples - PICTURE.samples) ** 2)) < noise


def test_a_picture_of_a_phone(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    levels = np.rint(255 * PICTURE.samples).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "a.heic", quality=95)
    again = load_signal(tmp_path / "a.heic")
    assert (again.kind, again.shape) == ("image", PICTURE.shape)
    assert np.sqrt(np.mean((again.samples - PICTURE.samples) ** 2)) < 0.05


def test_light_beyond_white_keeps_its_units(tmp_path):
    pytest.importorskip("OpenEXR")
    signal = make_signal("field", HDR)
    again = load_signal(write_samples(tmp_path / "a.exr", signal.samples, signal.frame))
    assert (again.kind, again.shape, again.num_channels) == ("field", (6, 8), 3)
    np.testing.assert_allclose(again.samples, HDR, rtol=1e-5, atol=1e-5)
    one = make_signal("field", HDR[..., :1])
    again = load_signal(write_samples(tmp_path / "b.exr", one.samples, one.frame))
    np.testing.assert_allclose(again.samples, HDR[..., :1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 8), (5, 6, 8)])
def test_a_tiff_of_floats_or_of_pages_is_a_field_where_one_says_so(shape, tmp_path):
    values = np.random.default_rng(0).normal(100.0, 30.0, shape).astype(np.float32)
    signal = oi.as_signal(values, kind="field")
    path = write_samples(tmp_path / "a.tif", signal.samples, signal.frame)
    again = load_signal(path, kind="field")
    np.testing.assert_allclose(again.samples[..., 0], values, rtol=1e-5, atol=1e-3)
    if len(shape) == 2:
        with pytest.raises(SignalError, match='kind="field"'):
            load_signal(path)


def test_floats_with_three_channels_in_a_tiff(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", HDR, photometric="rgb")
    read = load_signal(tmp_path / "a.tif", kind="field")
    path = write_samples(tmp_path / "b.tif", read.samples, read.frame)
    for again in (read, load_signal(path, kind="field")):
        assert (again.shape, again.num_channels) == ((6, 8), 3)
        np.testing.assert_allclose(again.samples, HDR, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("suffix", "codec"), [(".m4a", "aac"), (".opus", "libopus")])
def test_a_sound_of_a_phone(suffix, codec, tmp_path):
    av = pytest.importorskip("av")
    time = np.arange(48_000) / 48_000.0
    wave = np.stack([0.5 * np.sin(2 * np.pi * f * time) for f in (440.0, 660.0)]).astype("f4")
    with av.open(str(tmp_path / f"a{suffix}"), "w") as container:
        stream = container.add_stream(codec, rate=48_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
        frame.sample_rate = 48_000
        for part in (frame, None):
            container.mux(stream.encode(part))
    signal = load_signal(tmp_path / f"a{suffix}", start=0.25, duration=0.5)
    assert (signal.kind, signal.num_channels) == ("audio", 2)
    assert signal.shape == (24_000,) and signal.attributes["sample_rate"] == 48_000.0
    for channel, pitch in zip(signal.samples.T, (440, 660), strict=True):
        spectrum = np.abs(np.fft.rfft(channel))
        assert abs(int(spectrum.argmax()) * 2 - pitch) <= 2


@pytest.mark.parametrize(
    ("module", "extra", "name"),
    [
        ("nibabel", "nifti", "a.nii"),
        ("h5py", "hdf5", "a.h5"),
        ("av", "video", "a.mp4"),
        ("av", "video", "a.m4a"),
        ("pillow_heif", "heic", "a.heic"),
        ("OpenEXR", "exr", "a.exr"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(module, extra, name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(SignalError, match=rf"pip install 'optiinr-jax\[{extra}\]'"):
        load_signal(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "command"),
    [("a.dcm", "dcm2niix"), ("a.jxl", "djxl a.jxl a.png"), ("a.wmv", "ffmpeg -i a.wmv a.mp4")],
)
def test_what_is_not_read_names_a_command(name, command, tmp_path):
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(SignalError, match=f"convert it, as by: {command}"):
        load_signal(tmp_path / name)
