"""Reading, sizing and writing pictures; every refusal is one sentence that says what to do."""

import struct
import zlib

import numpy as np
import PIL
import pytest
import tifffile
from PIL import Image, ImageFile

from optiinr_jax.signals import (
    LossWarning,
    SignalError,
    picture,
    read_image,
    resize_image,
    write_image,
)
from optiinr_jax.signals.image import load_image, pixels_of

pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.signals.LossWarning")

PIXELS = picture(24, 20)
LEVELS = np.rint(PIXELS * 255).astype(np.uint8)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG made by hand, for what Pillow itself will not write."""
    parts = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def header(width: int, height: int, bits: int = 8, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)


@pytest.mark.parametrize(
    ("suffix", "tolerance"),
    [
        (".png", 0.51 / 255),
        (".tif", 0.51 / 255),
        (".TIFF", 0.51 / 255),
        (".jpg", 0.2),  # lossy at edges; the mean below is the law
        (".jpeg", 0.2),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_round_trip(tmp_path, suffix, tolerance, channels):
    written = PIXELS[..., :channels]
    read = read_image(write_image(tmp_path / f"a{suffix}", written))
    assert read.shape == written.shape
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, written, atol=tolerance)
    assert np.abs(read - written).mean() < 0.02


def test_output_beyond_the_range_is_clipped(tmp_path):
    read = read_image(write_image(tmp_path / "a.png", np.array([[[-0.2], [0.5]], [[1.0], [1.3]]])))
    np.testing.assert_allclose(read.ravel(), [0, 128 / 255, 1, 1], atol=1e-6)


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to show
    Image.fromarray(LEVELS).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_allclose(
        read_image(tmp_path / "a.png"), np.rot90(LEVELS, -1) / 255, atol=1e-6
    )


def test_transparency_is_laid_over_white(tmp_path):
    alpha = np.full((24, 20, 1), 51, np.uint8)  # a fifth
    Image.fromarray(np.concatenate([LEVELS, alpha], -1)).save(tmp_path / "a.png")
    expected = 0.2 * LEVELS / 255 + 0.8
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1.01 / 255)


def test_grey_stays_one_channel_with_and_without_transparency(tmp_path):
    grey = Image.fromarray(LEVELS[..., 0])
    for mode, bound in [("L", 1e-6), ("LA", 1e-6), ("1", 1)]:
        grey.convert(mode).save(tmp_path / "a.png")
        read = read_image(tmp_path / "a.png")
        assert read.shape == (24, 20, 1)
        np.testing.assert_allclose(read[..., 0], LEVELS[..., 0] / 255, atol=bound)


def test_palette_and_its_transparency(tmp_path):
    image = Image.fromarray(LEVELS).quantize(16)
    image.save(tmp_path / "a.png")
    expected = np.asarray(image.convert("RGB")) / 255
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), expected, atol=1e-6)
    image.save(tmp_path / "b.png", transparency=0)
    expected[np.asarray(image) == 0] = 1.0
    np.testing.assert_allclose(read_image(tmp_path / "b.png"), expected, atol=1e-6)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_becomes_colour(tmp_path, suffix):
    Image.fromarray(LEVELS).convert("CMYK").save(tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}")
    assert read.shape == (24, 20, 3)
    assert np.abs(read - PIXELS).mean() < 0.05


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


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_of_many_frames_the_first_is_read(tmp_path, suffix):
    first, second = Image.fromarray(LEVELS), Image.fromarray(255 - LEVELS)
    lossless = {"lossless": True} if suffix == ".webp" else {}
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=[second], **lossless)
    with Image.open(tmp_path / f"a{suffix}") as picture:
        assert picture.n_frames == 2
    with pytest.warns(LossWarning, match="of the 2 frames of a.* the first one is read"):
        pixels = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(pixels, LEVELS / 255, atol=1e-6)


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


def test_size_cuts_the_centre_and_resizes():
    pixels = np.zeros((20, 60, 1), np.float32)
    pixels[:, 20:40] = 1.0
    np.testing.assert_array_equal(resize_image(pixels, 20), 1.0)
    np.testing.assert_allclose(resize_image(pixels, 5), 1.0, atol=1e-6)
    np.testing.assert_array_equal(resize_image(pixels, (20, 60)), pixels)
    assert resize_image(pixels, (4, 6)).shape == (4, 6, 1)
    assert resize_image(pixels, 90).shape == (90, 90, 1)


def test_resizing_removes_what_the_new_grid_cannot_hold():
    stripes = np.tile(np.array([0.0, 1.0], np.float32), 32)[None, :, None].repeat(64, 0)
    inner = resize_image(stripes, 16)[2:-2, 2:-2]
    np.testing.assert_allclose(inner, 0.5, atol=0.02)  # Lanczos with three lobes


BAD_FILES = {
    "text": (b"hello, I am no picture", "no known format"),
    "empty": (b"", "is empty"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no known format"),
    "one pixel": (png(header(1, 1), (b"IDAT", zlib.compress(bytes(4))), (b"IEND", b"")), "2 x 2"),
    "bomb": (png(header(60_000, 60_000), (b"IDAT", b"")), "bomb|limit"),
    "above the limit": (png(header(9000, 9000), (b"IDAT", b"")), "limit is 64000000"),
}


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_are_refused_in_one_sentence(tmp_path, content, words, check_refusal):
    (tmp_path / "bad.png").write_bytes(content)
    check_refusal(words, lambda: read_image(tmp_path / "bad.png"))


def test_missing_files_and_folders_are_refused(tmp_path, check_refusal):
    check_refusal("does not exist", lambda: read_image(tmp_path / "none.png"))
    check_refusal("is not a file", lambda: read_image(tmp_path))
    check_refusal("cannot be decoded", lambda: read_image(tmp_path / ("long" * 200 + ".png")))


def test_a_bomb_is_refused_before_decoding(tmp_path, monkeypatch, check_refusal):
    def decode(self):
        raise AssertionError("decoded")

    path = write_image(tmp_path / "a.png", PIXELS)
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    check_refusal("limit is 400", lambda: read_image(path, max_pixels=400))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_cut_file_is_never_half_a_picture(tmp_path, suffix):
    path = write_image(tmp_path / f"a{suffix}", PIXELS)
    whole, content = read_image(path), path.read_bytes()
    for length in range(1, len(content), 7):
        path.write_bytes(content[:length])
        try:
            read = read_image(path)
        except SignalError:
            continue
        np.testing.assert_array_equal(read, whole)  # only an end mark was lost


def test_a_wrong_checksum_is_refused(tmp_path, check_refusal):
    path = write_image(tmp_path / "a.png", PIXELS)
    content = bytearray(path.read_bytes())
    content[-17] ^= 1  # in the checksum of the last data chunk
    path.write_bytes(bytes(content))
    check_refusal("cannot be decoded", lambda: read_image(path))


def test_a_pillow_that_lets_half_pictures_pass_is_refused(tmp_path, monkeypatch):
    path = write_image(tmp_path / "a.jpg", PIXELS)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(SignalError, match="set it to False"):
        read_image(path)


@pytest.mark.parametrize("size", [0, -3, 1, (4, 1), (0, 5), (5,), (4, 4, 4), True, 10**9])
def test_bad_sizes_are_refused(tmp_path, size, check_refusal):
    path = write_image(tmp_path / "a.png", PIXELS)
    check_refusal("size", lambda: load_image(path, size))


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("a.gif", PIXELS, "change the suffix"),
        ("a", PIXELS, "change the suffix"),
        ("missing/a.png", PIXELS, "choose an existing folder"),
        ("a.png", PIXELS[..., 0], "reshape"),
        ("a.png", PIXELS[..., :2], "reshape"),
        ("a.png", PIXELS[:0], "reshape"),
        ("a.png", PIXELS * np.nan, "did not diverge"),
    ],
)
def test_bad_writes_are_refused_and_leave_nothing(tmp_path, name, values, words):
    with pytest.raises(SignalError, match=words):
        write_image(tmp_path / name, values)
    assert not list(tmp_path.iterdir())


def tiff_of_bits(bits: int, levels: np.ndarray, photometric: int, sample_format: int = 1) -> bytes:
    """A grey TIFF of 8 rows in one strip, its numbers packed most significant bit first."""
    data = levels.tobytes()
    if bits in (4, 12):
        places = np.arange(bits)[::-1]
        data = np.packbits((levels[:, None] >> places & 1).astype(np.uint8).ravel()).tobytes()
    tags = [(256, len(levels) // 8), (257, 8), (258, bits), (259, 1), (262, photometric), (273, 8)]
    tags += [(277, 1), (278, 8), (279, len(data)), (339, sample_format)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return head + struct.pack("<H", len(tags)) + entries + bytes(4)


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


@pytest.mark.skipif(int(PIL.__version__.split(".")[0]) < 13, reason="Pillow 13 reads such TIFFs")
def test_grey_multiplied_by_its_opacity_is_read(tmp_path):
    grey = np.full((4, 6), 100, np.uint8)
    alpha = np.where(np.arange(6) < 3, 255, 128)[None, :].repeat(4, 0).astype(np.uint8)
    data = np.stack([grey, alpha], -1)
    tifffile.imwrite(
        tmp_path / "a.tif", data, photometric="minisblack", extrasamples=["assocalpha"]
    )
    with Image.open(tmp_path / "a.tif") as opened:
        assert opened.mode == "La"
    pixels = read_image(tmp_path / "a.tif")[..., 0]
    np.testing.assert_allclose(pixels[:, :3], 100 / 255, atol=0.01)
    np.testing.assert_allclose(pixels[:, 3:], 1 - 128 / 255 + 100 / 255, atol=0.02)


def test_what_pillow_cannot_do_is_said_in_our_words(tmp_path, check_refusal):
    words = np.zeros(128, "<u2")
    (tmp_path / "a.tif").write_bytes(tiff_of_bits(14, words, 1))
    check_refusal("a TIFF of damaged bytes, or of bits", lambda: read_image(tmp_path / "a.tif"))
    Image.fromarray(LEVELS).save(tmp_path / "a.png", icc_profile=bytes(2**21))
    check_refusal("its colour profile or text is longer", lambda: read_image(tmp_path / "a.png"))


@pytest.mark.parametrize(
    ("options", "shape", "is_cut"),
    [
        ({"size": 10}, (8, 10), False),
        ({"size": 48}, (40, 48), False),
        ({"size": 10, "square": True}, (10, 10), True),
        ({"square": True}, (20, 20), True),
        ({"size": (10, 5)}, (10, 5), True),
        ({"size": (10, 5), "square": True}, (5, 5), True),
        ({"size": None}, (20, 24), False),
    ],
)
def test_a_size_is_the_longest_side_and_a_square_is_cut_by_choice(
    tmp_path, recwarn, options, shape, is_cut
):
    path = write_image(tmp_path / "a.png", np.swapaxes(PIXELS, 0, 1))
    assert load_image(path, **options).shape == (*shape, 3)
    assert len([w for w in recwarn if "in the middle are kept" in str(w.message)]) == is_cut
