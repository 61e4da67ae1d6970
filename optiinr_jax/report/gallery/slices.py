"""Fields, videos and points: slices or frames, errors at the samples and between; or a curve."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from optiinr_jax.report.gallery import pixels
from optiinr_jax.report.gallery.finer import control_of, sampled
from optiinr_jax.report.gallery.records import (
    ColourBar,
    Gallery,
    Group,
    Image,
    Rival,
    Row,
    Tile,
    figures_text,
)
from optiinr_jax.report.labels import Measure, interpolation_label, reference_label
from optiinr_jax.report.parts import chart
from optiinr_jax.report.svg import ACCENT, INK, WARM, label_axes, new_figure, to_svg
from optiinr_jax.signals import Frame, ScatteredSignal, Signal
from optiinr_jax.signals.planes import Plane, planes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_POINTS = 2**21  # of a signal between its samples
_SCALES = (4, 3, 2)  # points to a sample along each axis, the first that MAX_POINTS allows
_SCATTERED_POINTS = 2**15  # at which scattered points are interpolated, in seconds
_CURVE = 400  # points of a curve that are drawn
_LINES = (INK, ACCENT, WARM)


def show(signal: Signal, rivals: Sequence[Rival], measure: Measure) -> Gallery:
    """Slices or frames with their errors, and the same between the samples."""
    if signal.is_scattered:
        return _scattered(signal, rivals, measure)
    num_points = math.prod(signal.shape)
    fits = [s for s in _SCALES if num_points * s**signal.num_dims <= MAX_POINTS]
    is_curve = signal.num_dims == 1
    groups = [_curves(signal, rivals) if is_curve else _at_samples(signal, rivals, measure)]
    if fits:
        groups.append(_between(signal, rivals, measure, fits[0]))
    limit = "It has too many samples to be drawn between them."
    return Gallery(tuple(groups), note="" if fits else limit)


def _scattered(signal: Signal, rivals: Sequence[Rival], measure: Measure) -> Gallery:
    """What networks and the interpolation make of samples at some places, on one grid."""
    if signal.num_dims == 1:
        return Gallery((_curves(signal, rivals),))
    is_grid = isinstance(signal, ScatteredSignal) and signal.is_grid
    fine = int((_SCATTERED_POINTS / math.prod(signal.shape)) ** (1.0 / signal.num_dims))
    frame = signal.frame if is_grid else signal.frame.scaled(float(max(fine, 1)))
    where = planes(frame)
    control = f"{interpolation_label(signal.control)}, {measure.full(signal.control_score)}"
    interpolated = sampled(signal, frame.shape)
    contenders = [("To compare", control, interpolated)]
    for rival in rivals:
        text = figures_text(rival, measure, "between") + " at samples kept apart"
        contenders.append((rival.title, text, rival.inr.render(shape=frame.shape)))
    if is_grid:
        whole = "with what is hidden, as far as it is known"
        contenders.insert(0, ("The signal", whole, signal.samples))
    tiles = tuple(
        Tile(title, text, _images(samples, frame, where)) for title, text, samples in contenders
    )
    return Gallery((Group("", f"{signal!r}. {_lead(signal)}", tiles, columns=4),))


def _at_samples(signal: Signal, rivals: Sequence[Rival], measure: Measure) -> Group:
    frame, target, where = signal.frame, signal.samples, planes(signal.frame)
    shown = [rival.inr.render(shape=signal.shape) for rival in rivals]
    errors = [[pixels.error_map(p.of(s, frame), p.of(target, frame)) for p in where] for s in shown]
    scale = pixels.shared_scale([error for maps in errors for error in maps])
    tiles = [Tile("Target", "what every network has to represent", _images(target, frame, where))]
    for rival, samples, maps in zip(rivals, shown, errors, strict=True):
        text = figures_text(rival, measure, "samples")
        tiles.append(Tile(rival.title, text, _images(samples, frame, where)))
        mean = pixels.levels_label(float(np.mean([error.mean() for error in maps])))
        drawn = tuple(
            Image(pixels.data_url(pixels.error_png(error, scale)), "error map") for error in maps
        )
        tiles.append(Tile("Its error", f"mean error {mean} levels of 255", drawn))
    end = pixels.levels_label(scale.high) + (" or more" if scale.is_clipped else "")
    ticks = ("0", pixels.levels_label(scale.high / 2), end)
    return Group("", _lead(signal), tuple(tiles), bar=ColourBar(pixels.scale_gradient(), ticks))


def _between(signal: Signal, rivals: Sequence[Rival], measure: Measure, scale: int) -> Group:
    frame = signal.frame.scaled(float(scale))
    control = f"{interpolation_label(signal.control)}, {measure.full(signal.control_score)}"
    contenders = [
        ("The signal", reference_label(signal), sampled(signal, frame.shape)),
        ("To compare", control, sampled(control_of(signal), frame.shape)),
    ]
    for rival in rivals:
        text = figures_text(rival, measure, "between")
        contenders.append((rival.title, text, rival.inr.render(shape=frame.shape)))
    if signal.num_dims == 1:
        tiles = tuple(
            Tile(title, text, drawings=(_curve([samples], 260),))
            for title, text, samples in contenders
        )
    else:
        where = planes(frame)
        tiles = tuple(
            Tile(title, text, _images(samples, frame, where)) for title, text, samples in contenders
        )
    lead = f"The same with {scale} points to a sample along every axis."
    return Group("Between the samples", lead, tiles, columns=4)


def _lead(signal: Signal) -> str:
    labels = [plane.label for plane in planes(signal.frame) if plane.label]
    low, high = (f"{end:.4g}" for end in signal.frame.natural_range)
    shown = f"Shown are {'; '.join(labels)}. " if labels else ""
    return f"{shown}Black is {low}, white is {high}."


def _images(samples: np.ndarray, frame: Frame, where: Sequence[Plane]) -> tuple[Image, ...]:
    return tuple(
        Image(pixels.data_url(pixels.picture_png(plane.of(samples, frame))), plane.label)
        for plane in where
    )


def _curves(signal: Signal, rivals: Sequence[Rival]) -> Group:
    """All of a signal with one axis in one drawing."""
    values = [signal.samples, *(rival.inr.render(shape=signal.shape) for rival in rivals)]
    names = ["Target", *(rival.title for rival in rivals)]
    drawn = chart(lambda width: _curve(values, width, names))
    return Group("", "The samples and what the networks make of them.", chart=drawn)


def _curve(values: Sequence[np.ndarray], width: int, names: Sequence[str] = ()) -> Markup:
    with new_figure(width, 200) as figure:
        axes = figure.add_subplot()
        for i, samples in enumerate(values):
            step = max(1, len(samples) // _CURVE)
            points = np.arange(0, len(samples), step)
            line = {"color": _LINES[i % len(_LINES)], "lw": 1.0}
            axes.plot(points, samples[::step, 0], label=names[i] if names else None, **line)
        label_axes(axes, "sample")
        if names:
            figure.legend(loc="outside upper left", ncols=len(names))
        return to_svg(figure, "values along the axis")


def _draw_plane(number: int, axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    if signal.num_dims == 1:
        axes.plot(samples[:, 0], lw=0.6)
        return
    where = planes(signal.frame)
    picture = where[min(number, len(where) - 1)].of(samples, signal.frame)
    levels = np.clip(picture, 0.0, 1.0)
    axes.imshow(levels if levels.shape[-1] == 3 else levels[..., 0], cmap="gray", vmin=0, vmax=1)


def _draw_first(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    _draw_plane(0, axes, samples, signal)


def _draw_second(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    _draw_plane(1, axes, samples, signal)


def _draw_error(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    if signal.num_dims == 1:
        axes.plot((samples - signal.samples)[:, 0], lw=0.6)
        return
    plane = planes(signal.frame)[0]
    error = pixels.error_map(
        plane.of(samples, signal.frame), plane.of(signal.samples, signal.frame)
    )
    axes.imshow(error, cmap=pixels.COLORMAP, vmin=0.0, vmax=0.1)


ROW = Row(
    show,
    {
        "slice": _draw_first,
        "another": _draw_second,
        "error, black 0\nto white 0.1\nof the range": _draw_error,
    },
)
