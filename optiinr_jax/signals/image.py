"""Pictures: read, check, crop, resize, write.

Policy. Numbers are in [0, 1], encoded as in the file (no colour profile is applied). Grey stays one
channel; palette, CMYK and YCbCr become red, green and blue. Transparency is laid over white. The
camera's rotation mark is obeyed. 16-bit grey and colour keep their full precision, and are written
with it as PNG or TIFF; 16-bit CMYK is reduced to 8 bits with a warning. Of a file with many frames
the first is read. Anything else is written with 8 bits.

Letters: arrays are (height, width, channels), channels 1 or 3.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.signals import synthetic, wide_files
from optiinr_jax.signals.continuous import lanczos_matrix
from optiinr_jax.signals.errors import SignalError, say_lost
from optiinr_jax.signals.picture_file import (
    HEIC,
    MAX_PIXELS,
    PictureFile,
    Pixels,
    as_tagged,
    levels_of,
    open_picture,
    scale_transparency,
)
from optiinr_jax.signals.targets import LARGE, Finer, make_finer

if TYPE_CHECKING:
    from PIL.Image import Image

_WRITABLE = {
    **{".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"},
    **{".webp": "WEBP", ".avif": "AVIF"},
}
SUFFIXES = (*_WRITABLE, ".bmp", ".gif", *HEIC)
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"optimize": True},
    "JPEG": {"quality": 95, "subsampling": 0},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
}
MAX_LARGE = 160_000_000  # pixels of a signal: about as many as Pillow decodes
OPTIONS = ("square",)  # of `load_image`, for the table of kinds
_WIDE: dict[str, Callable[[np.ndarray], bytes]] = {  # what writes 16 bits
    "PNG": wide_files.png_bytes,
    "TIFF": lambda levels: wide_files.tiff_bytes(levels[None]),
}
_SAMPLE_SIZE = 128
_FINER = 3  # points to a pixel of a picture that was brought down, on each axis
_MAX_FINER = 2**26  # numbers of such a lattice; a larger picture has none


class Picture(NamedTuple):
    """What a file holds.

    Attributes:
        pixels: numbers in [0, 1].
        finer: what it says between the pixels; None: nothing.
        num_bits: of its numbers, 8 or 16.
    """

    pixels: Pixels
    finer: Finer | None
    num_bits: int


def load_image(
    path: str | os.PathLike[str],
    size: int | tuple[int, ...] | None = None,
    *,
    square: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """Read a picture and bring it to a size.

    Args:
        size: pixels of the longest side; or (height, width), whose aspect is cut out of the middle;
            None: as it is.
        square: cut the largest square out of the middle, whose side `size` then is.
        max_pixels: refuse to decode or to make more.
    """
    return load_detailed(path, size, square=square, max_pixels=max_pixels).pixels


def load_detailed(
    path: str | os.PathLike[str],
    size: int | tuple[int, ...] | None = None,
    *,
    square: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """`load_image`, and what the file says between the pixels where it has smaller ones."""
    if size is not None:
        check_size(size, max_pixels=sys.maxsize)  # before the file is opened
    file = open_picture(path, max_pixels)
    if size is None and not square:
        return Picture(_whole(file), None, file.num_bits)
    height, width = _sides(file, size, square)
    _check_pixels(height, width, min(max_pixels, MAX_PIXELS))
    is_whole = isinstance(size, int | np.integer) and not square
    whole = (0, file.height, 0, file.width)
    box = whole if is_whole else _cut_box(file.height, file.width, height, width)
    cut_height, cut_width = box[1] - box[0], box[3] - box[2]
    if (cut_height, cut_width) != (file.height, file.width):
        say_lost(
            f"of the {file.height} x {file.width} pixels of {Path(path).name} the {cut_height} x "
            f"{cut_width} in the middle are kept, which have the aspect of {height} x {width}."
        )
    return Picture(*_bring_down(file, box, height, width), file.num_bits)


def _sides(file: PictureFile, size: int | tuple[int, ...] | None, square: bool) -> tuple[int, int]:
    """Height and width that a picture is brought to; see `load_image`."""
    old = file.height, file.width
    if isinstance(size, tuple | list):
        height, width = check_size(size, max_pixels=sys.maxsize)
        return (min(height, width),) * 2 if square else (height, width)
    if square:
        return (min(old) if size is None else int(size),) * 2
    scale = (max(old) if size is None else int(size)) / max(old)
    height, width = (max(2, round(n * scale)) for n in old)
    return height, width


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Read a PNG, JPEG, TIFF, BMP or WEBP file, whole or not at all.

    Size and checksums are looked at before a pixel is decoded.
    """
    return _whole(open_picture(path, max_pixels))


def _whole(file: PictureFile) -> np.ndarray:
    """All pixels, (height, width, C); of a large picture as whole numbers, as the file has them."""
    is_large = file.height * file.width > LARGE
    dtype = f"uint{file.num_bits}" if is_large else "float32"
    full = 2.0**file.num_bits - 1.0
    whole = np.empty((file.height, file.width, file.num_channels), dtype)
    for first, strip in file.strips((0, file.height, 0, file.width)):
        whole[first : first + len(strip)] = np.rint(full * strip) if is_large else strip
    return whole


def _bring_down(
    file: PictureFile, box: tuple[int, int, int, int], height: int, width: int
) -> tuple[Pixels, Finer | None]:
    """A part of a picture at another size, and at places between its pixels where that is smaller.

    The filter goes along the rows first, a strip at a time: the numbers of a large picture would
    take many times its file.
    """
    old_height, old_width = box[1] - box[0], box[3] - box[2]
    has_finer = height < old_height and width < old_width
    has_finer &= height * width * _FINER**2 * file.num_channels <= _MAX_FINER
    across = _finer_matrix(width, old_width) if has_finer else None
    narrow, fine = [], []
    for _, strip in file.strips(box):
        narrow.append(_resized(strip, len(strip), width))
        if across is not None:
            planes = [np.asarray(across @ strip[..., c].T).T for c in range(strip.shape[2])]
            fine.append(np.stack(planes, axis=-1))
    pixels = np.clip(_resized(np.concatenate(narrow), height, width), 0.0, 1.0)
    if not fine:
        return pixels, None
    down, wide = _finer_matrix(height, old_height), np.concatenate(fine)
    planes = [np.asarray(down @ wide[..., c]) for c in range(wide.shape[2])]
    return pixels, make_finer(_FINER, np.stack(planes, axis=-1))


def _finer_matrix(count: int, old: int) -> Any:
    """The filter from pixels along an axis to the points of a finer lattice."""
    places = (np.arange(count * _FINER) + 0.5) * old / (count * _FINER)
    return lanczos_matrix(places, old / count, old)


def _resized(
    pixels: Pixels, height: int, width: int
) -> Float32[np.ndarray, "new_height new_width channels"]:
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    lanczos = Image.Resampling.LANCZOS
    planes = [
        Image.fromarray(np.ascontiguousarray(pixels[..., c])).resize((width, height), lanczos)
        for c in range(pixels.shape[-1])
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def sample_image(
    size: int | tuple[int, ...] | None = None, *, max_pixels: int = MAX_PIXELS
) -> Pixels:
    """The embedded picture at a size, painted and not resized."""
    size = _SAMPLE_SIZE if size is None else size
    return synthetic.picture(*check_size(size, max_pixels=max_pixels))


def resize_image(
    pixels: Pixels, size: int | tuple[int, ...], *, max_pixels: int = MAX_PIXELS
) -> Float32[np.ndarray, "new_height new_width channels"]:
    """Cut the largest centred part of the right aspect, then resize it.

    The filter is Lanczos, which removes what the new grid cannot hold, and the result is clipped
    to [0, 1] because Lanczos overshoots at edges.

    Args:
        size: (height, width), or one number for a square.
    """
    height, width = check_size(size, max_pixels=max_pixels)
    old_height, old_width, _ = pixels.shape
    top, bottom, left, right = _cut_box(old_height, old_width, height, width)
    cut = pixels[top:bottom, left:right]
    if cut.shape[:2] == (height, width):
        return cut
    return np.clip(_resized(cut, height, width), 0.0, 1.0)


def _cut_box(old_height: int, old_width: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the largest centred part with the aspect of a size."""
    cut_height = min(old_height, max(1, round(old_width * height / width)))
    cut_width = min(old_width, max(1, round(old_height * width / height)))
    top, left = (old_height - cut_height) // 2, (old_width - cut_width) // 2
    return top, top + cut_height, left, left + cut_width


def write_image(path: str | os.PathLike[str], values: ArrayLike, *, num_bits: int = 8) -> Path:
    """Write (height, width, channels) numbers as PNG, JPEG, TIFF, WEBP or AVIF.

    Numbers outside [0, 1] are clipped, since a network's output passes them slightly. The file
    appears whole or not at all.

    Args:
        num_bits: 8, or 16, which a PNG or a TIFF has; the others have 8 then too.
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
    is_wide = num_bits == 16 and file_format in _WIDE
    full = 65535.0 if is_wide else 255.0
    levels = np.rint(full * np.clip(values, 0.0, 1.0)).astype(np.uint16 if is_wide else np.uint8)

    def save(file: BinaryIO) -> None:
        picture = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)
        picture.save(file, file_format, **_SAVE_OPTIONS[file_format])

    try:
        return write_atomic(path, _WIDE[file_format](levels) if is_wide else save)
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
    _check_pixels(height, width, max_pixels)
    return height, width


def _check_pixels(height: int, width: int, max_pixels: int) -> None:
    if height * width > max_pixels:
        raise SignalError(
            f"size {height} x {width} is {height * width} pixels, but the limit is {max_pixels}; "
            "choose a smaller size or raise the limit."
        )


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
    scale_transparency(picture)
    return as_tagged(levels_of(name, ImageOps.exif_transpose(picture)), picture)
