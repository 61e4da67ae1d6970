"""Progress of anything that takes longer than a few seconds.

A bar with the time left on a terminal and in notebooks, plain lines elsewhere (logs, pipes), and
nothing at all for work that ends before DELAY seconds.
"""

import shutil
import sys
import time
from types import TracebackType

DELAY = 2.0  # seconds of silence at the start
LINE_EVERY = 10.0  # seconds between two plain lines that `update` may print


class Progress:
    """Counts `done` of `total` steps of something called `label`; use as a context manager."""

    def __init__(self, label: str, total: int, *, done: int = 0, enabled: bool = True) -> None:
        """Prepare; nothing is shown before `update` or `line` is called."""
        self.label, self.total, self.enabled = label, total, enabled
        self.done, self._first_done = done, done
        self._start = self._last_line = time.monotonic()
        self._bar = None

    def __enter__(self) -> "Progress":
        """Start counting the time."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar down, whatever happened."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def update(self, done: int, note: str = "") -> None:
        """Say that `done` steps are behind us; `note` stands beside the count."""
        self.done = done
        now = time.monotonic()
        if not self.enabled or now - self._start < DELAY:
            return
        if _has_bar():
            self._show_bar(note)
        elif now - self._last_line >= LINE_EVERY:
            self._last_line = now
            self._print(f"{self.label} {done}/{self.total} {note} eta {self.eta()}".rstrip())

    def line(self, text: str) -> None:
        """Print one lasting line, above the bar where there is one; cut where a terminal ends."""
        if self.enabled:
            self._last_line = time.monotonic()
            width = shutil.get_terminal_size().columns
            is_cut = sys.stderr.isatty() and len(text) > width
            self._print(f"{text[: width - 3]}..." if is_cut else text)

    def eta(self) -> str:
        """Time left at the pace so far, like "2m05s"; "?" before the first step."""
        steps = self.done - self._first_done
        if steps <= 0:
            return "?"
        pace = (time.monotonic() - self._start) / steps
        return format_seconds(pace * (self.total - self.done))

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _show_bar(self, note: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        if self._bar is None:
            columns = ("{task.description}", BarColumn(), MofNCompleteColumn())
            self._bar = Bar(
                *columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True)
            )
            self._bar.add_task(self.label, total=self.total, note="")
            self._bar.start()
        self._bar.update(
            self._bar.task_ids[0], completed=self.done, note=f"{note} eta {self.eta()}"
        )


def _has_bar() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


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
