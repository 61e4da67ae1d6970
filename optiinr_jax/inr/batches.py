"""Where the points of a step come from: all of them, or a mini-batch drawn on the device.

Letters: N points, n points of a batch, d dimensions, c channels.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32, Int, Key, UInt32

from optiinr_jax.signals import ContinuousSignal, Signal, coords_at, grid_coords
from optiinr_jax.signals.coordinates import coords_of_places
from optiinr_jax.signals.targets import Targets, dense_targets

LARGE_BATCH = 2**16  # points of a step, of a large signal
_ROUNDS = 4  # of the Feistel network; 4 make it look random (Luby and Rackoff 1988)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Points:
    """Coordinates with their targets: the points of a grid, made when needed, or a list.

    Attributes:
        targets: values at every point.
        coords: the list (N, d); None: the grid.
        continuous: the signal between the points of a grid; None: not needed.
        surface: points of a grid beside which a solid ends; None: not needed.
        shape: of the grid; (N,) for a list.
    """

    targets: Targets
    coords: Float[Array, "N d"] | None = None
    continuous: ContinuousSignal | None = None
    surface: Any = None  # int32 (s,), or what jax puts in its place while it rebuilds the record
    shape: tuple[int, ...] = field(metadata={"static": True})

    @property
    def num_points(self) -> int:
        """N."""
        return math.prod(self.shape)

    @property
    def num_dims(self) -> int:
        """Dimensions of a coordinate."""
        return len(self.shape) if self.coords is None else self.coords.shape[1]

    def at(self, index: Int[Array, " n"]) -> tuple[Float[Array, "n d"], Float[Array, "n c"]]:
        """Coordinates and targets of some points."""
        if self.coords is not None:
            return self.coords[index], self.targets.at(index)
        return coords_at(index, self.shape), self.targets.at(index)

    def all(self) -> tuple[Float[Array, "N d"], Float[Array, "N c"]]:
        """Coordinates and targets of all points."""
        if self.coords is not None:
            return self.coords, self.targets.dense()
        return grid_coords(self.shape), self.targets.dense()

    def places_of(self, index: Int[Array, " n"]) -> Float[Array, "n d"]:
        """Places of some points, counted in samples."""
        return jnp.stack(jnp.unravel_index(index, self.shape), axis=-1).astype(jnp.float32)

    def between(
        self, places: Float[Array, "n d"]
    ) -> tuple[Float[Array, "n d"], Float[Array, "n c"]]:
        """Coordinates and values of the continuous signal at places."""
        assert self.continuous is not None  # `points_of` gives one where a sampling asks for it
        return coords_of_places(places, self.shape), self.continuous.at(places)


def list_points(coords: Float[Array, "N d"], targets: Float32[Array, "N c"]) -> Points:
    """Points at coordinates of one's own choice."""
    return Points(targets=dense_targets(targets), coords=coords, shape=(len(targets),))


def batch_of(signal: Signal, batch_size: int | None) -> int | None:
    """Points of a step; None: all. Of a large signal at most LARGE_BATCH, whoever asks for more."""
    if signal.is_large:  # all points in a step would take minutes, and more memory than there is
        return min(batch_size or LARGE_BATCH, LARGE_BATCH)
    return batch_size


def batch_index(
    key: Key[Array, ""], step: Int[Array, ""], num_points: int, batch_size: int
) -> Int[Array, " n"]:
    """Points of one mini-batch: every epoch visits all points once, in a random order of its own.

    The order is a function and not an array, so 512^3 points cost no memory. Where `batch_size`
    does not divide `num_points`, the last batch of an epoch is filled up from its beginning.
    """
    batches = -(-num_points // batch_size)
    epoch, place = step // batches, step % batches
    keys = jax.random.bits(jax.random.fold_in(key, epoch), (_ROUNDS,), jnp.uint32)
    start = place.astype(jnp.uint32) * jnp.uint32(batch_size)
    index = (start + jnp.arange(batch_size, dtype=jnp.uint32)) % jnp.uint32(num_points)
    return permute(index, keys, num_points).astype(jnp.int32)


def permute(
    index: UInt32[Array, " n"], keys: UInt32[Array, " rounds"], size: int
) -> UInt32[Array, " n"]:
    """A random permutation of 0 ... size - 1, at some places: a Feistel network, cycle walking.

    Black and Rogaway 2002: the network permutes a power of four; a result outside is sent through
    again until it is inside.
    """
    half = max(1, (max(size - 1, 1).bit_length() + 1) // 2)
    mask = jnp.uint32((1 << half) - 1)

    def shuffle(x: UInt32[Array, " n"]) -> UInt32[Array, " n"]:
        left, right = x >> half, x & mask
        for key in keys:
            left, right = right, left ^ (_mix(right ^ key) & mask)
        return (left << half) | right

    def is_outside(x: UInt32[Array, " n"]) -> Array:
        return jnp.any(x >= size)

    def walk(x: UInt32[Array, " n"]) -> UInt32[Array, " n"]:
        return jnp.where(x >= size, shuffle(x), x)

    return jax.lax.while_loop(is_outside, walk, shuffle(index))


def _mix(x: UInt32[Array, " n"]) -> UInt32[Array, " n"]:
    """The finaliser of MurmurHash3: every input bit changes half of the output bits."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
