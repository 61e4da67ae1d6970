"""Pictures: read, check, crop, resize, write.

Policy. Numbers are in [0, 1], encoded as in the file (no colour profile is applied). Grey stays one
channel; palette, CMYK and YCbCr become red, green and blue. Transparency is laid over white. The
camera's rotation mark is obeyed. 16-bit grey and colour keep their full precision; 16-bit CMYK is
reduced to 8 bits with a warning. Of a file with many frames the first is read. Written are 8 bits.

Letters: arrays are (height, width, channels), channels 1 or 3.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.signals import synthetic
from optiinr_jax.signals.continuous import lanczos_matrix
from optiinr_jax.signals.errors import LossWarning, SignalError, say_lost
from optiinr_jax.signals.targets import Finer, make_finer

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 64_000_000
_READABLE = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")  # Pillow's other decoders never see the bytes
_WRITABLE = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
SUFFIXES = (*_WRITABLE, ".bmp", ".webp")
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"optimize": True},
    "JPEG": {"quality": 95, "subsampling": 0},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
_SAMPLE_SIZE = 128
_FINER = 3  # points to a pixel of a picture that was brought down, on each axis
_MAX_FINER = 2**26  # numbers of such a lattice; a larger picture has none

# Pillow reads 16-bit colour as its high bytes alone. Read once more in the other byte order, the
# same file gives its low bytes: raw mode -> that other one, and where the low bytes then lie.
_NATIVE_OTHER = "B" if sys.byteorder == "little" else "L"
_LOW_BYTES: dict[str, tuple[str, list[int]]] = {
    f"{mode};16{order}": (f"{mode};16{other}", list(range(len(mode))))
    for mode in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", _NATIVE_OTHER))
} | {"LA;16B": ("RGBA", [1, 1, 1, 3])}  # grey and alpha, two bytes each

Pixels = Float32[np.ndarray, "height width channels"]


def load_image(
    path: str | os.PathLike[str],
    size: int | tuple[int, ...] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """Read a picture and bring it to a size: see `read_image` and `resize_image`."""
    return load_detailed(path, size, max_pixels=max_pixels)[0]


def load_detailed(
    path: str | os.PathLike[str],
    size: int | tuple[int, ...] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> tuple[Pixels, Finer | None]:
    """`load_image`, and what the file says between the pixels where it has smaller ones."""
    if size is None:
        return read_image(path, max_pixels=max_pixels), None
    height, width = check_size(size, max_pixels=max_pixels)
    pixels = read_image(path, max_pixels=max_pixels)
    old, cut = pixels.shape[:2], _cut(pixels, height, width).shape[:2]
    if old != cut:
        say_lost(
            f"of the {old[0]} x {old[1]} pixels of {Path(path).name} the {cut[0]} x {cut[1]} in "
            f"the middle are kept, which have the aspect of {height} x {width}."
        )
    return resize_image(pixels, size, max_pixels=max_pixels), _between(pixels, height, width)


def _between(pixels: Pixels, height: int, width: int) -> Finer | None:
    """The part that `resize_image` cuts out, brought down by its filter at places between too."""
    cut = _cut(pixels, height, width)
    is_smaller = height < cut.shape[0] and width < cut.shape[1]
    if not is_smaller or height * width * _FINER**2 * cut.shape[2] > _MAX_FINER:
        return None
    rows, columns = (
        lanczos_matrix((np.arange(n * _FINER) + 0.5) * old / (n * _FINER), old / n, old)
        for n, old in zip((height, width), cut.shape[:2], strict=True)
    )
    fine = [rows @ np.asarray(columns @ cut[..., c].T).T for c in range(cut.shape[2])]
    return make_finer(_FINER, np.stack(fine, axis=-1))


def sample_image(
    size: int | tuple[int, ...] | None = None, *, max_pixels: int = MAX_PIXELS
) -> Pixels:
    """The embedded picture at a size, painted and not resized."""
    size = _SAMPLE_SIZE if size is None else size
    return synthetic.picture(*check_size(size, max_pixels=max_pixels))


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Read a PNG, JPEG, TIFF, BMP or WEBP file, whole or not at all.

    Size and checksums are looked at before a pixel is decoded.
    """
    from PIL import UnidentifiedImageError

    path = Path(path)
    try:
        _check_file(path)
        # Pillow raises a dozen types on damaged bytes, and warns where this module raises.
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pixels, is_reduced, num_frames = _decode(path, max_pixels)
    except SignalError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".")
        if isinstance(error, UnidentifiedImageError):
            reason = "its bytes follow no known format"
        raise SignalError(
            f"{path} cannot be decoded ({reason or type(error).__name__}), but a whole PNG, JPEG, "
            "TIFF, BMP or WEBP picture was expected; open it in a viewer and save it again."
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
    return pixels


def resize_image(
    pixels: Pixels, size: int | tuple[int, ...], *, max_pixels: int = MAX_PIXELS
) -> Float32[np.ndarray, "new_height new_width channels"]:
    """Cut the largest centred part of the right aspect, then resize it.

    The filter is Lanczos, which removes what the new grid cannot hold, and the result is clipped
    to [0, 1] because Lanczos overshoots at edges.

    Args:
        size: (height, width), or one number for a square.
    """
    from PIL import Image

    height, width = check_size(size, max_pixels=max_pixels)
    cut = _cut(pixels, height, width)
    if cut.shape[:2] == (height, width):
        return cut
    planes = [
        Image.fromarray(np.ascontiguousarray(cut[..., i])).resize(
            (width, height), Image.Resampling.LANCZOS
        )
        for i in range(cut.shape[-1])
    ]
    return np.clip(np.stack([np.asarray(plane) for plane in planes], axis=-1), 0.0, 1.0)


def _cut(
    pixels: Pixels, height: int, width: int
) -> Float32[np.ndarray, "cut_height cut_width channels"]:
    """The largest centred part with the aspect of height and width."""
    old_height, old_width = pixels.shape[:2]
    cut_height = min(old_height, max(1, round(old_width * height / width)))
    cut_width = min(old_width, max(1, round(old_height * width / height)))
    top, left = (old_height - cut_height) // 2, (old_width - cut_width) // 2
    return pixels[top : top + cut_height, left : left + cut_width]


def write_image(path: str | os.PathLike[str], values: ArrayLike) -> Path:
    """Write (height, width, channels) numbers as an 8-bit PNG, JPEG or TIFF, by the suffix.

    Numbers outside [0, 1] are clipped, since a network's output passes them slightly. The file
    appears whole or not at all.
    """
    from PIL import Image

    path = Path(path)
    file_format = _WRITABLE.get(path.suffix.lower())
    if file_format is None:
        raise SignalError(
            f"{path} ends in {path.suffix or 'no suffix'}, but a picture is written as one of "
            f"{', '.join(_WRITABLE)}; change the suffix."
        )
    values = np.asarray(values, np.float64)
    if values.ndim != 3 or values.shape[-1] not in (1, 3) or values.size == 0:
        raise SignalError(
            f"a picture to write has shape {values.shape}, but (height, width, 1 or 3) was "
            "expected; reshape it."
        )
    if not np.isfinite(values).all():
        raise SignalError(
            "a picture to write has numbers that are nan or infinite, but finite ones in [0, 1] "
            "were expected; check that the training did not diverge."
        )
    levels = np.rint(255.0 * np.clip(values, 0.0, 1.0)).astype(np.uint8)
    picture = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)

    def save(file: BinaryIO) -> None:
        picture.save(file, file_format, **_SAVE_OPTIONS[file_format])

    try:
        return write_atomic(path, save)
    except OSError as error:
        raise SignalError(str(error)) from error


def check_size(size: object, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """A size as (height, width), at least 2 x 2 and at most `max_pixels`."""
    sides: list[Any] = list(size) if isinstance(size, tuple | list) else [size, size]
    is_whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in sides)
    if len(sides) != 2 or not is_whole or min(sides) < 2:
        raise SignalError(
            f"size is {size!r}, but a whole number of at least 2 or a pair (height, width) of "
            "them was expected; try size=128."
        )
    height, width = map(int, sides)
    if height * width > max_pixels:
        raise SignalError(
            f"size {height} x {width} is {height * width} pixels, but the limit is {max_pixels}; "
            "choose a smaller size or raise the limit."
        )
    return height, width


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


def _decode(path: Path, max_pixels: int) -> tuple[Pixels, bool, int]:
    """The pixels, whether Pillow dropped the lower 8 of 16 bits, and the frames in the file."""
    from PIL import Image, ImageFile, ImageOps

    with Image.open(path, formats=_READABLE) as probe:
        width, height = probe.size
        _check_shape(path, height, width, max_pixels)
        probe.verify()  # the checksums of a PNG, which decoding skips
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise SignalError(
            f"{path} was not read, because PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on and a damaged "
            "picture would pass as a whole one; set it to False."
        )
    with Image.open(path, formats=_READABLE) as picture:
        raw_modes = {_raw_mode(tile.args) for tile in picture.tile}
        _check_planes(path, picture)
        num_frames = getattr(picture, "n_frames", 1)
        picture.load()
        upright = ImageOps.exif_transpose(picture)
    is_wide = any(";16" in mode for mode in raw_modes)
    is_colour = is_wide and not upright.mode.startswith(("I", "F"))
    is_reduced = is_colour and not raw_modes <= set(_LOW_BYTES)
    if is_colour and not is_reduced:
        levels = _wide_levels(path, upright, "LA;16B" in raw_modes)
    else:
        levels = _levels(str(path), upright)
    if not (np.isfinite(levels).all() and levels.min() >= 0.0 and levels.max() <= 1.0):
        raise SignalError(
            f"{path} has numbers from {levels.min()} to {levels.max()}, but finite ones in [0, 1] "
            "were expected; rescale the picture."
        )
    return levels, is_reduced, num_frames


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


def _wide_levels(path: Path, high: "Image", is_grey: bool) -> Pixels:
    """16-bit colour at full precision, over white; `high` is Pillow's picture of its high bytes."""
    from PIL import Image, ImageOps

    with Image.open(path, formats=_READABLE) as low:
        tiles, low.tile = low.tile, []
        places: list[int] = []
        for tile in tiles:
            args: Any = tile.args
            other, places = _LOW_BYTES[_raw_mode(args)]
            args = other if isinstance(args, str) else (other, *args[1:])
            low.tile.append(tile._replace(args=args))
        low.load()
        low_bytes = np.asarray(ImageOps.exif_transpose(low))[..., places]
    words = 256 * np.asarray(high).astype(np.int32) + low_bytes
    levels = words.astype(np.float32) / 65535.0
    colour, alpha = levels[..., :3], levels[..., 3:]
    if "transparency" in high.info:  # one colour of a PNG is the transparent one
        alpha = np.any(words != high.info["transparency"], axis=-1, keepdims=True)
    if alpha.size:
        colour = over_white(np.concatenate([colour, alpha.astype(np.float32)], -1), path.name)
    return colour[..., :1] if is_grey else colour


def over_white(pixels: Float32[np.ndarray, "h w more"], name: str) -> Pixels:
    """Colours, or grey, whose last channel is their opacity, on a white ground."""
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    if alpha.min() < 1.0:
        say_lost(f"{name} is transparent in places; it is laid over white.")
    return (colour - 1.0) * alpha + 1.0


def pixels_of(picture: "Image", name: str) -> Pixels:
    """Numbers of a picture that Pillow holds, by the same policy as a file's."""
    from PIL import ImageOps

    if min(picture.size) < 2:
        raise SignalError(
            f"{name} is {picture.width} x {picture.height} pixels, but at least 2 x 2 were "
            "expected; choose a larger picture."
        )
    num_frames = getattr(picture, "n_frames", 1)
    if num_frames > 1:
        say_lost(f"of the {num_frames} frames of {name} the first one is read.")
    return _levels(name, ImageOps.exif_transpose(picture))


def _levels(name: str, picture: "Image") -> Pixels:
    """Numbers of a decoded picture, 1 for the brightest level of its mode."""
    from PIL import Image

    if picture.mode.startswith("I;16"):
        return np.asarray(picture, np.float32)[..., None] / 65535.0
    if picture.mode == "F":
        return np.asarray(picture, np.float32)[..., None]
    if picture.mode == "I":
        raise SignalError(
            f"{name} has 32-bit whole numbers, whose brightest level is not known, but 8 or 16 "
            "bits were expected; save it as 16-bit grey."
        )
    is_grey = picture.mode in ("1", "L", "LA", "La")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if np.asarray(picture)[..., 3].min() < 255:
            say_lost(f"{name} is transparent in places; it is laid over white.")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    levels = np.asarray(picture.convert("L" if is_grey else "RGB"), np.float32) / 255.0
    return levels[..., None] if is_grey else levels
