"""Datasets by name: a local folder first, checked; a download from a server on this machine."""

import gzip
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

import pytest

from optiinr_jax.signals import (
    SignalError,
    dataset_files,
    dataset_names,
    fetch,
    load_dataset_signal,
    picture,
    write_image,
)
from optiinr_jax.signals.datasets import DATASETS, DatasetFile

ROWS = [file for files in DATASETS.values() for file in files]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder."""
    monkeypatch.setenv("OPTIINR_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server of `site`; gives the folder and its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = tmp_path / "site"
    site.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(site))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield site, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def add_row(monkeypatch):
    """Add the dataset "home" with one file, "home/a"."""

    def add(*urls, digest, **archive):
        file = DatasetFile(name="home/a", path="home/a.png", urls=urls, sha256=digest, **archive)
        monkeypatch.setitem(DATASETS, "home", (file,))

    return add


def test_names():
    assert dataset_names() == ["kodak", "div2k", "audio", "shapes"]
    assert len(dataset_files("kodak")) == 24
    assert len(dataset_files("div2k")) == 16
    assert dataset_files("audio") == ["audio/bach", "audio/counting", "audio/twospeakers"]
    with pytest.raises(SignalError, match="one of kodak, div2k"):
        dataset_files("imagenet")
    for name in ("kodak/kodim25", "kodak", "kodak/../kodim01"):
        with pytest.raises(SignalError, match="one of kodak/kodim01"):
            fetch(name)


@pytest.mark.parametrize("file", ROWS, ids=lambda file: file.name)
def test_each_row_is_whole(file):
    for digest in (file.sha256, file.archive_sha256):
        assert digest is None or (len(digest) == 64 and set(digest) <= set("0123456789abcdef"))
    is_archive = file.urls[0].endswith((".gz", ".zip"))
    assert is_archive == (file.archive_sha256 is not None)
    # What no sha256 vouches for is pinned by the commit in its address.
    assert (
        file.sha256
        or file.archive_sha256
        or "/51a9254e371b1cbfacc408aee7a6d215d6fa0057/" in (file.urls[0])
    )
    assert file.path.startswith(f"{file.name.partition('/')[0]}/")
    assert len({row.name for row in ROWS}) == len({row.path for row in ROWS}) == len(ROWS)


def test_files_that_are_there_are_the_published_ones(data_folder, monkeypatch):
    monkeypatch.setenv("OPTIINR_DATA", str(data_folder))
    present = [file for file in ROWS if (data_folder / file.path).is_file()]
    assert present
    for file in present:
        assert fetch(file.name) == data_folder / file.path


def test_a_real_photograph_by_name(data_folder, monkeypatch):
    monkeypatch.setenv("OPTIINR_DATA", str(data_folder))
    signal = load_dataset_signal("kodak/kodim04", (48, 32))
    assert (signal.name, signal.shape) == ("kodim04", (48, 32))


def test_a_local_file_needs_no_network_and_is_checked(folder, add_row, tmp_path):
    (folder / "home").mkdir(parents=True)
    path = write_image(folder / "home" / "a.png", picture(8, 8))
    add_row("http://127.0.0.1:1/a.png", digest=sha256(path.read_bytes()))
    assert fetch("home/a") == path
    assert load_dataset_signal("home/a", size=4).shape == (4, 4)
    expected = sha256(path.read_bytes())
    path.write_bytes(b"another")
    with pytest.raises(
        SignalError, match=f"{path} has sha256 {sha256(b'another')}, but {expected}"
    ):
        fetch("home/a")


def test_without_the_variable_the_cache_of_the_user_is_the_folder(tmp_path, monkeypatch, add_row):
    monkeypatch.delenv("OPTIINR_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "optiinr" / "home").mkdir(parents=True)
    path = tmp_path / "optiinr" / "home" / "a.png"
    path.write_bytes(b"content")
    add_row("http://127.0.0.1:1/a.png", digest=sha256(b"content"))
    assert fetch("home/a") == path


def test_download_from_the_second_address(folder, server, add_row):
    site, address = server
    (site / "a.png").write_bytes(b"content")
    add_row(f"{address}/none.png", f"{address}/a.png", digest=sha256(b"content"))
    assert fetch("home/a").read_bytes() == b"content"
    (site / "a.png").unlink()
    assert fetch("home/a").read_bytes() == b"content"  # from the folder now


def tar_gz(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


ARCHIVES = {  # a name that would leave the folder is only a name here
    "a.tar.gz": (tar_gz("../../evil/a", b"content"), "../../evil/a"),
    "a.zip": (zipped(" a", b"content"), " a"),
    "a.gz": (gzip.compress(b"content"), ""),
}


@pytest.mark.parametrize(("name", "packed"), ARCHIVES.items(), ids=ARCHIVES)
def test_archives_give_one_member(folder, server, add_row, name, packed):
    site, address = server
    content, member = packed
    (site / name).write_bytes(content)
    add_row(
        f"{address}/{name}",
        digest=sha256(b"content"),
        archive_sha256=sha256(content),
        member=member,
    )
    assert fetch("home/a").read_bytes() == b"content"
    assert [p.name for p in folder.rglob("*") if p.is_file()] == ["a.png"]
    assert not (folder.parent / "evil").exists()


def test_a_wrong_member_leaves_nothing(folder, server, add_row):
    site, address = server
    content = tar_gz("a", b"content")
    (site / "a.tar.gz").write_bytes(content)
    add_row(f"{address}/a.tar.gz", digest=None, archive_sha256=sha256(content), member="b")
    with pytest.raises(SignalError, match="'b' not found"):
        fetch("home/a")
    assert not [p for p in folder.rglob("*") if p.is_file()]


def test_a_wrong_checksum_leaves_nothing(folder, server, add_row):
    site, address = server
    (site / "a.png").write_bytes(b"another")
    add_row(f"{address}/a.png", digest=sha256(b"content"))
    with pytest.raises(SignalError, match=f"does not match.*{sha256(b'another')}"):
        fetch("home/a")
    assert not [p for p in folder.rglob("*") if p.is_file()]


def test_without_a_network_the_message_says_what_to_do(folder, add_row, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    digest = sha256(b"content")
    add_row("http://127.0.0.1:1/a.png", digest=digest)
    with pytest.raises(SignalError) as caught:
        fetch("home/a")
    text = str(caught.value)
    for words in (str(folder / "home" / "a.png"), "http://127.0.0.1:1/a.png", digest, "by hand"):
        assert words in text
    assert text.endswith(".")
    assert len(text) < 600


def test_a_folder_that_cannot_be_written(folder, server, add_row):
    site, address = server
    (site / "a.png").write_bytes(b"content")
    add_row(f"{address}/a.png", digest=sha256(b"content"))
    folder.write_bytes(b"a file where the folder should be")
    with pytest.raises(SignalError, match="could not be downloaded"):
        fetch("home/a")
