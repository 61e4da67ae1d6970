"""Sounds that libsndfile does not read, by PyAV (extra video): M4A, AAC, Opus, WMA, AIFF."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.formats import import_extra

SUFFIXES = (".m4a", ".aac", ".opus", ".wma", ".aiff", ".aif")


def openable(path: Path, max_samples: int) -> Path | io.BytesIO:
    """What soundfile opens: the file, or its decoded samples as a WAV file in memory.

    Raises:
        SignalError: PyAV is missing, the file has no sound, or more of it than is allowed.
    """
    if path.suffix.lower() not in SUFFIXES:
        return path
    av: Any = import_extra("av", path)
    blocks: list[np.ndarray] = []
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise SignalError(f"{path} has no sound, but one was expected; choose another file.")
        stream = container.streams.audio[0]
        rate, count = stream.rate, 0
        resampler = av.AudioResampler(format="fltp", rate=rate)
        for frame in container.decode(stream):
            for part in resampler.resample(frame):
                blocks.append(part.to_ndarray().T)
                count += len(blocks[-1])
            if count > max_samples:
                raise SignalError(
                    f"{path} has more than {max_samples} samples, but that is the limit; cut it, "
                    "as by: ffmpeg -i FILE -t SECONDS part.wav."
                )
    if not blocks:
        raise SignalError(f"{path} has no samples, but a sound was expected; choose another file.")
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, np.concatenate(blocks), rate, format="WAV", subtype="FLOAT")
    content.seek(0)
    return content
