"""The rows of a study in Optuna's storage, and all private names of Optuna that a search needs.

Optuna has no public way to begin a trial with a point of one's own under a number of one's own or
to put a trial back into the queue. SIGINT and SIGTERM are deferred during each of the calls, so
that what belongs together is written together; a server that restarts is waited for.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import FrozenTrial, TrialState

from optiinr_jax.bo.distributions import to_distribution
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.studies.errors import StudyError
from optiinr_jax.studies.objectives import COSTS
from optiinr_jax.studies.store.interrupts import signals_deferred
from optiinr_jax.studies.store.patience import patient
from optiinr_jax.studies.store.reading import Reader
from optiinr_jax.studies.store.schema import (
    BEAT,
    BUDGET,
    CONFIG,
    DEATHS,
    FACTS,
    ORIGIN,
    OWNER,
    REASON,
    RUNGS,
)
from optiinr_jax.studies.trials import Origin, Trial
from optiinr_jax.text import printable

_NUMBERS = (
    "seconds",
    "samples",
    "between",
    "control",
    *COSTS,
)  # among the facts, where they are known
_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.FAIL: "failed",
    TrialState.WAITING: "paused",  # one that has never run is no trial yet
}


class Rows:
    """The trials of one study as rows, and its attributes."""

    def __init__(self, study: optuna.Study, space: Space | None = None) -> None:
        """Take the distributions from the space; nothing is read.

        Without a space only attributes can be read and written.
        """
        self.study = study
        self.name = study.study_name
        self._store, self._id = study._storage, study._study_id
        self._reader: Reader | None = None
        if isinstance(self._store, _CachedStorage):
            self._store = self._store._backend
            self._reader = Reader(self._store.engine, self._id)
        self._space = space
        self._distributions: dict[str, BaseDistribution] = {
            name: to_distribution(dimension)
            for name, dimension in (space.dimensions.items() if space else ())
        }
        self._ended: dict[int, Trial] = {}  # rows that have ended never change

    @property
    def storage(self) -> BaseStorage:
        """Optuna's storage of the study."""
        return self._store

    @property
    def is_shared(self) -> bool:
        """Whether several processes may work on the study."""
        return not isinstance(self._store, InMemoryStorage)

    @patient
    @signals_deferred()
    def read(self) -> list[FrozenTrial]:
        """All rows, in the order of their numbers; not to be changed."""
        return (
            self.study.get_trials(deepcopy=False) if self._reader is None else self._reader.read()
        )

    def trials(self, rows: list[FrozenTrial] | None = None) -> list[Trial]:
        """All trials that have begun, as records."""
        rows = self.read() if rows is None else rows
        return [
            self.record(row)
            for row in rows
            if row.state != TrialState.WAITING or RUNGS in row.user_attrs
        ]

    def record(self, row: FrozenTrial) -> Trial:
        """One row as a record."""
        if row.number in self._ended:
            return self._ended[row.number]
        facts = facts_of(row)
        trial = Trial(
            number=row.number,
            point=row.params,
            score=row.value if row.state == TrialState.COMPLETE else None,
            state=_STATES.get(row.state, row.state.name.lower()),
            reason=str(row.user_attrs.get(REASON, "")),
            origin=origin_of(row, "proposed"),
            seconds=facts.pop("seconds", None),
            curve=dict(sorted(row.intermediate_values.items())),
            rungs=_rungs_of(row),
            facts=facts,
        )
        if row.state.is_finished():
            self._ended[row.number] = trial
        return trial

    @patient
    @signals_deferred()
    def read_one(self, row: int) -> FrozenTrial:
        """One row as it is now."""
        return self._store.get_trial(row)

    def given(self, row: FrozenTrial) -> tuple[Point, Origin] | None:
        """The point that a waiting row has, from whoever queued it or ran it first; None: none.

        A process that died while it began the trial may have left a part of it.
        """
        assert self._space is not None
        for point in (row.params, row.system_attrs.get("fixed_params", {})):
            if point and set(point) == set(self._space.active(point)):
                return self._space.check_point(point), origin_of(row, "enqueued")
        return None

    @signals_deferred()
    def begin(
        self, waiting: FrozenTrial | None, point: Point, origin: Origin, owner: str, config: Any
    ) -> int:
        """Begin a trial, a waiting one or a new one, with all that is known of it; its row."""
        if waiting is None:
            row, known = self._store.create_new_trial(self._id), {}
        else:
            row, known = waiting._trial_id, waiting.params
            self._store.set_trial_state_values(row, TrialState.RUNNING)
        # First what says whose point it is: a whole point without it would pass for a queued one.
        self._store.set_trial_user_attr(row, ORIGIN, vars_of(origin))
        for name, value in point.items():
            if name not in known:
                distribution = self._distributions[name]
                internal = distribution.to_internal_repr(value)
                self._store.set_trial_param(row, name, internal, distribution)
        for attribute, fact in ((OWNER, owner), (CONFIG, config)):
            self._store.set_trial_user_attr(row, attribute, fact)
        return row

    @signals_deferred()
    def requeue(self, row: int) -> None:
        """Put a trial back into the queue, with the number and the point it has.

        Whoever leaves does not wait for a storage that is away.
        """
        self._store.set_trial_state_values(row, TrialState.WAITING)

    @patient
    @signals_deferred()
    def pause(self, row: int, rungs: Mapping[int, float], facts: Mapping[str, Any]) -> None:
        """Put a trial back into the queue with the scores that it has come to."""
        self._store.set_trial_user_attr(row, FACTS, dict(facts))
        self._store.set_trial_user_attr(row, RUNGS, list(rungs.items()))
        self.requeue(row)

    @signals_deferred()
    def count_death(self, row: FrozenTrial) -> int:
        """Note that a process has ended without a word while it ran a trial; how many have."""
        deaths = deaths_of(row) + 1
        self._store.set_trial_user_attr(row._trial_id, DEATHS, deaths)
        return deaths

    @patient
    @signals_deferred()
    def report(self, row: int, step: int, score: float) -> bool:
        """Store a point of a learning curve, again in a trial that runs again; whether it runs."""
        with suppress(UpdateFinishedTrialError):
            self._store.set_trial_intermediate_value(row, step, score)
            return True
        return False

    @patient
    @signals_deferred()
    def note(self, row: int, notes: Mapping[str, Any]) -> None:
        """Store what a trial is to have with it, hidden from the dashboard; not after its end."""
        with suppress(UpdateFinishedTrialError):
            for name, value in notes.items():
                self._store.set_trial_system_attr(row, name, value)

    @signals_deferred()
    def finish(self, number: int, row: int, value: float | None, reason: str, **more: Any) -> None:
        """End a trial with its score, or for a reason; its state is written last.

        Args:
            number: of the trial.
            row: of the trial.
            value: score; None: it failed, or was pruned.
            reason: why there is no score.
            **more: `facts`, and what else there is: `curve`, points of it that are not stored yet;
                `rungs`; `is_pruned`.
        """
        for step, score in more.get("curve", {}).items():
            self._store.set_trial_intermediate_value(row, step, score)
        self._store.set_trial_user_attr(row, FACTS, more["facts"])
        if more.get("rungs"):
            self._store.set_trial_user_attr(row, RUNGS, list(more["rungs"].items()))
        if value is None:
            self._store.set_trial_user_attr(row, REASON, reason)
            state = TrialState.PRUNED if more.get("is_pruned") else TrialState.FAIL
            self.study.tell(number, state=state)
        else:
            self.study.tell(number, value)

    @patient
    @signals_deferred()
    def enqueue(self, point: Point, origin: Origin) -> None:
        """Queue a point; one with a label only once."""
        queued = {vars_of(origin_of(row, "enqueued")) for row in self.read()}
        if not origin.label or vars_of(origin) not in queued:
            self.study.enqueue_trial(point, user_attrs={ORIGIN: vars_of(origin)})

    def beat(self, row: int, count: int) -> None:
        """Give a sign of life of a trial's owner."""
        self.note(row, {BEAT: count})

    @staticmethod
    def pulse(row: FrozenTrial) -> tuple[Any, Any]:
        """What changes while the owner of a running trial lives."""
        return row.user_attrs.get(OWNER), row.system_attrs.get(BEAT)

    @patient
    @signals_deferred()
    def artifacts(self) -> set[str]:
        """Names of the artifacts that are linked anywhere in the database; none in memory."""
        return set() if self._reader is None else self._reader.artifacts()

    @patient
    @signals_deferred()
    def set_hidden(self, name: str, value: Any) -> None:
        """Set an attribute of the study that no dashboard shows."""
        self._store.set_study_system_attr(self._id, name, value)

    @patient
    @signals_deferred()
    def hidden(self) -> Mapping[str, Any]:
        """Attributes of the study that no dashboard shows."""
        return self._store.get_study_system_attrs(self._id)

    @patient
    @signals_deferred()
    def set_shown(self, name: str, value: Any) -> None:
        """Set an attribute of the study that a dashboard shows."""
        self.study.set_user_attr(name, value)

    def budget(self) -> int | None:
        """Number of trials that the search was given last; None: none."""
        found = self.shown().get(BUDGET)
        is_count = isinstance(found, int) and not isinstance(found, bool) and 0 < found < 2**31
        if found is not None and not is_count:
            raise StudyError(
                f"study {self.name!r} has a budget of {printable(repr(found)):.40}, but a whole "
                "number from 1 on was expected; give it again by --num-trials."
            )
        return found

    @patient
    @signals_deferred()
    def shown(self) -> Mapping[str, Any]:
        """Attributes of the study that a dashboard shows."""
        return self.study.user_attrs


def row_of(row: FrozenTrial) -> int:
    """Number of a row in the storage."""
    return row._trial_id


def _has(row: FrozenTrial, attribute: str, holds: bool) -> None:
    """Raise StudyError for an attribute of another type than this program writes."""
    if not holds:
        value = printable(repr(row.user_attrs.get(attribute)))
        raise StudyError(
            f"trial {row.number} has {value:.60} as its {attribute}, which this program does not "
            "write; the study is damaged, or not of this program."
        )


def origin_of(row: FrozenTrial, default: str) -> Origin:
    """Where the point of a trial came from."""
    found = row.user_attrs.get(ORIGIN, [default])
    is_origin = isinstance(found, list | tuple) and 1 <= len(found) <= 2
    _has(row, ORIGIN, is_origin and all(isinstance(part, str) for part in found))
    return Origin(*found)


def facts_of(row: FrozenTrial) -> dict[str, Any]:
    """What was measured of a trial."""
    found = row.user_attrs.get(FACTS, {})
    _has(row, FACTS, isinstance(found, dict))
    for name in _NUMBERS:
        _has(row, FACTS, found.get(name) is None or isinstance(found[name], int | float))
    _has(row, FACTS, isinstance(found.get("control_name"), str | None))
    return dict(found)


def _rungs_of(row: FrozenTrial) -> dict[int, float]:
    """Scores at the rungs that a trial has passed."""
    found = row.user_attrs.get(RUNGS, [])
    _has(row, RUNGS, isinstance(found, list) and all(map(_is_rung, found)))
    return {step: score for step, score in found}


def _is_rung(pair: Any) -> bool:
    if not (isinstance(pair, list | tuple) and len(pair) == 2):
        return False
    return isinstance(pair[0], int) and isinstance(pair[1], int | float)


def deaths_of(row: FrozenTrial) -> int:
    """How many processes have ended without a word while they ran a trial."""
    deaths = row.user_attrs.get(DEATHS, 0)
    return deaths if isinstance(deaths, int) and deaths > 0 else 0


def owner_of(row: FrozenTrial) -> str:
    """Who runs a trial; empty: nobody has said so."""
    found = row.user_attrs.get(OWNER, "")
    return found if isinstance(found, str) else ""


def vars_of(origin: Origin) -> tuple[str, str]:
    """An origin as the storage holds it."""
    return origin.kind, origin.label


class Judge:
    """Optuna's pruner for one running trial, over a study in memory of what the trial may know."""

    def __init__(
        self, rows: Rows, row: int, known: list[FrozenTrial], pruner: optuna.pruners.BasePruner
    ) -> None:
        """Copy what is known.

        Args:
            rows: of the study.
            row: of the trial.
            known: rows that the trial may know; those that still run have nothing to say.
            pruner: the rule.
        """
        self._rows, self._row, self._pruner = rows, row, pruner
        self._study = optuna.create_study(direction="maximize")
        for other in known:
            if other.state.is_finished():
                self._study.add_trial(other)
        self._copy = self._study._storage.create_new_trial(self._study._study_id)

    def is_hopeless(self, step: int, score: float) -> bool:
        """Whether the rule would stop the trial at this point of its learning curve."""
        store = self._study._storage
        store.set_trial_intermediate_value(self._copy, step, score)
        before = store.get_trial(self._copy)
        is_hopeless = bool(self._pruner.prune(self._study, before))
        notes = store.get_trial(self._copy).system_attrs  # rungs of successive halving
        new = {name: note for name, note in notes.items() if name not in before.system_attrs}
        self._rows.note(self._row, new)
        return is_hopeless
