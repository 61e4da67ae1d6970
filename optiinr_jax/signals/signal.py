"""Signal: the thing to represent. Load it, take the embedded one, or make it from an array."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float32, UInt8

from optiinr_jax.signals.coordinates import coords_at
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.frame import Frame, natural_frame, to_values
from optiinr_jax.signals.kinds import SignalKind, Size, get_kind, kind_of_file
from optiinr_jax.signals.targets import Targets

Range = tuple[float, float]
ArrayLikeRange = tuple[ArrayLike, ArrayLike]

_CHUNK = 65536  # points scored at once


@dataclass(frozen=True, eq=False)
class Signal:
    """Values on a regular grid; the coordinates follow from the shape.

    Make one with `make_signal`, `load_signal` or `sample_signal`, which check the values.

    Attributes:
        stored: in the range the network learns, rows as in `coords`; or, of a signal with only two
            values, its bits as `numpy.packbits` gives them.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    num_channels: int
    stored: Float32[np.ndarray, "N C"] | UInt8[np.ndarray, " bytes"]
    attributes: dict[str, float] = field(default_factory=dict)
    coord_range: Range | None = None  # None: that of the kind
    value_range: Range | None = None

    @property
    def num_points(self) -> int:
        """N, points of the grid."""
        return self.frame.num_points

    @property
    def is_packed(self) -> bool:
        """Whether the values are kept as bits."""
        return self.stored.dtype == np.uint8

    @property
    def values(self) -> Float32[np.ndarray, "N C"]:
        """The values as float32 numbers; bits are unpacked anew each time, to 32 times the size."""
        if not self.is_packed:
            return self.stored
        count = self.num_points * self.num_channels
        bits = np.unpackbits(self.stored, count=count).reshape(-1, self.num_channels)
        low, high = (np.float32(end) for end in self.frame.value_range)
        return np.where(bits, high, low)

    def targets(self) -> Targets:
        """The values on the device, where bits stay bits."""
        return Targets(
            data=jnp.asarray(self.stored),
            num_points=self.num_points,
            num_channels=self.num_channels,
            is_packed=self.is_packed,
            value_range=self.frame.value_range,
        )

    @property
    def num_dims(self) -> int:
        """D, axes of the grid."""
        return len(self.shape)

    @property
    def frame(self) -> Frame:
        """The signal without its values, for a model file."""
        frame = natural_frame(self.kind, self.shape, self.num_channels, self.attributes)
        return replace(
            frame,
            coord_range=self.coord_range or frame.coord_range,
            value_range=self.value_range or frame.value_range,
        )

    def with_ranges(
        self, coord_range: ArrayLikeRange | None = None, value_range: ArrayLikeRange | None = None
    ) -> "Signal":
        """The same signal, its grid laid over and its values learned in other ranges; None: keep.

        Published networks differ in them: targets in [0, 1] or [-1, 1], a sound over [-1, 1] or
        [-100, 100].
        """
        old = self.frame
        coords, values = (_range(r) for r in (coord_range, value_range))
        new = replace(
            old, coord_range=coords or old.coord_range, value_range=values or old.value_range
        )
        stored = self.stored
        if not self.is_packed and new.value_range != old.value_range:
            stored = np.asarray(to_values(old.to_natural(stored), new), np.float32)
        return replace(
            self, stored=stored, coord_range=new.coord_range, value_range=new.value_range
        )

    def variance(self) -> float:
        """Mean squared error of the best constant, in the range the network learns."""
        if not self.is_packed:
            return float(np.var(self.stored, axis=0, dtype=np.float64).mean())
        low, high = self.frame.value_range
        part = int(np.bitwise_count(self.stored).sum()) / (self.num_points * self.num_channels)
        return part * (1.0 - part) * (high - low) ** 2

    @property
    def samples(self) -> np.ndarray:
        """The values in their natural range on the grid, (*shape, C)."""
        return self.frame.to_samples(self.values)

    @property
    def metric_name(self) -> str:
        """What `score` measures."""
        return get_kind(self.kind).metric.name

    def grid_coords(self) -> Float32[Array, "N D"]:
        """Coordinates of every row of `values`, made on the device."""
        return self.frame.grid_coords()

    def score(self, values: ArrayLike) -> float:
        """Quality of a reconstruction of `values`; higher is better, whatever the kind."""
        if np.shape(values) != (self.num_points, self.num_channels):
            raise SignalError(
                f"values to score have shape {np.shape(values)}, but signal {self.name!r} has "
                f"{(self.num_points, self.num_channels)}; predict at its grid_coords()."
            )
        values = np.asarray(values)
        return self._total(lambda start, stop: values[start:stop], _CHUNK)

    def score_stream(
        self, predict: Callable[[Float32[Array, "n D"]], Any], chunk: int = _CHUNK
    ) -> float:
        """`score` of a function of the coordinates, in bounded memory: no array has N rows.

        Args:
            predict: coordinates (n, D) on the device to values (n, C). It always gets the same
                n, so that it compiles once; the last chunk is filled up with the last point.
            chunk: n, or N where that is smaller.
        """
        frame, chunk = self.frame, min(chunk, self.num_points)

        def values(start: int, stop: int) -> Any:
            predicted = predict(_chunk_coords(start, frame, chunk))
            if np.shape(predicted) != (chunk, self.num_channels):
                raise SignalError(
                    f"predict gave shape {np.shape(predicted)}, but {(chunk, self.num_channels)} "
                    "was expected; return one row for each row of coords."
                )
            return predicted[: stop - start]

        return self._total(values, chunk)

    def _total(self, values: Callable[[int, int], Any], chunk: int) -> float:
        """The score of `values(start, stop)` over all points, added up in float64."""
        frame, targets, metric = self.frame, self.targets(), get_kind(self.kind).metric
        total: dict[str, float] = {}
        for start in range(0, self.num_points, chunk):
            stop = min(start + chunk, self.num_points)
            for name, part in _chunk_sums(targets, values(start, stop), start, frame).items():
                total[name] = total.get(name, 0.0) + float(part)
        return metric.finish(total)


def _range(ends: ArrayLikeRange | None) -> Range | None:
    return None if ends is None else (float(np.asarray(ends[0])), float(np.asarray(ends[1])))


@partial(jax.jit, static_argnames=("frame", "chunk"))
def _chunk_coords(start: ArrayLike, frame: Frame, chunk: int) -> Float32[Array, "chunk D"]:
    """Coordinates of `chunk` points from `start` on; behind the last point it is repeated."""
    index = jnp.minimum(jnp.arange(chunk), frame.num_points - 1 - start) + jnp.asarray(start)
    return coords_at(index, frame.shape, *frame.coord_range)


@partial(jax.jit, static_argnames="frame")
def _chunk_sums(
    targets: Targets, values: ArrayLike, start: ArrayLike, frame: Frame
) -> dict[str, Array]:
    """The sums of the kind's metric over the points from `start` on, one per row of `values`."""
    values = jnp.asarray(values)
    target = targets.at(jnp.arange(values.shape[0]) + jnp.asarray(start))
    natural = frame.to_natural(values), frame.to_natural(target)
    return get_kind(frame.kind).metric.sums(*natural)


def make_signal(
    kind: str,
    samples: ArrayLike,
    *,
    name: str = "array",
    attributes: dict[str, float] | None = None,
) -> Signal:
    """Make a signal from natural values on a grid, for example a picture's numbers in [0, 1].

    Args:
        samples: (*shape, channels), at least 2 points on each side. True and False stand for the
            ends of the natural range and are kept as bits.
    """
    row, samples = get_kind(kind), np.asarray(samples)
    _check_samples(kind, row, name, samples)
    shape = samples.shape[:-1]
    frame = natural_frame(kind, shape, samples.shape[-1], attributes or {})
    if samples.dtype == bool:
        stored = np.packbits(samples)
    else:
        stored = np.asarray(to_values(samples.astype(np.float32), frame))
        stored = stored.reshape(-1, frame.num_channels)
    return Signal(kind, name, shape, frame.num_channels, stored, frame.attributes)


def load_signal(
    path: str | os.PathLike[str],
    size: Size = None,
    *,
    max_points: int | None = None,
    **options: Any,
) -> Signal:
    """Read a signal file; what kind it is follows from the suffix.

    Args:
        size: for a picture, one number for a square or (height, width): the largest centred part
            of that aspect is cut out, then resized with an antialiasing filter, up or down. For a
            sound, the number of samples kept from the start. For a solid, voxels along the longest
            side. None keeps every point of the file; a mesh, which has none, gets 128 voxels along
            its longest side.
        max_points: refuse a larger file before it is decoded; by default the limit of its kind.
        **options: of the kind. Audio: `start`, `duration` and `sample_rate`, see `load_audio`.
            Volume: `crop`, see `read_volume`.
    """
    path = Path(path)
    kind = kind_of_file(path)
    row = get_kind(kind)
    unknown = sorted(set(options) - set(row.options))
    if unknown:
        raise SignalError(
            f"load_signal got {', '.join(unknown)}, but {', '.join(row.options) or 'no options'} "
            f"were expected for a file of kind {kind}; remove or correct it."
        )
    read = row.read(path, size, row.max_points if max_points is None else max_points, **options)
    return make_signal(kind, read.values, name=path.stem, attributes=read.attributes)


def sample_signal(kind: str = "image", size: Size = None) -> Signal:
    """The embedded signal of a kind, made by formula at any size."""
    row = get_kind(kind)
    sample = row.sample(size, row.max_points)
    return make_signal(kind, sample.values, name=f"sample_{kind}", attributes=sample.attributes)


def write_signal(path: str | os.PathLike[str], values: ArrayLike, frame: Frame) -> Path:
    """Write a network's (N, C) output on the grid of `frame` as a file of its kind."""
    row = get_kind(frame.kind)
    return row.write(Path(path), frame.to_samples(values), frame.attributes)


def write_samples(path: str | os.PathLike[str], samples: ArrayLike, frame: Frame) -> Path:
    """Write natural samples (*shape, C), for example of `INR.render`, as a file of their kind.

    Args:
        frame: of the kind and attributes; its grid may be another one.
    """
    return get_kind(frame.kind).write(Path(path), np.asarray(samples), frame.attributes)


def _check_samples(kind: str, row: SignalKind, name: str, samples: np.ndarray) -> None:
    expected = f"({', '.join(row.axes)}, {' or '.join(map(str, row.channels))})"
    grid = samples.shape[:-1]
    if len(grid) != len(row.axes) or samples.shape[-1] not in row.channels or min(grid) < 2:
        raise SignalError(
            f"{kind} {name!r} has shape {samples.shape}, but {expected} with at least 2 points a "
            "side was expected; reshape it."
        )
    if samples.dtype == bool:
        return
    low, high = row.natural_range
    if not np.issubdtype(samples.dtype, np.floating):
        raise SignalError(
            f"{kind} {name!r} has type {samples.dtype}, but fractions in [{low:g}, {high:g}] were "
            "expected; convert them to float, for example by array / 255."
        )
    if not (low <= samples.min() and samples.max() <= high):  # false for nan too
        raise SignalError(
            f"{kind} {name!r} has numbers from {samples.min()} to {samples.max()}, but finite ones "
            f"in [{low:g}, {high:g}] were expected; rescale them."
        )
