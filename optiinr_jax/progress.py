"""Progress of anything that takes longer than a few seconds.

A bar with the time left on a terminal, one line that changes in a notebook, plain lines elsewhere
(logs, pipes), and nothing at all for work that ends before DELAY seconds.
"""

import shutil
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from optiinr_jax.streams import LastingStream, say
from optiinr_jax.text import printable

DELAY = 2.0  # seconds of silence at the start
LINE_EVERY = 10.0  # seconds between two plain lines that `update` may print


class Progress:
    """Counts `done` of `total` steps of something called `label`; use as a context manager."""

    def __init__(self, label: str, total: int, *, done: int = 0, enabled: bool = True) -> None:
        """Prepare; nothing is shown before DELAY."""
        self.label, self.total, self.enabled, self.done = label, total, enabled, done
        self._start = self._last_line = time.monotonic()
        self._first: tuple[float, int] | None = None  # when the first steps were done, and how many
        self._begun = done
        self._waiting: threading.Timer | None = None
        self._bar: Any = None
        self._line: Any = None  # the display of a notebook

    def __enter__(self) -> "Progress":
        """Count the time; where nothing is done after DELAY, a program is being compiled."""
        if self.enabled and (_has_bar() or is_notebook()):
            self._waiting = threading.Timer(DELAY, self._show, ["compiling"])
            self._waiting.daemon = True
            self._waiting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar down, whatever happened."""
        self._stop_waiting()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def update(self, done: int, note: str = "") -> None:
        """Say that `done` steps are behind us; `note` stands beside the count."""
        self._stop_waiting()
        self.done, now = done, time.monotonic()
        if self._first is None and done > self._begun:
            self._first = now, done
        if not self.enabled or now - self._start < DELAY:
            return
        if _has_bar() or is_notebook():
            self._show(f"{note} {self._time_left()}".strip())
        elif now - self._last_line >= LINE_EVERY:
            self._last_line = now
            self._print(f"{self.label} {done}/{self.total} {note} {self._time_left()}".rstrip())

    def skip(self, count: int = 1) -> None:
        """Count steps that an earlier run has done: behind us, but no measure of the pace."""
        self.done += count
        self._begun += count
        if self._first is not None:
            self._first = self._first[0], self._first[1] + count

    def line(self, text: str) -> None:
        """Print one lasting line, above the bar where there is one; cut where a terminal ends.

        In a notebook it takes the place of the line before.
        """
        if not self.enabled:
            return
        self._last_line = time.monotonic()
        if is_notebook():
            self._show_line(text)
            return
        width = shutil.get_terminal_size().columns
        is_cut = _has_bar() and len(text) > width
        self._print(f"{text[: width - 3]}..." if is_cut else text)

    def eta(self) -> str:
        """Time left at the pace since the first steps, like "2m05s"; "?" where none is known.

        What passed before them is left out: that was compilation, for the most part.
        """
        if self._first is None or self.done <= self._first[1]:
            return "?" if self.done < self.total else format_seconds(0.0)
        since, first_done = self._first
        pace = (time.monotonic() - since) / (self.done - first_done)
        return format_seconds(pace * (self.total - self.done))

    def _time_left(self) -> str:
        return "" if self.eta() == "?" else f"eta {self.eta()}"

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(printable(text), highlight=False, markup=False)
        else:
            say(text)

    def _show(self, note: str) -> None:
        if is_notebook():
            self._show_line(f"{self.label} {self.done}/{self.total}  {note}".rstrip())
        else:
            self._show_bar(note)

    def _show_line(self, text: str) -> None:
        """One line of the cell, which changes; it needs no widgets."""
        from IPython.display import display

        data = {"text/plain": printable(text)}
        if self._line is None:
            self._line = display(data, raw=True, display_id=True)
        else:
            self._line.update(data, raw=True)

    def _show_bar(self, note: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        if self._bar is None:
            label = TextColumn("{task.description}", markup=False)
            remark = TextColumn("{task.fields[note]}", markup=False)
            stream: Any = LastingStream(sys.stderr)
            self._bar = Bar(
                label, BarColumn(), MofNCompleteColumn(), remark, console=Console(file=stream)
            )
            self._bar.add_task(printable(self.label), total=self.total, note="")
            self._bar.start()
        self._bar.update(
            self._bar.task_ids[0], completed=self.done, total=self.total, note=printable(note)
        )


@contextmanager
def saying(text: str, *, is_said: bool | None = None) -> Generator[None]:
    """Say what takes so long, if the block lasts over DELAY.

    Args:
        text: what is said.
        is_said: None: on a terminal or in a notebook.
    """
    timer = threading.Timer(DELAY, say, [text])
    timer.daemon = True
    if (_has_bar() or is_notebook()) if is_said is None else is_said:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def is_notebook() -> bool:
    """Whether a cell of a notebook is running."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def is_interactive() -> bool:
    """Whether somebody types at a prompt or in a notebook, who wants what there is so far."""
    return is_notebook() or hasattr(sys, "ps1")


def _has_bar() -> bool:
    return LastingStream(sys.stderr).isatty()


def format_seconds(seconds: float) -> str:
    """Format a duration.

    >>> format_seconds(42.0), format_seconds(125.0), format_seconds(7260.0)
    ('42s', '2m05s', '2h01m')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
