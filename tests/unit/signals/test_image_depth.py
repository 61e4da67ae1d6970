"""Pictures of other than 8 bits: 16 in and out, TIFF whose tags say what its numbers mean."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from optiinr_jax.signals import (
    LossWarning,
    SignalError,
    as_signal,
    load_signal,
    read_image,
    write_image,
    write_samples,
)
from optiinr_jax.signals.image import pixels_of
from tests.pictures import LEVELS, PIXELS, header, png, tiff_of_bits

pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.signals.LossWarning")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_leave_as_they_came(tmp_path, suffix, channels):
    """Whatever is done with the signal, its kind writes them; an array of words has them too."""
    words = np.random.default_rng(0).integers(0, 65536, (24, 20, channels), np.uint16)
    array = as_signal(words)
    path = write_samples(tmp_path / f"a{suffix}", array.samples, array.frame)
    with Image.open(path) as image:
        image.load()
    read = load_signal(path)
    np.testing.assert_array_equal(np.rint(65535.0 * read.samples), words)
    assert read.attributes == array.attributes == {"bits": 16.0}
    larger = write_samples(tmp_path / f"b{suffix}", read.samples, read.frame.scaled(1.0))
    assert larger.read_bytes() == path.read_bytes()
    assert load_signal(write_samples(tmp_path / "a.jpg", read.samples, read.frame)).attributes == {}
    assert load_signal(write_image(tmp_path / f"c{suffix}", read.samples)).attributes == {}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_keeps_its_precision(tmp_path, suffix):
    levels = np.arange(480, dtype=np.uint16).reshape(24, 20) * 131
    Image.fromarray(levels).save(tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read[..., 0], levels.astype(np.float32) / 65535)


def predictor(left: int, above: int, corner: int) -> list[int]:
    """What each of PNG's five filters takes off a byte (PNG specification, section 9)."""
    guess = left + above - corner
    paeth = min((left, above, corner), key=lambda byte: abs(guess - byte))
    return [0, left, above, (left + above) // 2, paeth]


def png_of_words(words: np.ndarray, colour: int, *more: tuple[bytes, bytes]) -> bytes:
    """A 16-bit PNG made by hand, every filter in turn."""
    height, width, channels = words.shape
    step, packed = 2 * channels, b""
    above = bytes(width * step)
    for y, row in enumerate(row.tobytes() for row in words.astype(">u2")):
        line = bytes([y % 5])
        for i, byte in enumerate(row):
            before, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            line += bytes([(byte - predictor(before, above[i], corner)[y % 5]) % 256])
        packed, above = packed + line, row
    data = b"IDAT", zlib.compress(packed)
    return png(header(width, height, 16, colour), *more, data, (b"IEND", b""))


WORDS = np.random.default_rng(0).integers(0, 65536, (11, 7, 4)).astype(np.uint16)


def over_white(words: np.ndarray, num_colours: int) -> np.ndarray:
    levels = words / 65535
    alpha = levels[..., num_colours:]
    colours = levels[..., :num_colours]
    return colours * alpha + (1 - alpha) if alpha.size else colours


@pytest.mark.parametrize(
    ("colour", "channels", "num_colours"), [(0, 1, 1), (2, 3, 3), (4, 2, 1), (6, 4, 3)]
)
def test_16_bit_png_keeps_its_precision(tmp_path, colour, channels, num_colours):
    words = WORDS[..., :channels]
    (tmp_path / "a.png").write_bytes(png_of_words(words, colour))
    read = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(read, over_white(words, num_colours), atol=1e-7)


def test_16_bit_png_with_one_transparent_colour(tmp_path):
    words = WORDS[..., :3].copy()
    words[3, 4] = words[5, 6]
    words[1, 1] = words[5, 6] ^ 1  # another colour, but for one bit
    content = png_of_words(words, 2, (b"tRNS", words[5, 6].astype(">u2").tobytes()))
    (tmp_path / "a.png").write_bytes(content)
    expected = words / 65535
    expected[3, 4] = expected[5, 6] = 1.0
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1e-7)


def test_16_bit_png_with_a_rotation_mark(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = png_of_words(WORDS[..., :3], 2, (b"eXIf", exif.tobytes()[6:]))
    (tmp_path / "a.png").write_bytes(content)
    expected = np.rot90(WORDS[..., :3], -1) / 65535
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1e-7)


@pytest.mark.parametrize("num_channels", [3, 4])
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"byteorder": ">"},
        {"rowsperstrip": 3},
        {"tile": (16, 16)},
        {"compression": "zlib"},
        {"compression": "zlib", "byteorder": ">", "predictor": True},
    ],
    ids=str,
)
def test_16_bit_tiff_keeps_its_precision(tmp_path, num_channels, layout):
    words = WORDS[..., :num_channels]
    alpha = {"extrasamples": ["unassalpha"]} if num_channels == 4 else {}
    tifffile.imwrite(tmp_path / "a.tif", words, photometric="rgb", **alpha, **layout)
    np.testing.assert_allclose(read_image(tmp_path / "a.tif"), over_white(words, 3), atol=1e-7)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_16_bit_planes_that_pillow_takes_for_8_bit_ones_are_refused(
    tmp_path, compression, check_refusal
):
    path, planes = tmp_path / "a.tif", WORDS[..., :3].transpose(2, 0, 1)
    options = {"photometric": "rgb", "planarconfig": "separate", "compression": compression}
    tifffile.imwrite(path, planes, **options)
    with Image.open(path) as wrong:
        assert np.abs(np.asarray(wrong) / 255 - WORDS[..., :3] / 65535).max() > 1 / 300
    check_refusal("16-bit colours in separate planes", lambda: read_image(path))
    tifffile.imwrite(path, (planes >> 8).astype(np.uint8), **options)
    np.testing.assert_allclose(read_image(path), (WORDS[..., :3] >> 8) / 255, atol=1e-7)


def test_16_bit_cmyk_is_reduced_with_a_warning(tmp_path):
    words = WORDS.copy()
    words[..., 3] = 0
    tifffile.imwrite(tmp_path / "a.tif", words, photometric="separated")
    with pytest.warns(UserWarning, match="only 8 of them are read"):
        read = read_image(tmp_path / "a.tif")
    np.testing.assert_allclose(read, 1 - words[..., :3] / 65535, atol=1.01 / 255)


def test_float_tiff_is_read_or_refused_by_its_range(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(PIXELS[..., 0]).save(path)
    np.testing.assert_array_equal(read_image(path)[..., 0], PIXELS[..., 0])
    for bad in (np.nan, np.inf, 7.0, -0.5):
        plane = PIXELS[..., 0].copy()
        plane[3, 4] = bad
        Image.fromarray(plane).save(path)
        with pytest.raises(SignalError, match="rescale"):
            read_image(path)


def test_32_bit_whole_numbers_are_refused(tmp_path):
    Image.fromarray(LEVELS[..., 0].astype(np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(SignalError, match="save it as 16-bit grey"):
        read_image(tmp_path / "a.tif")


RAMP = np.linspace(0, 1, 128)


@pytest.mark.parametrize(
    ("bits", "photometric"), [(4, 1), (4, 0), (8, 0), (12, 1), (16, 1), (16, 0), (32, 1), (32, 0)]
)
def test_the_tags_of_a_tiff_say_what_its_numbers_mean(tmp_path, bits, photometric):
    """Fewer than 16 bits in words, and 0 for white: Pillow does these for 8 bits alone."""
    levels = RAMP if photometric == 1 else 1 - RAMP
    kinds = {4: "u1", 8: "u1", 12: "<u2", 16: "<u2", 32: "<f4"}
    top = 1.0 if bits == 32 else 2.0**bits - 1
    numbers = (levels * top if bits == 32 else np.rint(levels * top)).astype(kinds[bits])
    content = tiff_of_bits(bits, numbers, photometric, 3 if bits == 32 else 1)
    (tmp_path / "a.tif").write_bytes(content)
    expected = numbers / top if photometric == 1 else 1 - numbers / top
    np.testing.assert_allclose(read_image(tmp_path / "a.tif").ravel(), expected, atol=1e-6)
    with Image.open(tmp_path / "a.tif") as opened:
        np.testing.assert_allclose(pixels_of(opened, "a").ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_level_of_a_grey_png_is_white(tmp_path, bits):
    top = 2**bits - 1
    levels = np.arange(32).reshape(4, 8) * 2000 if bits == 16 else np.arange(32).reshape(4, 8)
    levels = levels % (top + 1)
    level = int(levels[0, 1])
    places = np.arange(bits)[::-1]
    rows = [np.packbits((row[:, None] >> places & 1).astype(np.uint8).ravel()) for row in levels]
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [header(8, 4, bits, 0), (b"tRNS", struct.pack(">H", level))]
    chunks += [(b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(png(*chunks))
    expected = np.where(levels == level, 1.0, levels / top)
    with pytest.warns(LossWarning, match="transparent in places"):
        np.testing.assert_allclose(read_image(tmp_path / "a.png")[..., 0], expected, atol=1e-6)
    with Image.open(tmp_path / "a.png") as opened, pytest.warns(LossWarning):
        np.testing.assert_allclose(pixels_of(opened, "a")[..., 0], expected, atol=1e-6)
