"""A signal between its samples: its value anywhere, with a stated meaning.

What a signal is between its samples depends on where it comes from.

- A picture that was brought down from a larger file: the file, brought down by the same filter at
  any other place. Any other picture: the cubic B-spline through its pixels.
- A sound: its band-limited interpolation (Kaiser-windowed sinc), by the sampling theorem.
- A solid from a mesh: inside or outside, tested on a lattice finer than the voxels. A solid from
  voxels: their trilinear interpolation.

All of them are values on a lattice, `factor` points to a sample on every axis, and a B-spline of
some `order` between these: 0 is the nearest point, 1 linear, 3 cubic. At the samples the value is
the sample.

A place is counted in samples: sample k lies at k. The cell of a sample begins at k + `edge`: half a
sample before it for pixels and voxels (edge -1/2), at the sample itself for a sound (edge 0). Point
j of the lattice lies at (j - edge) / factor + edge. Outside the outermost samples, where half a
cell is left, a spline goes on by odd reflection, which continues constants and ramps; orders 0 and
1 on bits repeat the outermost point.

Letters: n places, D axes, C channels.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64

from optiinr_jax.signals.targets import Targets, dense_targets

_PAD = 12  # lattice points by which a spline is continued: its prefilter forgets 1e-7 over as many
_UNROLLED_TAPS = 16  # more lattice points to a value are a loop: it compiles in a tenth of the time
_SINC_TAPS = 32  # samples on each side of the windowed sinc
_KAISER = 8.0  # its window: -80 dB outside the transition band
_SINC_FACTOR, _LONG_SOUND = 8, 2**22  # points to a sample; half as many for longer sounds


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class ContinuousSignal:
    """The value of a signal at any place, on the device; a pytree with one leaf.

    Attributes:
        lattice: B-spline coefficients on the padded lattice, in the range that the network learns.
        shape: of the grid of samples.
        factor: lattice points to a sample, on every axis.
        order: of the spline between lattice points: 0, 1 or 3.
        edge: where the cell of sample 0 begins, in samples.
        pad: lattice points before the first and behind the last one.
    """

    lattice: Targets
    shape: tuple[int, ...] = field(metadata={"static": True})
    factor: int = field(metadata={"static": True})
    order: int = field(metadata={"static": True})
    edge: float = field(metadata={"static": True})
    pad: int = field(metadata={"static": True})

    @property
    def lattice_shape(self) -> tuple[int, ...]:
        """Sides of the padded lattice."""
        return tuple(n * self.factor + 2 * self.pad for n in self.shape)

    def snap(self, offset: Float[Array, "*n D"]) -> Float[Array, "*n D"]:
        """The nearest offset from a sample at which the value is known exactly.

        Only for order 0, whose values are known at the points of the lattice alone.
        """
        if self.order > 0:
            return offset
        points = jnp.floor((offset - self.edge) * self.factor)  # a point is the middle of its part
        return (points - self.edge) / self.factor + self.edge

    def at(self, places: Float[Array, "n D"]) -> Float[Array, "n C"]:
        """Values at places, counted in samples."""
        index = (places - self.edge) * self.factor + self.edge + self.pad
        first, weights = _taps(index, self.order)
        sides = self.lattice_shape
        last = jnp.asarray(sides) - 1
        strides = jnp.asarray([math.prod(sides[i + 1 :]) for i in range(len(sides))])
        total = jnp.zeros((len(places), self.lattice.num_channels), jnp.float32)
        stacked = jnp.stack(weights)

        def add(total: Array, step: Any) -> tuple[Array, None]:
            taps = jnp.clip(first + step[None, :], 0, last[None, :])
            weight = math.prod(stacked[step[i], :, i] for i in range(len(sides)))
            values = self.lattice.at(jnp.sum(taps * strides[None, :], axis=1))
            return total + jnp.asarray(weight)[:, None] * values, None

        steps = list(itertools.product(range(self.order + 1), repeat=len(sides)))
        if len(steps) > _UNROLLED_TAPS:
            return jax.lax.scan(add, total, jnp.asarray(steps))[0]
        for step in steps:
            total, _ = add(total, np.asarray(step))
        return total

    def on_grid(self, offset: Float[Array, " D"]) -> Float[Array, "N C"]:
        """Values at all samples' places moved by one offset.

        All of them have the same weights, so an axis of a cubic takes four strided slices.
        """
        if self.order < 3:
            grid = jnp.meshgrid(*(jnp.arange(n) for n in self.shape), indexing="ij")
            places = jnp.stack([axis.ravel() for axis in grid], axis=-1)
            return self.at(places + offset[None, :])
        index = (offset - self.edge) * self.factor + self.edge + self.pad
        first, weights = _taps(index[None, :], self.order)
        values = self.lattice.dense().reshape(*self.lattice_shape, -1)
        for axis, n in enumerate(self.shape):
            length = (n - 1) * self.factor + 1
            parts = [
                weight[0, axis] * _strided(values, first[0, axis] + j, length, self.factor, axis)
                for j, weight in enumerate(weights)
            ]
            values = reduce(jnp.add, parts)
        return values.reshape(math.prod(self.shape), -1)


def _strided(values: Array, start: Array, length: int, stride: int, axis: int) -> Array:
    part = jax.lax.dynamic_slice_in_dim(values, start, length, axis)
    return jax.lax.slice_in_dim(part, 0, length, stride, axis)


def _taps(index: Float[Array, "n D"], order: int) -> tuple[Array, list[Float[Array, "n D"]]]:
    """The first lattice point of each axis that counts, and the weights of it and the next ones."""
    if order == 0:
        return jnp.round(index).astype(jnp.int32), [jnp.ones_like(index)]
    floor = jnp.floor(index)
    t = index - floor
    first = floor.astype(jnp.int32)
    if order == 1:
        return first, [1.0 - t, t]
    u = 1.0 - t
    outer = [u**3 / 6.0, t**3 / 6.0]
    inner = [2.0 / 3.0 - s * s * (2.0 - s) / 2.0 for s in (t, u)]
    return first - 1, [outer[0], *inner, outer[1]]


def nearest(
    lattice: Targets, shape: tuple[int, ...], edge: float, factor: int = 1
) -> ContinuousSignal:
    """The nearest point of a lattice, as for a solid tested against its mesh."""
    return ContinuousSignal(lattice=lattice, shape=shape, factor=factor, order=0, edge=edge, pad=0)


def linear(samples: Targets, shape: tuple[int, ...], edge: float) -> ContinuousSignal:
    """Linear interpolation of the samples on every axis."""
    return ContinuousSignal(lattice=samples, shape=shape, factor=1, order=1, edge=edge, pad=0)


def cubic(
    points: Targets, shape: tuple[int, ...], edge: float, factor: int = 1
) -> ContinuousSignal:
    """The cubic B-spline through the points of a lattice; with `factor` 1 through the samples.

    Unser, Aldroubi and Eden 1993; SciPy's prefilter, with odd reflection at the ends.
    """
    sides = [n * factor for n in shape]
    dense = np.asarray(points.dense(), np.float64).reshape(*sides, points.num_channels)
    return _spline(dense, shape, edge, factor)


def _spline(
    points: Float64[np.ndarray, "*lattice C"], shape: tuple[int, ...], edge: float, factor: int
) -> ContinuousSignal:
    from scipy.ndimage import spline_filter1d

    coefficients = points
    for axis in range(len(shape)):
        coefficients = spline_filter1d(
            _extended(coefficients, axis, 2 * _PAD), order=3, axis=axis, mode="mirror"
        )
        inner = [slice(None)] * points.ndim
        inner[axis] = slice(_PAD, -_PAD)
        coefficients = coefficients[tuple(inner)]
    lattice = dense_targets(coefficients.reshape(-1, points.shape[-1]))
    return ContinuousSignal(
        lattice=lattice, shape=shape, factor=factor, order=3, edge=edge, pad=_PAD
    )


def _extended(points: np.ndarray, axis: int, width: int) -> np.ndarray:
    """Continued by odd reflection at both ends, as often as a short side needs it."""
    widths = [(0, 0)] * points.ndim
    widths[axis] = (width, width)
    return np.pad(points, widths, mode="reflect", reflect_type="odd")


def sinc(samples: Targets, shape: tuple[int, ...], edge: float) -> ContinuousSignal:
    """Band-limited interpolation: a Kaiser-windowed sinc on a finer lattice, a cubic between.

    Every phase of the filter is scaled to have sum 1, so that a constant stays one. Crochiere and
    Rabiner 1983, section 4.2. In the last tenth below half the sample rate, where 32 samples on
    each side do not tell a sine from its mirror image, it is no longer exact.
    """
    count = samples.num_points
    factor = _SINC_FACTOR if count <= _LONG_SOUND else _SINC_FACTOR // 2
    extended = _extended(np.asarray(samples.dense(), np.float64), 0, _SINC_TAPS)
    taps = np.arange(1 - _SINC_TAPS, _SINC_TAPS + 1)
    lattice = np.empty((count, factor, samples.num_channels))
    for phase in range(factor):
        lattice[:, phase] = _filtered(extended, sinc_weights(phase / factor - taps), count)
    return _spline(lattice.reshape(-1, samples.num_channels), shape, edge, factor)


def sinc_weights(distance: Float64[np.ndarray, " taps"]) -> Float64[np.ndarray, " taps"]:
    """Weights of samples at these distances."""
    inside = np.sqrt(np.maximum(1.0 - (distance / _SINC_TAPS) ** 2, 0.0))
    weights = np.sinc(distance) * np.i0(_KAISER * inside)
    return weights / weights.sum()


def _filtered(extended: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Weighted sums of the samples from 31 before each to 32 behind it."""
    from scipy.signal import oaconvolve

    summed = oaconvolve(extended, weights[::-1, None], mode="valid", axes=0)
    return summed[1 : 1 + count]


def lanczos_matrix(places: Float[np.ndarray, " m"], scale: float, size: int):
    """Sparse weights (m, size) of `size` pixels that bring them down by `scale`, at places.

    Pillow's Lanczos filter, whose support is 3 new pixels on each side, cut off at the ends and
    scaled to sum 1; a place is counted in old pixels, the first one's middle at 0.5.
    """
    from scipy.sparse import csr_matrix

    support = 3.0 * scale
    first = np.maximum(np.floor(places - support + 0.5).astype(int), 0)
    stop = np.minimum(np.floor(places + support + 0.5).astype(int), size)
    width = int((stop - first).max())
    columns = first[:, None] + np.arange(width)[None, :]
    distance = (columns + 0.5 - places[:, None]) / scale
    weights = np.where(np.abs(distance) < 3.0, np.sinc(distance) * np.sinc(distance / 3.0), 0.0)
    weights[columns >= stop[:, None]] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(places)), width)
    kept = np.minimum(columns, size - 1).ravel()
    return csr_matrix((weights.ravel(), (rows, kept)), shape=(len(places), size))


# name -> the signal between samples alone, from (samples, shape of the grid, edge)
INTERPOLATIONS: dict[str, Callable[[Targets, tuple[int, ...], float], ContinuousSignal]] = {
    "nearest": nearest,
    "linear": linear,
    "cubic": cubic,
    "sinc": sinc,
}
# row -> the next simpler one
SIMPLER = {"sinc": "linear", "cubic": "linear", "linear": "nearest", "nearest": "nearest"}
