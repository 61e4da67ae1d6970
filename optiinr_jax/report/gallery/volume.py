"""Solids: their surface at the voxels and between them, and the middle slice."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from optiinr_jax.report.gallery import pixels
from optiinr_jax.report.gallery.finer import control_of, sampled
from optiinr_jax.report.gallery.records import (
    Gallery,
    Group,
    Image,
    Rival,
    Row,
    Tile,
    figures_text,
)
from optiinr_jax.report.labels import Measure, interpolation_label, reference_label
from optiinr_jax.signals import Frame, Signal, mesh_of, render_mesh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VIEWS = (("z", 35.0), ("y", 35.0))  # axis that points upwards, and degrees round it
MAX_POINTS = 2**21  # of a surface between the voxels
_SCALES = (4, 3, 2)  # points to a voxel along each side, the first that MAX_POINTS allows
_RENDER = 320  # pixels of a drawn solid
_LEVEL = 0.5  # of its surface


def show(signal: Signal, rivals: Sequence[Rival], measure: Measure) -> Gallery:
    """Two views of the surface and the middle slice, then the surface between the voxels."""
    groups = [_at_voxels(signal, rivals, measure)]
    fits = [s for s in _SCALES if signal.num_points * s**3 <= MAX_POINTS]
    if fits:
        groups.append(_between(signal, rivals, measure, fits[0]))
    limit = f"With more than {MAX_POINTS / 2**3:,.0f} voxels no surface between them is drawn."
    return Gallery(tuple(groups), note="" if fits else limit)


def _at_voxels(signal: Signal, rivals: Sequence[Rival], measure: Measure) -> Group:
    inside = signal.samples[..., 0] >= _LEVEL
    contenders = [("Target", "what every network has to represent", signal.samples)]
    for rival in rivals:
        samples = rival.inr.render(shape=signal.shape)
        contenders.append((rival.title, figures_text(rival, measure, "samples"), samples))
    tiles = []
    for title, text, samples in contenders:
        middle = solid_slice(samples[..., 0] >= _LEVEL, inside)[::-1]
        images = (*_views(samples, signal.frame, title), _image(middle, title, "slice"))
        tiles.append(Tile(title, text, images))
    lead = (
        "The surface with the third and with the second axis upwards, and the middle slice: white "
        "is inside; red is missing, blue is too much."
    )
    return Group("", lead, tuple(tiles))


def _between(signal: Signal, rivals: Sequence[Rival], measure: Measure, scale: int) -> Group:
    frame = signal.frame.scaled(float(scale))
    control = f"{interpolation_label(signal.control)}, {measure.full(signal.control_score)}"
    contenders = [
        ("The signal", reference_label(signal), sampled(signal, frame.shape)),
        ("To compare", control, sampled(control_of(signal), frame.shape)),
    ]
    for rival in rivals:
        samples = rival.inr.render(shape=frame.shape)
        contenders.append((rival.title, figures_text(rival, measure, "between"), samples))
    tiles = tuple(
        Tile(title, text, _views(samples, frame, title)) for title, text, samples in contenders
    )
    lead = (
        f"The surface with {scale} x {scale} x {scale} points to a voxel, as optiinr export "
        f"--scale {scale} writes it."
    )
    return Group("Between the voxels", lead, tiles, columns=4)


def solid_slice(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The middle slice of a solid in colours; its first row is the lowest."""
    middle = wanted.shape[1] // 2
    found, wanted = found[:, middle], wanted[:, middle]
    colours = np.where(found[..., None], 1.0, 0.0) * np.ones(3)
    colours[wanted & ~found] = (0.9, 0.1, 0.1)
    colours[found & ~wanted] = (0.1, 0.3, 0.9)
    return colours.transpose(1, 0, 2)


def solid_pictures(
    samples: np.ndarray, frame: Frame, views: Sequence[tuple[str, float]] = VIEWS
) -> list[Float[np.ndarray, "h w 3"]]:
    """Drawings of a solid, or white where nothing is inside.

    Args:
        samples: (*shape, 1), 1 is inside.
        views: for each drawing the axis that points upwards, and degrees round it.
    """
    if not (samples.min() < _LEVEL <= samples.max()):
        return [np.ones((_RENDER, _RENDER, 3), np.float32) for _ in views]
    mesh = mesh_of(samples, frame)
    return [
        render_mesh(mesh.vertices, mesh.faces, _RENDER, up=up, azimuth=azimuth)
        for up, azimuth in views
    ]


def _views(samples: np.ndarray, frame: Frame, title: str) -> tuple[Image, ...]:
    return tuple(_image(picture, title) for picture in solid_pictures(samples, frame))


def _image(picture: np.ndarray, title: str, css: str = "smooth") -> Image:
    return Image(pixels.data_url(pixels.picture_png(picture)), title, css)


def _draw_solid(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    axes.imshow(solid_pictures(samples, signal.frame, VIEWS[:1])[0])


def _draw_slice(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    """The middle slice: white inside, black outside; red is missing, blue is too much."""
    found, wanted = (x[..., 0] >= _LEVEL for x in (samples, signal.samples))
    axes.imshow(solid_slice(found, wanted), origin="lower")


ROW = Row(show, {"surface": _draw_solid, "middle slice": _draw_slice})
