"""Pictures: what networks make of one, their errors at the pixels and between, and a close-up."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from optiinr_jax.report.gallery import pixels
from optiinr_jax.report.gallery.finer import Region, control_of, sampled
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
from optiinr_jax.report.labels import Measure, interpolation_label, reference_label, size_label
from optiinr_jax.signals import Signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_PIXELS = 400_000  # of a picture that is shown whole; of a larger one the centre is
CENTRE = 512  # pixels on a side of that centre
SCALE = 4  # points to a pixel between the pixels
_MAP_SIDE = 512  # pixels of an error map; points of a larger one are averaged
_DETAIL, _LEAST_DETAIL = 5, 8  # the detail is this part of a side, and at least so many pixels
_DETAIL_SIDE = 240  # pixels to which it is enlarged
_CRISP_SIDE = 400  # pictures up to this side are enlarged with crisp pixels

Part = tuple[slice, slice]  # rows and columns


def show(signal: Signal, rivals: Sequence[Rival], measure: Measure) -> Gallery:
    """The picture and its reconstructions, error maps on one scale, and the busiest part."""
    part = shown_part(signal.shape)
    sides, region = _sides(part), _region(part, signal.shape)
    target = signal.samples[part]
    shown = [rival.inr.render(shape=sides, region=region) for rival in rivals]
    at_pixels = [pixels.error_map(samples, target) for samples in shown]
    between = _errors_between(signal, rivals, sides, region)
    scale = pixels.shared_scale([*at_pixels, *between])
    css = "crisp" if max(sides) <= _CRISP_SIDE else "smooth"
    tiles = [Tile("Target", "what every network has to represent", (_linked(target, css),))]
    for rival, samples, error in zip(rivals, shown, at_pixels, strict=True):
        tiles.append(
            Tile(rival.title, figures_text(rival, measure, "samples"), (_linked(samples, css),))
        )
        tiles.append(Tile("Its error", _levels(error), (_linked_error(error, scale, css),)))
    is_whole = sides == signal.shape
    centre = f"To keep this page small, only the central {size_label(sides)} pixels are shown."
    return Gallery(
        (
            Group("", "", tuple(tiles), bar=_bar(scale)),
            _between_group(signal, rivals, measure, between, scale),
            _close_up(signal, rivals, measure),
        ),
        note="" if is_whole else centre,
    )


def shown_part(shape: tuple[int, ...]) -> Part:
    """The whole of a picture, or of a large one the centre."""
    height, width = shape
    if height * width <= MAX_PIXELS:
        return slice(0, height), slice(0, width)
    rows, columns = (slice(max(0, (n - CENTRE) // 2), min(n, (n + CENTRE) // 2)) for n in shape)
    return rows, columns


def _sides(part: Part) -> tuple[int, int]:
    rows, columns = part
    return rows.stop - rows.start, columns.stop - columns.start


def _region(part: Part, shape: tuple[int, ...]) -> Region:
    return [(side.start / n, side.stop / n) for side, n in zip(part, shape, strict=True)]


def _errors_between(
    signal: Signal, rivals: Sequence[Rival], sides: tuple[int, int], region: Region
) -> list[pixels.ErrorMap]:
    """Error maps with SCALE points to a pixel: those of the networks, then the control's."""
    fine = (SCALE * sides[0], SCALE * sides[1])
    reference = sampled(signal, fine, region)
    block = next(b for b in (1, 2, SCALE) if b == SCALE or max(fine) <= b * _MAP_SIDE)
    maps = [
        pixels.error_map(rival.inr.render(shape=fine, region=region), reference) for rival in rivals
    ]
    maps.append(pixels.error_map(sampled(control_of(signal), fine, region), reference))
    return [pixels.reduced(error, block) for error in maps]


def _between_group(
    signal: Signal,
    rivals: Sequence[Rival],
    measure: Measure,
    errors: Sequence[pixels.ErrorMap],
    scale: pixels.Scale,
) -> Group:
    lead = (
        f"The same errors, on the same scale, with {SCALE} x {SCALE} points to a pixel. The truth "
        f"between the pixels is {reference_label(signal)}."
    )
    *networks, control = errors
    tiles = [
        Tile(
            rival.title,
            f"{figures_text(rival, measure, 'between')}, {_levels(error)}",
            (_linked_error(error, scale, "crisp"),),
        )
        for rival, error in zip(rivals, networks, strict=True)
    ]
    text = f"{interpolation_label(signal.control)}, {measure.full(signal.control_score)}, "
    images = (_linked_error(control, scale, "crisp"),)
    tiles.append(Tile("To compare", text + _levels(control), images))
    return Group("Between the pixels", lead, tuple(tiles))


def _close_up(signal: Signal, rivals: Sequence[Rival], measure: Measure) -> Group:
    """The busiest part, many points to a pixel: signal, interpolation, networks."""
    part = detail_of(signal)
    sides, region = _sides(part), _region(part, signal.shape)
    factor = max(2, _DETAIL_SIDE // max(sides))
    shape = (factor * sides[0], factor * sides[1])
    control = interpolation_label(signal.control)
    contenders = [
        ("The signal", reference_label(signal), sampled(signal, shape, region)),
        ("To compare", control, sampled(control_of(signal), shape, region)),
        *((r.title, r.origin, r.inr.render(shape=shape, region=region)) for r in rivals),
    ]
    tiles = tuple(
        Tile(title, text, (_image(samples, title, "smooth"),))
        for title, text, samples in contenders
    )
    lead = f"The busiest {size_label(sides)} pixels with {factor} x {factor} points to each."
    return Group("A closer look", lead, tiles, columns=4)


def _image(samples: pixels.Picture, alt: str, css: str) -> Image:
    return Image(pixels.data_url(pixels.picture_png(samples)), alt, css)


def _linked(samples: pixels.Picture, css: str) -> Image:
    return _image(samples, "picture", css)._replace(is_linked=True)


def _linked_error(error: pixels.ErrorMap, scale: pixels.Scale, css: str) -> Image:
    url = pixels.data_url(pixels.error_png(error, scale))
    return Image(url, "error map", css, is_linked=True)


def _levels(error: pixels.ErrorMap) -> str:
    return f"mean error {pixels.levels_label(float(error.mean()))} levels of 255"


def _bar(scale: pixels.Scale) -> ColourBar:
    end = pixels.levels_label(scale.high) + (" or more" if scale.is_clipped else "")
    return ColourBar(pixels.scale_gradient(), ("0", pixels.levels_label(scale.high / 2), end))


def detail_of(signal: Signal) -> Part:
    """The part of the picture where neighbouring pixels differ most."""
    grey = signal.samples.mean(axis=-1)
    height, width = (min(n, max(_LEAST_DETAIL, n // _DETAIL)) for n in grey.shape)
    change = np.zeros_like(grey)
    change[1:] += np.abs(np.diff(grey, axis=0))
    change[:, 1:] += np.abs(np.diff(grey, axis=1))
    total = np.pad(change, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )
    row, column = np.unravel_index(np.argmax(sums), sums.shape)
    return slice(int(row), int(row) + height), slice(int(column), int(column) + width)


def _plot(axes: "Axes", samples: np.ndarray) -> None:
    levels = np.clip(samples, 0.0, 1.0)
    axes.imshow(levels if levels.shape[-1] == 3 else levels[..., 0], cmap="gray", vmin=0, vmax=1)


def _draw_picture(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    from matplotlib.patches import Rectangle

    _plot(axes, samples)
    rows, columns = detail_of(signal)
    height, width = _sides((rows, columns))
    corner = (columns.start - 0.5, rows.start - 0.5)
    box = Rectangle(corner, width, height, fill=False, edgecolor="red", linewidth=0.8)
    axes.add_patch(box)


def _draw_detail(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    _plot(axes, samples[detail_of(signal)])


def _draw_error(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    error = pixels.error_map(samples, signal.samples)
    axes.imshow(error, cmap=pixels.COLORMAP, vmin=0.0, vmax=0.1)


ROW = Row(
    show,
    {
        "picture": _draw_picture,
        "detail": _draw_detail,
        "error, black 0\nto white 0.1": _draw_error,
    },
)
