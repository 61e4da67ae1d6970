"""SIGINT and SIGTERM as exceptions that are not lost."""

import gc
import os
import signal as os_signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

SOON, AGAIN = 0.01, 5.0  # seconds until a signal is raised once more


class Terminated(BaseException):
    """SIGTERM, as an exception so that everything open is closed on the way out."""


class Left(BaseException):
    """The process at the other end of standard input has gone; nobody is there to be told."""


@contextmanager
def raised_signals() -> Generator[None]:
    """Raise KeyboardInterrupt or Terminated for a signal, again until one has ended the block.

    Where Python is called back from other code, an exception is printed and lost: none is raised in
    a garbage collection, where JAX has a callback, and one lost in a destructor is raised again.
    """
    timers: list[threading.Timer] = []

    def handle(number: int, frame: FrameType | None) -> None:
        is_collecting = frame is not None and _is_callback(frame)
        seconds = SOON if is_collecting else AGAIN
        timers.append(threading.Timer(seconds, _send, [number]))
        timers[-1].daemon = True
        timers[-1].start()
        if not is_collecting:
            raise Terminated if number == os_signal.SIGTERM else KeyboardInterrupt

    numbers = (os_signal.SIGINT, os_signal.SIGTERM)
    before = {number: os_signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        for number, handler in before.items():
            os_signal.signal(number, handler)


@contextmanager
def until_stdin_closes() -> Generator[None]:
    """Raise Left when standard input closes: then the process at its other end has gone."""
    has_left = threading.Event()

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        has_left.set()
        _send(os_signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except Terminated:
        if has_left.is_set():
            raise Left from None
        raise


def _send(number: int) -> None:
    """Send a signal to the main thread, which wakes it where it sleeps or waits."""
    main = threading.main_thread().ident
    if hasattr(os_signal, "pthread_kill") and main is not None:
        os_signal.pthread_kill(main, number)
    else:  # on Windows
        os_signal.raise_signal(number)


def _is_callback(frame: FrameType) -> bool:
    """Whether a frame is that of a function which the garbage collector calls."""
    return frame.f_code in [getattr(callback, "__code__", None) for callback in gc.callbacks]
