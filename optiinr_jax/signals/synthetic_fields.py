"""Embedded fields and videos made by formula, as `synthetic` has pictures, sounds and solids.

The field is a head: a skull, two kinds of tissue with a faint texture, hollows and small lesions,
about -100 to 300. With one axis it is a line through it, with four the hollows beat in time.

The video is a ball that rolls over a checkered floor under a moving light, and its shadow.

Letters: x in [-1, 1] along every axis of a field, cells side by side.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

_HOLLOWS = [(-0.25, 0.1, 0.05, 0.0), (0.25, 0.1, 0.05, 0.0), (0.0, -0.2, -0.3, 0.0)]
_LESIONS = [(0.4, -0.35, 0.3, 0.1), (-0.45, -0.3, -0.1, -0.1), (0.1, 0.5, -0.35, 0.0)]


def field(shape: tuple[int, ...]) -> Float32[np.ndarray, "*shape 1"]:
    """The embedded field on a grid of 1 to 4 axes."""
    axes = [(2.0 * np.arange(n) + 1.0) / n - 1.0 for n in shape]
    grid = np.meshgrid(*axes, indexing="ij", sparse=True)
    space, time = grid[:3], grid[3] if len(grid) > 3 else 0.0
    radius = np.sqrt(sum((x / r) ** 2 for x, r in zip(space, (0.78, 0.92, 0.85), strict=False)))
    inside = _edge(1.0 - radius)
    skull = inside - _edge(0.9 - radius)
    folds = sum(np.cos((5.0 + 2.0 * i) * np.pi * x + i) for i, x in enumerate(space)) / len(space)
    tissue = 110.0 + 40.0 * _edge(0.25 * folds + 0.55 - radius)
    waves = [np.sin(17.0 * x + 3.0 * i) for i, x in enumerate(space)]
    tissue = tissue + 8.0 * np.prod(np.broadcast_arrays(*waves), axis=0)
    for i, middle in enumerate(_HOLLOWS):
        beat = 1.0 + 0.2 * np.sin(np.pi * time + i)
        tissue = tissue - 150.0 * _edge(0.16 * beat - _distance(space, middle))
    for middle in _LESIONS:
        tissue = tissue + 90.0 * _edge(0.09 - _distance(space, middle))
    values = np.broadcast_to(inside * tissue + 170.0 * skull, shape)
    return values.astype(np.float32)[..., None]


def _distance(space: Sequence[np.ndarray], middle: tuple[float, ...]) -> np.ndarray:
    return np.sqrt(sum((x - m) ** 2 for x, m in zip(space, middle, strict=False)) + 1e-12)


def _edge(depth: Float[np.ndarray, "..."], width: float = 0.015) -> Float[np.ndarray, "..."]:
    """0 outside, 1 inside, smooth over `width` on both sides."""
    return 0.5 * (1.0 + np.tanh(depth / width))


def video(num_frames: int, height: int, width: int) -> Float32[np.ndarray, "t h w 3"]:
    """The embedded video, colours in [0, 1]; more frames are more moments of the same second."""
    t, y, x = np.meshgrid(
        (np.arange(num_frames) + 0.5) / num_frames,
        (2.0 * np.arange(height) + 1.0 - height) / min(height, width),
        (2.0 * np.arange(width) + 1.0 - width) / min(height, width),
        indexing="ij",
    )
    depth = 1.0 / np.maximum(y + 1.1, 0.3)  # of the floor, seen from above it
    checks = np.tanh(6.0 * np.sin(4.0 * x * depth) * np.sin(9.0 * depth + 2.0 * t))
    light = np.exp(-((x - 0.8 + 1.6 * t) ** 2) - (y - 0.2) ** 2)
    floor = 0.35 + 0.12 * checks + 0.3 * light
    row, column = 0.25 - 0.55 * np.abs(np.sin(2.0 * np.pi * t)), -0.7 + 1.4 * t
    shadow = 0.25 * _edge(0.3 - np.hypot(x - column, 3.0 * (y - 0.6)), 0.1)
    ball = _edge(0.32 - np.hypot(x - column, y - row), 0.03)
    turned = np.cos(9.0 * (x - column) - 6.0 * t) * np.cos(9.0 * (y - row))
    shade = 0.75 - 0.5 * np.hypot(x - column + 0.1, y - row + 0.1) + 0.12 * np.tanh(4.0 * turned)
    colours = [(0.9, 1.0), (0.95, 0.45), (1.0, 0.25)]
    planes = [(1.0 - ball) * f * (floor - shadow) + ball * b * shade for f, b in colours]
    return np.clip(np.stack(planes, axis=-1), 0.0, 1.0).astype(np.float32)


def quantity(positions: Float[np.ndarray, "N D"]) -> Float32[np.ndarray, "N 1"]:
    """A rough quantity at positions in [-1, 1], between about 280 and 320: waves and a plume."""
    x, y, z = positions.T[:3]
    waves = np.sin(5.0 * x + 2.0 * np.sin(4.0 * y)) * np.cos(6.0 * y - 3.0 * z)
    spiral = np.sin(9.0 * np.hypot(x - 0.2, z + 0.3) - 4.0 * y)
    plume = np.exp(-8.0 * ((x + 0.3 + 0.3 * z) ** 2 + (y - 0.2 * np.sin(3.0 * z)) ** 2))
    return (300.0 + 7.0 * waves + 4.0 * spiral + 12.0 * plume).astype(np.float32)[:, None]
