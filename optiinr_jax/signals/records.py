"""Arrays of a signal as plain text, for storages; sizes are checked before anything is unpacked."""

import base64
import math
import zlib
from typing import Any

import numpy as np

from optiinr_jax.signals.frame import Frame
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.targets import Finer

_MAX_FACTOR = 16  # of a finer lattice


def compress(array: np.ndarray) -> str:
    """The numbers of an array as a text of ASCII letters."""
    return base64.b64encode(zlib.compress(array.tobytes(), 6)).decode()


def expand(text: str, dtype: str, shapes: dict[str, tuple[int, ...]]) -> np.ndarray:
    """The array of a text, of the shape that goes with its type; never more than its size."""
    shape = shapes[np.dtype(dtype).name]
    size = math.prod(shape) * np.dtype(dtype).itemsize
    unpacked = zlib.decompressobj().decompress(base64.b64decode(text), size + 1)
    if len(unpacked) != size:
        raise ValueError(f"{len(unpacked)} bytes where {size} were expected")
    return np.frombuffer(unpacked, dtype).reshape(shape)


def write_finer(finer: Finer) -> dict[str, Any]:
    """Plain data of a finer lattice."""
    points = finer.points
    return {"factor": finer.factor, "dtype": str(points.dtype), "points": compress(points)}


def read_finer(record: dict[str, Any], frame: Frame) -> Finer:
    """Read what `write_finer` gave for a signal with this frame.

    Raises:
        ValueError, KeyError, TypeError: it is something else.
    """
    factor, channels = int(record["factor"]), frame.num_channels
    fine = tuple(n * factor for n in frame.shape)
    total = math.prod(fine)
    is_factor = factor % 2 == 1 and 1 < factor <= _MAX_FACTOR
    if not is_factor or total > get_kind(frame.kind).max_points * _MAX_FACTOR:
        raise ValueError(f"a finer lattice of factor {factor}")
    shapes: dict[str, tuple[int, ...]] = {
        "uint16": (*fine, channels),
        "uint8": (-(-total * channels // 8),),
    }
    return Finer(factor, expand(record["points"], record["dtype"], shapes))
