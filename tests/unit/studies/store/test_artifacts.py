"""Reconstructions beside a study, as Optuna's dashboard shows them."""

import json
import uuid

import pytest

import optiinr_jax as oi
from optiinr_jax.processes import this_process
from optiinr_jax.studies.store.artifacts import artifact_folder
from tests.helpers import make_inr

SMALL = {"num_steps": 20, "width": 8, "depth": 1, "strategy": "random"}


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def records_of(study):
    return [
        [json.loads(v) for k, v in row.system_attrs.items() if k.startswith("artifacts:")]
        for row in study.optuna_study.get_trials()
        if row.state.is_finished()
    ]


def tell(study, *scores):
    for score in scores:
        asked = study.ask()
        study.tell(asked, make_inr(study.signal, asked.config, score))


@pytest.mark.integration
def test_trials_that_are_the_best_so_far_keep_what_they_give(storage):
    study = oi.create_study(oi.sample_signal(size=8), storage=storage, **SMALL)
    tell(study, 10.0, 9.0, 12.0)
    first, second, third = records_of(study)
    assert second == []
    folder = artifact_folder(storage)
    for number, (record,) in ((0, first), (2, third)):
        assert record["filename"] == f"trial_{number}.png"
        assert record["mimetype"] == "image/png"
        assert (folder / record["artifact_id"]).read_bytes().startswith(b"\x89PNG")
    assert len(list(folder.iterdir())) == 2  # no scratch is left


@pytest.mark.integration
def test_what_was_uploaded_and_not_linked_goes(storage):
    """As a kill between the two leaves it; what others link, or are about to, stays."""
    signal = oi.sample_signal(size=8)
    for name in ("a", "b"):
        tell(oi.create_study(signal, storage=storage, name=name, **SMALL), 10.0)
    folder = artifact_folder(storage)
    linked = sorted(folder.iterdir())
    foreign, left = folder / "notes.txt", folder / str(uuid.uuid4())
    at_work = folder / f".{'0' * 16}.{this_process()}.tmp"
    for path in (foreign, left):
        path.write_text("")
    at_work.mkdir()
    study = oi.load_study(storage, "a")
    tell(study, 11.0)
    assert left.exists()  # it may be of the process at work
    at_work.rmdir()
    tell(study, 12.0)
    assert not left.exists() and foreign.exists() and {*linked} < {*folder.iterdir()}
    assert len(list(folder.iterdir())) == len(linked) + 3  # two more pictures and the notes


@pytest.mark.integration
@pytest.mark.parametrize(("kind", "size"), [("audio", 64), ("volume", 6)])
def test_every_kind_as_a_file_that_a_browser_can_show(storage, kind, size):
    study = oi.create_study(oi.sample_signal(kind, size), storage=storage, **SMALL)
    asked = study.ask()
    inr = make_inr(study.signal, asked.config, 10.0)
    inr.params["output"]["bias"] += 0.6  # a solid of nothing has no surface
    study.tell(asked, inr)
    (file,) = artifact_folder(storage).iterdir()
    content = file.read_bytes()
    if kind == "audio":
        assert content.startswith(b"RIFF") and len(content) == 44 + 2 * size
    else:
        assert len(content) == 84 + 50 * int.from_bytes(content[80:84], "little") > 84  # STL


@pytest.mark.integration
def test_what_cannot_be_kept_costs_no_trial(storage, monkeypatch):
    study = oi.create_study(oi.sample_signal(size=8), storage=storage, **SMALL)

    def full(*nothing):
        raise OSError("No space left on device")

    monkeypatch.setattr("optiinr_jax.studies.store.artifacts.write_samples", full)
    with pytest.warns(UserWarning, match="trial 0 has no picture in the dashboard: No space left"):
        tell(study, 10.0)
    assert study.best_score == 10.0 and records_of(study) == [[]]


@pytest.mark.integration
def test_a_study_in_memory_keeps_nothing():
    study = oi.create_study(oi.sample_signal(size=8), **SMALL)
    tell(study, 10.0)
    assert records_of(study) == [[]] and artifact_folder(None) is None
    assert artifact_folder("postgresql://host/db") is None
