"""A database that somebody else is writing to is waited for, with one sentence."""

import sqlite3
import threading
import warnings
from contextlib import closing

import pytest

import optiinr_jax as oi
from optiinr_jax.studies.store import connection, patience


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "WRITE_TIMEOUT", 0.05)
    signal = oi.sample_signal(size=8)
    return oi.create_study(
        signal, storage=tmp_path / "study.db", width=8, depth=1, strategy="random"
    )


@pytest.mark.integration
def test_a_writer_that_was_stopped_is_waited_for(study, tmp_path, monkeypatch):
    """However long it takes, wherever a trial is, and nothing is written twice."""
    monkeypatch.setattr(patience, "PATIENCE", 0.0)  # of a server alone
    asked = []
    for use in (
        lambda: asked.append(study.ask()),
        lambda: study.ledger.report(asked[0].claimed, 2, 1.0),
        lambda: study.tell(asked[0], 3.0),
    ):
        with closing(sqlite3.connect(tmp_path / "study.db", check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            timer = threading.Timer(0.5, other.rollback)
            with pytest.warns(UserWarning, match="database is locked"):
                timer.start()
                use()
            timer.join()
    (trial,) = study.trials
    assert (trial.state, trial.score, trial.curve) == ("complete", 3.0, {2: 1.0})


@pytest.mark.integration
def test_who_leaves_does_not_wait(study, tmp_path):
    with closing(sqlite3.connect(tmp_path / "study.db")) as other, warnings.catch_warnings():
        warnings.simplefilter("error")
        with study.ledger:
            study.ask()
            other.execute("BEGIN IMMEDIATE")
