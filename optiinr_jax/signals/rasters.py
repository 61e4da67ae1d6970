"""Planes of numbers in their units: OpenEXR (extra exr), and TIFF of floats or of many pages.

Letters: h height, w width, p pages, C channels.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from optiinr_jax.signals import wide_files
from optiinr_jax.signals.errors import SignalError, say_lost
from optiinr_jax.signals.formats import import_extra

EXR, TIFF = (".exr",), (".tif", ".tiff")
_COLOURS = ("RGB", "RGBA", "Y")  # names of the channels of an OpenEXR file that are read


def read_exr(path: Path) -> Float32[np.ndarray, "h w C"]:
    """Colours, or grey, as they are in the file, which may be far above 1."""
    channels: dict[str, Any] = import_extra("OpenEXR", path).File(str(path)).channels()
    name = next((name for name in _COLOURS if name in channels), None)
    if name is None and len(channels) > 1:
        raise SignalError(
            f"{path} has the channels {', '.join(sorted(channels))[:100]}, but colours (RGB) or "
            "one channel was expected; save those alone."
        )
    pixels = np.asarray(channels[name or next(iter(channels))].pixels, np.float32)
    if name == "RGBA":
        say_lost(f"the opacity of {path.name} is left out.")
        pixels = pixels[..., :3]
    return pixels if pixels.ndim == 3 else pixels[..., None]


def exr_bytes(path: Path, values: Float32[np.ndarray, "h w C"]) -> bytes:
    """One or three channels as an OpenEXR file of floats."""
    openexr = import_extra("OpenEXR", path)
    if values.ndim != 3 or values.shape[-1] not in (1, 3):
        raise SignalError(
            f"a field to write as {path} has shape {values.shape}, but (height, width, 1 or 3) was "
            "expected; choose another format."
        )
    pixels = np.ascontiguousarray(values, np.float32)
    channels = {"RGB": pixels} if values.shape[-1] == 3 else {"Y": pixels[..., 0].copy()}
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    import tempfile

    with tempfile.TemporaryDirectory() as folder:  # it writes to a named file alone
        written = Path(folder) / "a.exr"
        openexr.File(header, channels).write(str(written))
        return written.read_bytes()


def read_tiff(path: Path, max_points: int) -> tuple[Float32[np.ndarray, "..."], bool]:
    """Numbers of all pages, (h, w) or (p, h, w), with channels last; and whether there are such.

    Floats with several channels need the extra tiff, grey pages do not.
    """
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(path, formats=("TIFF",)) as picture:
            count = getattr(picture, "n_frames", 1)
            _check(path, count * picture.width * picture.height, max_points)
            pages = [np.asarray(page, np.float32) for page in ImageSequence.Iterator(picture)]
    except UnidentifiedImageError:  # floats with several channels
        tifffile = import_extra("tifffile", path)
        with tifffile.TiffFile(path) as file:
            shape = file.series[0].shape
            _check(path, int(np.prod(shape)), max_points)
            values = np.asarray(file.asarray(), np.float32)
        return values, values.shape[-1] in (3, 4)
    has_channels = pages[0].ndim == 3
    return (pages[0] if len(pages) == 1 else np.stack(pages)), has_channels


def tiff_bytes(values: Float32[np.ndarray, "..."]) -> bytes:
    """Two or three axes as a TIFF of floats, of one channel or three; the first of three is pages.

    Raises:
        SignalError: another shape.
    """
    if values.ndim not in (3, 4) or values.shape[-1] not in (1, 3):
        raise SignalError(
            f"a field to write as TIFF has shape {values.shape}, but (height, width, 1 or 3) or "
            "(pages, height, width, 1 or 3) was expected; choose another format."
        )
    return wide_files.tiff_bytes(values[None] if values.ndim == 3 else values)


def _check(path: Path, count: int, max_points: int) -> None:
    if count > max_points:
        raise SignalError(
            f"{path} has {count} numbers, but the limit is {max_points}; make it smaller or raise "
            "the limit."
        )
