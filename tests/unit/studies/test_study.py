"""The study as an object: ask and tell, enqueue, warm start, tables, other people's tools."""

import json
import sqlite3
import subprocess
import sys

import jax
import numpy as np
import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.studies import StudyError
from optiinr_jax.studies.store.artifacts import artifact_folder
from optiinr_jax.studies.store.schema import SIGNAL, SPACE, pack_signal, unpack_signal

SMALL = {"num_steps": 20, "width": 8, "depth": 1, "strategy": "random"}


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_ask_and_tell_around_a_loop_of_ones_own(signal):
    """Trained by the caller with the key it gets, it is the trial that search would train."""
    searched = oi.search(signal, num_trials=3, progress=False, **SMALL)
    study = oi.create_study(signal, **SMALL)
    for expected in searched.trials:
        trial = study.ask()
        assert trial.point == expected.point
        inr = oi.fit(
            signal, trial.config, num_steps=20, key=trial.key, share_program=True, warn=False
        )
        assert study.tell(trial, inr).score == expected.score
    assert study.best_inr.score == study.best_score == searched.best_score
    trial = study.ask()
    assert study.tell(trial, reason="the cat pulled the plug").state == "failed"
    assert study.trials[3].reason == "the cat pulled the plug"
    trial = study.ask()
    assert study.tell(trial, 99.5).score == 99.5 == study.best_score
    assert study.tell(study.ask(), float("nan")).state == "failed"


def test_ask_knows_what_it_has_to_wait_for(signal):
    study = oi.create_study(signal, **SMALL | {"num_initial": 1, "batch_size": 2})
    first, second = study.ask(), study.ask()
    with pytest.raises(StudyError, match="batch_size is 2; tell them first"):
        study.ask()
    study.tell(first, 1.0)
    study.tell(second, 2.0)
    assert study.ask().number == 2


def test_what_an_abandoned_trial_leaves_is_taken_up_by_search(signal, storage):
    study = oi.create_study(signal, storage=storage, **SMALL)
    left = study.ask()
    done = oi.search(signal, num_trials=2, storage=storage, progress=False, **SMALL)
    assert [trial.state for trial in done.trials] == ["complete"] * 2
    assert done.trials[0].point == left.point


def test_a_configuration_of_ones_own_comes_next(signal):
    study = oi.create_study(signal, **SMALL)
    for _ in range(9):
        study.tell(study.ask(), 1.0)
    mine = oi.preset("finer", protocol="paper", width=8, depth=1)
    study.enqueue(mine)
    assert study.ask().config.layers == mine.layers
    point = study.trials[3].point
    study.enqueue(point)
    assert study.ask().point == point
    with pytest.raises(ValueError, match="activation_1"):
        study.enqueue({"activation_1": "magic"})


def test_a_warm_start_begins_with_what_was_best_elsewhere(signal, storage):
    other = oi.search(signal, num_trials=12, progress=False, **SMALL)
    best = sorted(other.trials, key=lambda trial: trial.score)[::-1][:3]
    options = SMALL | {"seed": 7, "storage": storage, "warm_start": [other]}
    cold = oi.sample_signal("image", size=14)
    study = oi.search(cold, num_trials=11, progress=False, **options)
    assert [t.point for t in study.trials[8:]] == [pytest.approx(t.point) for t in best]
    assert study.trials[8].preset == "warm start 1, best 1"
    oi.search(cold, num_trials=11, progress=False, **options)  # continues, queues nothing twice
    assert len(study.optuna_study.get_trials()) == 11


def test_the_table_of_trials(signal):
    pandas = pytest.importorskip("pandas", reason='needs the extra "pandas"')
    study = oi.search(signal, num_trials=3, progress=False, **SMALL)
    table = study.trials_dataframe()
    assert isinstance(table, pandas.DataFrame) and list(table.index) == [0, 1, 2]
    assert list(table["score"]) == [trial.score for trial in study.trials]
    assert {"activation_1", "omega_1_siren", "peak_memory_mb", "state"} <= set(table.columns)
    assert oi.create_study(signal, **SMALL).trials_dataframe().empty


def test_notebooks_show_a_study(signal):
    study = oi.create_study(signal, **SMALL)
    assert "0 trials, none with a score" in study._repr_html_()
    study.tell(study.ask(), reason="no")
    assert "1 trials, none with a score" in study._repr_html_()
    study = oi.search(signal, num_trials=1, progress=False, **SMALL)
    assert "1 trials, best" in study._repr_html_()


@pytest.mark.parametrize("kind", ["image", "audio", "volume"])
def test_a_study_holds_its_signal_and_space(kind, tmp_path):
    signal = oi.sample_signal(kind, {"image": 12, "audio": 300, "volume": 9}[kind])
    again = unpack_signal(json.loads(json.dumps(pack_signal(signal))))
    np.testing.assert_array_equal(again.stored, signal.stored)
    assert again.frame == signal.frame and again.name == signal.name
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    made = oi.create_study(signal, storage=storage, **SMALL)
    found = oi.load_study(storage)
    assert found.settings == made.settings and found.space == made.space
    assert found.model_path == made.model_path
    np.testing.assert_array_equal(found.signal.stored, signal.stored)


def test_a_study_that_lost_its_signal_says_so(signal, storage):
    study = oi.create_study(signal, storage=storage, **SMALL).optuna_study
    bomb = pack_signal(signal) | {"stored": pack_signal(oi.sample_signal(size=64))["stored"]}
    for broken in ({}, bomb, {"stored": "x"}):
        study._storage.set_study_system_attr(study._study_id, SIGNAL, broken)
        with pytest.raises(StudyError, match="does not hold its signal and space any more"):
            oi.load_study(storage)
    study._storage.set_study_system_attr(study._study_id, SIGNAL, pack_signal(signal))
    study._storage.set_study_system_attr(study._study_id, SPACE, "{}")
    with pytest.raises(StudyError, match="does not hold its signal and space any more"):
        oi.load_study(storage)


def test_studies_are_found_by_name(signal, storage):
    oi.create_study(signal, storage=storage, name="a", **SMALL)
    assert oi.load_study(storage).optuna_study.study_name == "a"
    oi.create_study(signal, storage=storage, name="b", **SMALL)
    assert oi.load_study(storage, "b").optuna_study.study_name == "b"
    with pytest.raises(StudyError, match=r"there is no study None in .*; it has 'a', 'b'"):
        oi.load_study(storage)
    with pytest.raises(StudyError, match=r"there is no study 'c'"):
        oi.load_study(storage, "c")
    optuna.create_study(storage=storage, study_name="foreign")
    with pytest.raises(StudyError, match=r"'foreign' .* was not made by this program"):
        oi.load_study(storage, "foreign")


def test_a_study_of_another_version_is_refused(signal, storage):
    study = oi.create_study(signal, storage=storage, **SMALL).optuna_study
    old = {k: v for k, v in study.user_attrs["settings"].items() if k != "format"}
    study.set_user_attr("settings", old)
    for call in (
        lambda: oi.load_study(storage),
        lambda: oi.create_study(signal, storage=storage, **SMALL),
    ):
        with pytest.raises(StudyError, match=r"made by another version of this program \(format 1"):
            call()


def test_optunas_dashboard_shows_it_with_the_reconstruction(signal, storage, tmp_path):
    study = oi.search(signal, num_trials=4, storage=storage, progress=False, **SMALL)
    folder = artifact_folder(storage)
    rows = study.optuna_study.get_trials()
    best = rows[study.best_trial.number]
    (record,) = (json.loads(v) for k, v in best.system_attrs.items() if k.startswith("artifacts:"))
    assert record["filename"] == f"trial_{best.number}.png" and record["mimetype"] == "image/png"
    assert (folder / record["artifact_id"]).read_bytes().startswith(b"\x89PNG")
    assert not list(folder.glob(".*"))  # no scratch is left
    pytest.importorskip("optuna_dashboard", reason="needs optuna-dashboard")
    code = (
        "import sys, json, optuna, bottle, io\n"
        "from optuna_dashboard import wsgi\n"
        "app = wsgi(optuna.storages.RDBStorage(sys.argv[1]))\n"
        "def get(path):\n"
        "    seen = []\n"
        "    env = {'REQUEST_METHOD': 'GET', 'PATH_INFO': path, 'wsgi.input': io.BytesIO()}\n"
        "    env['wsgi.errors'] = sys.stderr\n"
        "    body = app(env, lambda status, *more: seen.append(status))\n"
        "    return seen[0], b''.join(body)\n"
        "status, body = get('/api/studies'); assert status.startswith('200'), status\n"
        "number = json.loads(body)['study_summaries'][0]['study_id']\n"
        "status, body = get(f'/api/studies/{number}'); assert status.startswith('200'), status\n"
        "print(len(json.loads(body)['trials']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, storage], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["8"]  # four published networks wait for a larger budget


def test_sqlite_waits_and_writes_ahead(signal, storage, tmp_path):
    oi.create_study(signal, storage=storage, **SMALL)
    with sqlite3.connect(tmp_path / "study.db") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_keys_depend_on_seed_and_number_alone(signal):
    study = oi.create_study(signal, **SMALL | {"seed": 3})
    first, second = study.ask(), study.ask()
    for trial in (first, second):
        expected = jax.random.fold_in(jax.random.key(3), trial.number)
        assert jax.random.key_data(trial.key).tolist() == jax.random.key_data(expected).tolist()
