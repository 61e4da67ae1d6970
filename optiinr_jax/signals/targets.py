"""Targets: what a network learns, as it lies on the device.

They are float32 numbers, or bits where a signal has only two values: a solid of 512^3 points then
takes 16 MiB instead of 512. Where there are very many, they are the whole numbers of a file. Points
are rows in the row-major order of the grid.

Letters: N points, C channels, n points of a batch.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float32, Int, UInt8, UInt16

LARGE = 64_000_000  # points of a signal; the values of a larger one stay whole numbers


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Targets:
    """The values at every point of a grid; a pytree with one leaf, so it goes through `jit`.

    Attributes:
        data: float32 (N, C); or whole numbers without a sign (N, C); or with `is_packed` uint8 of N
            * C bits in `numpy.packbits` order.
        value_range: what the least and the greatest whole number, a bit of 0 and of 1, mean to the
            network.
    """

    data: Any  # an array, or what jax puts in its place while it rebuilds the record
    num_points: int = field(metadata={"static": True})
    num_channels: int = field(metadata={"static": True})
    is_packed: bool = field(metadata={"static": True})
    value_range: tuple[float, float] = field(metadata={"static": True})

    def at(self, index: Int[Array, " n"]) -> Float32[Array, "n C"]:
        """Values at the points `index`, gathered and unpacked on the device."""
        if not self.is_packed:
            return self._from_levels(self.data[index])
        place = index[:, None] * self.num_channels + jnp.arange(self.num_channels)[None, :]
        bit = (self.data[place >> 3] >> (7 - (place & 7)).astype(jnp.uint8)) & 1
        return self._to_values(bit)

    def dense(self) -> Float32[Array, "N C"]:
        """Values at every point: 32 times the memory of the bits."""
        if not self.is_packed:
            return self._from_levels(self.data)
        count = self.num_points * self.num_channels
        bits = jnp.unpackbits(self.data, count=count)
        return self._to_values(bits.reshape(self.num_points, self.num_channels))

    def _from_levels(self, rows: Array) -> Float32[Array, "n C"]:
        if jnp.issubdtype(rows.dtype, jnp.floating):
            return rows
        low, high = self.value_range
        step = jnp.float32((high - low) / jnp.iinfo(rows.dtype).max)
        return jnp.float32(low) + step * rows.astype(jnp.float32)

    def _to_values(self, bit: Array) -> Float32[Array, "n C"]:
        low, high = (jnp.float32(end) for end in self.value_range)
        return jnp.where(bit == 1, high, low)


def dense_targets(rows: ArrayLike) -> Targets:
    """Targets of float32 numbers (N, C), for lists of points and lattices."""
    data = jnp.asarray(rows, jnp.float32)
    return Targets(
        data=data,
        num_points=data.shape[0],
        num_channels=data.shape[1],
        is_packed=False,
        value_range=(-1.0, 1.0),
    )


LEVELS = 65535.0  # of a finer lattice


class Finer(NamedTuple):
    """What a file says about a signal between its samples: values on a finer lattice.

    Point j of the lattice lies (j + 1/2) / factor - 1/2 samples behind the first sample. `factor`
    is odd, so that the samples are among the points.

    Attributes:
        points: parts of the natural range in 65 535ths, (*fine shape, C); or, of a signal with only
            two values, bits as `numpy.packbits` gives them.
    """

    factor: int
    points: UInt16[np.ndarray, "*fine C"] | UInt8[np.ndarray, " bytes"]


def make_finer(factor: int, fractions: Float[np.ndarray, "*fine C"] | np.ndarray) -> Finer:
    """Pack fractions of the natural range, or True and False."""
    if fractions.dtype == bool:
        return Finer(factor, np.packbits(fractions))
    levels = np.rint(np.clip(fractions, 0.0, 1.0) * LEVELS)
    return Finer(factor, levels.astype(np.uint16))
