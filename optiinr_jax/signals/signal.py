"""Signal: the thing to represent. Load it, take the embedded one, or make it from an array."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float32

from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.frame import Frame, natural_frame, to_values
from optiinr_jax.signals.kinds import SignalKind, Size, get_kind, kind_of_file


@dataclass(frozen=True, eq=False)
class Signal:
    """Values on a regular grid; the coordinates follow from the shape.

    Make one with `make_signal`, `load_signal` or `sample_signal`, which check the values.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    values: Float32[np.ndarray, "N C"]  # in the range the network learns, rows as in `coords`
    attributes: dict[str, float] = field(default_factory=dict)

    @property
    def num_points(self) -> int:
        """N, points of the grid."""
        return self.values.shape[0]

    @property
    def num_channels(self) -> int:
        """C, values at each point."""
        return self.values.shape[1]

    @property
    def num_dims(self) -> int:
        """D, axes of the grid."""
        return len(self.shape)

    @property
    def frame(self) -> Frame:
        """The signal without its values, for a model file."""
        return natural_frame(self.kind, self.shape, self.num_channels, self.attributes)

    @property
    def samples(self) -> np.ndarray:
        """The values in their natural range on the grid, (*shape, C)."""
        return self.frame.to_samples(self.values)

    @property
    def metric_name(self) -> str:
        """What `score` measures."""
        return get_kind(self.kind).metric_name

    def grid_coords(self) -> Float32[Array, "N D"]:
        """Coordinates of every row of `values`, made on the device."""
        return self.frame.grid_coords()

    def score(self, values: ArrayLike) -> float:
        """Quality of a reconstruction of `values`; higher is better, whatever the kind."""
        if np.shape(values) != self.values.shape:
            raise SignalError(
                f"values to score have shape {np.shape(values)}, but signal {self.name!r} has "
                f"{self.values.shape}; predict at its grid_coords()."
            )
        frame = self.frame
        pair = (frame.to_natural(jnp.asarray(a)) for a in (values, self.values))
        return float(get_kind(self.kind).metric(*map(jnp.asarray, pair)))


def make_signal(
    kind: str,
    samples: ArrayLike,
    *,
    name: str = "array",
    attributes: dict[str, float] | None = None,
) -> Signal:
    """Make a signal from natural values on a grid, for example a picture's numbers in [0, 1].

    Args:
        samples: (*shape, channels), at least 2 points on each side.
    """
    row, samples = get_kind(kind), np.asarray(samples)
    _check_samples(kind, row, name, samples)
    shape = samples.shape[:-1]
    frame = natural_frame(kind, shape, samples.shape[-1], attributes or {})
    values = np.asarray(to_values(samples.astype(np.float32), frame))
    values = values.reshape(-1, frame.num_channels)
    return Signal(kind, name, shape, values, frame.attributes)


def load_signal(
    path: str | os.PathLike[str], size: Size = None, *, max_points: int | None = None
) -> Signal:
    """Read a signal file; what kind it is follows from the suffix.

    Args:
        size: for a picture, one number for a square or (height, width): the largest centred part
            of that aspect is cut out, then resized with an antialiasing filter, up or down. None
            keeps every pixel.
        max_points: refuse a larger file before it is decoded; by default the limit of its kind.
    """
    path = Path(path)
    if path.is_dir():
        raise SignalError(f"{path} is a folder, but a file was expected; name a file in it.")
    kind = kind_of_file(path)
    row = get_kind(kind)
    read = row.read(path, size, row.max_points if max_points is None else max_points)
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


def _check_samples(kind: str, row: SignalKind, name: str, samples: np.ndarray) -> None:
    expected = f"({', '.join(row.axes)}, {' or '.join(map(str, row.channels))})"
    grid = samples.shape[:-1]
    if len(grid) != len(row.axes) or samples.shape[-1] not in row.channels or min(grid) < 2:
        raise SignalError(
            f"{kind} {name!r} has shape {samples.shape}, but {expected} with at least 2 points a "
            "side was expected; reshape it."
        )
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
