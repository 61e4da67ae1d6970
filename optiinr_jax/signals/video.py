"""Videos: read, brought to a size, written; films by PyAV (extra video), animated GIF by Pillow.

Colours are in [0, 1], frames first: (time, height, width, channels). The frame rate is kept, in the
attribute `frame_rate`. Sound, subtitles and rotation marks of a film are not read. Frames are taken
as they follow each other: a film of a varying rate gets its mean one.

A size brings every frame to so many pixels along its longest side, by Lanczos' filter, and keeps as
many frames from the start, or all of `duration`.
"""

import io
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from optiinr_jax.files import write_atomic
from optiinr_jax.signals import metrics, synthetic_fields
from optiinr_jax.signals.errors import SignalError, say_lost
from optiinr_jax.signals.formats import check_exists, decoded, import_extra, suffix_of
from optiinr_jax.signals.resampling import FINER, bring_down, shape_for
from optiinr_jax.signals.targets import Finer, make_finer

AXES = ("time", "height", "width")
OPTIONS = ("start", "duration")  # of `read_video`, for the table of kinds
FILMS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
STILLS = (".gif", ".webp", ".png", ".tif", ".tiff")  # which may hold several frames
SUFFIXES = (*FILMS, *STILLS, ".npy", ".npz")
MAX_POINTS = 64_000_000
_WRITABLE = (".mp4", ".mkv", ".gif", ".npz", ".npy")
_CODECS = {".mp4": "libx264", ".mkv": "libx264"}
_RATE = 25.0  # frames a second, where nobody says
_SAMPLE_SIZE = 32


class Video(NamedTuple):
    """Frames and what their file needs besides.

    Attributes:
        frames: colours in [0, 1].
        attributes: frame_rate, in Hz.
        finer: what the file says between the samples.
    """

    frames: Float32[np.ndarray, "t h w C"]
    attributes: dict[str, float]
    finer: Finer | None = None


def read_video(
    path: Path,
    size: int | tuple[int, ...] | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    max_points: int = MAX_POINTS,
) -> Video:
    """Read a film, an animated picture, or an array (t, h, w, 1 or 3) of bytes.

    Args:
        size: pixels along the longest side of a frame, and frames kept from the start where no
            duration is given; or (frames, height, width); None keeps all.
        start: seconds to skip.
        duration: seconds to keep; None: as `size` says.
        max_points: refuse to decode more.

    Raises:
        SignalError: no such file, or none that holds a video; a missing package is named.
    """
    check_exists(path, "a video")
    if size is not None:
        _check_size(size, (2, 2, 2))
    reader = _read_film if suffix_of(path) in FILMS else _read_stills
    reader = _read_array if suffix_of(path) in (".npy", ".npz") else reader
    most = size if isinstance(size, int) and duration is None else None
    part = _Part(start, duration, most)
    levels, rate, is_whole = decoded(
        path,
        lambda: reader(path, part, max_points),
        "play it to see whether it is one, and convert it again",
    )
    if not is_whole and duration is None:
        say_lost(f"of {path.name} the first {len(levels)} frames are kept.")
    if min(levels.shape[:3], default=0) < 2:
        raise SignalError(
            f"{path} has {' x '.join(map(str, levels.shape[:3]))} frames, rows and columns from "
            f"start={start:g} on, but at least 2 of each were expected; choose another part."
        )
    return _sized(levels.astype(np.float32) / np.float32(255.0), rate, size)


def _sized(frames: np.ndarray, rate: float, size: int | tuple[int, ...] | None) -> Video:
    fine = None
    if size is not None:
        shape = _check_size(size, frames.shape[:3])
        rate *= shape[0] / len(frames)
        frames, fine = bring_down(frames, shape)
    finer = None if fine is None else make_finer(FINER, fine)
    return Video(np.clip(frames, 0.0, 1.0), {"frame_rate": float(rate)}, finer)


def _check_size(size: Any, old: tuple[int, ...]) -> tuple[int, ...]:
    sides = size if isinstance(size, tuple) else (len(old) * (size,))
    is_whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in sides)
    if len(sides) != 3 or not is_whole or min(sides) < 2:
        raise SignalError(
            f"size is {size!r}, but a whole number of at least 2 or (frames, height, width) was "
            "expected; try size=64."
        )
    return size if isinstance(size, tuple) else (old[0], *shape_for(int(size), old[1:]))


class _Part(NamedTuple):
    """Which frames are wanted."""

    start: float  # s
    duration: float | None  # s
    most: int | None  # frames

    def frames(self, rate: float) -> tuple[int, int | None]:
        """The first one, and the one behind the last; None: all that follow."""
        first = round(self.start * rate)
        if self.duration is not None:
            return first, first + max(round(self.duration * rate), 1)
        return first, None if self.most is None else first + self.most


_Levels = tuple[UInt8[np.ndarray, "t h w C"], float, bool]  # frames, rate, whether they are all


def _collect(
    path: Path, pictures: Iterator[np.ndarray], rate: float, part: _Part, max_points: int
) -> _Levels:
    """The wanted frames of those that follow each other, no more of them than is allowed."""
    first, stop = part.frames(rate)
    kept: list[np.ndarray] = []
    for i, picture in enumerate(pictures):
        if stop is not None and i >= stop:
            return np.stack(kept) if kept else np.zeros((0, 2, 2, 3), np.uint8), rate, False
        if i < first:
            continue
        kept.append(picture)
        if picture.shape[0] * picture.shape[1] * len(kept) > max_points:
            raise SignalError(
                f"{path} has more than {max_points} pixels in its first {len(kept)} frames, but "
                "that is the limit; choose a duration, or convert it to smaller frames."
            )
    return np.stack(kept) if kept else np.zeros((0, 2, 2, 3), np.uint8), rate, True


def _read_film(path: Path, part: _Part, max_points: int) -> _Levels:
    av = import_extra("av", path)
    with av.open(str(path)) as film:
        if not film.streams.video:
            raise SignalError(
                f"{path} has no pictures, but a video was expected; choose another file."
            )
        stream = film.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or _RATE)
        pictures = (frame.to_ndarray(format="rgb24") for frame in film.decode(stream))
        return _collect(path, pictures, rate, part, max_points)


def _read_stills(path: Path, part: _Part, max_points: int) -> _Levels:
    """An animation: every frame as it is seen, over white where it is transparent."""
    from PIL import Image, ImageSequence

    with Image.open(path, formats=("GIF", "WEBP", "PNG", "TIFF")) as animation:
        seconds = float(animation.info.get("duration", 0.0)) / 1000.0
        rate = 1.0 / seconds if seconds > 0.0 else _RATE
        is_grey = animation.mode in ("1", "L") and suffix_of(path) != ".gif"

        def picture(frame: Any) -> np.ndarray:
            white = Image.new("RGBA", frame.size, "white")
            flat = Image.alpha_composite(white, frame.convert("RGBA"))
            levels = np.asarray(flat.convert("L" if is_grey else "RGB"))
            return levels[..., None] if is_grey else levels

        pictures = map(picture, ImageSequence.Iterator(animation))
        return _collect(path, pictures, rate, part, max_points)


def _read_array(path: Path, part: _Part, max_points: int) -> _Levels:
    from optiinr_jax.signals.arrays import read_source

    values = read_source(path, None, 3 * max_points).values
    if values.ndim != 4 or values.shape[-1] not in (1, 3):
        raise SignalError(
            f"{path} has an array of shape {values.shape}, but (frames, height, width, 1 or 3) was "
            "expected; reshape it."
        )
    return _collect(path, iter(np.rint(values).astype(np.uint8)), _RATE, part, max_points)


def num_frames(path: Path) -> int:
    """Frames of a picture file; 1 where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path, formats=("GIF", "WEBP", "PNG", "TIFF")) as picture:
            return int(getattr(picture, "n_frames", 1))
    except Exception:
        return 1


def sample_video(
    size: int | tuple[int, ...] | None = None, *, max_points: int = MAX_POINTS
) -> Video:
    """The embedded video: `size` x `size` pixels, a quarter as many frames; or the shape `size`."""
    size = _SAMPLE_SIZE if size is None else size
    shape = size if isinstance(size, tuple) else (max(2, size // 4), size, size)
    shape = _check_size(shape, shape)
    if shape[0] * shape[1] * shape[2] > max_points:
        raise SignalError(
            f"size {' x '.join(map(str, shape))} is more than the limit of {max_points} pixels; "
            "choose a smaller size or raise the limit."
        )
    fine = synthetic_fields.video(*(FINER * n for n in shape))
    finer = make_finer(FINER, fine)
    return Video(synthetic_fields.video(*shape), {"frame_rate": float(shape[0])}, finer)


def write_video(
    path: Path, values: Float[np.ndarray, "t h w C"], attributes: Mapping[str, float]
) -> Path:
    """Write .mp4 or .mkv (H.264, extra video), .gif, or .npz and .npy of bytes, by the suffix.

    Raises:
        SignalError: another suffix, numbers that are not finite, or a folder that is missing.
    """
    path, suffix = Path(path), suffix_of(Path(path))
    if suffix not in _WRITABLE:
        raise SignalError(
            f"{path} ends in {suffix or 'no suffix'}, but a video is written as one of "
            f"{', '.join(_WRITABLE)}; change the suffix."
        )
    values = np.asarray(values)
    if not np.isfinite(values).all():
        raise SignalError(
            "a video to write has numbers that are nan or infinite, but finite ones in [0, 1] were "
            "expected; check that the training did not diverge."
        )
    levels = np.rint(255.0 * np.clip(values, 0.0, 1.0)).astype(np.uint8)
    rate = attributes.get("frame_rate", _RATE)
    try:
        return write_atomic(path, _encoded(path, suffix, levels, rate))
    except OSError as error:
        raise SignalError(str(error)) from error


def _encoded(path: Path, suffix: str, levels: UInt8[np.ndarray, "t h w C"], rate: float) -> bytes:
    file = io.BytesIO()
    if suffix == ".npy":
        np.save(file, levels)
    elif suffix == ".npz":
        np.savez_compressed(file, values=levels)
    elif suffix == ".gif":
        from PIL import Image

        first, *others = [Image.fromarray(np.repeat(x, 3 // x.shape[-1], -1)) for x in levels]
        milliseconds = max(round(1000.0 / rate), 20)
        first.save(file, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
    else:
        _encode_film(import_extra("av", path), file, suffix, levels, rate)
    return file.getvalue()


def _encode_film(
    av: Any, file: Any, suffix: str, levels: UInt8[np.ndarray, "t h w C"], rate: float
) -> None:
    """H.264 with all colours of a pixel kept, so that odd sides may stay odd."""
    with av.open(file, "w", format={".mp4": "mp4", ".mkv": "matroska"}[suffix]) as film:
        stream = film.add_stream(_CODECS[suffix], rate=Fraction(rate).limit_denominator(1001))
        stream.height, stream.width, stream.pix_fmt = levels.shape[1], levels.shape[2], "yuv444p"
        stream.options = {"crf": "12"}
        for picture in levels:
            colours = np.ascontiguousarray(np.repeat(picture, 3 // picture.shape[-1], -1))
            film.mux(stream.encode(av.VideoFrame.from_ndarray(colours, format="rgb24")))
        film.mux(stream.encode())


def rescale_attributes(
    attributes: dict[str, float], old: tuple[int, ...], new: tuple[int, ...]
) -> dict[str, float]:
    """Attributes of the same video with another number of frames: it lasts as long."""
    if "frame_rate" not in attributes:
        return attributes
    return attributes | {"frame_rate": attributes["frame_rate"] * new[0] / old[0]}


def places_of_seconds(positions: Any, shape: tuple[int, ...], attributes: dict[str, float]) -> Any:
    """Places of (seconds after the first frame, row, column)."""
    del shape
    scale = np.array([[attributes.get("frame_rate", _RATE), 1.0, 1.0]])
    return positions * scale


def frame_ssim(
    values: Float[np.ndarray, "t h w C"], targets: Float[np.ndarray, "t h w C"]
) -> float:
    """Mean structural similarity of the frames; see `ssim`."""
    pairs = zip(values, targets, strict=True)
    return float(np.mean([metrics.ssim(found, target) for found, target in pairs]))
