"""The file of a study's best network: a study reads and replaces no other one's."""

from pathlib import Path
from typing import Any

from optiinr_jax.inr import INR, ModelFileError, load_inr
from optiinr_jax.studies.errors import StudyError


def find_model(path: Path | None, identity: dict[str, Any], number: int) -> INR | None:
    """The network of trial `number` of a search, if the file is intact and holds it."""
    inr = _read(path)
    if inr is None or inr.info.get("trial") != number or inr.info.get("search") != identity:
        return None
    return inr


def check_place(path: Path | None, identity: dict[str, Any]) -> None:
    """Raise StudyError where a file holds the network of another search, or of a fit."""
    inr = _read(path)
    if inr is not None and inr.info.get("search") != identity:
        raise StudyError(
            f"{path} holds the network of another search or fit, which this one would replace; "
            "choose another folder (--out), or another model_path."
        )


def holds_search(path: Path) -> bool:
    """Whether a file holds the network of a search."""
    inr = _read(path)
    return inr is not None and "search" in inr.info


def save_model(path: Path | None, inr: INR, identity: dict[str, Any]) -> None:
    """Write the best network of a search; None: nowhere.

    Raises:
        StudyError: another one's is there.
    """
    if path is not None:
        check_place(path, identity)
        inr.save(path)


def _read(path: Path | None) -> INR | None:
    try:
        return None if path is None else load_inr(path)
    except (FileNotFoundError, ModelFileError):
        return None
