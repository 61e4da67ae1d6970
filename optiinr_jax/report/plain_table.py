"""Tables of plain text that fit a terminal without cutting a number."""

import shutil
import sys
from collections.abc import Sequence

from optiinr_jax.streams import LastingStream

GAP = "  "
_LEAST = 8  # columns that a shortened text keeps at least


def format_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: frozenset[str] = frozenset(),
    width: int | None = None,
) -> list[str]:
    """Lines of a table; only the last column is shortened where there is not enough room.

    Args:
        left: names of columns aligned to the left; the others hold numbers.
        width: columns of the terminal; None: nothing is shortened, as in a pipe or a file.

    >>> format_table(["name", "score"], [["siren", "31.2"]], left=frozenset({"name"}))
    ['name   score', 'siren   31.2']
    """
    lines = [header, *rows]
    sizes = [max(len(line[i]) for line in lines) for i in range(len(header))]
    if width is not None:
        taken = sum(sizes[:-1]) + len(GAP) * (len(sizes) - 1)
        sizes[-1] = min(sizes[-1], max(width - taken, _LEAST))
    cells = [
        [
            _shorten(text, size).ljust(size) if name in left else text.rjust(size)
            for name, text, size in zip(header, line, sizes, strict=True)
        ]
        for line in lines
    ]
    return [GAP.join(line).rstrip() for line in cells]


def _shorten(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[: size - 3]}..."


def terminal_width() -> int | None:
    """Columns of the terminal that reads our output; None: none does."""
    return shutil.get_terminal_size().columns if LastingStream(sys.stdout).isatty() else None
