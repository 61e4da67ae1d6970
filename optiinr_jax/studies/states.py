"""Where the states of paused and interrupted trainings lie."""

import shutil
import weakref
from pathlib import Path
from tempfile import mkdtemp


def states_folder(model_path: Path) -> Path:
    """The folder that goes with a model file."""
    return model_path.with_suffix(".paused")


class StateFolder:
    """A folder beside the best model, or one that ends with its owner where there is no model."""

    def __init__(self, model_path: Path | None) -> None:
        """Make nothing yet."""
        self._path = None if model_path is None else states_folder(model_path)

    def file(self, number: int) -> Path:
        """File of a trial's state; its folder is there."""
        if self._path is None:
            self._path = Path(mkdtemp(prefix="optiinr-"))
            weakref.finalize(self, shutil.rmtree, self._path, ignore_errors=True)
        self._path.mkdir(parents=True, exist_ok=True)
        return self._path / _name(number)

    def drop(self, number: int) -> None:
        """Remove the state of a trial, once its result is stored."""
        if self._path is not None:
            (self._path / _name(number)).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all states; who goes on from one begins again, to the same result."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)


def _name(number: int) -> str:
    return f"trial_{number}.checkpoint"
