"""Where signals come from and go to: an array, a file, the embedded one of a kind."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from optiinr_jax.signals.continuous import INTERPOLATIONS
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.fields import range_of
from optiinr_jax.signals.formats import suffix_of
from optiinr_jax.signals.frame import Frame, natural_frame, to_values
from optiinr_jax.signals.kinds import Samples, SignalKind, Size, get_kind, kind_of_file
from optiinr_jax.signals.large import make_large
from optiinr_jax.signals.points import check_points, grid_of
from optiinr_jax.signals.scattered import SHARE_APART, ScatteredSignal, scatter
from optiinr_jax.signals.signal import Signal
from optiinr_jax.signals.targets import LARGE, Finer
from optiinr_jax.text import printable


def make_signal(
    kind: str,
    samples: ArrayLike,
    *,
    name: str = "array",
    attributes: dict[str, float] | None = None,
    interpolation: str | None = None,
    finer: Finer | None = None,
) -> Signal:
    """Make a signal from natural values on a grid, for example a picture's numbers in [0, 1].

    Args:
        samples: (*shape, channels), at least 2 points on each side. True and False stand for the
            ends of the natural range and are kept as bits. Of more than LARGE points the whole
            numbers of a file, 8 or 16 bits.
        interpolation: what the signal is between its samples, a row of INTERPOLATIONS; None: that
            of its kind, "cubic" for a picture, "sinc" for a sound, "linear" for a solid.
        finer: what its source says between the samples, instead.
    """
    row, samples = get_kind(kind), np.asarray(samples)
    _check_samples(kind, row, name, samples)
    interpolation = interpolation or row.interpolation
    if interpolation not in INTERPOLATIONS:
        raise SignalError(
            f"interpolation is {interpolation!r}, but one of {', '.join(INTERPOLATIONS)} was "
            "expected; leave it out for that of the kind."
        )
    shape, attributes = samples.shape[:-1], attributes or {}
    if row.natural_range is None and not {"low", "high"} <= set(attributes):
        attributes = range_of(f"{kind} {name!r}", samples) | attributes
    frame = natural_frame(kind, shape, samples.shape[-1], attributes)
    if frame.num_points > LARGE:
        return make_large(name, frame, samples)
    if row.is_binary and samples.dtype != bool:
        samples = samples == frame.natural_range[1]
    if samples.dtype == bool:
        stored = np.packbits(samples)
    else:
        stored = np.asarray(to_values(samples.astype(np.float32), frame))
        stored = stored.reshape(-1, frame.num_channels)
    return Signal(name, frame, stored, finer, interpolation)


def load_signal(
    path: str | os.PathLike[str],
    size: Size = None,
    *,
    kind: str | None = None,
    max_points: int | None = None,
    **options: Any,
) -> Signal:
    """Read a signal file; what kind it is follows from the suffix, and from what an array holds.

    Args:
        size: for a picture, the pixels of its longest side, or (height, width): the largest centred
            part of that aspect is cut out, then resized with an antialiasing filter, up or down.
            For a sound, the number of samples kept from the start. For a solid, voxels along the
            longest side. None keeps every point of the file; a mesh, which has none, gets 128
            voxels along its longest side.
        kind: row of KINDS, where a file may be of several, as an array of 0 and 1 may be a solid
            or a field; None: the one that it looks like.
        max_points: refuse a larger file before it is decoded; by default the limit of its kind.
        **options: of the kind. Image: `square` cuts the largest one out of the middle. Audio:
            `start`, `duration`, `sample_rate` and `mono`, see `load_audio`. Volume: `crop`, see
            `read_volume`. Field: `key` and `channels`, see `read_field`. Video: `start` and
            `duration`. Points: `num_values`, see `read_points`.
    """
    path = Path(path)
    kind = kind_of_file(path) if kind is None else kind
    row = get_kind(kind)
    if suffix_of(path) not in row.suffixes:
        raise SignalError(
            f"{path} does not end in one of {', '.join(row.suffixes)}, but a file of kind {kind} "
            "was expected to; leave out kind."
        )
    unknown = sorted(set(options) - set(row.options))
    if unknown:
        raise SignalError(
            f"load_signal got {', '.join(unknown)}, but {', '.join(row.options) or 'no options'} "
            f"were expected for a file of kind {kind}; remove or correct it."
        )
    read = row.read(path, size, row.max_points if max_points is None else max_points, **options)
    return _signal_of(kind, read, printable(path.stem))


def sample_signal(kind: str = "image", size: Size = None) -> Signal:
    """The embedded signal of a kind, made by formula at any size."""
    row = get_kind(kind)
    sample = row.sample(size, row.max_points)
    return _signal_of(kind, sample, f"sample_{kind}")


def _signal_of(kind: str, read: Samples, name: str) -> Signal:
    if read.positions is not None:
        return make_points(read.positions, read.values, name=name)
    return make_signal(kind, read.values, name=name, attributes=read.attributes, finer=read.finer)


def make_points(
    positions: ArrayLike, values: ArrayLike, *, name: str = "points", apart: float = SHARE_APART
) -> ScatteredSignal:
    """Make a signal of values at positions that lie on no grid.

    Args:
        positions: (N, D) in any units, D from 1 to 12.
        values: (N,) or (N, C) in any units.
        apart: share of the points that is kept apart: they are not trained, and the objective
            "continuous" counts them. 0 with the objective "samples" trains on all.

    Raises:
        SignalError: other shapes, numbers that are not finite, or a box without a size.
    """
    found = check_points(repr(name), positions, values)
    shape, attributes = grid_of(found)
    frame = natural_frame("points", shape, found.values.shape[1], attributes)
    stored = np.asarray(to_values(found.values, frame), np.float32)
    return scatter(frame, found.positions, stored, name=name, apart=apart)


def read_record(record: dict[str, Any]) -> Signal:
    """The signal of what `to_record` gave.

    Raises:
        ValueError, KeyError, TypeError: it is something else.
    """
    return (ScatteredSignal if "roles" in record else Signal).from_record(record)


def write_signal(path: str | os.PathLike[str], values: ArrayLike, frame: Frame) -> Path:
    """Write natural values (N, C), as of `INR.predict`, on the grid of `frame` as a file."""
    row = get_kind(frame.kind)
    return row.write(Path(path), frame.to_samples(values), frame.attributes)


def write_samples(path: str | os.PathLike[str], samples: ArrayLike, frame: Frame) -> Path:
    """Write natural samples (*shape, C), for example of `INR.render`, as a file of their kind.

    Args:
        frame: of the kind and attributes; its grid may be another one.
    """
    return get_kind(frame.kind).write(Path(path), np.asarray(samples), frame.attributes)


def _check_samples(kind: str, row: SignalKind, name: str, samples: np.ndarray) -> None:
    grid = samples.shape[:-1]
    axes = ", ".join(row.axes_of(len(grid)) if row.has_dims(len(grid)) else row.axes)
    many = f"1 to {max(row.channels)}" if len(row.channels) > 3 else None
    expected = f"({axes}, {many or ' or '.join(map(str, row.channels))})"
    if not row.has_dims(len(grid)) or samples.shape[-1] not in row.channels or min(grid) < 2:
        raise SignalError(
            f"{kind} {name!r} has shape {samples.shape}, but {expected} with at least 2 points a "
            "side was expected; reshape it."
        )
    if samples.dtype == bool or row.natural_range is None or math.prod(grid) > LARGE:
        return
    low, high = row.natural_range
    if not np.issubdtype(samples.dtype, np.floating):
        raise SignalError(
            f"{kind} {name!r} has type {samples.dtype}, but fractions in [{low:g}, {high:g}] were "
            "expected; give it to as_signal, which knows the full scale of its type, or convert "
            "them to float."
        )
    if not (low <= samples.min() and samples.max() <= high):  # false for nan too
        raise SignalError(
            f"{kind} {name!r} has numbers from {samples.min()} to {samples.max()}, but finite ones "
            f"in [{low:g}, {high:g}] were expected; rescale them."
        )
    if row.is_binary and not np.isin(samples, row.natural_range).all():
        raise SignalError(
            f"{kind} {name!r} has numbers between {low:g} and {high:g}, but every point of it is "
            "one or the other; compare them with a level, as in array > 0.5."
        )
