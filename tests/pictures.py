"""A small picture, and PNG files made by hand for what a library will not write."""

import struct
import zlib

import numpy as np

from optiinr_jax.signals import (
    picture,
)

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
