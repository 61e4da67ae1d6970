"""Standard output and error as streams that cost no work: closed, full, or with no reader left."""

import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Any

from optiinr_jax.text import printable


class LastingStream:
    """A text stream that raises nothing: once it cannot be written to, all is dropped.

    Attributes:
        error: why it cannot be written to any more; None: it can.
    """

    def __init__(self, stream: Any) -> None:
        """Wrap a text stream; None, as Python has it where there is none, drops all."""
        self.error: Exception | None = None
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, with an escape for each character that the stream's encoding lacks."""
        if self._stream is not None and self.error is None:
            encoding = getattr(self._stream, "encoding", None) or "utf-8"
            try:
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            except (OSError, ValueError) as error:  # full or without a reader; closed
                self.error = error
        return len(text)

    def flush(self) -> None:
        """Flush, as far as that can be done."""
        if self._stream is not None and self.error is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self.error = error

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # closed
            return False

    def drop_rest(self) -> None:
        """Where it failed: let what is still in its buffer go, so that no exit stumbles over it."""
        if self.error is not None and self._stream is not None:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def print_lines(lines: Iterable[str], stream: Any = None) -> None:
    """Print lines for people, whatever names are in them; to standard output by default."""
    stream = LastingStream(sys.stdout if stream is None else stream)
    stream.write("".join(f"{printable(line)}\n" for line in lines))
    stream.flush()


def say(line: str) -> None:
    """Print one line on standard error, where that can be done."""
    print_lines([line], LastingStream(sys.stderr))


@contextmanager
def lasting_streams() -> Generator[LastingStream]:
    """Make the standard streams lasting ones; the context is that of standard output."""
    before = sys.stdout, sys.stderr
    output, errors = LastingStream(sys.stdout), LastingStream(sys.stderr)
    sys.stdout, sys.stderr = output, errors  # type: ignore[assignment]
    try:
        yield output
    finally:
        output.flush()
        errors.flush()
        sys.stdout, sys.stderr = before
        output.drop_rest()
        errors.drop_rest()


def hold_descriptors() -> None:
    """Open what the process lacks of its three standard descriptors on nothing.

    Otherwise the next file that it opens, a database perhaps, is taken for its standard error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
