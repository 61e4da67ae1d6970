"""Reconstructions of a study's best trials beside it, as Optuna's dashboard shows them."""

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.trial import TrialState

from optiinr_jax.inr import INR
from optiinr_jax.search.lock import database_path
from optiinr_jax.signals import SignalError, write_signal

if TYPE_CHECKING:
    from optiinr_jax.search.study import Study

_SUFFIXES = {"image": ".png", "audio": ".wav", "volume": ".stl"}  # what the dashboard can show


def artifact_folder(url: str | None) -> Path | None:
    """Folder of a study's artifacts: beside an SQLite file; None: nowhere."""
    database = database_path(url)
    return None if database is None else database.with_name(f"{database.stem}.artifacts")


def attach_reconstruction(study: "Study", trial_id: int, inr: INR) -> None:
    """Keep what the network of a running trial gives, and link it to the trial; once."""
    folder, storage = artifact_folder(study.storage), study.optuna_study._storage
    row = storage.get_trial(trial_id)
    is_running = row.state == TrialState.RUNNING
    if (
        folder is None
        or not is_running
        or any(n.startswith("artifacts:") for n in row.system_attrs)
    ):
        return
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as scratch:
            path = Path(scratch) / f"trial_{row.number}{_SUFFIXES[inr.frame.kind]}"
            write_signal(path, inr.predict(inr.frame.grid_coords()), inr.frame)
            upload_artifact(
                artifact_store=FileSystemArtifactStore(folder),
                file_path=str(path),
                study_or_trial=row,
                storage=storage,
            )
    except (SignalError, OSError) as error:  # the network itself is safe
        warnings.warn(f"trial {row.number} has no picture in the dashboard: {error}", stacklevel=2)
