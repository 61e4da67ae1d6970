"""Who runs which trial, when several processes work on one study.

Trials are asked one after the other, under the study's lock, in the order of their numbers. What
trial n may know is fixed by its number: the scores of the batches before its own, and the points
of its own batch before it. So a study has the same trials whoever runs them, and however often
somebody is killed. A trial whose process has died goes back into the queue with its values.
"""

import copy
import os
import secrets
import socket
import threading
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from optiinr_jax.bo.distributions import suggest
from optiinr_jax.bo.space import Space
from optiinr_jax.search.interrupts import undisturbed
from optiinr_jax.search.lock import locked
from optiinr_jax.search.storage import HEARTBEAT
from optiinr_jax.search.strategies import STRATEGIES

OWNER = "owner"  # trial attribute: who runs it; without one it was being asked when its asker died
LAST_BEAT = 2.0  # seconds that a sign of life may still take when its queue is left
_AT_WORK: set[str] = set()  # owners in this process


@dataclass
class Queue:
    """One participant in a study; a context manager, which gives back what it has not ended.

    Attributes:
        url: of the storage; None: in memory.
        settings: of the study: seed, strategy, num_initial, batch_size.
        running: trials that this participant runs, by their number in the storage.
    """

    study: optuna.Study
    url: str | None
    settings: dict[str, Any]
    space: Space
    pruner: optuna.pruners.BasePruner | None = None
    owner: str = field(
        default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    )
    running: dict[int, optuna.Trial] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)
    _beating: threading.Thread | None = None

    def __enter__(self) -> "Queue":
        """Begin to give signs of life."""
        _AT_WORK.add(self.owner)
        self.start_beating()
        return self

    def __exit__(self, *_: object) -> None:
        """Put the trials that have not ended back, as far as the storage lets us."""
        self._ended.set()
        _AT_WORK.discard(self.owner)
        for trial_id in list(self.running):
            try:
                self.give_back(trial_id)
            except (OptunaError, SQLAlchemyError):
                pass  # whoever comes next sees that we are gone
        if self._beating is not None:
            self._beating.join(LAST_BEAT)  # it has a connection of its own

    def start_beating(self) -> None:
        """Say now and then that our trials are alive."""
        if isinstance(self.study._storage, BaseHeartbeat):
            self._beating = threading.Thread(target=self._beat, daemon=True)
            self._beating.start()

    def claim(self, num_trials: int | None) -> optuna.Trial | None:
        """Take the next trial of the first `num_trials`, with its point; None: not now.

        There is none either when all have begun, or when those it has to know have not ended.
        """
        with locked(self.url, self.study.study_name):
            trials = self._take_over()
            waiting = (t for t in trials if t.state == TrialState.WAITING)
            first = min(waiting, key=lambda t: t.number, default=None)
            number = len(trials) if first is None else first.number
            if (num_trials is not None and number >= num_trials) or not self._is_due(
                number, trials
            ):
                return None
            store, trial_id = self.study._storage, None
            try:
                with undisturbed():  # a trial that runs is one that we know
                    if first is None:
                        trial_id = store.create_new_trial(self.study._study_id)
                    else:
                        trial_id = first._trial_id
                        store.set_trial_state_values(trial_id, TrialState.RUNNING)
                return self._ask(trial_id, number)
            except BaseException:
                if trial_id is not None:
                    store.set_trial_state_values(trial_id, TrialState.WAITING)
                raise

    def _ask(self, trial_id: int, number: int) -> optuna.Trial:
        """Choose the point of a trial; all that it needs is stored when this returns."""
        store = self.study._storage
        if isinstance(store, BaseHeartbeat):
            store.record_heartbeat(trial_id)
        make_sampler = STRATEGIES[self.settings["strategy"]]
        sampler = make_sampler(
            self.space, self.settings["seed"], self.settings["num_initial"], number
        )
        view = _View(self.study, number, self._first_of_batch(number), sampler, self.pruner)
        trial = optuna.Trial(view, trial_id)
        suggest(trial, self.space)
        trial.set_user_attr(OWNER, self.owner)
        self.running[trial_id] = trial
        return trial

    def is_ours(self, trial: optuna.Trial) -> bool:
        """Whether the trial still runs and nobody has taken it over; ask with the lock held."""
        row = self.study._storage.get_trial(trial._trial_id)
        return row.state == TrialState.RUNNING and row.user_attrs.get(OWNER) == self.owner

    def give_back(self, trial_id: int) -> None:
        """Put a trial into the queue, with the number and the values it has."""
        with locked(self.url, self.study.study_name):
            if self.is_ours(self.running[trial_id]):
                self.study._storage.set_trial_state_values(trial_id, TrialState.WAITING)
        del self.running[trial_id]

    def _first_of_batch(self, number: int) -> int:
        return number - number % self.settings["batch_size"]

    def _is_due(self, number: int, trials: Sequence[FrozenTrial]) -> bool:
        """Whether all that the trial has to know is known; the initial design knows nothing."""
        before = trials[: self._first_of_batch(number)]
        is_initial = number < self.settings["num_initial"]
        return is_initial or all(trial.state.is_finished() for trial in before)

    def _take_over(self) -> list[FrozenTrial]:
        """All trials, those of dead processes back in the queue."""
        store = self.study._storage
        running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if running:
            is_shared = isinstance(store, BaseHeartbeat)
            silent = store._get_stale_trial_ids(self.study._study_id) if is_shared else []
            for trial in running:
                owner = trial.user_attrs.get(OWNER, "")
                is_silent = trial._trial_id in silent and owner != self.owner
                if is_silent or not self._is_at_work(owner):
                    store.set_trial_state_values(trial._trial_id, TrialState.WAITING)
        return self.study.get_trials(deepcopy=False)

    def _is_at_work(self, owner: str) -> bool:
        """Whether the owner of a trial may still run it; on another machine silence alone tells."""
        host, _, rest = owner.partition(":")
        pid = rest.partition(":")[0]
        if not pid.isdigit():
            return False
        if host != socket.gethostname():
            return True
        if int(pid) == os.getpid():
            return owner == self.owner or owner in _AT_WORK
        return _is_alive(int(pid))

    def _beat(self) -> None:
        store: Any = self.study._storage
        while not self._ended.wait(HEARTBEAT):
            for trial_id in list(self.running):
                try:
                    store.record_heartbeat(trial_id)
                except (OptunaError, SQLAlchemyError):
                    break  # a storage that is busy hears it later


def _is_alive(pid: int) -> bool:
    """Whether a process of this machine is there, and more than a zombie."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")  # on Linux
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
    except OSError:  # another user's process
        return True


class _View(optuna.Study):
    """The study as one of its trials may know it, whatever else has ended by now."""

    def __init__(
        self,
        study: optuna.Study,
        number: int,
        first_of_batch: int,
        sampler: optuna.samplers.BaseSampler,
        pruner: optuna.pruners.BasePruner | None,
    ) -> None:
        super().__init__(study.study_name, study._storage, sampler, pruner or _NEVER)
        self._number, self._first = number, first_of_batch

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        rows = super()._get_trials(deepcopy, None, use_cache)
        known = [row if row.number < self._first else self._pending(row) for row in rows]
        return [
            row
            for row in known
            if row.number <= self._number and (states is None or row.state in states)
        ]

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return self._get_trials(deepcopy, states)

    def _pending(self, row: FrozenTrial) -> FrozenTrial:
        """A trial of the same batch: its point, not its score."""
        if row.number == self._number:
            return row
        row = copy.copy(row)
        row.state, row.values, row.intermediate_values = TrialState.RUNNING, None, {}
        return row


_NEVER = optuna.pruners.NopPruner()
