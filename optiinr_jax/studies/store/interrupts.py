"""Defer SIGINT and SIGTERM during database access.

Python raises them wherever the program is; in the middle of a transaction the drivers report it as
an error of their own.
"""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def signals_deferred() -> Generator[None]:
    """Defer SIGINT and SIGTERM to the end of the block; a second one comes through."""
    if threading.current_thread() is not threading.main_thread():  # where no signal is handled
        yield
        return
    held: list[int] = []
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    handlers = {n: handler for n, handler in handlers.items() if callable(handler)}

    def hold(number: int, _: object) -> None:
        if held:
            restore()
        held.append(number)
        if len(held) > 1:
            signal.raise_signal(number)

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    for number in handlers:
        signal.signal(number, hold)
    try:
        yield
    finally:
        restore()
    if len(held) == 1:
        signal.raise_signal(held[0])
