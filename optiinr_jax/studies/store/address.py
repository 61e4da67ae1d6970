"""Addresses of storages, as SQLAlchemy reads them."""

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from optiinr_jax.studies.errors import StudyError
from optiinr_jax.text import is_utf8, printable

_EXPECTED = "sqlite:///FILE or postgresql://HOST/NAME was expected; choose one of them."
_SUFFIXES = (".db", ".sqlite", ".sqlite3")
_PASSWORDS = ("password", "sslpassword")  # options of PostgreSQL's addresses


def address_of(storage: str | os.PathLike[str] | None) -> str | None:
    """The address of a storage; a path, or text that ends as one, is that of an SQLite file.

    The file's path becomes absolute, so that a program may change its folder.

    Raises:
        StudyError: it is neither an SQLite file nor PostgreSQL.

    >>> address_of("/a/study.db"), address_of("postgresql://host/db")
    ('sqlite:////a/study.db', 'postgresql://host/db')
    """
    if storage is None:
        return None
    if not isinstance(storage, str) or _is_file(storage):
        return _file_address(URL.create("sqlite"), os.fspath(storage))
    url = _parse(storage)
    name = url.database or ""
    if url.get_backend_name() == "postgresql":
        if "@" in (url.host or ""):  # a driver would say it, as a part of the host
            raise StudyError(
                f"the storage is {storage!r}, whose password has '@' in it; write %40 for it."
            )
        return storage
    if url.get_backend_name() != "sqlite" or not name or name.startswith((":memory:", "file:")):
        raise StudyError(f"the storage is {storage!r}, but {_EXPECTED}")
    return _file_address(url, name)


def database_path(url: str | None) -> Path | None:
    """File of an SQLite storage; None for any other."""
    parsed = None if url is None else _parse(url)
    if parsed is None or parsed.get_backend_name() != "sqlite":
        return None
    return Path(parsed.database or "")


def split_password(url: str) -> tuple[str, dict[str, str]]:
    """An address without its password, and the variables by which PostgreSQL's client gets it."""
    parsed = _parse(url)
    options = {name: value for name, value in parsed.query.items() if name in _PASSWORDS}
    password = parsed.password or options.get("password")
    plain = parsed._replace(password=None).difference_update_query(["password"])
    address = plain.render_as_string(hide_password=False)
    return (address, {"PGPASSWORD": str(password)}) if password else (url, {})


def _is_file(text: str) -> bool:
    return "://" not in text and text.lower().endswith(_SUFFIXES)


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise StudyError(f"the storage is {url!r}, but {_EXPECTED}") from None


def _file_address(url: URL, name: str) -> str:
    path = os.path.abspath(name)
    if not is_utf8(path):
        raise StudyError(
            f"the file {printable(path)} has a name that is not UTF-8, which no address can hold; "
            "choose another name or folder."
        )
    address = url.set(database=path).render_as_string(hide_password=False)
    if make_url(address).database != path:  # older versions of SQLAlchemy quote nothing
        raise StudyError(
            f"the file {path} has '?' or '%' in its name, which this version of SQLAlchemy cannot "
            "hold; choose another name or folder."
        )
    return address
