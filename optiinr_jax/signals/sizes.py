"""Bytes that the usual formats need for a signal, to be read beside those of a network.

Nobody sees from "35 KiB" whether that is much. Each kind of signal has its formats in its row of
`KINDS`; what they need is measured by writing them.
"""

import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
from jaxtyping import Float

from optiinr_jax.signals.metrics import psnr

Sizes = dict[str, int]


def picture_sizes(
    samples: Float[np.ndarray, "h w c"], attributes: dict[str, float], score: float | None
) -> Sizes:
    """PNG, which keeps every level of 8 bits, and the smallest JPEG with the PSNR of `score`.

    There is none where no JPEG is that good, or where no score is known.
    """
    from PIL import Image

    levels = np.rint(255.0 * np.clip(samples, 0.0, 1.0)).astype(np.uint8)
    levels = levels[..., 0] if levels.shape[-1] == 1 else levels
    picture = Image.fromarray(levels)

    def encode(**options: object) -> bytes:
        file = BytesIO()
        picture.save(file, **options)  # type: ignore[arg-type]
        return file.getvalue()

    def is_good(quality: int) -> bool:
        jpeg = BytesIO(encode(format="JPEG", quality=quality))
        decoded = np.asarray(Image.open(jpeg), np.float32).reshape(samples.shape) / 255.0
        return float(psnr(decoded, samples)) >= (score or 0.0)

    sizes = {"PNG": len(encode(format="PNG", optimize=True))}
    if score is not None and max(levels.shape) < 65536:
        quality = _first(is_good, 1, 100)
        if quality is not None:
            sizes["JPEG of the same PSNR"] = len(encode(format="JPEG", quality=quality))
    return sizes


def sound_sizes(
    samples: Float[np.ndarray, "n c"], attributes: dict[str, float], score: float | None
) -> Sizes:
    """FLAC, which keeps every level of 16 bits."""
    import soundfile

    file = BytesIO()
    rate = round(attributes.get("sample_rate", 44100.0))
    soundfile.write(file, np.clip(samples, -1.0, 1.0), rate, format="FLAC", subtype="PCM_16")
    return {"FLAC": len(file.getvalue())}


def solid_sizes(
    samples: Float[np.ndarray, "x y z c"], attributes: dict[str, float], score: float | None
) -> Sizes:
    """One bit a voxel, compressed, as .npz files of this package hold them."""
    file = BytesIO()
    np.savez_compressed(file, packed=np.packbits(samples > 0.5), shape=np.array(samples.shape[:3]))
    return {"packed voxels": len(file.getvalue())}


def field_sizes(
    samples: Float[np.ndarray, "..."], attributes: dict[str, float], score: float | None
) -> Sizes:
    """The numbers as float32, compressed, as .npz and .nii.gz files hold them."""
    return {"compressed float32": len(zlib.compress(np.asarray(samples, np.float32).tobytes(), 6))}


def video_sizes(
    samples: Float[np.ndarray, "t h w c"], attributes: dict[str, float], score: float | None
) -> Sizes:
    """One PNG a frame, which keep every level of 8 bits."""
    return {"PNG frames": sum(picture_sizes(frame, {}, None)["PNG"] for frame in samples)}


def _first(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The first whole number for which something holds that holds for all greater ones."""
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
