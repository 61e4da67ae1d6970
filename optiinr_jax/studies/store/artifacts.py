"""Reconstructions of a study's best trials beside it, as Optuna's dashboard shows them."""

import os
import re
import warnings
from pathlib import Path

from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.trial import TrialState

from optiinr_jax.files import is_scratch, scratch_folder
from optiinr_jax.inr import INR
from optiinr_jax.signals import SignalError, write_samples
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.studies.store.address import database_path
from optiinr_jax.studies.store.patience import STORAGE_ERRORS
from optiinr_jax.studies.store.rows import Rows

_ARTIFACT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # Optuna's names of files


def artifact_folder(url: str | None) -> Path | None:
    """Folder of a study's artifacts: beside an SQLite file; None: nowhere."""
    database = database_path(url)
    return None if database is None else database.with_name(f"{database.stem}.artifacts")


def attach_reconstruction(rows: Rows, url: str | None, row: int, inr: INR) -> None:
    """Keep what the network of a running trial gives, and link it to the trial; once."""
    folder, found = artifact_folder(url), rows.read_one(row)
    is_running = found.state == TrialState.RUNNING
    is_there = any(name.startswith("artifacts:") for name in found.system_attrs)
    if folder is None or not is_running or is_there:
        return
    try:
        folder.mkdir(exist_ok=True)
        with scratch_folder(folder) as scratch:
            _sweep(rows, folder, scratch)
            suffix = get_kind(inr.frame.kind).shown_suffix
            path = scratch / f"trial_{found.number}{suffix}"
            write_samples(path, inr.render(), inr.frame)
            upload_artifact(
                artifact_store=FileSystemArtifactStore(folder),
                file_path=str(path),
                study_or_trial=found,
                storage=rows.storage,
            )
    except (SignalError, OSError, *STORAGE_ERRORS) as error:  # the network itself is safe
        warnings.warn(
            f"trial {found.number} has no picture in the dashboard: {error}", stacklevel=2
        )


def _sweep(rows: Rows, folder: Path, scratch: Path) -> None:
    """Remove what a process that was killed between its upload and its link has left.

    A process that lives is between the two only as long as it has its scratch folder.
    """
    found = [name for name in os.listdir(folder) if _ARTIFACT.fullmatch(name)]
    if any(is_scratch(name) and name != scratch.name for name in os.listdir(folder)):
        return
    for name in set(found) - rows.artifacts():
        (folder / name).unlink(missing_ok=True)
