"""Signals that are known at some places alone: scattered points, and grids with a mask.

Every sample has a role. Some are trained. Some are kept apart: what a network has there counts for
the objective "continuous" beside what it has at the trained ones, so that a search does not choose
the network that has learned the points by heart. And some are hidden: behind a mask, of which no
training and no search sees anything, and which have a score of their own where they are known.

Which samples are kept apart follows from their number alone: a tenth of them, drawn once by a fixed
seed. Between the samples nothing is known, so the control, which a network has to beat at the
samples kept apart, interpolates the trained ones: linearly on a grid, else by radial basis
functions (thin-plate splines of the 32 nearest points).

Letters: N samples, D dimensions, C channels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Float32, Int, UInt8

from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.frame import Frame
from optiinr_jax.signals.interpolation import interpolator
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.records import compress, expand
from optiinr_jax.signals.scores import CHUNK, Scores, combine
from optiinr_jax.signals.signal import Signal
from optiinr_jax.signals.sums import add_sums, metric_sums
from optiinr_jax.signals.targets import LARGE, Targets

TRAINED, APART, HIDDEN, UNKNOWN = range(4)  # roles; of the last kind not even a value is known
SHARE_APART = 0.1
_SEED = 0  # of the order in which samples are kept apart

Predict = Callable[[Float32[Any, "n D"]], Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class ScatteredSignal(Signal):
    """Values at places, with a role each; `scatter` and `mask` make one.

    The frame is a grid over the same extent, on which it is drawn and rendered.

    Attributes:
        coords: of all samples, [-1, 1] over the frame.
        roles: of all samples: TRAINED, APART, HIDDEN, UNKNOWN.
        is_grid: whether the samples are the points of the frame's grid, in their order.
    """

    coords: Float32[np.ndarray, "N D"]
    roles: UInt8[np.ndarray, " N"]
    is_grid: bool
    is_scattered: ClassVar[bool] = True

    def of_role(self, *roles: int) -> Int[np.ndarray, " n"]:
        """Numbers of the samples with one of these roles."""
        return np.flatnonzero(np.isin(self.roles, roles))

    @property
    def num_points(self) -> int:
        """Samples that are trained."""
        return int(np.count_nonzero(self.roles == TRAINED))

    @property
    def has_apart(self) -> bool:
        """Whether samples are kept apart, without which nothing tells of places between."""
        return bool((self.roles == APART).any())

    @property
    def values(self) -> Float32[np.ndarray, "n C"]:
        """The trained values."""
        return self.stored[self.of_role(TRAINED)]

    @property
    def training_coords(self) -> Float32[np.ndarray, "n D"]:
        """Coordinates of the trained values."""
        return self.coords[self.of_role(TRAINED)]

    def targets(self) -> Targets:
        """The trained values on the device."""
        return self._on_device(self.values, self.num_points)

    @property
    def reference(self) -> str:
        """What a network is compared with beside the trained samples."""
        return "apart"

    @property
    def control(self) -> str:
        """How the trained samples are interpolated."""
        return "linear" if self.is_grid and self.num_dims <= 3 else "rbf"

    @property
    def between_label(self) -> str:
        """Where `Scores.between` is measured."""
        return "at samples kept apart"

    @cached_property
    def _interpolate(self) -> Callable[[np.ndarray], np.ndarray]:
        return interpolator(self.control, self.training_coords, self.values)

    def at(self, coords: ArrayLike | Sequence[Any]) -> Float32[np.ndarray, "*b C"]:
        """Natural values at coordinates (..., D), as the trained samples interpolate them."""
        coords = np.asarray(coords, np.float32)
        values = self._interpolate(coords.reshape(-1, self.num_dims))
        natural = np.asarray(self.frame.to_natural(values), np.float32)
        return natural.reshape(*coords.shape[:-1], self.num_channels)

    @property
    def samples(self) -> np.ndarray:
        """Natural values on the grid of the frame; what is not known there is interpolated."""
        if not self.is_grid:
            return self.frame.to_samples(self.at(np.asarray(self.frame.grid_coords())))
        natural = np.array(self.frame.to_natural(self.stored))
        unknown = self.of_role(UNKNOWN)
        if len(unknown):
            natural[unknown] = self.at(self.coords[unknown])
        return self.frame.to_samples(natural)

    def variance(self) -> float:
        """Mean squared error of the best constant at the trained samples."""
        return float(np.var(self.values, axis=0, dtype=np.float64).mean())

    @property
    def variance_between(self) -> float:
        """`variance`: nothing is known between."""
        return self.variance()

    def score(self, values: ArrayLike) -> float:
        """Quality of natural values of all samples, (N, C) or on the grid, at the trained ones."""
        rows = np.asarray(values).reshape(len(self.coords), self.num_channels)
        return self._finish(self._sums(lambda index, _: rows[index], TRAINED))

    def score_stream(self, predict: Predict, chunk: int = CHUNK) -> float:
        """Quality of a function of the coordinates at the trained samples."""
        return self._finish(self._sums(lambda _, coords: predict(coords), TRAINED, chunk=chunk))

    def scores(self, predict: Predict) -> Scores:
        """How good a function of the coordinates is at the trained samples and those kept apart."""
        look = lambda _, coords: predict(coords)  # noqa: E731
        trained, apart = self._sums(look, TRAINED), self._sums(look, APART)
        both = combine(trained, apart) if self.has_apart else trained
        return Scores(
            samples=self._finish(trained),
            between=self._finish(apart),
            both=self._finish(both),
            control=self.control_score,
            control_name=self.control,
        )

    @cached_property
    def control_score(self) -> float:
        """The score of the interpolation at the samples kept apart."""
        return self._finish(self._sums(lambda _, coords: self.at(np.asarray(coords)), APART))

    def other_scores(self, predict: Predict) -> dict[str, float]:
        """The score at the hidden samples whose values are known, and that of interpolating."""
        if not (self.roles == HIDDEN).any():
            return {}
        name = f"{self.metric_name} at hidden samples"
        label = "linear interpolation" if self.control == "linear" else "RBF interpolation"
        found = self._sums(lambda _, coords: predict(coords), HIDDEN)
        control = self._sums(lambda _, coords: self.at(np.asarray(coords)), HIDDEN)
        return {name: self._finish(found), f"{name}, {label}": self._finish(control)}

    def _finish(self, sums: dict[str, float]) -> float:
        return get_kind(self.kind).metric.finish(sums) if sums else float("nan")

    def _sums(
        self, values: Callable[[np.ndarray, Any], Any], *roles: int, chunk: int = CHUNK
    ) -> dict[str, float]:
        """The sums of the metric over the samples of some roles, empty where there are none."""
        index, total = self.of_role(*roles), dict[str, float]()
        size = min(chunk, max(len(index), 1))
        for start in range(0, len(index), size):
            part = index[start : start + size]
            padded = np.concatenate([part, np.repeat(part[-1:], size - len(part))])
            found = values(padded, jnp.asarray(self.coords[padded]))[: len(part)]
            add_sums(total, metric_sums(found, jnp.asarray(self.stored[part]), **self._scale))
        return total

    def all_trained(self) -> "ScatteredSignal":
        """The same signal, of which no sample is kept apart any more: for a last training."""
        roles = np.where(self.roles == APART, TRAINED, self.roles).astype(np.uint8)
        return replace(self, roles=roles)

    def placed_in(self, frame: Frame) -> "ScatteredSignal":
        """The same points with the coordinates of another frame, by their positions."""
        if self.is_grid or frame == self.frame:
            return self
        places = (self.coords + 1.0) * (np.array(self.shape) - 1.0) / 2.0
        own = self.attributes
        steps = np.array([own[f"spacing_{i}"] for i in range(self.num_dims)])
        first = np.array([own[f"origin_{i}"] for i in range(self.num_dims)])
        coords = frame.coords_in("world", first[None, :] + places * steps[None, :])
        stored = np.asarray(self.frame.to_natural(self.stored))
        low, high = frame.natural_range
        learned = frame.value_range
        scaled = learned[0] + (stored - low) * ((learned[1] - learned[0]) / (high - low))
        return replace(
            self,
            frame=frame,
            coords=np.asarray(coords, np.float32),
            stored=scaled.astype(np.float32),
        )

    def content(self) -> bytes:
        """All that makes it this signal, for digests."""
        return super().content() + self.coords.tobytes() + self.roles.tobytes()

    def to_record(self) -> dict[str, Any]:
        """Plain data of the signal for `json.dumps`."""
        return super().to_record() | {
            "count": len(self.coords),
            "coords": compress(self.coords),
            "roles": compress(self.roles),
            "is_grid": self.is_grid,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ScatteredSignal":
        """Read what `to_record` gave.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        frame, count = Frame.from_json(record["frame"]), int(record["count"])
        if not 1 <= count <= get_kind(frame.kind).max_points:
            raise ValueError(f"{count} samples")
        shapes = {"stored": (count, frame.num_channels), "coords": (count, frame.num_dims)}
        stored, coords = (
            expand(record[name], "float32", {"float32": shape}) for name, shape in shapes.items()
        )
        roles = expand(record["roles"], "uint8", {"uint8": (count,)})
        if not (np.isfinite(stored).all() and np.isfinite(coords).all()) or roles.max() > UNKNOWN:
            raise ValueError("values that are no finite numbers, or unknown roles")
        is_grid = bool(record["is_grid"])
        return cls(str(record["name"]), frame, stored, coords=coords, roles=roles, is_grid=is_grid)

    def __repr__(self) -> str:
        counts = [int(np.count_nonzero(self.roles == role)) for role in range(4)]
        names = ("trained", "kept apart", "hidden", "unknown")
        said = ", ".join(f"{n:,} {name}" for n, name in zip(counts, names, strict=True) if n)
        return f"Signal({self.name!r}, {self.kind}, {self.num_dims} dimensions, {said})"


def mask(
    signal: Signal,
    hidden: Bool[ArrayLike, "..."],
    *,
    are_known: bool = True,
    apart: float = SHARE_APART,
) -> ScatteredSignal:
    """A signal of which some samples are hidden: they are not trained.

    Args:
        signal: on a grid.
        hidden: True where a sample is, on the grid, or on its first axes.
        are_known: whether the values there are the truth, so that the network has a score there;
            else nobody looks at them.
        apart: share of the others that is kept apart.

    Raises:
        SignalError: a mask of another shape, or one that leaves too little.
    """
    if signal.is_large:
        raise SignalError(
            f"{signal.name!r} has {signal.num_points:,} points, but a signal with a mask has at "
            f"most {LARGE:,}; choose a smaller size."
        )
    hidden = np.asarray(hidden, bool)
    if hidden.shape == (*signal.shape, signal.num_channels):
        hidden = hidden.any(axis=-1)
    if hidden.shape != signal.shape:
        raise SignalError(
            f"the mask has shape {hidden.shape}, but the signal {signal.name!r} has "
            f"{signal.shape}, which was expected; make one for every sample."
        )
    roles = np.where(hidden.reshape(-1), HIDDEN if are_known else UNKNOWN, TRAINED)
    stored = np.array(signal.values, np.float32)
    return ScatteredSignal(
        signal.name,
        signal.frame,
        stored,
        coords=np.asarray(signal.grid_coords()),
        roles=_keep_apart(roles.astype(np.uint8), apart),
        is_grid=True,
    )


def scatter(
    frame: Frame,
    positions: Float[np.ndarray, "N D"],
    stored: Float32[np.ndarray, "N C"],
    *,
    name: str,
    apart: float = SHARE_APART,
) -> ScatteredSignal:
    """Values, as they are learned, at positions in the space of a frame; see `make_points`."""
    coords = np.asarray(frame.coords_in("world", positions), np.float32)
    roles = _keep_apart(np.full(len(coords), TRAINED, np.uint8), apart)
    return ScatteredSignal(name, frame, stored, coords=coords, roles=roles, is_grid=False)


def _keep_apart(roles: UInt8[np.ndarray, " N"], share: float) -> UInt8[np.ndarray, " N"]:
    """The roles with a share of the trained samples kept apart, the same for the same number."""
    trained = np.flatnonzero(roles == TRAINED)
    if not 0.0 <= share < 1.0:
        raise SignalError(
            f"apart is {share}, but a share of at least 0 and below 1 was expected; try 0.1."
        )
    drawn = np.random.default_rng(_SEED).permutation(trained)
    count = round(share * len(trained))
    if len(trained) - count < 2:
        raise SignalError(
            f"{len(trained) - count} samples are left to be trained, but at least 2 were expected; "
            "hide fewer."
        )
    roles = roles.copy()
    roles[drawn[:count]] = APART
    return roles
