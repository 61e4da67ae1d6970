"""Signal: the thing to represent, at its samples and between them, and how well it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float32, Int32, UInt8

from optiinr_jax.signals.continuous import (
    INTERPOLATIONS,
    SIMPLER,
    ContinuousSignal,
    cubic,
    nearest,
)
from optiinr_jax.signals.coordinates import coords_of_places, places_of_coords
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.frame import Frame, to_values
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.records import compress, expand, read_finer, write_finer
from optiinr_jax.signals.scores import CHUNK, Scores, between_places, combine
from optiinr_jax.signals.sums import add_sums, chunk_coords, chunk_sums, place_sums
from optiinr_jax.signals.targets import LEVELS, Finer, Targets
from optiinr_jax.signals.thumbnails import image_tag, thumbnail

ArrayLikeRange = tuple[ArrayLike, ArrayLike]


@dataclass(frozen=True, eq=False)
class Signal:
    """Values on a regular grid, and what the signal is between them; coordinates follow from both.

    Make one with `make_signal`, `load_signal` or `sample_signal`, which check the values.

    Attributes:
        frame: kind, grid and ranges: the signal without its values, as a model file holds it.
        stored: in the range the network learns, rows as in `coords`; or, of a signal with only two
            values, its bits as `numpy.packbits` gives them.
        finer: what the source says between the samples; None: nothing.
        interpolation: row of INTERPOLATIONS that says what the signal is between samples that stand
            alone.
    """

    name: str
    frame: Frame
    stored: Float32[np.ndarray, "N C"] | UInt8[np.ndarray, " bytes"]
    finer: Finer | None = None
    interpolation: str = "linear"
    is_scattered: ClassVar[bool] = False  # known at some places alone; see `scattered`
    is_large: ClassVar[bool] = False  # with more points than are held as floats; see `large`

    @property
    def kind(self) -> str:
        """Row of KINDS."""
        return self.frame.kind

    @property
    def shape(self) -> tuple[int, ...]:
        """Sides of the grid."""
        return self.frame.shape

    @property
    def num_channels(self) -> int:
        """C, numbers of a value."""
        return self.frame.num_channels

    @property
    def attributes(self) -> dict[str, float]:
        """What a writer needs besides: sample rate, peak, box."""
        return self.frame.attributes

    @property
    def num_points(self) -> int:
        """N, points of the grid."""
        return self.frame.num_points

    @property
    def num_dims(self) -> int:
        """D, axes of the grid."""
        return self.frame.num_dims

    @property
    def between_label(self) -> str:
        """Where `Scores.between` is measured, in words."""
        return "between samples"

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
        return self._on_device(self.stored, self.num_points)

    def _on_device(self, rows: np.ndarray, num_points: int) -> Targets:
        return Targets(
            data=jnp.asarray(rows),
            num_points=num_points,
            num_channels=self.num_channels,
            is_packed=rows.ndim == 1,
            value_range=self.frame.value_range,
        )

    @property
    def reference(self) -> str:
        """What the signal is between its samples: "file", or the row of INTERPOLATIONS."""
        return self.interpolation if self.finer is None else "file"

    @property
    def control(self) -> str:
        """Row of INTERPOLATIONS that a network has to beat between the samples.

        The usual one of the kind where the file knows better, the next simpler one where that is
        the reference itself.
        """
        usual = get_kind(self.kind).interpolation
        return usual if self.finer is not None else SIMPLER[self.interpolation]

    @cached_property
    def continuous(self) -> ContinuousSignal:
        """The value of the signal anywhere, in the range the network learns, on the device."""
        if self.finer is None:
            return self.interpolated(self.interpolation)
        factor, points = self.finer
        if points.dtype != np.uint8:
            natural = self.frame.natural_range
            fractions = points.astype(np.float32) / LEVELS
            points = natural[0] + (natural[1] - natural[0]) * fractions
            points = np.asarray(to_values(points, self.frame), np.float32)
            points = points.reshape(-1, self.num_channels)
        lattice = self._on_device(points, self.num_points * factor**self.num_dims)
        make = nearest if lattice.is_packed else cubic
        return make(lattice, self.shape, self.frame.edge, factor)

    def interpolated(self, name: str) -> ContinuousSignal:
        """The samples alone, by a row of INTERPOLATIONS."""
        return INTERPOLATIONS[name](self.targets(), self.shape, self.frame.edge)

    def at(self, coords: ArrayLike | Sequence[Any]) -> Float32[np.ndarray, "*b C"]:
        """Natural values of the continuous signal at coordinates (..., D), [-1, 1] over the grid.

        >>> from optiinr_jax.signals import make_signal
        >>> picture = make_signal("image", np.linspace(0, 1, 12).reshape(3, 4, 1))
        >>> places = np.array([[0.0, 1 / 3], [0.0, 0.0]])  # a sample, and between two
        >>> picture.at(places).astype(float).round(4).tolist()
        [[0.5455], [0.5]]
        """
        coords = np.asarray(coords, np.float32)
        if coords.ndim < 1 or coords.shape[-1] != self.num_dims:
            raise SignalError(
                f"coords has shape {coords.shape}, but its last axis must be {self.num_dims}, the "
                "signal's number of dimensions; reshape it."
            )
        flat = coords.reshape(-1, self.num_dims)
        places = places_of_coords(flat, self.shape)
        values = np.asarray(_value_at(self.continuous, jnp.asarray(places)))
        natural = np.asarray(self.frame.to_natural(values), np.float32)
        return natural.reshape(*coords.shape[:-1], self.num_channels)

    def with_value_range(self, value_range: ArrayLikeRange | None) -> "Signal":
        """The same signal, its values learned in another range; None: keep it.

        Published networks differ in it: targets in [0, 1] or [-1, 1].
        """
        old, new = self.frame, ranged(self.frame, value_range)
        if new == old:
            return self
        stored = self.stored
        if not self.is_packed:
            stored = np.asarray(to_values(old.to_natural(stored), new), np.float32)
        return replace(self, frame=new, stored=stored)

    def content(self) -> bytes:
        """All that makes it this signal beside its frame, for digests."""
        return self.stored.tobytes() + (self.finer.points.tobytes() if self.finer else b"")

    def other_scores(self, predict: Callable[[Float32[Array, "n D"]], Any]) -> dict[str, float]:
        """Further figures by their names, of samples that are not trained."""
        del predict
        return {}

    def placed_in(self, frame: Frame) -> "Signal":
        """The same signal with the coordinates of another frame, where it has positions."""
        del frame
        return self

    def to_record(self) -> dict[str, Any]:
        """Plain data of the signal for `json.dumps`, its numbers compressed."""
        record = {
            "name": self.name,
            "frame": self.frame.to_json(),
            "dtype": str(self.stored.dtype),
            "stored": compress(self.stored),
            "interpolation": self.interpolation,
        }
        if self.finer is not None:
            record["finer"] = write_finer(self.finer)
        return record

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Signal":
        """Read what `to_record` gave; sizes are checked before anything is unpacked.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        frame = Frame.from_json(record["frame"])
        count, channels = frame.num_points, frame.num_channels
        shapes: dict[str, tuple[int, ...]] = {
            "float32": (count, channels),
            "uint8": (-(-count * channels // 8),),
        }
        stored = expand(record["stored"], record["dtype"], shapes)
        if not (stored.dtype == np.uint8 or np.isfinite(stored).all()):
            raise ValueError("values that are no finite numbers")
        found = record.get("finer")
        finer = None if found is None else read_finer(found, frame)
        if record["interpolation"] not in INTERPOLATIONS:
            raise ValueError(f"interpolation {record['interpolation']!r:.40}")
        return cls(str(record["name"]), frame, stored, finer, record["interpolation"])

    def variance(self) -> float:
        """Mean squared error of the best constant, in the range the network learns."""
        if not self.is_packed:
            return float(np.var(self.stored, axis=0, dtype=np.float64).mean())
        low, high = self.frame.value_range
        part = int(np.bitwise_count(self.stored).sum()) / (self.num_points * self.num_channels)
        return part * (1.0 - part) * (high - low) ** 2

    @cached_property
    def variance_between(self) -> float:
        """`variance` all over the signal: less than at samples between which it is smooth."""
        values = np.asarray(_value_at(self.continuous, self._places))
        return float(np.var(values, axis=0, dtype=np.float64).mean())

    @cached_property
    def surface(self) -> Int32[np.ndarray, " s"]:
        """Points with a neighbour of the other value, where a solid ends; all, where there is none.

        Only for a signal with two values.
        """
        inside = self.values.reshape(self.shape) > np.mean(self.frame.value_range)
        differs = np.zeros(self.shape, bool)
        for axis in range(self.num_dims):
            change = np.diff(inside, axis=axis)
            ahead, behind = ([slice(None)] * self.num_dims for _ in range(2))
            ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
            differs[tuple(ahead)] |= change
            differs[tuple(behind)] |= change
        return np.flatnonzero(differs if differs.any() else ~differs).astype(np.int32)

    @property
    def samples(self) -> np.ndarray:
        """The values in their natural range on the grid, (*shape, C)."""
        return self.frame.to_samples(self.frame.to_natural(self.values))

    @property
    def metric_name(self) -> str:
        """What `score` measures."""
        return get_kind(self.kind).metric.name

    def grid_coords(self) -> Float32[Array, "N D"]:
        """Coordinates of every row of `values`, in [-1, 1] over the grid, made on the device."""
        return self.frame.grid_coords()

    def score(self, values: ArrayLike) -> float:
        """Quality of a reconstruction of `samples`; higher is better, whatever the kind.

        Args:
            values: natural ones, (*shape, C) or (N, C).
        """
        values = self.frame.to_samples(values).reshape(-1, self.num_channels)
        sums = self._total(lambda start, stop: values[start:stop], CHUNK)
        return get_kind(self.kind).metric.finish(sums)

    def scores(self, predict: Callable[[Float32[Array, "n D"]], Any]) -> Scores:
        """How good a function of the coordinates is at the samples, between them, and in both.

        Between the samples it is looked at in places that follow from the shape alone.

        Args:
            predict: coordinates (n, D) on the device to natural values (n, C), as for
                `score_stream`; a trained network is one.
        """
        metric = get_kind(self.kind).metric
        at_samples = self._stream_sums(predict, CHUNK)
        between = self._sums_at(predict, self._places)
        return Scores(
            samples=metric.finish(at_samples),
            between=metric.finish(between),
            both=metric.finish(combine(at_samples, between)),
            control=self.control_score,
            control_name=self.control,
        )

    @cached_property
    def control_score(self) -> float:
        """Between the samples, the score of the interpolation that a network has to beat."""
        control = self.interpolated(self.control)
        places = self._places
        natural = self.frame.to_natural(_value_at(control, places))
        sums = place_sums(self.continuous, natural, places, **self._scale)
        return get_kind(self.kind).metric.finish({n: float(s) for n, s in sums.items()})

    @cached_property
    def _places(self) -> Float32[Array, "m D"]:
        return self.continuous.snap(jnp.asarray(between_places(self.shape, self.frame.edge)))

    def _sums_at(
        self, predict: Callable[[Float32[Array, "n D"]], Any], places: Float32[Array, "m D"]
    ) -> dict[str, float]:
        """The sums of the metric over places anywhere in the signal."""
        total: dict[str, float] = {}
        chunk = min(self.num_points, CHUNK)
        for start in range(0, len(places), chunk):
            part = places[start : start + chunk]
            values = predict(coords_of_places(part, self.shape))
            add_sums(total, place_sums(self.continuous, values, part, **self._scale))
        return total

    @property
    def _scale(self) -> dict[str, Any]:
        """What the sums of the metric need of the frame: numbers, which no program is made for."""
        frame = self.frame
        ranges = (frame.value_range, frame.natural_range, frame.unit)
        return {"ranges": ranges, "kind": frame.kind}

    def score_stream(
        self, predict: Callable[[Float32[Array, "n D"]], Any], chunk: int = CHUNK
    ) -> float:
        """`score` of a function of the coordinates, in bounded memory: no array has N rows.

        Args:
            predict: coordinates (n, D) on the device to natural values (n, C). It always gets the
                same n, so that it compiles once; the last chunk is filled up with the last point.
            chunk: n, or N where that is smaller.
        """
        return get_kind(self.kind).metric.finish(self._stream_sums(predict, chunk))

    def _stream_sums(
        self, predict: Callable[[Float32[Array, "n D"]], Any], chunk: int
    ) -> dict[str, float]:
        frame, chunk = self.frame, min(chunk, self.num_points)

        def values(start: int, stop: int) -> Any:
            predicted = predict(chunk_coords(start, frame.shape, chunk))
            if np.shape(predicted) != (chunk, self.num_channels):
                raise SignalError(
                    f"predict gave shape {np.shape(predicted)}, but {(chunk, self.num_channels)} "
                    "was expected; return one row for each row of coords."
                )
            return predicted[: stop - start]

        return self._total(values, chunk)

    def __repr__(self) -> str:
        sides = " x ".join(map(str, self.shape))
        return f"Signal({self.name!r}, {self.kind} {sides}, {self.num_channels} channels)"

    def _repr_html_(self) -> str:
        picture = image_tag(thumbnail(self.samples, self.frame), self.name)
        return f"{picture}<br>{escape(repr(self))}"

    def _total(self, values: Callable[[int, int], Any], chunk: int) -> dict[str, float]:
        """The sums of the metric of `values(start, stop)` over all points, in float64."""
        targets, total = self.targets(), dict[str, float]()
        for start in range(0, self.num_points, chunk):
            stop = min(start + chunk, self.num_points)
            add_sums(total, chunk_sums(targets, values(start, stop), start, **self._scale))
        return total


_value_at = jax.jit(ContinuousSignal.at)


def ranged(frame: Frame, ends: ArrayLikeRange | None) -> Frame:
    """The frame with another range of the values as they are learned; None: the same."""
    if ends is None:
        return frame
    return replace(frame, value_range=(float(np.asarray(ends[0])), float(np.asarray(ends[1]))))
