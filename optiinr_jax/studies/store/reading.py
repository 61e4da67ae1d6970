"""All rows of a study at once, and only those that have changed.

Optuna makes an object of every value in its tables, and reads a trial that waits again each time:
of a study of thousands of trials, most of them paused, that takes seconds for every look. What is
left out here is the configuration, the largest part of a row, which follows from its point.
"""

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy
from optuna.distributions import json_to_distribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import DateTime

from optiinr_jax.studies.store.schema import CONFIG

_MANY = 500  # rows that are named one by one in a query; more are read with all others
_HEADS = sqlalchemy.text(
    "SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials "
    "WHERE study_id = :study ORDER BY number"
).columns(datetime_start=DateTime, datetime_complete=DateTime)
# Table -> its columns, and the one that orders it.
_TABLES = {
    "trial_values": ("value, value_type", "objective"),
    "trial_params": ("param_name, param_value, distribution_json", "param_id"),
    "trial_user_attributes": ("key, value_json", "trial_user_attribute_id"),
    "trial_system_attributes": ("key, value_json", "trial_system_attribute_id"),
    "trial_intermediate_values": (
        "step, intermediate_value, intermediate_value_type",
        "trial_intermediate_value_id",
    ),
}
_ARTIFACT = "artifacts:"  # what comes before the name of one
_ARTIFACTS = sqlalchemy.text(
    " UNION ".join(
        f"SELECT key FROM {table}_system_attributes WHERE key LIKE '{_ARTIFACT}%'"
        for table in ("study", "trial")
    )
)
_SPECIAL = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}
_json_to_distribution = cache(json_to_distribution)


class Reader:
    """The rows of one study in a database, as they are at each look."""

    def __init__(self, engine: sqlalchemy.Engine, study_id: int) -> None:
        """Nothing is read yet."""
        self._engine, self._id = engine, study_id
        self._known: dict[int, tuple[Any, FrozenTrial]] = {}  # row -> its version, and the row

    def read(self) -> list[FrozenTrial]:
        """All rows, in the order of their numbers; not to be changed."""
        with self._engine.connect() as connection:
            heads = connection.execute(_HEADS, {"study": self._id}).all()
            new = [head.trial_id for head in heads if self._is_new(head)]
            parts = {table: self._parts(connection, table, new) for table in _TABLES} if new else {}
        changed = set(new)
        for head in heads:
            if head.trial_id in changed:
                own = {table: rows[head.trial_id] for table, rows in parts.items()}
                self._known[head.trial_id] = _version(head), _make(head, own)
        return [self._known[head.trial_id][1] for head in heads]

    def artifacts(self) -> set[str]:
        """Names of the artifacts of all studies and trials in the database."""
        with self._engine.connect() as connection:
            keys = connection.execute(_ARTIFACTS).scalars().all()
        return {key.removeprefix(_ARTIFACT) for key in keys}

    def _is_new(self, head: Any) -> bool:
        """Whether a row has to be read: it runs, or has run since we looked."""
        known = self._known.get(head.trial_id)
        return known is None or head.state == "RUNNING" or known[0] != _version(head)

    def _parts(
        self, connection: sqlalchemy.Connection, table: str, rows: Sequence[int]
    ) -> dict[int, list[Any]]:
        """What one table has of some rows, by row."""
        columns, order = _TABLES[table]
        rest = "AND key <> :left_out" if table == "trial_user_attributes" else ""
        select = f"SELECT t.trial_id, {columns} FROM {table} AS t"
        values: dict[str, Any] = {"study": self._id, "left_out": CONFIG}
        if len(rows) > _MANY:
            select += " JOIN trials ON trials.trial_id = t.trial_id WHERE trials.study_id = :study"
        else:
            select += " WHERE t.trial_id IN :rows"
            values["rows"] = list(rows)
        query = sqlalchemy.text(f"{select} {rest} ORDER BY {order}")
        if "rows" in values:
            query = query.bindparams(sqlalchemy.bindparam("rows", expanding=True))
        found = defaultdict(list)
        for row, *parts in connection.execute(query, values):
            found[row].append(parts)
        return found


def _version(head: Any) -> tuple[Any, ...]:
    """What differs after a trial has run again; the rest of it changes only while it runs."""
    return head.state, head.datetime_start


def _make(head: Any, own: dict[str, list[Any]]) -> FrozenTrial:
    distributions = {n: _json_to_distribution(text) for n, _, text in own["trial_params"]}
    values = [_SPECIAL.get(kind, value) for value, kind in own["trial_values"]]
    curve = own["trial_intermediate_values"]
    return FrozenTrial(
        number=head.number,
        state=TrialState[head.state],
        value=None,
        values=values or None,
        datetime_start=head.datetime_start,
        datetime_complete=head.datetime_complete,
        params={n: distributions[n].to_external_repr(v) for n, v, _ in own["trial_params"]},
        distributions=distributions,
        user_attrs={key: json.loads(text) for key, text in own["trial_user_attributes"]},
        system_attrs={key: json.loads(text) for key, text in own["trial_system_attributes"]},
        intermediate_values={step: _SPECIAL.get(kind, value) for step, value, kind in curve},
        trial_id=head.trial_id,
    )
