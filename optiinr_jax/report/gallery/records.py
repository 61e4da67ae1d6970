"""What a gallery consists of; `gallery.html` says how it looks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from optiinr_jax.inr import INR
from optiinr_jax.report.labels import Measure
from optiinr_jax.report.parts import Chart
from optiinr_jax.signals import Signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Rival:
    """A trained network to show beside the signal.

    Attributes:
        origin: which training it is, like "trial 19".
    """

    title: str
    origin: str
    inr: INR


class Image(NamedTuple):
    """A picture on the page.

    Attributes:
        url: address that holds the picture itself.
        css: class, "crisp" or "smooth" when enlarged, or "slice".
        is_linked: a click enlarges it together with all others of the gallery.
    """

    url: str
    alt: str
    css: str = "crisp"
    is_linked: bool = False


class Tile(NamedTuple):
    """What one contender gives, under its caption.

    Attributes:
        drawings: inline, above the pictures.
        audio: address of a sound to play; None: none.
    """

    title: str
    text: str
    images: tuple[Image, ...] = ()
    drawings: tuple[Markup, ...] = ()
    audio: str | None = None


class ColourBar(NamedTuple):
    """Legend of error maps.

    Attributes:
        gradient: the colours as CSS.
        ticks: at its beginning, its middle and its end.
    """

    gradient: str
    ticks: tuple[str, str, str]


class Group(NamedTuple):
    """Tiles, or a plot, that answer one question.

    Attributes:
        title: heading; empty: none.
        columns: tiles in a row on a desktop.
        bar: legend, which takes the place of a tile.
    """

    title: str
    lead: str
    tiles: tuple[Tile, ...] = ()
    columns: int = 3
    bar: ColourBar | None = None
    chart: Chart | None = None


class Gallery(NamedTuple):
    """All that shows what networks make of a signal.

    Attributes:
        note: what is left out to keep the page small; empty: nothing.
        live: a page that computes the found network from its weights; empty: none.
    """

    groups: tuple[Group, ...]
    note: str = ""
    live: str = ""


Show = Callable[[Signal, Sequence[Rival], Measure], Gallery]
Draw = Callable[["Axes", np.ndarray, Signal], None]  # samples (*shape, C) beside their signal


class Row(NamedTuple):
    """How one kind of signal is shown.

    Attributes:
        show: on the page.
        panels: in a picture of several networks, top to bottom; what each shows -> how it is drawn.
    """

    show: Show
    panels: dict[str, Draw]


def figures_text(rival: Rival, measure: Measure, where: str) -> str:
    """Which training it is, and its figure at `where`, "samples" or "between"."""
    scores = rival.inr.scores
    if scores is None:
        return f"{rival.origin}, {measure.full(rival.inr.score)}"
    end = " at the samples" if where == "samples" else ""  # the heading of the other group says it
    return f"{rival.origin}, {measure.full(getattr(scores, where))}{end}"
