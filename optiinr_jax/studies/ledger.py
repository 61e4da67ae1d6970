"""Who runs which trial, and what came of it, when several processes work on one study.

Trials are handed out one after the other, under the study's lock, in the order of their numbers.
What trial n may know is fixed by its number: the scores of the batches before its own, and the
points of its own batch before it. So a study has the same trials whoever runs them, and however
often somebody is killed. A trial whose process has died goes back into the queue with its point, a
few times.
"""

import math
import os
import secrets
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from optiinr_jax.bo.space import Point, Space
from optiinr_jax.inr import NetworkConfig
from optiinr_jax.processes import has_ended, this_process
from optiinr_jax.studies.errors import StorageError, StudyError
from optiinr_jax.studies.rungs import Plan, make_plan, round_size
from optiinr_jax.studies.settings import StudySettings
from optiinr_jax.studies.store.address import database_path
from optiinr_jax.studies.store.heartbeat import Heartbeat, Watch
from optiinr_jax.studies.store.interrupts import signals_deferred
from optiinr_jax.studies.store.lock import locked
from optiinr_jax.studies.store.patience import STORAGE_ERRORS, patient
from optiinr_jax.studies.store.rows import Judge, Rows, deaths_of, facts_of, owner_of, row_of
from optiinr_jax.studies.store.schema import RUNGS
from optiinr_jax.studies.strategies import STRATEGIES, Known
from optiinr_jax.studies.trials import Claimed, Origin, Outcome, Trial
from optiinr_jax.studies.winner import next_confirmation

MOST_DEATHS = 3  # of processes that may have ended without a word while they ran one trial
_LEAVING = 5.0  # seconds to wait for the lock when a participant leaves
_AT_WORK: set[str] = set()  # owners in this process


class Ledger:
    """One participant in a study; a context manager, which gives back what it has not ended."""

    def __init__(
        self,
        rows: Rows,
        url: str | None,
        space: Space,
        settings: StudySettings,
        to_config: Callable[[Point], NetworkConfig],
        num_rungs: int = 0,
    ) -> None:
        """Take part; nothing is claimed yet.

        Args:
            rows: of the study.
            url: address of its storage; None: in memory.
            space: of the points.
            settings: of the study.
            to_config: the network that a point stands for.
            num_rungs: at which trials pause.
        """
        self.rows, self.url = rows, url
        self._space, self._settings, self._to_config = space, settings, to_config
        self._num_rungs = num_rungs
        self._round_size = round_size(num_rungs, settings.batch_size)
        who = f"{socket.gethostname()}:{os.getpid()}:{this_process()}"
        self.owner = f"{who}:{secrets.token_hex(4)}"
        self._running: dict[int, Claimed] = {}
        self._heartbeat, self._watch = Heartbeat(rows, self._running), Watch()
        self._file = _identity_of(url)

    def __enter__(self) -> "Ledger":
        """Start the heartbeat."""
        self.join()
        return self

    def __exit__(self, *_: object) -> None:
        """Requeue unfinished trials, as far as the storage lets us."""
        self._heartbeat.stop()
        _AT_WORK.discard(self.owner)
        for claimed in list(self._running.values()):
            with suppress(StudyError, *STORAGE_ERRORS):  # whoever comes next sees that we are gone
                self._give_back(claimed)
        self._heartbeat = Heartbeat(self.rows, self._running)

    def join(self) -> None:
        """Say that this participant is at work, and start the heartbeat."""
        _AT_WORK.add(self.owner)
        self._heartbeat.start()

    def trials(self) -> list[Trial]:
        """All trials that have begun, in order."""
        return self.rows.trials()

    def ended(self) -> list[Trial]:
        """Trials that have a score, failed or were pruned, in order."""
        return self.rows.trials([row for row in self.rows.read() if row.state.is_finished()])

    @contextmanager
    def _alone(self, timeout: float | None = None) -> Generator[Callable[[], object]]:
        """The lock of the study, over the database with which we began."""
        self._check_file()
        with locked(self.url, self.rows.name, timeout) as still_held:
            yield still_held

    def _check_file(self) -> None:
        """Raise StorageError where the database is not the one any more with which we began."""
        if self._file is not None and _identity_of(self.url) != self._file:
            raise StorageError(
                f"the database {database_path(self.url)} was removed or replaced while it was in "
                "use; put it back, or search again in another folder."
            )

    @patient
    def claim(
        self, num_trials: int | None, *, is_limit: bool = True, may_pause: bool = True
    ) -> Claimed | None:
        """Take the next trial of a budget; None: not now, or all have begun.

        Args:
            num_trials: budget of the search; None: not known.
            is_limit: no trial beyond it is handed out.
            may_pause: it may pause at a rung, and one that is paused may be handed out.
        """
        with self._alone() as still_held:
            rows = self._take_over()
            plan, num_rungs = self._plan(rows, num_trials), self._num_rungs
            if may_pause and (paused := self._next_due(rows, plan)) is not None:
                rung = plan.targets[paused.number]
                still_held()
                return self._begin(
                    paused, paused.number, *self._given(paused), rung if rung < num_rungs else None
                )
            waiting = (row for row in rows if is_queued(row))
            first = min(waiting, key=lambda row: row.number, default=None)
            number = len(rows) if first is None else first.number
            is_over = is_limit and num_trials is not None and number >= num_trials
            first_unknown = self._first_unknown(number, num_trials, may_pause)
            if is_over or not self._is_due(number, rows, num_trials, first_unknown):
                return None
            given = None if first is None else self.rows.given(first)
            point, origin = given or self._choose(number, rows, num_trials, first_unknown)
            is_confirming = self._confirms(number, num_trials)
            pauses = may_pause and num_rungs and not (is_kept(origin) or is_confirming)
            still_held()  # a proposal takes its time, in which a server may have restarted
            return self._begin(first, number, point, origin, 0 if pauses else None)

    def _begin(
        self,
        waiting: FrozenTrial | None,
        number: int,
        point: Point,
        origin: Origin,
        rung: int | None,
    ) -> Claimed:
        """Begin a trial, or go on with one; ask with the lock held."""
        config, claimed = self._to_config(point).to_json(), None
        deaths = 0 if waiting is None else deaths_of(waiting)
        try:
            with signals_deferred():  # a trial that runs is one that we know
                row = self.rows.begin(waiting, point, origin, self.owner, config)
                claimed = Claimed(number, row, point, self.owner, rung, deaths)
                self._running[row] = claimed
        except BaseException:
            if claimed is not None:
                self.rows.requeue(self._running.pop(claimed.row).row)
            raise
        return claimed

    def _plan(self, rows: Sequence[FrozenTrial], num_trials: int | None) -> Plan:
        """Which trials are to go on; nothing where the search has no rungs."""
        if not self._num_rungs:
            return Plan({}, 0)
        return make_plan(
            self.rows.trials(list(rows)),
            self._num_rungs,
            self._round_size,
            self._settings.confirm_from(num_trials) or num_trials,
            lambda trial: is_kept(trial.origin),
        )

    def _next_due(self, rows: Sequence[FrozenTrial], plan: Plan) -> FrozenTrial | None:
        """The first paused trial that is to go on."""
        paused = (row for row in rows if row.state == TrialState.WAITING and not is_queued(row))
        due = (row for row in paused if plan.is_due(self.rows.record(row)))
        return min(due, key=lambda row: row.number, default=None)

    def _given(self, paused: FrozenTrial) -> tuple[Point, Origin]:
        trial = self.rows.record(paused)
        return trial.point, trial.origin

    @patient
    def end(self, claimed: Claimed, outcome: Outcome, save: Callable[[Trial], None]) -> bool:
        """Write down how a trial ended, its network before its row; whether it was still ours.

        A trial that somebody else has taken over meanwhile, because this process seemed dead, is
        theirs: its score is the same.

        Args:
            save: called with the trial as it will be, before its row says so.
        """
        with self._alone():
            is_ours = self._is_claimed(claimed)
            if is_ours:
                self._write(claimed, outcome, save)
            self._running.pop(claimed.row, None)
        return is_ours

    @patient
    def lose(self, claimed: Claimed) -> None:
        """Put back a trial whose process, of an executor, has died; the third time, end it."""
        with self._alone():
            if self._is_claimed(claimed):
                self._put_back(self.rows.read_one(claimed.row), has_died=True)
            self._running.pop(claimed.row, None)

    def read(self, claimed: Claimed) -> Trial:
        """A trial as it is now."""
        return self.rows.record(self.rows.read_one(claimed.row))

    def _write(self, claimed: Claimed, outcome: Outcome, save: Callable[[Trial], None]) -> None:
        value, row = outcome.value, self.rows.read_one(claimed.row)
        before = facts_of(row).get("seconds") or 0.0  # up to a pause
        facts = outcome.facts | {"seconds": before + outcome.facts.get("seconds", 0.0)}
        if outcome.is_paused and not outcome.reason:
            self.rows.pause(claimed.row, outcome.rungs, facts)
            return
        is_number = value is not None and math.isfinite(value)
        if is_number:
            save(Trial(claimed.number, claimed.point, value, "complete"))
        reported = row.intermediate_values
        self.rows.finish(
            claimed.number,
            claimed.row,
            value if is_number else None,
            outcome.reason or f"its score is {value}",
            curve={step: s for step, s in outcome.curve.items() if step not in reported},
            rungs=outcome.rungs,
            facts=facts if outcome.facts else {},
            is_pruned=outcome.is_pruned,
        )

    def report(self, claimed: Claimed, step: int, score: float) -> bool:
        """Store a point of a learning curve; whether the trial is still ours."""
        self._check_file()
        return self._is_claimed(claimed) and self.rows.report(claimed.row, step, score)

    def judge(self, claimed: Claimed, pruner: optuna.pruners.BasePruner) -> Judge:
        """A rule that stops hopeless trials, for one trial: it sees what the trial may know."""
        first = claimed.number - claimed.number % self._settings.batch_size
        known = [row for row in self.rows.read() if row.number < first]
        return Judge(self.rows, claimed.row, known, pruner)

    def count_ended(self, num_trials: int | None = None) -> int:
        """Number of trials, of the first `num_trials`, that need no further training."""
        rows = self.rows.read()
        plan = self._plan(rows, num_trials)
        ended = [t for t in self.rows.trials(rows) if t.is_ended and not plan.is_due(t)]
        return sum(num_trials is None or trial.number < num_trials for trial in ended)

    def _choose(
        self, number: int, rows: Sequence[FrozenTrial], num_trials: int | None, first_unknown: int
    ) -> tuple[Point, Origin]:
        """The point of a trial that nobody brought."""
        known = [
            trial if trial.number < first_unknown else trial.as_pending()
            for trial in self.rows.trials(list(rows))
            if trial.number < number
        ]
        if self._confirms(number, num_trials):
            chosen = next_confirmation(known)
            if chosen is not None:
                return chosen
        propose = STRATEGIES[self._settings.strategy].propose
        kind = "design" if number < self._settings.num_initial else "proposed"
        point = propose(self._space, self._settings, Known(known, number, num_trials))
        return self._space.check_point(point), Origin(kind)

    def _is_due(
        self, number: int, rows: Sequence[FrozenTrial], num_trials: int | None, first_unknown: int
    ) -> bool:
        """Whether all that the trial has to know is known; the initial design knows nothing."""
        if number < self._settings.num_initial and not self._confirms(number, num_trials):
            return True
        plan = self._plan(rows, num_trials)
        settled = {t.number for t in self.rows.trials(list(rows)) if self._is_settled(t, plan)}
        return settled.issuperset(range(first_unknown))

    def _confirms(self, number: int, num_trials: int | None) -> bool:
        """Whether a trial is one of those at the end that train the best again."""
        confirm_from = self._settings.confirm_from(num_trials)
        return confirm_from is not None and number >= confirm_from

    def _first_unknown(self, number: int, num_trials: int | None, may_pause: bool) -> int:
        """The first trial whose score a trial must not know; all before it have to be settled.

        Who cannot pause is not bound to rounds, only to batches. In rounds a confirmation knows all
        of the search, but of the other confirmations only those of earlier rounds.
        """
        size = self._round_size if may_pause else self._settings.batch_size
        first = number - number % size
        if may_pause and self._num_rungs and self._confirms(number, num_trials):
            return max(first, self._settings.confirm_from(num_trials) or 0)
        return first

    def _is_settled(self, trial: Trial, plan: Plan) -> bool:
        """Whether a trial stays as it is until others have been trained."""
        is_open = trial.number // self._round_size >= plan.num_decided
        return trial.is_ended and not (trial.state == "paused" and (is_open or plan.is_due(trial)))

    def _is_claimed(self, claimed: Claimed) -> bool:
        """Whether the trial still runs and nobody has taken it over."""
        row = self.rows.read_one(claimed.row)
        return row.state == TrialState.RUNNING and owner_of(row) == claimed.owner

    def _give_back(self, claimed: Claimed) -> None:
        with self._alone(_LEAVING):
            if self._is_claimed(claimed):
                self.rows.requeue(claimed.row)
            del self._running[claimed.row]

    def _take_over(self) -> list[FrozenTrial]:
        """All rows, those of dead processes back in the queue."""
        rows = self.rows.read()
        running = [row for row in rows if row.state == TrialState.RUNNING]
        if not running:
            return rows
        silent = self._watch.silent(running)
        for row in running:
            owner, number = owner_of(row), row_of(row)
            if owner == self.owner:
                if number not in self._running:  # begun when the server went away
                    self.rows.requeue(number)
            elif not owner:  # being begun when its process died
                self.rows.requeue(number)
            elif (is_gone := _is_gone(owner)) or number in silent:
                is_other = _process_of(owner) != this_process() or not this_process()
                self._put_back(row, has_died=is_gone is not False and is_other)
        return self.rows.read()

    def _put_back(self, row: FrozenTrial, has_died: bool) -> None:
        """Take a trial from a process that has died or stands still; the third time, end it."""
        deaths = self.rows.count_death(row) if has_died else 0
        if deaths < MOST_DEATHS:
            self.rows.requeue(row_of(row))
            return
        reason = (
            f"{deaths} processes that ran it ended without a word, as the system ends one that "
            "takes too much memory"
        )
        self.rows.finish(row.number, row_of(row), None, reason, facts=facts_of(row))


def _is_gone(owner: str) -> bool | None:
    """Whether the owner of a trial runs it no more; None: only its signs of life can tell."""
    process = _process_of(owner)
    if process and process == this_process():
        return owner not in _AT_WORK
    return has_ended(process)


def _process_of(owner: str) -> str:
    """The process of an owner, see `this_process`."""
    return [*owner.split(":"), "", ""][2]


def _identity_of(url: str | None) -> tuple[int, int] | None:
    """What tells a database file from another one of its name; None: there is none."""
    path = database_path(url)
    try:
        found = None if path is None else path.stat()
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def is_queued(row: FrozenTrial) -> bool:
    """Whether a row waits to be begun, or begun again; a paused one does not."""
    return row.state == TrialState.WAITING and RUNGS not in row.user_attrs


def is_kept(origin: Origin) -> bool:
    """Whether a trial goes to its end whatever it has at the rungs."""
    return origin.kind == "portfolio"


def owners(rows: Rows) -> list[dict[str, Any]]:
    """Who runs trials now: host, process, trial, and when it began."""
    found = []
    for row in rows.read():
        if row.state == TrialState.RUNNING and owner_of(row) and row.datetime_start:
            host, pid = [*owner_of(row).split(":"), ""][:2]
            began = row.datetime_start.timestamp()
            found.append({"host": host, "pid": pid, "trial": row.number, "began": began})
    return found
