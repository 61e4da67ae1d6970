"""Reading, sizing and writing pictures; every refusal is one sentence that says what to do."""

import zlib

import numpy as np
import PIL
import pytest
import tifffile
from PIL import Image, ImageFile

from optiinr_jax.signals import (
    LossWarning,
    SignalError,
    load_signal,
    read_image,
    resize_image,
    write_image,
)
from optiinr_jax.signals.image import load_image
from tests.pictures import LEVELS, PIXELS, header, png, tiff_of_bits

pytestmark = pytest.mark.filterwarnings("ignore::optiinr_jax.signals.LossWarning")


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


@pytest.mark.parametrize(
    ("suffix", "num_bits"), [(".png", 8), (".jpg", 8), (".tif", 8), (".png", 16), (".tif", 16)]
)
def test_a_cut_file_is_never_half_a_picture(tmp_path, suffix, num_bits):
    path = write_image(tmp_path / f"a{suffix}", PIXELS, num_bits=num_bits)
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


def test_a_very_large_picture_has_a_file_to_match(tmp_path, check_refusal):
    """So that a few megabytes ask for no gigabyte; nothing is decoded."""
    few, many = tmp_path / "few.png", tmp_path / "many.png"
    few.write_bytes(png(header(9000, 9000), (b"IDAT", bytes(4_000_000)), (b"IEND", b"")))
    many.write_bytes(png(header(20000, 20000), (b"IDAT", b"")))
    check_refusal("promises 81000000 pixels in 4000", lambda: load_signal(few))
    check_refusal("more pixels than the limit is, 160000000", lambda: load_signal(many))
    many.write_bytes(png(header(13000, 13000), (b"IDAT", b"")))
    check_refusal("limit is 160000000", lambda: load_signal(many))
