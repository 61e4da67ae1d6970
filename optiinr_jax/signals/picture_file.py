"""Picture files: decoded by Pillow, whose bytes become numbers a strip of rows at a time.

What a file says of itself is compared with its length before a pixel is decoded. See `image` for
the policy.
"""

import os
import sys
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from optiinr_jax.signals.errors import LossWarning, SignalError, say_lost
from optiinr_jax.signals.formats import import_extra

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 64_000_000
HEIC = (".heic", ".heif")  # by pillow-heif (extra heic)
# Pillow's other decoders never see the bytes.
_READABLE = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "AVIF")
_STRIP = 2**21  # pixels at once
_LARGE = 2**24  # pixels of a picture that has to be more than a few bytes
_MOST_A_BYTE = 1100  # pixels; deflate packs 1032 bytes into one, JPEG about 500 pixels
_MOST_WIDE = 8  # the same of 16-bit colour, whose noise does not pack and which is held twice
_MOST_LARGE = 16  # the same above MAX_PIXELS: a few megabytes cannot ask for so much memory

# Pillow reads 16-bit colour as its high bytes alone. Read once more in the other byte order, the
# same file gives its low bytes: raw mode -> that other one, and where the low bytes then lie.
_NATIVE_OTHER = "B" if sys.byteorder == "little" else "L"
_LOW_BYTES: dict[str, tuple[str, list[int]]] = {
    f"{mode};16{order}": (f"{mode};16{other}", list(range(len(mode))))
    for mode in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", _NATIVE_OTHER))
} | {"LA;16B": ("RGBA", [1, 1, 1, 3])}  # grey and alpha, two bytes each
_SPREAD = {"L;2": 85, "L;4": 17}  # raw mode of few bits -> levels of 8 bits between two of them

Pixels = Float32[np.ndarray, "height width channels"]


class PictureFile(NamedTuple):
    """A decoded picture, upright.

    Attributes:
        name: of the file, for what is said of it.
        high: the picture, or the high bytes of 16-bit colour.
        low: the low bytes; None: there are none.
        places: channels of `low` in which they lie.
        num_channels: 1 or 3.
    """

    name: str
    high: "Image"
    low: "Image | None"
    places: list[int]
    num_channels: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.high.height

    @property
    def width(self) -> int:
        """Columns."""
        return self.high.width

    @property
    def num_bits(self) -> int:
        """Of a number, 8 or 16; floats count as 16."""
        is_wide = self.low is not None or self.high.mode.startswith(("I;16", "F"))
        return 16 if is_wide else 8

    def strips(self, box: tuple[int, int, int, int]) -> Generator[tuple[int, Pixels]]:
        """Numbers of a part, a few rows at a time, each with the first of them.

        Args:
            box: top, bottom, left and right of the part.

        Raises:
            SignalError: numbers outside [0, 1].
        """
        top, bottom, left, right = box
        rows = max(1, _STRIP // (right - left))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for first in range(top, bottom, rows):
                part = (left, first, right, min(first + rows, bottom))
                yield first - top, self._levels(part)
        for sentence in dict.fromkeys(str(warning.message) for warning in caught):
            say_lost(sentence)

    def _levels(self, part: tuple[int, int, int, int]) -> Pixels:
        if self.low is None:
            levels = as_tagged(levels_of(self.name, self.high.crop(part)), self.high)
        else:
            levels = self._wide_levels(part)
        if not (np.isfinite(levels).all() and levels.min() >= 0.0 and levels.max() <= 1.0):
            raise SignalError(
                f"{self.name} has numbers from {levels.min()} to {levels.max()}, but finite ones "
                'in [0, 1] were expected; rescale it, or keep its units by kind="field".'
            )
        return levels

    def _wide_levels(self, part: tuple[int, int, int, int]) -> Pixels:
        """16-bit colour at full precision, over white."""
        assert self.low is not None
        low_bytes = np.asarray(self.low.crop(part))[..., self.places]
        words = 256 * np.asarray(self.high.crop(part)).astype(np.int32) + low_bytes
        levels = words.astype(np.float32) / 65535.0
        colour, alpha = levels[..., :3], levels[..., 3:]
        if "transparency" in self.high.info:  # one colour of a PNG is the transparent one
            alpha = np.any(words != self.high.info["transparency"], axis=-1, keepdims=True)
        if alpha.size:
            pixels = np.concatenate([colour, alpha.astype(np.float32)], -1)
            colour = over_white(pixels, Path(self.name).name)
        return colour[..., : self.num_channels]


def open_picture(path: str | os.PathLike[str], max_pixels: int) -> PictureFile:
    """Decode a PNG, JPEG, TIFF, BMP or WEBP file, whole or not at all."""
    from PIL import Image

    path = Path(path)
    try:
        _check_file(path)
        if path.suffix.lower() in HEIC:
            import_extra("pillow_heif", path).register_heif_opener()
        # Pillow raises a dozen types on damaged bytes, and warns where this module raises.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            file, is_reduced, num_frames = _decode(path, max_pixels)
    except SignalError:
        raise
    except Image.DecompressionBombError:  # more than Pillow looks at
        raise SignalError(
            f"{path} has more pixels than the limit is, {max_pixels}; make the picture smaller."
        ) from None
    except Exception as error:
        raise SignalError(
            f"{path} cannot be decoded ({_reason(path, error)}), but a whole PNG, JPEG, "
            "TIFF, BMP, WEBP, GIF, AVIF or HEIC picture was expected; open it in a viewer "
            "and save it again."
        ) from None
    for warning in caught:
        if issubclass(warning.category, LossWarning):
            say_lost(str(warning.message))
    if num_frames > 1:
        say_lost(f"of the {num_frames} frames of {path.name} the first one is read.")
    if is_reduced:
        warnings.warn(
            f"{path} has 16 bits per colour, but only 8 of them are read; save it as 16-bit RGB "
            "or grey if the precision matters.",
            stacklevel=2,
        )
    return file


def _formats(path: Path) -> tuple[str, ...]:
    """Decoders for a file; that of HEIC is there where its extra has been asked for."""
    return (*_READABLE, "HEIF") if path.suffix.lower() in HEIC else _READABLE


def _reason(path: Path, error: Exception) -> str:
    """Why Pillow did not decode a file."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return _unknown_layout(path)
    reason = " ".join(str(error).split()).rstrip(".")
    if "MAX_TEXT_CHUNK" in reason:
        return "its colour profile or text is longer than Pillow unpacks"
    return reason or type(error).__name__


def _unknown_layout(path: Path) -> str:
    """Why Pillow did not recognise a file, by the mark at its beginning."""
    with open(path, "rb") as file:
        head = file.read(4)
    name = {b"II*\0": "TIFF", b"MM\0*": "TIFF", b"\x89PNG": "PNG", b"\xff\xd8\xff\xe0": "JPEG"}.get(
        head
    )
    if name is None:
        return "its bytes follow no known format"
    return f"it is a {name} of damaged bytes, or of bits and channels that Pillow does not know"


def _check_file(path: Path) -> None:
    if not path.exists():
        raise SignalError(
            f"{path} does not exist, but a picture file was expected; check the path."
        )
    if not path.is_file():
        raise SignalError(
            f"{path} is not a file, but a picture file was expected; name one file in it."
        )
    if path.stat().st_size == 0:
        raise SignalError(
            f"{path} is empty, but a picture file was expected; copy or download it again."
        )


def _decode(path: Path, max_pixels: int) -> tuple[PictureFile, bool, int]:
    """The picture, whether Pillow dropped the lower 8 of 16 bits, and the frames in the file."""
    from PIL import Image, ImageFile, ImageOps

    with Image.open(path, formats=_formats(path)) as probe:
        width, height = probe.size
        _check_shape(path, height, width, max_pixels)
        is_wide = any(";16" in _raw_mode(tile.args) for tile in probe.tile)
        _check_density(path, height * width, probe.format, is_wide)
        probe.verify()  # the checksums of a PNG, which decoding skips
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise SignalError(
            f"{path} was not read, because PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on and a damaged "
            "picture would pass as a whole one; set it to False."
        )
    with Image.open(path, formats=_formats(path)) as picture:
        raw_modes = {_raw_mode(tile.args) for tile in picture.tile}
        _check_planes(path, picture)
        num_frames = getattr(picture, "n_frames", 1)
        scale_transparency(picture)
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)  # a copy would take as much once more
    is_wide = any(";16" in mode for mode in raw_modes)
    is_colour = is_wide and not picture.mode.startswith(("I", "F"))
    is_reduced = is_colour and not raw_modes <= set(_LOW_BYTES)
    low, places = _low_bytes(path) if is_colour and not is_reduced else (None, [])
    is_grey = _is_grey(picture) if low is None else "LA;16B" in raw_modes
    file = PictureFile(str(path), picture, low, places, 1 if is_grey else 3)
    return file, is_reduced, num_frames


def _is_grey(picture: "Image") -> bool:
    return picture.mode in ("1", "L", "LA", "La", "F") or picture.mode.startswith("I")


def _check_shape(path: Path, height: int, width: int, max_pixels: int) -> None:
    if height * width > max_pixels:
        raise SignalError(
            f"{path} has {width} x {height} = {height * width} pixels, but the limit is "
            f"{max_pixels}; make the picture smaller or raise the limit."
        )
    if min(height, width) < 2:
        raise SignalError(
            f"{path} is {width} x {height} pixels, but at least 2 x 2 were expected; "
            "choose a larger picture."
        )


def _check_density(path: Path, num_pixels: int, file_format: str | None, is_wide: bool) -> None:
    """Refuse a large picture in a few bytes: it is one colour, or what is missing becomes grey."""
    num_bytes = path.stat().st_size
    is_suspect = file_format == "JPEG" or num_pixels > _LARGE
    most = _MOST_LARGE if num_pixels > MAX_PIXELS else _MOST_A_BYTE
    if is_suspect and num_pixels > num_bytes * (_MOST_WIDE if is_wide else most):
        raise SignalError(
            f"{path} promises {num_pixels} pixels in {num_bytes} bytes, but a whole picture was "
            "expected, which takes more; copy or save it again."
        )


def _check_planes(path: Path, picture: "Image") -> None:
    """Refuse the one layout whose 16-bit numbers Pillow takes for 8-bit ones, without a word."""
    tags = getattr(picture, "tag_v2", {})  # of a TIFF
    bits, is_planar = tags.get(258, (8,)), tags.get(284) == 2
    if is_planar and len(bits) > 1 and max(bits) > 8:
        raise SignalError(
            f"{path} has {max(bits)}-bit colours in separate planes, which cannot be decoded, but "
            "colours side by side were expected; save it as a PNG."
        )


def _raw_mode(args: Any) -> str:
    """Pillow's name for the layout of the bytes in a file."""
    return args if isinstance(args, str) else str(args[0])


def _low_bytes(path: Path) -> tuple["Image", list[int]]:
    """The low bytes of 16-bit colour, read in the other order, and the channels they lie in."""
    from PIL import Image, ImageOps

    with Image.open(path, formats=_formats(path)) as low:
        tiles, low.tile = low.tile, []
        places: list[int] = []
        for tile in tiles:
            args: Any = tile.args
            other, places = _LOW_BYTES[_raw_mode(args)]
            args = other if isinstance(args, str) else (other, *args[1:])
            low.tile.append(tile._replace(args=args))
        low.load()
        ImageOps.exif_transpose(low, in_place=True)
        return low, places


def over_white(pixels: Float32[np.ndarray, "h w more"], name: str) -> Pixels:
    """Colours, or grey, whose last channel is their opacity, on a white ground."""
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    if alpha.min() < 1.0:
        say_lost(f"{name} is transparent in places; it is laid over white.")
    return (colour - 1.0) * alpha + 1.0


def _over_white_where(is_transparent: np.ndarray, levels: Pixels, name: str) -> Pixels:
    """Grey of which one level is the transparent one."""
    if not is_transparent.any():
        return levels
    return over_white(np.concatenate([levels, ~is_transparent], -1, dtype=np.float32), name)


def scale_transparency(picture: "Image") -> None:
    """Let the transparent level of a PNG with 1 to 4 bits be on the scale of its pixels.

    Pillow spreads the levels over 8 bits, but not that one. It has to be called before the picture
    is loaded, when the layout of its bytes is still known.
    """
    level, tiles = picture.info.get("transparency"), getattr(picture, "tile", [])
    raw = _raw_mode(tiles[0].args) if tiles else ""
    if isinstance(level, int) and raw in _SPREAD:
        picture.info["transparency"] = _SPREAD[raw] * level


def as_tagged(levels: Pixels, picture: "Image") -> Pixels:
    """Wide grey by what the tags of its TIFF say: fewer than 16 bits, or 0 for white.

    Of 8 bits Pillow does it itself.
    """
    tags = getattr(picture, "tag_v2", {})
    is_words = picture.mode.startswith("I;16")
    if not tags or not (is_words or picture.mode == "F"):
        return levels
    if is_words:
        bits = tags.get(258, (16,))[0]
        levels = np.minimum(levels * np.float32(65535.0 / (2**bits - 1)), 1.0)
    return 1.0 - levels if tags.get(262) == 0 else levels


def levels_of(name: str, picture: "Image") -> Pixels:
    """Numbers of a decoded picture, 1 for the brightest level of its mode."""
    from PIL import Image

    if picture.mode.startswith("I;16"):
        words = np.asarray(picture).astype(np.float32)[..., None]
        return _over_white_where(words == picture.info.get("transparency"), words / 65535.0, name)
    if picture.mode == "F":
        return np.asarray(picture, np.float32)[..., None]
    if picture.mode == "I":
        raise SignalError(
            f"{name} has 32-bit whole numbers, whose brightest level is not known, but 8 or 16 "
            "bits were expected; save it as 16-bit grey."
        )
    is_grey = _is_grey(picture)
    if picture.mode == "La":
        picture = picture.convert("LA")  # the only way from it
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if np.asarray(picture)[..., 3].min() < 255:
            say_lost(f"{name} is transparent in places; it is laid over white.")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    levels = np.asarray(picture.convert("L" if is_grey else "RGB"), np.float32) / 255.0
    return levels[..., None] if is_grey else levels
