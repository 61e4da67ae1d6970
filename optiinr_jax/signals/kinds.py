"""The kinds of signal: one row each. A new kind is one file with its functions and one row here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from optiinr_jax.signals import image, metrics
from optiinr_jax.signals.errors import SignalError

Size = int | tuple[int, ...] | None


class Samples(NamedTuple):
    """What a reader hands back: numbers in the natural range, and what a writer will need."""

    values: np.ndarray  # (*grid shape, channels)
    attributes: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class SignalKind:
    """All that is particular to one kind of signal; no other code asks which kind it has."""

    axes: tuple[str, ...]  # names of the grid's axes, in order
    coord_range: tuple[float, float]  # where the grid lies, every axis alike
    natural_range: tuple[float, float]  # of the values in a file and for the metric
    value_range: tuple[float, float]  # of the values as the network learns them
    channels: tuple[int, ...]  # allowed numbers of channels
    max_points: int  # larger grids are refused before anything is allocated
    metric_name: str
    metric: Callable[[Array, Array], Float[Array, ""]]  # higher is better, on natural values
    suffixes: tuple[str, ...]
    read: Callable[[Path, Size, int], Samples]  # file, size, max_points
    sample: Callable[[Size, int], Samples]  # embedded sample: size, max_points
    write: Callable[[Path, np.ndarray, dict[str, float]], Path]  # file, natural values, attributes


KINDS: dict[str, SignalKind] = {
    "image": SignalKind(
        axes=("height", "width"),
        coord_range=(-1.0, 1.0),
        natural_range=(0.0, 1.0),
        value_range=(-1.0, 1.0),
        channels=(1, 3),
        max_points=image.MAX_PIXELS,
        metric_name="PSNR (dB)",
        metric=metrics.psnr,
        suffixes=image.SUFFIXES,
        read=lambda path, size, limit: Samples(image.load_image(path, size, max_pixels=limit), {}),
        sample=lambda size, limit: Samples(image.sample_image(size, max_pixels=limit), {}),
        write=lambda path, values, attributes: image.write_image(path, values),
    ),
}


def get_kind(kind: str) -> SignalKind:
    """The row of one kind."""
    if kind not in KINDS:
        raise SignalError(f"the kind of signal is {kind!r}, but it must be one of {list(KINDS)}.")
    return KINDS[kind]


def kind_of_file(path: Path) -> str:
    """The kind whose files end like this one."""
    suffix = path.suffix.lower()
    for name, row in KINDS.items():
        if suffix in row.suffixes:
            return name
    known = ", ".join(suffix for row in KINDS.values() for suffix in row.suffixes)
    raise SignalError(
        f"{path} ends in {suffix or 'no suffix'}, but a signal file ends in one of {known}; "
        "convert the file or correct its name."
    )
