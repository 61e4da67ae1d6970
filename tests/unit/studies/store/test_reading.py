"""Rows that are read at once are those that Optuna reads one by one."""

import math
import random

import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.studies.store import heartbeat, reading
from optiinr_jax.studies.store.reading import Reader
from optiinr_jax.studies.store.rows import Rows
from optiinr_jax.studies.store.schema import CONFIG
from optiinr_jax.studies.trials import Outcome
from tests.studies import optuna_storage

OPTIONS = {"width": 8, "depth": 1, "num_steps": 100, "strategy": "random", "num_initial": 3}
NUM_TRIALS = 12


@pytest.fixture
def study(tmp_path):
    options = OPTIONS | {"rungs": (0.3, 0.6), "storage": tmp_path / "study.db"}
    return oi.create_study(oi.sample_signal(size=8), num_trials=NUM_TRIALS, **options)


def reader_of(study):
    return Reader(study.ledger.rows.storage.engine, study.optuna_study._study_id)


def by_optuna(study):
    rows = optuna.load_study(
        study_name=study.name, storage=optuna_storage(study.storage)
    ).get_trials()
    for row in rows:
        row._user_attrs.pop(CONFIG, None)
    return rows


def disturb(study, rng, running):
    """Something that happens to a study."""
    claimed = study.ledger.claim(NUM_TRIALS) if len(running) < 3 else None
    if claimed is not None:
        running.append(claimed)
        return
    claimed = running.pop(rng.randrange(len(running)))
    draw, passed = rng.random(), {30: 1.0, 60: 2.0}
    if draw < 0.2:
        study.ledger._give_back(claimed)
    elif draw < 0.3:
        study.ledger.report(claimed, 10, rng.choice([math.inf, -math.inf, 3.0]))
        running.append(claimed)
    elif claimed.rung is not None and draw < 0.9:
        rungs = dict(list(passed.items())[: claimed.rung + 1])
        study.ledger.end(claimed, Outcome(is_paused=True, rungs=rungs), lambda trial: None)
    elif draw < 0.7:
        study.ledger.end(claimed, Outcome(score=rng.random(), rungs=passed), lambda trial: None)
    else:
        study.ledger.end(claimed, Outcome(reason="no"), lambda trial: None)


@pytest.mark.integration
@pytest.mark.parametrize("many", [0, 500])
def test_the_rows_are_those_that_optuna_reads(study, monkeypatch, many):
    """At each moment of a study, whoever looks how often."""
    monkeypatch.setattr(reading, "_MANY", many)
    monkeypatch.setattr(heartbeat, "HEARTBEAT", 3600.0)  # nothing changes between two readings
    rng, running, often = random.Random(0), [], reader_of(study)
    study.ledger.join()
    for i in range(60):
        if study.count_ended(NUM_TRIALS) == NUM_TRIALS:
            break
        disturb(study, rng, running)
        if i % 3 == 0:
            found = often.read()
            assert found == by_optuna(study) and found == reader_of(study).read()
    assert {"COMPLETE", "FAIL", "WAITING"} <= {row.state.name for row in often.read()}


def test_what_has_not_run_meanwhile_is_read_once(study, monkeypatch):
    """Paused trials too, which Optuna reads again at every look."""
    read, parts = [], Reader._parts

    def look(reader, connection, table, rows):
        read.append(len(rows))
        return parts(reader, connection, table, rows)

    monkeypatch.setattr(Reader, "_parts", look)
    reader = reader_of(study)
    num_rows = len(reader.read())
    study.ledger.join()
    claimed = study.ledger.claim(NUM_TRIALS)
    read.clear()
    reader.read()
    assert set(read) == {1} and num_rows > 1
    study.ledger.end(claimed, Outcome(is_paused=True, rungs={30: 1.0}), lambda trial: None)
    reader.read()
    read.clear()
    reader.read()
    assert read == []


def test_a_study_in_memory_is_read_as_optuna_does():
    study = oi.create_study(oi.sample_signal(size=8), **OPTIONS)
    assert Rows(study.optuna_study).read() == study.optuna_study.get_trials()
