"""Signs of life: every owner of a trial gives them, and the others see who is silent."""

import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from optuna.trial import FrozenTrial

from optiinr_jax.studies.errors import StorageError
from optiinr_jax.studies.store.rows import Rows, row_of

HEARTBEAT = float(os.environ.get("OPTIINR_HEARTBEAT", "10"))  # seconds between signs of life
STALE_AFTER = 6 * HEARTBEAT  # seconds without one until a trial is free
JOIN_TIMEOUT = 2.0  # seconds that a sign may still take when its owner leaves


class Heartbeat:
    """A thread that gives the signs of life of an owner's trials, as long as somebody holds it.

    A study that nobody holds any more must not keep its trials, its thread and its connection.
    """

    def __init__(self, rows: Rows, running: Mapping[int, Any]) -> None:
        """Nothing begins yet.

        Args:
            rows: of the study.
            running: rows of the trials that run; it may change.
        """
        self._rows, self._running = rows, running
        self._left = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, where the storage is shared; a second time does nothing."""
        if self._rows.is_shared and self._thread is None:
            weakref.finalize(self, self._left.set)
            arguments = (weakref.ref(self), self._left)
            self._thread = threading.Thread(target=_beat, args=arguments, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait a little for a sign that is on its way."""
        self._left.set()
        if self._thread is not None:
            self._thread.join(JOIN_TIMEOUT)  # it has a connection of its own

    def give(self, number: int) -> None:
        """Give one sign of life of every trial that runs."""
        for row in list(self._running):
            with suppress(StorageError):  # a storage that is busy hears it later
                self._rows.beat(row, number)


def _beat(owner: "weakref.ref[Heartbeat]", left: threading.Event) -> None:
    for number in count():
        if left.wait(HEARTBEAT) or (heartbeat := owner()) is None:
            return
        heartbeat.give(number)
        del heartbeat  # or the wait would hold it


class Watch:
    """Who has given no sign of life for too long.

    What counts is that the signs of a trial change while we look, by a clock of ours that nobody
    can set: clocks of machines differ, and jump.
    """

    def __init__(self) -> None:
        """Nothing has been seen."""
        self._seen: dict[int, tuple[Any, float]] = {}  # row -> its sign, seconds since it changed
        self._last = time.monotonic()

    def silent(self, running: Sequence[FrozenTrial]) -> set[int]:
        """Rows of the running trials whose owners are silent."""
        now = time.monotonic()
        # A long pause may be one of our own, in which the others were stopped as well.
        passed, self._last = min(now - self._last, STALE_AFTER / 2), now
        seen = {}
        for trial in running:
            row, sign = row_of(trial), Rows.pulse(trial)
            before, seconds = self._seen.get(row, (None, 0.0))
            seen[row] = (sign, seconds + passed if sign == before else 0.0)
        self._seen = seen
        return {row for row, (_, seconds) in seen.items() if seconds > STALE_AFTER}
