"""Small pieces of HTML: every text that comes from outside is escaped here."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import NamedTuple

from optiinr_jax.report.figures import NARROW, WIDE


class Cell(NamedTuple):
    """One cell of a table: its text, and the key it is sorted by (the text by default)."""

    text: str
    key: float | str | None = None


def section(title: str, *parts: str) -> str:
    """A part of the page under its heading."""
    return f"<section><h2>{escape(title)}</h2>\n{''.join(parts)}</section>\n"


def paragraph(text: str, css: str = "") -> str:
    """Running text; `css="screen"` leaves it out in print."""
    return f"<p{css and f' class={css}'}>{escape(text)}</p>\n"


def chart(draw: Callable[[int], str]) -> str:
    """One plot drawn twice, for a desktop and for a telephone; the style shows one of them."""
    wide, narrow = draw(WIDE), draw(NARROW)
    return f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>\n'


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    numeric: frozenset[str] = frozenset(),
    best: int | None = None,
    is_sortable: bool = False,
) -> str:
    """A table that scrolls inside its own box where the page is narrow.

    Args:
        numeric: columns aligned to the right.
        best: row to highlight.
        is_sortable: let a click on a heading sort the rows.
    """
    classes = [' class="number"' if name in numeric else "" for name in header]
    heads = "".join(
        f"<th scope=col{css}>{_heading(name, is_sortable)}</th>"
        for name, css in zip(header, classes, strict=True)
    )
    lines = []
    for i, row in enumerate(rows):
        cells = "".join(
            f"<td{css}{_sort_key(cell)}>{escape(cell.text)}</td>"
            for cell, css in zip(row, classes, strict=True)
        )
        lines.append(f"<tr{' class=best' if i == best else ''}>{cells}</tr>")
    body = "\n".join(lines)
    css = ' class="sortable"' if is_sortable else ""
    return (
        f'<div class="scroll" tabindex=0><table{css}><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _heading(name: str, is_sortable: bool) -> str:
    return f"<button type=button>{escape(name)}</button>" if is_sortable else escape(name)


def _sort_key(cell: Cell) -> str:
    return "" if cell.key is None else f' data-key="{escape(str(cell.key))}"'
