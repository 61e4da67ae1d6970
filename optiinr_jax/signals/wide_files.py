"""Pictures with more than 8 bits a colour, which Pillow does not write: PNG and TIFF.

Letters: p pages, h height, w width, C channels, 1 (grey) or 3 (colours).
"""

import struct
import zlib

import numpy as np
from jaxtyping import Float32, UInt16

_SHORT, _LONG = 3, 4  # types of a TIFF's numbers
_WHOLE, _FLOATS = 1, 3  # its sample formats
_ADOBE_DEFLATE = 8


def png_bytes(levels: UInt16[np.ndarray, "h w C"]) -> bytes:
    """A PNG of 16 bits. Every row but the first is written as its difference to the one above."""
    height, width, num_channels = levels.shape
    rows = np.ascontiguousarray(levels, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.full((height, 1 + rows.shape[1]), 2, np.uint8)  # 2: this filter
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    kind = 0 if num_channels == 1 else 2
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    data = zlib.compress(filtered.data, 6)
    parts = [_chunk(b"IHDR", head), _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def tiff_bytes(
    pages: UInt16[np.ndarray, "p h w C"] | Float32[np.ndarray, "p h w C"],
) -> bytes:
    """A TIFF of 16-bit whole numbers or of floats, one page or several."""
    written = bytearray(b"II*\0\0\0\0\0")
    link = 4  # place of the address of the next page
    for page in pages:
        height, width, num_channels = page.shape
        numbers = np.ascontiguousarray(page, page.dtype.newbyteorder("<"))
        data = zlib.compress(numbers.data.cast("B"), 6)
        place = _append(written, data)
        bits = 8 * page.dtype.itemsize
        sample_format = _FLOATS if page.dtype.kind == "f" else _WHOLE
        tags = {
            256: (_LONG, [width]),
            257: (_LONG, [height]),
            258: (_SHORT, [bits] * num_channels),
            259: (_SHORT, [_ADOBE_DEFLATE]),
            262: (_SHORT, [1 if num_channels == 1 else 2]),  # 0 is black; or red, green, blue
            273: (_LONG, [place]),
            277: (_SHORT, [num_channels]),
            278: (_LONG, [height]),  # one strip
            279: (_LONG, [len(data)]),
            284: (_SHORT, [1]),  # colours side by side
            339: (_SHORT, [sample_format] * num_channels),
        }
        entries = [_entry(written, tag, *content) for tag, content in tags.items()]
        content = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
        place = _append(written, content)
        written[link : link + 4] = struct.pack("<I", place)
        link = len(written) - 4
    return bytes(written)


def _append(written: bytearray, content: bytes) -> int:
    """Add bytes at an even place, and return it."""
    written += bytes(len(written) % 2)
    place = len(written)
    written += content
    return place


def _entry(written: bytearray, tag: int, kind: int, numbers: list[int]) -> bytes:
    """One field of a page; what does not fit into it is added before."""
    values = struct.pack(f"<{len(numbers)}{'H' if kind == _SHORT else 'I'}", *numbers)
    if len(values) > 4:
        values = struct.pack("<I", _append(written, values))
    return struct.pack("<HHI", tag, kind, len(numbers)) + values.ljust(4, b"\0")
