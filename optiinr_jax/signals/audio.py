"""Sound: read, check, cut, resample, write.

Policy. One channel and two are kept, as (left, right); more, or all where `mono` is asked for,
become one by their mean, as in SIREN's loader. The numbers are divided by the greatest magnitude,
the peak, so that they fill [-1, 1]; peak and sample rate stay with the signal, and the writer gives
the original loudness back. The order is: cut out `start` and `duration`, resample, keep the first
`size` samples, divide by the peak of what is left.

Written are 16-bit WAV, which plays everywhere and whose rounding error lies 98 dB below a sine at
full scale, 24-bit FLAC for more, or OGG Vorbis, which is lossy. Numbers beyond full scale are
clipped, and a warning says how many.

Letters: arrays are (num_samples, 1 or 2).
"""

import io
import math
import os
import warnings
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.signals import audio_container, synthetic
from optiinr_jax.signals.audio_header import check_whole
from optiinr_jax.signals.errors import SignalError, say_lost

if TYPE_CHECKING:
    from soundfile import SoundFile

MAX_SAMPLES = 64_000_000
_READABLE = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")
_MAX_RATE = 1_000_000  # Hz
_WRITABLE = {  # format, subtype, bits that numbers are rounded to, greatest rate in Hz
    ".wav": ("WAV", "PCM_16", 16, _MAX_RATE),
    ".flac": ("FLAC", "PCM_24", 24, 655_350),
    ".ogg": ("OGG", "VORBIS", 24, 192_000),  # libsndfile crashes above 200 kHz
}
SUFFIXES = (*_WRITABLE, ".mp3", *audio_container.SUFFIXES)
OPTIONS = ("start", "duration", "sample_rate", "mono")  # of `load_audio`, for the table of kinds
_LONG = 2**23  # samples of a sound that has to be more than a few bytes
_MOST_A_BYTE = 64  # samples of it; music and speech have up to 50 in the smallest formats
_LONGEST = 2**62  # samples; libsndfile gives more where a header does not say how many there are
_NO_JUMPS = ("MPEG", "GSM610", "G721", "NMS_ADPCM")  # subtypes whose state comes from before
_BLOCK = 1 << 16  # samples at once; libsndfile's Vorbis encoder crashes on a long array
_SAMPLE_SIZE = 8192
_SAMPLE_RATE = 8000


class Sound(NamedTuple):
    """A sound and what its file needs besides.

    Attributes:
        values: (num_samples, 1 or 2), the greatest magnitude is 1.
        sample_rate: in Hz.
        peak: the greatest magnitude in the file, where 1 is full scale.
    """

    values: Float32[np.ndarray, "num_samples channels"]
    sample_rate: int
    peak: float


def load_audio(
    path: str | os.PathLike[str],
    size: int | tuple[int, ...] | None = None,
    *,
    start: int | float = 0.0,
    duration: int | float | None = None,
    sample_rate: int | float | None = None,
    mono: bool = False,
    max_samples: int = MAX_SAMPLES,
) -> Sound:
    """Read a WAV, FLAC, OGG or MP3 file, whole or not at all.

    A header that promises more samples than the file holds is refused, as are numbers that are not
    finite and silence. Only an MP3 without a Xing header promises nothing.

    Args:
        size: samples kept from the start, of the resampled sound; None keeps all.
        start: seconds to skip, rounded to a whole sample.
        duration: seconds to keep, rounded to a whole sample; None keeps the rest.
        sample_rate: resample to this many Hz, with `scipy.signal.resample_poly` at the exact
            ratio; None keeps the file's.
        mono: the mean of two channels, as published networks have it.
        max_samples: refuse to decode or to make more.
    """
    size = None if size is None else check_size(size, max_samples=max_samples)
    start = _seconds("start", start)
    duration = None if duration is None else _seconds("duration", duration)
    sample_rate = None if sample_rate is None else check_rate(sample_rate)
    path = Path(path)
    try:
        check_whole(path)
        wave, rate = _decode(path, size, start, duration, sample_rate, max_samples, mono)
    except SignalError:
        raise
    except Exception as error:
        raise SignalError(
            f"{path} cannot be decoded ({_reason(error)}), but a whole WAV, FLAC, OGG or MP3 file "
            "was expected; play it to see whether it is one, and convert it again."
        ) from None
    return normalised(wave, rate, str(path))


def sample_audio(
    size: int | tuple[int, ...] | None = None, *, max_samples: int = MAX_SAMPLES
) -> Sound:
    """The first `size` samples of the embedded sound at 8 kHz; 8192 of them are its first bar."""
    num_samples = check_size(_SAMPLE_SIZE if size is None else size, max_samples=max_samples)
    wave = synthetic.sound(num_samples, _SAMPLE_RATE).astype(np.float64)
    return normalised(wave, _SAMPLE_RATE, "the embedded sound")


def write_audio(
    path: str | os.PathLike[str],
    values: ArrayLike,
    sample_rate: int | float,
    *,
    peak: int | float = 1.0,
) -> Path:
    """Write (num_samples, 1 or 2) numbers, times `peak`, as WAV, FLAC or OGG, by the suffix.

    The sample rate is rounded to a whole number of Hz. Numbers beyond full scale are clipped, and
    a warning says how many. The file appears whole or not at all.
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITABLE:
        raise SignalError(
            f"{path} ends in {path.suffix or 'no suffix'}, but a sound is written as one of "
            f"{', '.join(_WRITABLE)}; change the suffix."
        )
    file_format, subtype, bits, max_rate = _WRITABLE[path.suffix.lower()]
    rate = check_rate(np.rint(sample_rate), max_rate)
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[-1] not in (1, 2) or values.size == 0:
        raise SignalError(
            f"a sound to write has shape {values.shape}, but (num_samples, 1 or 2) was expected; "
            "reshape it."
        )
    if not np.isfinite(values).all() or not 0 < peak < math.inf:
        raise SignalError(
            f"a sound to write has peak {peak} or numbers that are nan or infinite, but finite "
            "ones were expected; check that the training did not diverge."
        )
    full_scale = 2.0 ** (bits - 1)
    levels = np.rint(values * peak * full_scale)
    num_clipped = int(np.count_nonzero(np.abs(levels) > full_scale))
    levels = np.clip(levels, -full_scale, full_scale - 1).astype(np.int32) << (32 - bits)
    try:
        written = write_atomic(path, _encode(levels, rate, file_format, subtype))
    except (OSError, RuntimeError) as error:  # soundfile's error is a RuntimeError
        raise SignalError(
            f"{path} cannot be written as {subtype} at {rate} Hz ({_reason(error)}); choose an "
            "existing folder, or .wav and a usual sample rate."
        ) from error
    if num_clipped:
        warnings.warn(
            f"{path}: {num_clipped} of {levels.size} samples lay beyond full scale and were "
            "clipped; train longer, or pass a smaller peak.",
            stacklevel=2,
        )
    return written


def rescale_attributes(
    attributes: dict[str, float], old: tuple[int, ...], new: tuple[int, ...]
) -> dict[str, float]:
    """Attributes of the same sound with another number of samples: it lasts as long."""
    if "sample_rate" not in attributes:
        return attributes
    return attributes | {"sample_rate": attributes["sample_rate"] * new[0] / old[0]}


def places_of_seconds(seconds: Any, shape: tuple[int, ...], attributes: dict[str, float]) -> Any:
    """Places, counted in samples, of times after the first sample."""
    del shape
    if "sample_rate" not in attributes:
        raise SignalError(
            "the sound has no sample_rate, so it has no seconds; make the signal with "
            'attributes={"sample_rate": 44100}.'
        )
    return seconds * attributes["sample_rate"]


def check_size(size: Any, *, max_samples: int = MAX_SAMPLES) -> int:
    """A number of samples, at least 2 and at most `max_samples`."""
    sides: list[Any] = list(size) if isinstance(size, tuple | list) else [size]
    is_whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in sides)
    if len(sides) != 1 or not is_whole or sides[0] < 2:
        raise SignalError(
            f"size is {size!r}, but a whole number of samples of at least 2 was expected; try "
            "size=8192."
        )
    _check_count("size", int(sides[0]), max_samples)
    return int(sides[0])


def check_rate(sample_rate: Any, max_rate: int = _MAX_RATE) -> int:
    """A sample rate in Hz, a whole number from 1 to `max_rate`."""
    is_number = isinstance(sample_rate, int | float | np.number)
    if not is_number or not 1 <= sample_rate <= max_rate or int(sample_rate) != sample_rate:
        raise SignalError(
            f"sample_rate is {sample_rate}, but a whole number of Hz from 1 to {max_rate} was "
            "expected; try 44100."
        )
    return int(sample_rate)


def _decode(
    path: Path,
    size: int | None,
    start: float,
    duration: float | None,
    sample_rate: int | None,
    max_samples: int,
    is_mono: bool,
) -> tuple[Float[np.ndarray, "num_samples channels"], int]:
    """The samples asked for and their rate; counts are checked before decoding."""
    with _open(path) as file:
        rate = file.samplerate
        total = file.frames if file.frames <= _LONGEST else _count_samples(path, max_samples)
        _check_density(path, total)
        if file.format not in _READABLE:
            raise SignalError(
                f"{path} is a {file.format} file, but WAV, FLAC, OGG or MP3 was expected; convert "
                "it."
            )
        first = round(start * rate)
        count = total - first if duration is None else round(duration * rate)
        if count < 2 or first + count > total:
            raise SignalError(
                f"{path} holds {total} samples, {total / rate:.6g} s, but at least 2 from "
                f"start={start:g} on and all of duration={duration} were expected; choose a part "
                "that lies in it."
            )
        new_rate = sample_rate or rate
        ratio = Fraction(new_rate, rate)
        num_samples = math.ceil(count * ratio)
        if size is not None and size > num_samples:
            raise SignalError(
                f"{path} gives {num_samples} samples at {new_rate} Hz, but size={size} were "
                "expected; choose a smaller size or a higher sample_rate."
            )
        if size is not None and ratio == 1:
            count = num_samples = size
        _check_count(str(path), max(count, num_samples), max_samples)
        if size is not None and size < math.ceil((total - first) * ratio) and duration is None:
            say_lost(
                f"of the {(total - first) / rate:.4g} s of {path.name} the first "
                f"{size / new_rate:.4g} s are kept, {size} samples."
            )
        wave = _read_channels(path, file, first, count, is_mono)
    if ratio != 1:
        from scipy.signal import resample_poly

        wave = resample_poly(wave, ratio.numerator, ratio.denominator)
    return wave[:size], new_rate


def _check_density(path: Path, num_samples: int) -> None:
    """Refuse a long sound in a few bytes, which is silence, before it is unpacked."""
    num_bytes = path.stat().st_size
    if _LONG < num_samples <= MAX_SAMPLES and num_samples > _MOST_A_BYTE * num_bytes:
        raise SignalError(
            f"{path} promises {num_samples} samples in {num_bytes} bytes, but a sound was "
            "expected, which takes more; choose another file, or cut it."
        )


def _open(path: Path) -> "SoundFile":
    """An open sound, which is read from its beginning to its end.

    soundfile jumps to where it is after every block. A decoder of MP3 forgets what it needs of the
    frames before, so that each block began with some milliseconds of garbage; others cannot jump.
    """
    import soundfile

    class Sequential(soundfile.SoundFile):
        def seekable(self) -> bool:
            return False

    return Sequential(audio_container.openable(path, MAX_SAMPLES))


def _count_samples(path: Path, limit: int) -> int:
    """Samples of a file that does not say how many it has, as a FLAC stream; all are decoded."""
    total = 0
    with _open(path) as file:
        while total <= limit and (got := len(file.read(_BLOCK, dtype="float32"))):
            total += got
    return total


def _skip(path: Path, file: "SoundFile", first: int) -> None:
    """Go to a sample: by decoding all before it where a decoder cannot jump to the right state."""
    if not file.subtype.startswith(_NO_JUMPS):
        file.seek(first)
        return
    while first > 0:
        got = len(file.read(min(_BLOCK, first), dtype="float32"))
        if not got:
            raise SignalError(
                f"{path} ends before the sample that was asked for, but its header promises more; "
                "copy or download it again."
            )
        first -= got


def _read_channels(
    path: Path, file: "SoundFile", first: int, count: int, is_mono: bool
) -> Float[np.ndarray, "count channels"]:
    """The channels of `count` samples, block by block; as many as asked for, or refused."""
    num_channels = 2 if file.channels == 2 and not is_mono else 1
    if file.channels > 2 and not is_mono:
        say_lost(f"the {file.channels} channels of {path.name} become one, their mean.")
    _skip(path, file, first)
    wave = np.empty((count, num_channels))
    done = 0
    while done < count:
        block = file.read(min(_BLOCK, count - done), dtype="float64", always_2d=True)
        if not len(block):
            raise SignalError(
                f"{path} promises {file.frames} samples, but only {first + done} can be read, so "
                "the whole file was expected; copy or download it again."
            )
        wave[done : done + len(block)] = (
            block if num_channels == 2 else block.mean(axis=1, keepdims=True)
        )
        done += len(block)
    if not np.isfinite(wave).all():
        raise SignalError(
            f"{path} has samples that are nan or infinite, but finite ones were expected; write "
            "it again from its source."
        )
    return wave


def normalised(wave: Float[np.ndarray, "num_samples channels"], rate: int, name: str) -> Sound:
    """A sound that fills [-1, 1], with what it was divided by.

    Raises:
        SignalError: it is silent, or not finite.
    """
    peak = float(max(wave.max(), -wave.min()))
    if not np.isfinite(peak):
        raise SignalError(
            f"{name} has samples that are nan or infinite, but finite ones were expected; clean it."
        )
    if peak == 0.0:
        raise SignalError(
            f"{name} is silent in all its {len(wave)} samples, but a sound was expected; choose "
            "another part or file."
        )
    return Sound((wave / peak).astype(np.float32), rate, peak)


def _encode(levels: np.ndarray, rate: int, file_format: str, subtype: str) -> bytes:
    import soundfile

    content = io.BytesIO()
    channels = levels.shape[1]
    with soundfile.SoundFile(content, "w", rate, channels, subtype, format=file_format) as file:
        for first in range(0, len(levels), _BLOCK):
            file.write(levels[first : first + _BLOCK])
    return content.getvalue()


def _seconds(name: str, seconds: Any) -> float:
    is_number = isinstance(seconds, int | float | np.number) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds < 1e9:
        raise SignalError(
            f"{name} is {seconds!r}, but a number of seconds from 0 was expected; try {name}=1."
        )
    return float(seconds)


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise SignalError(
            f"{what} is {count} samples, but the limit is {limit}; choose a smaller size, a "
            "shorter duration or a lower sample_rate, or raise the limit."
        )


def _reason(error: Exception) -> str:
    """What went wrong, in one line without a full stop."""
    text = getattr(error, "error_string", "") or str(error)
    return " ".join(str(text).split()).rstrip(".") or type(error).__name__
