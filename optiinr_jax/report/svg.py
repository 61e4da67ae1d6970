"""Matplotlib figures as inline SVG whose text and colours follow the page, light or dark.

Figures are drawn in the light colours; each colour is then replaced by the page's CSS variable of
that role, and text stays text in the page's own font. Sizes are in CSS pixels.
"""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# role -> (light, dark); blue and orange differ for every kind of colour vision
PALETTE = {
    "page": ("#fefefe", "#14181e"),
    "ink": ("#1b232e", "#e4e8ee"),
    "muted": ("#616c7a", "#9ba6b4"),
    "line": ("#d8dee6", "#363f4b"),
    "band": ("#f2f5f8", "#1d232b"),
    "accent": ("#0a67a9", "#62b6f2"),
    "tint": ("#cfe2f1", "#23425c"),
    "warm": ("#c2500c", "#f29b52"),
}
PAGE, INK, MUTED, LINE, BAND, ACCENT, TINT, WARM = (light for light, _ in PALETTE.values())
PIXELS_PER_INCH = 72  # Matplotlib's SVG unit is the point; the page shows one as one pixel
FONT_SIZE = 12
_STYLE = {
    "svg.fonttype": "none",
    "font.size": FONT_SIZE,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": FONT_SIZE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": FONT_SIZE,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.unicode_minus": False,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
    "text.parse_math": False,  # a name with dollars is a name
    "legend.frameon": False,
    "figure.facecolor": "none",
    "lines.linewidth": 1.8,
}


@contextmanager
def new_figure(width: int, height: int) -> Generator["Figure"]:
    """An empty figure of a size in pixels, in the style of the page while the context lasts."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        yield Figure((width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), layout="constrained")


def to_svg(figure: "Figure", label: str) -> Markup:
    """Inline SVG of a figure; `label` says to a screen reader what it shows."""
    from matplotlib import rc_context

    width = figure.get_figwidth() * PIXELS_PER_INCH
    stream = StringIO()
    with rc_context({"svg.hashsalt": f"{label} {width}"}):  # ids that no other figure has
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return Markup(_inline(stream.getvalue(), label, width))  # Matplotlib escapes what it draws


def _inline(text: str, label: str, width: float) -> str:
    """Drop what only a file needs, and replace colours by the page's variables."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"<!--.*?-->|\n\s*", lambda m: " " if m[0].isspace() else "", text)
    for role, (light, _) in PALETTE.items():
        text = text.replace(light, f"var(--{role})")
    box = re.search(r'viewBox="[^"]*"', text)
    head = f'<svg {box[0] if box else ""} role="img" aria-label="{escape(label)}"'
    head += f' style="max-width: {width:.0f}px">'
    return re.sub(r"^<svg[^>]*>", lambda _: head, text)


def label_axes(axes: "Axes", x: str, y: str = "") -> None:
    """Name the axes and draw the lines that help to read values."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(axis="y")
    axes.tick_params(length=0)


def label_log(axes: "Axes", write: Callable[[float], str], which: str = "y") -> None:
    """A logarithmic axis, "x" or "y", with ticks at 1, 2 and 5, so that a narrow range has some."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis = axes.yaxis if which == "y" else axes.xaxis
    axes.set(**{f"{which}scale": "log"})
    low, high = axis.get_view_interval()
    is_narrow = high < 100.0 * low
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if is_narrow else (1.0,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: write(value))
