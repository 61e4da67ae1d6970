"""Attributes of any type, as a study from elsewhere may have them: a sentence or a study."""

import math

import pytest

import optiinr_jax as oi
from optiinr_jax.report.status import status_lines, summarise
from optiinr_jax.studies import StudyError
from optiinr_jax.studies.store import schema

SMALL = {"num_steps": 4, "width": 8, "depth": 1, "strategy": "random", "num_initial": 2}
ODD = [None, True, -1, 7, 10**400, math.nan, "x", "\x1b[2J", [], [1, "a"], {}, {"a": [1]}, [[]]]
OF_STUDY = [schema.SETTINGS, schema.BUDGET, schema.COMMAND, "model"]
HIDDEN = [schema.SIGNAL, schema.SPACE]
OF_TRIAL = [schema.ORIGIN, schema.OWNER, schema.REASON, schema.CONFIG, schema.FACTS, schema.RUNGS]


@pytest.fixture
def rows(tmp_path):
    signal = oi.sample_signal("image", size=8)
    study = oi.create_study(signal, num_trials=3, storage=tmp_path / "study.db", **SMALL)
    study.tell(study.ask(), 1.0)
    study.ask()
    return study.ledger.rows


def look(path) -> None:
    """What a command does with a study that it did not make."""
    study = oi.load_study(path)
    assert all("\x1b" not in line for line in map(repr, status_lines(study)))
    summarise(study)
    study.ask()


def try_all(change, back, path) -> int:
    refused = 0
    for value in ODD:
        change(value)
        try:
            look(path)
        except StudyError as error:
            assert "\n" not in str(error)
            refused += 1
    back()
    return refused


@pytest.mark.integration
@pytest.mark.parametrize("name", OF_STUDY)
def test_attributes_of_a_study(name, rows, tmp_path, no_type_checks):
    before = rows.shown().get(name)
    refused = try_all(
        lambda value: rows.set_shown(name, value),
        lambda: rows.set_shown(name, before),
        tmp_path / "study.db",
    )
    assert refused >= (len(ODD) if name == schema.SETTINGS else 0)


@pytest.mark.integration
@pytest.mark.parametrize("name", HIDDEN)
def test_signal_and_space(name, rows, tmp_path, no_type_checks):
    before = rows.hidden()[name]
    change = lambda value: rows.set_hidden(name, value)  # noqa: E731
    assert try_all(change, lambda: change(before), tmp_path / "study.db") == len(ODD)


@pytest.mark.integration
def test_each_setting(rows, tmp_path, no_type_checks):
    before = dict(rows.shown()[schema.SETTINGS])
    for name in before:
        for value in (-1, "x", [1, "a"], 10**400):
            rows.set_shown(schema.SETTINGS, before | {name: value})
            try:
                status_lines(oi.load_study(tmp_path / "study.db"))
            except StudyError as error:
                assert "\n" not in str(error)


@pytest.mark.integration
@pytest.mark.parametrize("name", OF_TRIAL)
def test_attributes_of_a_trial(name, rows, tmp_path, no_type_checks):
    store, path = rows.storage, tmp_path / "study.db"
    running = rows.read()[1]
    before = running.user_attrs.get(name, [])
    change = lambda v: store.set_trial_user_attr(running._trial_id, name, v)  # noqa: E731
    try_all(change, lambda: change(before), path)
