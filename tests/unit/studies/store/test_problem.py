"""Which search a stored study is: its signal and space come back, another one is refused."""

import gc
import json
from contextlib import suppress
from functools import partialmethod

import numpy as np
import optuna
import pytest

import optiinr_jax as oi
from optiinr_jax.report.status import summarise
from optiinr_jax.studies import StudyError, api
from optiinr_jax.studies.store.problem import check_alone, default_model_path
from optiinr_jax.studies.store.rows import Rows
from optiinr_jax.studies.store.schema import BUDGET, SETTINGS, SIGNAL, SPACE
from tests.helpers import make_inr
from tests.studies import optuna_storage

SMALL = {"num_steps": 20, "width": 8, "depth": 1, "strategy": "random"}


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=12)


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["image", "audio", "volume"])
def test_a_study_holds_its_signal_and_space(kind, storage):
    signal = oi.sample_signal(kind, {"image": 12, "audio": 300, "volume": 9}[kind])
    made = oi.create_study(signal, storage=storage, **SMALL)
    found = oi.load_study(storage)
    assert found.settings == made.settings and found.space == made.space
    assert found.model_path == made.model_path and found.name == made.name == signal.name
    assert found.signal.frame == signal.frame
    np.testing.assert_array_equal(found.signal.stored, signal.stored)
    assert (found.signal.finer is None) == (signal.finer is None)
    assert found.signal.control_score == signal.control_score  # what it is between, too


@pytest.mark.integration
def test_a_study_that_lost_its_signal_says_so(signal, storage):
    study = oi.create_study(signal, storage=storage, **SMALL).ledger.rows
    record = signal.to_record()
    bomb = record | {"stored": oi.sample_signal(size=64).to_record()["stored"]}
    for broken in ({}, bomb, record | {"stored": "x"}, record | {"interpolation": "magic"}):
        study.set_hidden(SIGNAL, broken)
        with pytest.raises(StudyError, match="does not hold its signal and space any more"):
            oi.load_study(storage)
    study.set_hidden(SIGNAL, record)
    study.set_hidden(SPACE, "{}")
    with pytest.raises(StudyError, match="does not hold its signal and space any more"):
        oi.load_study(storage)


@pytest.mark.integration
def test_whoever_finds_a_study_finds_its_budget(signal, storage, monkeypatch):
    """At each moment while it is made, a reader finds no study, or one that is not over."""
    seen = []

    def look(rows, name, value, write):
        write(rows, name, value)
        with suppress(StudyError):
            found, *_ = api._read(storage, None, is_locked=False)
            seen.append(found.user_attrs.get(BUDGET))

    for name in ("set_shown", "set_hidden"):
        write = getattr(Rows, name)
        monkeypatch.setattr(Rows, name, partialmethod(look, write=write))
    oi.create_study(signal, storage=storage, num_trials=7, **SMALL)
    assert seen and set(seen) == {7}
    assert summarise(oi.load_study(storage))["is_over"] is False


@pytest.mark.integration
def test_the_network_of_another_search_is_never_replaced(signal, tmp_path):
    """Whatever has it: another signal, other settings, a fit; and however late it appears."""
    path = tmp_path / "best.inr.safetensors"
    first = oi.create_study(signal, model_path=path, **SMALL)
    asked = first.ask()
    first.tell(asked, make_inr(signal, asked.config, 10.0))
    kept = path.read_bytes()
    words = "best.inr.safetensors holds the network of another search or fit"
    for options in (SMALL | {"seed": 1}, SMALL | {"num_steps": 21}):
        with pytest.raises(StudyError, match=words):
            oi.create_study(signal, model_path=path, **options)
    with pytest.raises(StudyError, match=words):
        oi.create_study(oi.sample_signal("audio", 64), model_path=path, **SMALL)
    path.unlink()
    late = oi.create_study(signal, model_path=path, **SMALL | {"seed": 1})
    asked = late.ask()
    for content in (kept, make_inr(signal, asked.config).save(tmp_path / "fit").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(StudyError, match=words):
            late.tell(asked, make_inr(signal, asked.config, 20.0))
        assert path.read_bytes() == content
        late._told.clear()
    path.write_bytes(kept)
    again = oi.create_study(signal, model_path=path, **SMALL)  # its own it takes up
    asked = again.ask()
    again.tell(asked, make_inr(signal, asked.config, 11.0))
    assert oi.load_inr(path).score == 11.0


def test_a_run_of_its_own_folder_is_alone(signal, storage):
    check_alone(storage, "a")
    oi.create_study(signal, storage=storage, name="a", **SMALL)
    check_alone(storage, "a")
    check_alone("postgresql://nowhere/db", "b")
    with pytest.raises(StudyError, match="holds the search 'a', whose files 'b' would re"):
        check_alone(storage, "b")


@pytest.mark.integration
def test_studies_are_found_by_name(signal, storage):
    oi.create_study(signal, storage=storage, name="a", **SMALL)
    assert oi.load_study(storage).name == "a"
    oi.create_study(signal, storage=storage, name="b", **SMALL)
    assert oi.load_study(storage, "b").name == "b"
    with pytest.raises(StudyError, match=r"there is no study None in .*; it has 'a', 'b'"):
        oi.load_study(storage)
    with pytest.raises(StudyError, match=r"there is no study 'c'"):
        oi.load_study(storage, "c")
    optuna.create_study(storage=optuna_storage(storage), study_name="foreign")
    with pytest.raises(StudyError, match=r"'foreign' .* was not made by this program"):
        oi.load_study(storage, "foreign")


@pytest.mark.integration
def test_a_study_of_another_version_is_refused(signal, storage):
    rows = oi.create_study(signal, storage=storage, **SMALL).ledger.rows
    stored = rows.shown()[SETTINGS]
    for old, version in [
        ({k: v for k, v in stored.items() if k != "format"}, "1"),
        (stored | {"format": 2}, "2"),
    ]:
        rows.set_shown(SETTINGS, old)
        for call in (
            lambda: oi.load_study(storage),
            lambda: oi.create_study(signal, storage=storage, **SMALL),
        ):
            with pytest.raises(StudyError, match=rf"another version of .* \(format {version}, th"):
                call()
    rows.set_shown(SETTINGS, {k: v for k, v in stored.items() if k != "objective"})
    with pytest.raises(StudyError, match="has settings without 'objective'; continue it with"):
        oi.load_study(storage)


@pytest.mark.integration
def test_another_search_under_the_same_name_is_refused(signal, storage):
    make = {"storage": storage, "name": "a"}
    oi.create_study(signal, **make, **SMALL)
    with pytest.raises(StudyError, match=r"study 'a' .* was made with another num_steps, seed;"):
        oi.create_study(signal, **make, **SMALL | {"num_steps": 9, "seed": 3})
    with pytest.raises(StudyError, match="another signal"):
        oi.create_study(oi.sample_signal("image", size=13), **make, **SMALL)
    with pytest.raises(StudyError, match="another objective, training"):
        oi.create_study(signal, objective="samples", **make, **SMALL)
    assert oi.create_study(signal, num_trials=7, **make, **SMALL).num_trials == 7  # a budget may


def test_a_study_of_another_program_is_refused(signal, storage):
    others = optuna_storage(storage)
    optuna.create_study(storage=others, study_name="x", direction="minimize")
    foreign = optuna.create_study(storage=others, study_name="y", direction="maximize")
    foreign.add_trial(optuna.trial.create_trial(value=100.0))
    for name in ("x", "y"):
        with pytest.raises(StudyError, match="was not made by this program"):
            oi.create_study(signal, storage=storage, name=name, **SMALL)


def test_the_model_lies_beside_its_database(storage, tmp_path):
    assert default_model_path(None, "a") is None
    assert default_model_path("postgresql://host/db", "a") is None
    assert default_model_path(storage, "a-b.c") == tmp_path / "study.a-b.c.best.inr.safetensors"
    names = [
        "a b/../c",
        "a_b_.._c",
        "..",
        "x" * 500,
        "x" * 501,
        "\u5199\u771f",
        "\u771f\u5199",
        "\0",
    ]
    paths = [default_model_path(storage, name) for name in names]
    assert {path.parent for path in paths} == {tmp_path} and len(set(paths)) == len(names)
    assert all(len(path.name) < 200 for path in paths)


@pytest.mark.integration
@pytest.mark.parametrize("place", ["../victim/thesis.tex", "/ABSOLUTE", "thesis.tex", 7, ["a"]])
def test_a_study_from_elsewhere_names_no_file(signal, storage, tmp_path, place):
    victim, evil = tmp_path / "victim", oi.create_study(signal, storage=storage, **SMALL)
    victim.mkdir()
    place = str(victim / "thesis.tex") if place == "/ABSOLUTE" else place
    evil.ledger.rows.set_shown("model", place)  # where older versions looked for it
    expected = tmp_path / "study.sample_image.best.inr.safetensors"
    again = oi.create_study(signal, storage=storage, **SMALL)
    assert oi.load_study(storage).model_path == again.model_path == expected
    other = tmp_path / "victim" / "mine.inr.safetensors"  # only who opens it may say so
    assert oi.load_study(storage, model_path=other).model_path == other


@pytest.mark.parametrize("link", ["best.inr.safetensors", "best.inr.paused", ""])
def test_a_study_from_elsewhere_brings_no_links(signal, storage, tmp_path, link):
    oi.create_study(signal, storage=storage, **SMALL)
    place = tmp_path / (f"study.sample_image.{link}" if link else "study.artifacts")
    place.symlink_to(tmp_path / "victim")
    for call in (oi.load_study, lambda s: oi.create_study(signal, storage=s, **SMALL)):
        with pytest.raises(StudyError, match=r"is a link to .*victim, but .*; remove the link"):
            call(storage)
    assert not (tmp_path / "victim").exists()


@pytest.mark.integration
def test_a_folder_may_be_moved_with_its_study(signal, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    storage = f"sqlite:///{old / 'study.db'}"
    made = oi.create_study(signal, storage=storage, **SMALL)
    assert oi.load_study(storage).model_path == made.model_path
    name = made.model_path.name
    del made
    gc.collect()  # closes its connections
    old.rename(new)
    assert oi.load_study(f"sqlite:///{new / 'study.db'}").model_path == new / name


def test_what_is_stored_is_plain(signal, storage):
    """Settings are shown by a dashboard; a signal and a space are not."""
    rows = oi.create_study(signal, storage=storage, **SMALL).ledger.rows
    assert json.loads(json.dumps(rows.shown()[SETTINGS]))["width"] == 8
    assert {SIGNAL, SPACE} <= set(rows.hidden()) and not {SIGNAL, SPACE} & set(rows.shown())
