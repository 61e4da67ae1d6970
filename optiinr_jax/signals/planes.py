"""Flat pictures of signals with any number of axes: slices through the middle, or frames.

Letters: arrays are natural samples (*shape, C); pictures are (h, w, c) in [0, 1].
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from optiinr_jax.signals.frame import Frame
from optiinr_jax.signals.kinds import get_kind

NUM_FRAMES = 3  # of a signal whose first axis is time


class Plane(NamedTuple):
    """Where a plane lies in a grid.

    Attributes:
        label: in words.
        index: whole axes as slices, the others at one point.
    """

    label: str
    index: tuple[slice | int, ...]

    def of(self, samples: Float[np.ndarray, "..."], frame: Frame) -> Float[np.ndarray, "h w c"]:
        """The plane as a picture, its numbers as parts of the natural range."""
        low, high = frame.natural_range
        picture = (np.asarray(samples[self.index], np.float32) - low) / (high - low)
        return (
            picture
            if picture.shape[-1] == 3 and get_kind(frame.kind).natural_range
            else (picture[..., :1])
        )


def planes(frame: Frame) -> list[Plane]:
    """The planes that show a signal with at least two axes."""
    axes, shape = get_kind(frame.kind).axes_of(frame.num_dims), frame.shape
    whole = slice(None)
    if get_kind(frame.kind).first_axis_is_time:
        steps = np.linspace(0, shape[0] - 1, min(NUM_FRAMES, shape[0])).round().astype(int)
        return [Plane(f"{axes[0]} {k + 1} of {shape[0]}", (int(k), whole, whole)) for k in steps]
    if frame.num_dims == 2:
        return [Plane("", (whole, whole))]
    found = []
    for axis in range(3):  # of the first three; further ones are at their middle too
        index = [n // 2 for n in shape]
        label = f"the middle of {axes[axis]}"
        kept = [other for other in range(3) if other != axis]
        found.append(
            Plane(label, tuple(whole if a in kept else index[a] for a in range(len(index))))
        )
    return found
