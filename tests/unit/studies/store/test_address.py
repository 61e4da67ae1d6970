"""Addresses: one reading of them by all, the same from every folder, without a password."""

import inspect
import os
import sys

import pytest

import optiinr_jax as oi
from optiinr_jax.cli import workers
from optiinr_jax.cli.common import command_line
from optiinr_jax.cli.main import run
from optiinr_jax.cli.studies import search
from optiinr_jax.studies import StudyError
from optiinr_jax.studies.store.address import address_of, database_path, split_password
from optiinr_jax.studies.store.lock import locked

SMALL = {"num_steps": 4, "width": 8, "depth": 1, "strategy": "random", "num_initial": 2}
SECRET = "hunter2"
WITH_SECRET = [
    f"postgresql://me:{SECRET}@127.0.0.1:1/db",
    f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/db?connect_timeout=1",
    f"postgresql://me:a/b c@{SECRET}@127.0.0.1:1/db",
    f"postgresql://127.0.0.1:1/db?password={SECRET}&connect_timeout=1",
    f"mysql://me:{SECRET}@127.0.0.1:1/db",
]


@pytest.fixture(scope="module")
def signal():
    return oi.sample_signal("image", size=8)


def test_the_file_of_a_storage(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in ("a/b.db", "sqlite:///a/b.db", "sqlite+pysqlite:///a/b.db?timeout=60"):
        assert database_path(address_of(text)) == tmp_path / "a" / "b.db"
    assert database_path("postgresql://host/db") is None and database_path(None) is None
    assert address_of("postgresql://host/db") == "postgresql://host/db"


@pytest.mark.parametrize(
    "address",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite+pysqlite:///:memory:",
        "sqlite:///file:x?uri=true",
        "mysql://host/db",
        "nonsense",
        "://",
        "",
    ],
)
def test_what_is_no_file_and_no_server_gets_one_sentence(signal, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (oi.load_study, lambda a: oi.create_study(signal, storage=a, **SMALL)):
        with pytest.raises(StudyError, match=r"the storage is .*, but sqlite:///FILE or postg"):
            call(address)
    assert os.listdir() == []


@pytest.mark.integration
@pytest.mark.parametrize("address", ["d.db?timeout=60", "+pysqlite:///c.db", "e%20f.db", "a b.db"])
def test_lock_and_settings_are_those_of_the_database(signal, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = f"sqlite{address}" if address.startswith("+") else f"sqlite:///{address}"
    study = oi.create_study(signal, storage=url, **SMALL)
    database = database_path(study.storage)
    assert {database.name, f"{database.name}.lock"} <= set(os.listdir())
    assert {name.removeprefix(database.name) for name in os.listdir()} <= {
        *("", ".lock", "-wal", "-shm")
    }
    assert (tmp_path / f"{database.name}-wal").exists() and database.stat().st_size > 0
    with locked(str(address_of(database)), "any"), locked(None, "any"):
        pass


@pytest.mark.integration
def test_a_program_may_change_its_folder(signal, tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    monkeypatch.chdir(first)
    study = oi.create_study(signal, storage="sqlite:///study.db", **SMALL)
    monkeypatch.chdir(second)
    asked = study.ask()
    study.tell(asked, oi.fit(signal, asked.config, num_steps=4, progress=False, warn=False))
    names = {path.name for path in first.iterdir()}
    assert {"study.db", "study.sample_image.best.inr.safetensors", "study.artifacts"} <= names
    assert list(second.iterdir()) == []


@pytest.mark.parametrize("address", WITH_SECRET)
def test_a_password_is_in_no_sentence_and_no_command(signal, address, capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for call in (oi.load_study, lambda a: oi.create_study(signal, storage=a, **SMALL)):
        with pytest.raises(StudyError) as caught:
            call(address)
        assert SECRET not in str(caught.value) and "127.0.0.1" in str(caught.value)
    assert run(["status", address]) == 2
    defaults = {n: p.default for n, p in inspect.signature(search).parameters.items()}
    options = defaults | {"storage": address}
    assert "***" in command_line(search, options)
    assert SECRET not in command_line(search, options) + "".join(capfd.readouterr())


def test_an_older_study_does_not_show_the_password_it_keeps(signal, tmp_path):
    study = oi.create_study(signal, storage=tmp_path / "study.db", **SMALL)
    study.ledger.rows.set_shown("command", f"optiinr search --storage {WITH_SECRET[0]}")
    assert study.command == "optiinr search --storage postgresql://me:***@127.0.0.1:1/db"


@pytest.mark.parametrize("address", [WITH_SECRET[0], WITH_SECRET[1], WITH_SECRET[3]])
def test_workers_get_the_password_where_no_list_of_processes_shows_it(
    address, tmp_path, monkeypatch
):
    """A real process, which writes down what it was called with in place of working."""
    plain, secrets = split_password(address)
    assert SECRET not in plain and secrets == {"PGPASSWORD": SECRET}
    seen = tmp_path / "seen"
    script = tmp_path / "python"
    script.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f'open({str(seen)!r}, "w").write(os.environ["PGPASSWORD"] + "\\n" + " ".join(sys.argv))\n'
    )
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    with workers.started(address, "a", tmp_path / "m", [workers.Share({}, set())]) as processes:
        processes[0].wait()
    password, arguments = seen.read_text().split("\n")
    assert password == SECRET and SECRET not in arguments and plain in arguments
