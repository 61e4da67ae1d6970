"""Signals from whatever people hold: a path, an array of any library, a picture of Pillow's.

One rule of ranges. Truth values stand for the ends of the natural range. Unsigned bytes and words
are divided by 255 and 65 535, signed words and double words of a sound by 2^15 and 2^31. Floats are
natural values already: [0, 1] of a picture, [-1, 1] of a sound.

One rule of kinds. One axis, or two with a sample rate, are a sound; two axes, or three of which the
last has 1 to 4 numbers, are a picture; three axes of truth values are a solid; three axes of other
numbers are a field; four axes of bytes, of which the last has 1 or 3, are a video.
What may be several things is told by `kind`; a field keeps its units.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from optiinr_jax.signals.audio import check_rate, normalised
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.image import pixels_of
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.loading import load_signal, make_points, make_signal
from optiinr_jax.signals.picture_file import over_white
from optiinr_jax.signals.scattered import mask as hide
from optiinr_jax.signals.signal import Signal
from optiinr_jax.signals.targets import LARGE

SignalLike = Any  # what `as_signal` takes
Rate = int | float | None

# numbers of a type -> what stands for 1
_FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "int16": 2.0**15, "int32": 2.0**31}
_KINDS_OF_TYPE = {"uint8": "image", "uint16": "image", "int16": "audio", "int32": "audio"}


def as_signal(
    source: Any,
    *,
    kind: str | None = None,
    sample_rate: Rate = None,
    name: str | None = None,
    coords: Any = None,
    mask: Any = None,
    **options: Any,
) -> Signal:
    """Make a signal of a path, of an array of any library, or of a picture of Pillow's.

    What of it is lost (transparency, further frames) is said by a `LossWarning`.

    Args:
        source: a Signal, which stays; a path; an array of NumPy, JAX, torch or anything else with
            `__array__` or DLPack; a PIL image; or a sound as (samples, sample rate).
        kind: row of KINDS, where the numbers do not say it: "field" for a time series or a map of
            heights.
        sample_rate: of a sound, or of the frames of a video, in Hz.
        name: of the signal; None: the file's, or "array".
        coords: positions (N, D) of values (N,) or (N, C) that lie on no grid.
        mask: True where a sample is hidden: it is not trained, but measured. What a NumPy masked
            array hides is taken as unknown.
        **options: of `load_signal`, for a path.

    Raises:
        SignalError: nothing that a kind of signal can be made of.

    >>> as_signal(np.zeros((4, 6), np.uint8)).frame.shape
    (4, 6)
    >>> as_signal(np.sin(np.arange(400.0)), sample_rate=8000).kind
    'audio'
    """
    if mask is not None:
        known = as_signal(source, kind=kind, sample_rate=sample_rate, name=name, **options)
        return hide(known, mask)
    if coords is not None:
        return make_points(_as_array(coords), _as_array(source), name=name or "points")
    if isinstance(source, Signal):
        return source
    if np.ma.is_masked(source):
        return _masked(source, {"kind": kind, "sample_rate": sample_rate, "name": name})
    if isinstance(source, str | os.PathLike):
        if sample_rate is not None:
            options["sample_rate"] = sample_rate
        return load_signal(Path(source), kind=kind, **options)
    if options:
        raise SignalError(
            f"got {', '.join(options)}, but only a file has such options; leave them out."
        )
    source, sample_rate = _without_rate(source, sample_rate)
    picture = _as_picture(source)
    samples = _as_array(source) if picture is None else picture
    if kind is None:
        kind = "image" if picture is not None else _kind_of(samples, sample_rate)
    get_kind(kind)
    return _MAKERS[kind](samples, name or "array", sample_rate)


def is_several(sources: Any) -> bool:
    """Whether these are several signals: a list, or a tuple that is no sound with its rate."""
    if isinstance(sources, list):
        return True
    return isinstance(sources, tuple) and _without_rate(sources, None)[0] is sources


def _without_rate(source: Any, sample_rate: Rate) -> tuple[Any, Rate]:
    """The samples of a pair (samples, rate), as soundfile gives it, or (rate, samples) as SciPy."""
    if not (isinstance(source, tuple) and len(source) == 2):
        return source, sample_rate
    numbers = [isinstance(part, int | float | np.number) for part in source]
    if numbers not in ([False, True], [True, False]):
        return source, sample_rate
    return source[numbers.index(False)], float(source[numbers.index(True)])


def _as_picture(source: Any) -> np.ndarray | None:
    """Numbers of a PIL image; None: it is something else."""
    if type(source).__module__.partition(".")[0] != "PIL":
        return None
    from PIL.Image import Image

    return pixels_of(source, "the picture") if isinstance(source, Image) else None


def _masked(source: np.ma.MaskedArray, settings: dict[str, Any]) -> Signal:
    """A masked array, whose hidden numbers are no values of the signal: nobody looks at them."""
    hidden = np.ma.getmaskarray(source)
    seen = source.compressed()
    if not len(seen):
        raise SignalError("got an array that is masked everywhere; unmask what is known.")
    signal = as_signal(source.filled(np.sort(seen)[len(seen) // 2]), **settings)
    if hidden.ndim > signal.num_dims:
        hidden = hidden.any(axis=-1)
    return hide(signal, hidden, are_known=False)


def _as_array(source: Any) -> np.ndarray:
    if isinstance(source, np.ma.MaskedArray):
        source = source.data
    if hasattr(source, "detach"):  # torch refuses to give an array that has a gradient
        source = source.detach().cpu()
    try:
        array = np.asarray(source)
    except Exception as error:
        raise SignalError(
            f"a {type(source).__name__} is no array ({error}), but numbers on a grid, a path or a "
            "picture were expected; convert it to NumPy."
        ) from None
    if array.dtype.name == "bfloat16":  # of JAX and torch
        array = array.astype(np.float32)
    is_number = array.dtype == bool or array.dtype.kind in "uif"
    if not is_number or array.ndim == 0:
        raise SignalError(
            f"a {type(source).__name__} gives type {array.dtype} and shape {array.shape}, but real "
            "numbers on a grid, a path or a picture were expected; convert it."
        )
    return array


def _kind_of(samples: np.ndarray, sample_rate: Rate) -> str:
    shape = samples.shape
    if samples.ndim == 1 or (sample_rate is not None and samples.ndim == 2):
        return "audio"
    if samples.dtype == bool and samples.ndim in (3, 4):
        return "volume"
    if samples.ndim == 2 or (samples.ndim == 3 and shape[-1] <= 4):
        return "image"
    if samples.ndim == 4 and samples.dtype == np.uint8 and shape[-1] in (1, 3):
        return "video"
    if samples.ndim == 3 and shape[0] > 4:  # else channels may stand before rows
        return "field"
    raise SignalError(
        f"got shape {shape} of type {samples.dtype}, but one axis (a sound), two or three (a "
        "picture with its colours last), or three (a solid of truth values, else a field) were "
        'expected; say what it is by kind="field" or another, move the axis, or reshape it.'
    )


def _image(samples: np.ndarray, name: str, sample_rate: Rate) -> Signal:
    if sample_rate is not None:
        raise SignalError(
            f"got a sample_rate with a picture of shape {samples.shape}; leave it out, or give a "
            "sound of one axis, or of two with its channels last."
        )
    pixels = samples[..., None] if samples.ndim == 2 else samples
    if pixels.shape[-1] in (2, 4):
        pixels = over_white(_scaled("image", pixels), "the picture")
    attributes = {"bits": 16.0} if samples.dtype == np.uint16 else {}
    is_large = pixels.shape[0] * pixels.shape[1] > LARGE
    pixels = pixels if is_large else _scaled("image", pixels)
    return make_signal("image", pixels, name=name, attributes=attributes)


def _sound(samples: np.ndarray, name: str, sample_rate: Rate) -> Signal:
    if sample_rate is None:
        raise SignalError(
            f"got {samples.size} numbers along one axis, a sound, without its rate; give "
            "sample_rate=44100 or what it has, as in as_signal(array, sample_rate=44100)."
        )
    rate = check_rate(sample_rate)
    wave = _scaled("audio", samples if samples.ndim == 2 else samples[:, None])
    if wave.shape[1] > 2:
        remedy = "transpose it" if wave.shape[0] <= 2 else "mix them, as by array.mean(axis=1)"
        raise SignalError(
            f"a sound has shape {samples.shape}, but (samples,) or (samples, 1 or 2 channels) was "
            f"expected; {remedy}."
        )
    values, rate, peak = normalised(wave.astype(np.float64), rate, "the sound")
    attributes = {"sample_rate": float(rate), "peak": peak}
    return make_signal("audio", values, name=name, attributes=attributes)


def _solid(samples: np.ndarray, name: str, sample_rate: Rate) -> Signal:
    if sample_rate is not None:
        raise SignalError("got a sample_rate with a solid; leave it out.")
    return make_signal("volume", samples if samples.ndim == 4 else samples[..., None], name=name)


def _field(samples: np.ndarray, name: str, sample_rate: Rate) -> Signal:
    """One number a point; several are given by `make_signal`, with their axis last."""
    if sample_rate is not None:
        raise SignalError("got a sample_rate with a field; leave it out, or make it a sound.")
    return make_signal("field", samples.astype(np.float32)[..., None], name=name)


def _video(samples: np.ndarray, name: str, sample_rate: Rate) -> Signal:
    """Frames of colours, or of grey; a rate is that of the frames."""
    frames = samples[..., None] if samples.ndim == 3 else samples
    attributes = {} if sample_rate is None else {"frame_rate": float(sample_rate)}
    return make_signal("video", _scaled("image", frames), name=name, attributes=attributes)


# kind -> a signal of an array, its name and its rate
_MAKERS = {
    "image": _image,
    "audio": _sound,
    "volume": _solid,
    "field": _field,
    "video": _video,
}


def _scaled(kind: str, samples: np.ndarray) -> np.ndarray:
    """Natural values, by the one rule of ranges."""
    name = samples.dtype.name
    if samples.dtype == bool:
        return samples if kind != "audio" else samples.astype(np.float32)
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    if name not in _FULL_SCALE or _KINDS_OF_TYPE[name] != kind:
        known = [other for other, of in _KINDS_OF_TYPE.items() if of == kind]
        raise SignalError(
            f"got type {name}, whose full scale is not known for the kind {kind}, but floats or "
            f"{' or '.join(known)} were expected; convert it, as by array.astype({known[0]!r}) or "
            "a division by its greatest value."
        )
    return samples.astype(np.float32) / np.float32(_FULL_SCALE[name])
