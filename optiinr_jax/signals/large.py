"""Signals of more points than LARGE: their values stay the whole numbers of the file.

A picture of 100 million pixels takes 300 MB on the host and on the device then, in place of 1.2 GB
each. Steps of a training draw mini-batches of it, what lies between its samples is their linear
interpolation, and its figures are measured at a million samples, spread evenly over it.

Letters: N points, C channels, D axes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, UInt8, UInt16

from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.frame import Frame, to_values
from optiinr_jax.signals.scores import between_places
from optiinr_jax.signals.signal import ArrayLikeRange, Signal, ranged
from optiinr_jax.signals.targets import Targets

_MEASURED = 2**20  # samples at which a figure is measured
_COUNTED = 2**22  # samples counted at once, which takes eight bytes each


@dataclass(frozen=True, eq=False)
class LargeSignal(Signal):
    """A signal whose values are whole numbers: 0 and the greatest are the ends of its range.

    Attributes:
        stored: rows as in `coords`.
    """

    stored: UInt8[np.ndarray, "N C"] | UInt16[np.ndarray, "N C"]

    is_large: ClassVar[bool] = True

    @property
    def is_packed(self) -> bool:
        """It is not."""
        return False

    @property
    def values(self) -> Float32[np.ndarray, "N C"]:
        """The values as float32 numbers, made anew each time: four times as large."""
        full = np.float32(np.iinfo(self.stored.dtype).max)
        low, high = self.frame.natural_range
        natural = low + (high - low) * (self.stored / full)
        return np.asarray(to_values(natural, self.frame), np.float32)

    def targets(self) -> Targets:
        """The values on the device, once."""
        return self._targets

    @cached_property
    def _targets(self) -> Targets:
        return self._on_device(self.stored, self.num_points)

    def with_value_range(self, value_range: ArrayLikeRange | None) -> "Signal":
        """The same signal, its values learned in another range; None: keep it."""
        frame = ranged(self.frame, value_range)
        return self if frame == self.frame else replace(self, frame=frame)

    def variance(self) -> float:
        """Mean squared error of the best constant, in the range the network learns."""
        full = np.iinfo(self.stored.dtype).max
        low, high = self.frame.value_range
        counts = np.zeros((self.num_channels, full + 1))
        for start in range(0, self.num_points, _COUNTED):
            part = self.stored[start : start + _COUNTED]
            for channel, column in enumerate(part.T):
                counts[channel] += np.bincount(column, minlength=full + 1)
        levels, shares = np.linspace(low, high, full + 1), counts / self.num_points
        return float(np.mean(shares @ levels**2 - (shares @ levels) ** 2))

    def _stream_sums(
        self, predict: Callable[[Float32[Array, "n D"]], Any], chunk: int
    ) -> dict[str, float]:
        del chunk
        places = np.rint(between_places(self.shape, self.frame.edge, _MEASURED))
        inside = np.clip(places, 0, np.array(self.shape)[None, :] - 1).astype(np.float32)
        return self._sums_at(predict, jnp.asarray(inside))

    def to_record(self) -> dict[str, Any]:
        """Refused: a study keeps no signal of this size.

        Raises:
            SignalError: always.
        """
        raise SignalError(
            f"{self.name} has {self.num_points:,} points, but a search keeps its signal in its "
            "study, for which it is too large; search at a smaller size, and fit what was found."
        )


def make_large(name: str, frame: Frame, samples: np.ndarray) -> LargeSignal:
    """A large signal of whole numbers (*shape, C) of 8 or 16 bits.

    Raises:
        SignalError: numbers of another type.
    """
    if samples.dtype not in (np.uint8, np.uint16):
        raise SignalError(
            f"{name!r} has {frame.num_points:,} points of type {samples.dtype}, but of so many "
            "whole numbers of 8 or 16 bits were expected; give an array of uint8 or uint16."
        )
    stored = np.ascontiguousarray(samples.reshape(-1, frame.num_channels))
    return LargeSignal(name, frame, stored, interpolation="linear")
