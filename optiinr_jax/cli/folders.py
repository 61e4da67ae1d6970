"""The folder of a run."""

from pathlib import Path

from optiinr_jax.files import scratch_folder


def prepare_folder(folder: Path) -> Path:
    """Make the folder of a run and make sure that it takes files, before anything is computed.

    Raises:
        ValueError: it cannot be made or written to, or has a name that no SQLite address can hold.
    """
    if set("?%") & set(str(folder)):
        raise ValueError(
            f"the folder {folder} has '?' or '%' in its name; choose another with --out."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with scratch_folder(folder):
            pass
    except OSError as error:
        raise ValueError(
            f"cannot write to the folder {folder}: {error.strerror}; choose another with --out."
        ) from None
    return folder
