"""Opening a storage: SQLite writes ahead and waits, addresses that are none are said."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage

import optiinr_jax as oi
from optiinr_jax.report.status import summarise
from optiinr_jax.studies import StudyError
from optiinr_jax.studies.store import lock as lock_module
from optiinr_jax.studies.store.connection import describe_error, opened
from optiinr_jax.studies.store.lock import locked


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_sqlite_writes_ahead(storage, tmp_path):
    with opened(storage, "a") as store:
        assert not isinstance(store, InMemoryStorage)
    with closing(sqlite3.connect(tmp_path / "study.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with opened(None, "a") as store:
        assert isinstance(store, InMemoryStorage)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////absent/folder/study.db", "cannot open the storage .*unable to open"),
        ("mysql://host/name", "but sqlite:///FILE or postgresql://HOST/NAME was expected"),
        ("not an address", "the storage is 'not an address', but sqlite:///FILE or"),
    ],
)
def test_addresses_that_are_none(url, message):
    with pytest.raises(StudyError, match=message) as refused:
        oi.create_study(oi.sample_signal(size=8), storage=url, strategy="random")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "study.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StudyError, match=r"cannot open the storage .* is not a database"):
        oi.load_study(f"sqlite:///{tmp_path / 'study.db'}")


def test_the_innermost_reason_in_one_line():
    outer = ValueError("outer")
    outer.__cause__ = KeyError("inner.\nmore")
    assert "inner" in describe_error(outer) and "\n" not in describe_error(outer)
    assert describe_error(ValueError()) == "ValueError()"


def test_one_at_a_time_holds_the_lock(storage):
    order = []

    def hold(name, seconds):
        with locked(storage, "a"):
            order.append(f"{name} in")
            time.sleep(seconds)
            order.append(f"{name} out")

    threads = [threading.Thread(target=hold, args=(name, 0.05)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry[2:] for entry in order] == ["in", "out"] * 3
    assert all(a[0] == b[0] for a, b in zip(order[::2], order[1::2], strict=True))


def test_who_waits_for_the_lock_says_so_and_waits_on(storage, monkeypatch):
    monkeypatch.setattr(lock_module, "SAID_AFTER", 0.05)
    with locked(storage, "a"):
        with pytest.warns(UserWarning, match="has held the lock of study 'a' for 0 seconds; if it"):
            with pytest.raises(StudyError, match="another process holds the lock of study 'a'"):
                with locked(storage, "a", timeout=0.3):  # who leaves does not wait for ever
                    pytest.fail("two hold it")
    with locked(storage, "a"), locked(None, "a"):  # a study in memory needs none
        pass


def test_readers_need_no_lock(storage):
    signal = oi.sample_signal(size=8)
    oi.create_study(signal, storage=storage, width=8, depth=1, strategy="random")
    with locked(storage, signal.name):
        study = oi.load_study(storage)
        assert summarise(study)["ended"] == 0 and study.num_trials is None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not list files")
def test_what_cannot_be_opened_is_closed_again(storage, tmp_path):
    """Python 3.13 warns of a connection that is left open, in whatever runs at that moment."""
    with closing(sqlite3.connect(tmp_path / "study.db")) as database:
        database.execute("CREATE TABLE version_info (version_info_id INTEGER, other INTEGER)")
    with pytest.raises(StudyError, match="cannot open the storage"):
        oi.load_study(storage)
    files = [path.resolve() for path in Path("/proc/self/fd").iterdir()]
    assert tmp_path / "study.db" not in files
