"""What of a file is read: the same options for every command that takes one.

A model file keeps them, so that `eval` measures the part that the network was fitted to.
"""

import warnings
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

import optiinr_jax as oi
from optiinr_jax.cli.options import Count, Kind, MaskFile, Number
from optiinr_jax.progress import saying
from optiinr_jax.report.labels import size_label
from optiinr_jax.signals import ScatteredSignal, SignalError, read_mask
from optiinr_jax.signals.kinds import KINDS, get_kind, kind_of_file

READING = "reading"  # key in a model's facts
_NOT_OF_A_KIND = ("size", "kind", "mask")  # options for files of every kind
_SIZE = Annotated[str, arg(metavar="N|HxW|auto|full")]
_CROP = Annotated[
    Literal["tight", "wire", "none"] | None,
    arg(metavar="tight|wire|none", help_behavior_hint=""),
]
_SAME = 0.01  # of an attribute: the same sound in another format has another peak


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What of a file is read.

    Attributes:
        size: for a picture, N pixels along its longest side, or H x W pixels, which are cut out of
            the middle first (auto: 128 for fit, 96 for search and compare); for a sound, the first
            N samples (auto: 8192 and 4096); for a solid, N voxels along its longest side (auto: 32
            and 24); for a field, N points along its longest side (auto: 48 and 32); for a video, N
            pixels along the longest side of a frame, and the first N frames (auto: 64 and 32); N of
            scattered points (auto: 20 000 and 5 000); full: every point of the file. For eval, auto
            is what the model was fitted to.
        kind: kind of the file, where it may be of several: an array of 0 and 1 may be a solid or a
            field, a TIFF of pages a picture, a video or a field.
        square: cut the largest square out of the middle of a picture.
        start: start of the part of a sound or a video, in seconds.
        duration: length of the part of a sound or a video, in seconds; all its samples or frames
            are kept.
        sample_rate: rate to which a sound is resampled, in Hz.
        mono: take the mean of the two channels of a sound.
        crop: how an array of voxels is cropped: tight (default), wire (as WIRE's code) or none.
        mask: file of what is hidden: those samples are not trained, and have a score of their own.
            A picture, white where a picture or every frame of a video is hidden, or an array that
            is not 0 there.
    """

    size: _SIZE = "auto"
    kind: Kind = None
    square: bool = False
    start: Number = None
    duration: Number = None
    sample_rate: Count = None
    mono: bool = False
    crop: _CROP = None
    mask: MaskFile = None

    def given(self) -> dict[str, Any]:
        """The options that are not the default."""
        return {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if getattr(self, f.name) not in (f.default, None, False)
        }

    def options(self, kind: str) -> dict[str, Any]:
        """The keywords of `load_signal`, all but the size.

        Raises:
            ValueError: one that files of this kind do not have.
        """
        options = {n: value for n, value in self.given().items() if n not in _NOT_OF_A_KIND}
        for name in options:
            if name not in get_kind(kind).options:
                kinds = " or ".join(k for k, row in KINDS.items() if name in row.options)
                raise ValueError(
                    f"--{name.replace('_', '-')} is an option of {kinds}, but the file is of kind "
                    f"{kind}; leave it out."
                )
        return options | ({"crop": None} if self.crop == "none" else {})


def read_signal(
    file: Path | None, sample: str, reading: Reading, purpose: str, *, is_said: bool = False
) -> oi.Signal:
    """Load a file or the embedded sample; the size "auto" is what "fit" or "search" can afford.

    Where it takes long it may be said.
    """
    with saying(f"reading {file}", is_said=is_said and file is not None):
        signal = _read(file, sample, reading, purpose)
        return signal if reading.mask is None else oi.mask(signal, read_mask(reading.mask, signal))


def _read(file: Path | None, sample: str, reading: Reading, purpose: str) -> oi.Signal:
    kind = sample if file is None else reading.kind or kind_of_file(file)
    row, options = get_kind(kind), reading.options(kind)
    is_auto = reading.size == "auto"
    usual = row.fit_size if purpose == "fit" else row.search_size
    is_whole = "duration" in options and len(row.axes) == 1  # all samples of a part of a sound
    size = None if is_auto and is_whole else usual if is_auto else _size(reading.size)
    if file is None:
        return oi.sample_signal(kind, size)
    try:
        return oi.load_signal(file, size, kind=kind, **options)
    except SignalError:
        if not is_auto or size is None:
            raise
    return oi.load_signal(file, kind=kind, **options)  # a sound shorter than the usual size


def facts_of(reading: Reading, signal: oi.Signal) -> dict[str, Any]:
    """What a model file keeps of a reading: enough to read the same part again.

    It names no file, so that a mask has to be given again.
    """
    size, is_cut = reading.size, reading.duration is not None
    if size == "auto" and isinstance(signal, ScatteredSignal) and not signal.is_grid:
        size = str(len(signal.coords))
    elif size == "auto" and not (is_cut and signal.num_dims == 1):
        size = str(max(signal.shape[1:] if is_cut else signal.shape))
    return {READING: replace(reading, size=size, mask=None).given()}


def read_again(inr: oi.INR, file: Path, given: Reading) -> oi.Signal:
    """The signal of a file as that of a model was read; options that are given go before.

    Raises:
        ValueError: it is another kind of signal, or another part of a picture.
    """
    names, known = {f.name for f in fields(Reading)} - {"mask"}, inr.info.get(READING)
    known = known if isinstance(known, dict) else {}
    kept: dict[str, Any] = {n: v for n, v in known.items() if n in names}
    kind = given.kind or kept.get("kind") or kind_of_file(file)
    if kind != inr.frame.kind:
        raise ValueError(
            f"the model is of kind {inr.frame.kind}, but {file} is of kind {kind}; give the file "
            "that it was fitted to."
        )
    if not kept:
        mono = inr.frame.num_channels == 1 and "mono" in get_kind(kind).options
        kept = {"size": str(max(inr.frame.shape)), "mono": mono}
    kept |= given.given()
    signal = read_signal(file, kind, Reading(**kept), "fit")
    _check_part(inr, signal, file)
    return signal


def _size(text: str) -> int | tuple[int, ...] | None:
    """A size as `load_signal` takes it.

    Raises:
        ValueError: it is none.
    """
    if text.lower() in ("full", "none"):
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise ValueError(
            f"--size is {text!r}, but a whole number, HEIGHTxWIDTH, auto or full was expected; try "
            "--size 256."
        )
    numbers = tuple(map(int, sides))
    return numbers if len(numbers) > 1 else numbers[0]


def _check_part(inr: oi.INR, signal: oi.Signal, file: Path) -> None:
    """Refuse a picture of another aspect; warn of a sound or a solid that lies elsewhere."""
    ours, theirs = inr.frame.shape, signal.shape
    ratio = max(theirs) / max(ours)
    if signal.kind == "image" and any(
        abs(n - m * ratio) > max(1.0, ratio) for n, m in zip(theirs, ours, strict=True)
    ):
        raise ValueError(
            f"the model is of {size_label(ours)} pixels, but {file} read like this has "
            f"{size_label(theirs)}, which is another part of it; give --square or --size as in fit."
        )
    attributes = inr.frame.with_shape(theirs).attributes if theirs != ours else inr.frame.attributes
    for name in sorted(set(attributes) & set(signal.attributes)):
        one, other = attributes[name], signal.attributes[name]
        if abs(one - other) > _SAME * max(abs(one), abs(other)):
            warnings.warn(
                f"the {name} of the model's signal is {one:.6g}, but that of {file} read like this "
                f"is {other:.6g}, so this may be another part of it; give the options of fit.",
                stacklevel=3,
            )
            return
