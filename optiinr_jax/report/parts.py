"""Pieces that several sections are made of; `parts.html` says how each looks."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup

WIDE, NARROW = 960, 350  # pixels: desktop or paper, telephone


class Chart(NamedTuple):
    """One plot drawn for a desktop and for a telephone; the style shows one of them."""

    wide: Markup
    narrow: Markup


def chart(draw: Callable[[int], Markup]) -> Chart:
    """Draw a plot, a function of its width in pixels, twice."""
    return Chart(draw(WIDE), draw(NARROW))


class Cell(NamedTuple):
    """One cell of a table: its text, and the key it is sorted by (the text by default)."""

    text: str
    key: float | str | None = None


class Table(NamedTuple):
    """A table that scrolls inside its own box where the page is narrow.

    Attributes:
        columns: headings.
        rows: cells, one for each column.
        numeric: headings of columns aligned to the right.
        best: row to highlight; None: none.
        is_sortable: a click on a heading sorts the rows.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: frozenset[str] = frozenset()
    best: int | None = None
    is_sortable: bool = False


def without_empty(table: Table) -> Table:
    """The table without columns that say nothing."""
    is_said = [
        any(row[i].text not in ("", "-") for row in table.rows) for i in range(len(table[0]))
    ]
    kept = [i for i, said in enumerate(is_said) if said]
    columns = [table.columns[i] for i in kept]
    return table._replace(columns=columns, rows=[[row[i] for i in kept] for row in table.rows])
