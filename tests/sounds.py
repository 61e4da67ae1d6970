"""A short sound, and WAV files made by hand for what a library will not write."""

import struct

import numpy as np
import soundfile

RATE = 8000


WAVE = 0.5 * np.sin(0.05 * np.arange(RATE)) * np.linspace(1, 0.2, RATE)


SUFFIXES = [".wav", ".flac", ".ogg"]


def write(path, wave=WAVE, rate=RATE, **options):
    soundfile.write(path, wave, rate, **options)
    return path


def chunk(name: bytes, body: bytes, length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return name + struct.pack("<I", length) + body + b"\0" * (len(body) % 2)


def wav(samples: np.ndarray, *, length: int | None = None, before: bytes = b"") -> bytes:
    """A float32 WAV made by hand, for what soundfile itself will not write."""
    header = struct.pack("<HHIIHH", 3, 1, RATE, 4 * RATE, 4, 32)
    data = chunk(b"data", samples.astype("<f4").tobytes(), length)
    body = b"WAVE" + chunk(b"fmt ", header) + before + data
    return b"RIFF" + struct.pack("<I", len(body)) + body
