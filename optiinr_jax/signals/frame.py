"""A frame: all that is needed to turn a network's output back into a signal, at any size.

It is small and JSON-able, and a model file stores it. A model file comes from strangers, so
everything read back is checked before anything is allocated.
"""

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32

from optiinr_jax.checks import plain_numbers
from optiinr_jax.numerics import rescale
from optiinr_jax.signals.coordinates import coords_of_places, grid_coords
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.kinds import get_kind

AnyArray = np.ndarray | Array

_MAX_ATTRIBUTES = 32
_HUGE = 1e30  # no range or attribute reaches it; nan and inf fail the comparison too
_REMEDY = "the model file is damaged or of another version."


@dataclass(frozen=True)
class Frame:
    """Kind, grid and ranges of a signal, without its values.

    Attributes:
        attributes: further numbers, which JAX traces where it traces the network.
        source_shape: of the grid that lies over [-1, 1], whose cells this one's cells cover; None:
            this one.
    """

    kind: str
    shape: tuple[int, ...]
    num_channels: int
    value_range: tuple[float, float]
    attributes: dict[str, Any] = field(default_factory=dict, hash=False)
    source_shape: tuple[int, ...] | None = None

    @property
    def num_points(self) -> int:
        """Points of the grid."""
        return math.prod(self.shape)

    @property
    def num_dims(self) -> int:
        """Axes of the grid."""
        return len(self.shape)

    @property
    def bare(self) -> "Frame":
        """Without the attributes: what compiled programs may depend on.

        Every sound has another peak and every solid another box, which would compile them anew.
        """
        return replace(self, attributes={})

    def grid_coords(self) -> Float32[Array, "N D"]:
        """Coordinates of every point, in [-1, 1] over the grid."""
        if self.source_shape is None:
            return grid_coords(self.shape)
        source = replace(self, shape=self.source_shape, source_shape=None)
        axes = [source.places(axis, count) for axis, count in enumerate(self.shape)]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, self.num_dims)
        coords = coords_of_places(places, source.shape)
        return jnp.asarray(coords, jnp.float32)

    def with_shape(self, shape: tuple[int, ...]) -> "Frame":
        """The same signal on a grid of another shape, whose cells cover what its own cover.

        A sound keeps its duration, a solid its box.
        """
        record = self.to_json() | {"shape": shape}
        frame = make_frame(record, remedy="choose whole numbers from 1 within the limit.")
        rescale = get_kind(self.kind).rescale_attributes
        source = self.source_shape or self.shape
        return replace(
            frame,
            attributes=rescale(self.attributes, self.shape, frame.shape),
            source_shape=None if frame.shape == source else source,
        )

    def scaled(self, scale: float) -> "Frame":
        """The same signal with every side `scale` times as many points, rounded, at least 1."""
        if not 0 < scale < _HUGE:
            raise SignalError(f"scale is {scale}, but a number above 0 was expected; try scale=2.")
        return self.with_shape(tuple(max(1, round(n * scale)) for n in self.shape))

    @property
    def natural_range(self) -> tuple[Any, Any]:
        """Of the values in a file: that of the kind, or the signal's own, as a field has one."""
        row = get_kind(self.kind)
        return row.natural_range or (self.attributes["low"], self.attributes["high"])

    @property
    def unit(self) -> Any:
        """The difference of natural values that the metric counts as 1, as PSNR its data range."""
        low, high = self.natural_range
        return 1.0 if get_kind(self.kind).natural_range else high - low

    @property
    def edge(self) -> float:
        """Where the cell of a sample begins, in samples from it: -1/2, or 0 for a sound."""
        return get_kind(self.kind).edge

    def places(
        self, axis: int, count: int, part: tuple[float, float] = (0.0, 1.0)
    ) -> Float[np.ndarray, " count"]:
        """Places of `count` points whose cells cover an axis, or a part of it, in samples.

        Point k of s times as many lies at (k + 1/2) / s - 1/2 among pixels and voxels, at k / s
        among the samples of a sound.
        """
        start, stop = part
        unit = start + (np.arange(count) - self.edge) * ((stop - start) / count)
        return unit * self.shape[axis] + self.edge

    def coords_in(self, units: str, positions: Float[AnyArray, "*b D"]) -> Any:
        """Coordinates, [-1, 1] over the grid, of positions in pixels, seconds or other units.

        Raises:
            SignalError: units that this kind does not have.
        """
        rows = get_kind(self.kind).units
        if units not in rows:
            raise SignalError(
                f"units is {units!r}, but a signal of kind {self.kind} has {', '.join(rows)}; "
                "leave it out for [-1, 1]."
            )
        places = rows[units](positions.reshape(-1, self.num_dims), self.shape, self.attributes)
        return coords_of_places(places, self.shape).reshape(positions.shape)

    def to_natural(self, values: Float[AnyArray, "*s"]) -> Float[AnyArray, "*s"]:
        """Values as the network gives them, in the range of a file and of the metric."""
        return rescale(values, self.value_range, self.natural_range)

    def to_samples(self, values: ArrayLike) -> Float[np.ndarray, "*shape_C"]:
        """Values (N, C) of the points on the grid, (*shape, C); what is on it already stays."""
        values, samples = np.asarray(values), (*self.shape, self.num_channels)
        if values.shape not in (samples, (self.num_points, self.num_channels)):
            raise SignalError(
                f"values has shape {values.shape}, but a grid of shape {self.shape} has "
                f"{samples} or {(self.num_points, self.num_channels)}; predict at its "
                "grid_coords()."
            )
        return values.reshape(samples)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain numbers, strings and lists."""
        return {
            "kind": self.kind,
            "shape": list(self.shape),
            "num_channels": self.num_channels,
            "value_range": list(self.value_range),
            "attributes": dict(self.attributes),
        }

    @classmethod
    def from_json(cls, record: Any) -> "Frame":
        """Read what `to_json` gave, and check it."""
        if isinstance(record, dict):  # from before the range was a matter of the network
            record = {name: part for name, part in record.items() if name != "coord_range"}
        names = {f.name for f in fields(cls)} - {"source_shape"}
        if not isinstance(record, dict) or set(record) != names:
            got = sorted(map(str, record)) if isinstance(record, dict) else type(record).__name__
            raise SignalError(
                f"a frame has keys {got}, but exactly {sorted(names)} were expected; {_REMEDY}"
            )
        return make_frame(record, remedy=_REMEDY)


def make_frame(record: dict[str, Any], *, remedy: str) -> Frame:
    """Check the fields of a frame, then build it; `remedy` ends the error sentences."""
    record = plain_numbers(record)
    _check_record(record, remedy)
    return Frame(
        kind=record["kind"],
        shape=tuple(record["shape"]),
        num_channels=record["num_channels"],
        value_range=_range(record["value_range"]),
        attributes=dict(record["attributes"]),
    )


def natural_frame(
    kind: str, shape: tuple[int, ...], num_channels: int, attributes: dict[str, float]
) -> Frame:
    """The frame of a new signal, with the ranges of its kind."""
    row = get_kind(kind)
    record = {
        "kind": kind,
        "shape": shape,
        "num_channels": num_channels,
        "value_range": row.value_range,
        "attributes": attributes,
    }
    return make_frame(record, remedy="reshape the array or choose another size.")


def to_values(samples: Float[AnyArray, "*s"], frame: Frame) -> Float[AnyArray, "*s"]:
    """Natural values as the network learns them; `Frame.to_natural` goes back."""
    return rescale(samples, frame.natural_range, frame.value_range)


def _check_record(record: dict[str, Any], remedy: str) -> None:
    """Refuse what no signal can have, before any of it is used."""
    kind, shape, attributes = record["kind"], record["shape"], record["attributes"]
    _expect(isinstance(kind, str), "kind", kind, "a name", remedy)
    row = get_kind(kind)
    is_shape = isinstance(shape, list | tuple) and row.has_dims(len(shape))
    is_shape = is_shape and all(_is_whole(n) and n >= 1 for n in shape)
    axes = " x ".join(row.axes)
    _expect(is_shape, "shape", shape, f"{axes} as a list of whole numbers from 1", remedy)
    is_small = math.prod(shape) <= row.max_points
    _expect(is_small, "shape", shape, f"at most {row.max_points} points", remedy)
    channels = record["num_channels"]
    is_known = _is_whole(channels) and channels in row.channels
    _expect(is_known, "num_channels", channels, f"one of {row.channels}", remedy)
    ends = record["value_range"]
    is_range = isinstance(ends, list | tuple) and len(ends) == 2
    is_range = is_range and all(map(_is_number, ends)) and ends[0] < ends[1]
    _expect(is_range, "value_range", ends, "two finite numbers, the lower first,", remedy)
    is_named = isinstance(attributes, dict) and len(attributes) <= _MAX_ATTRIBUTES
    is_named = is_named and all(isinstance(name, str) for name in attributes)
    is_named = is_named and all(map(_is_number, attributes.values()))
    expected = f"at most {_MAX_ATTRIBUTES} named finite numbers"
    _expect(is_named, "attributes", attributes, expected, remedy)
    if row.natural_range is None:
        low, high = attributes.get("low", 0.0), attributes.get("high", 0.0)
        expected = "the least and the greatest value as low and high"
        _expect(low < high, "attributes", attributes, expected, remedy)


def _expect(holds: bool, name: str, got: object, expected: str, remedy: str) -> None:
    if not holds:
        raise SignalError(f"{name} is {got!r:.80}, but {expected} was expected; {remedy}")


def _range(ends: list[float] | tuple[float, ...]) -> tuple[float, float]:
    return float(ends[0]), float(ends[1])


def _is_whole(n: object) -> bool:
    return isinstance(n, int) and not isinstance(n, bool)


def _is_number(n: object) -> bool:
    return isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < _HUGE
