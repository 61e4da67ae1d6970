"""What several verbs share: signals, outputs of a run, plain or JSON or no words at all."""

import inspect
import json
import shlex
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

import optiinr_jax as oi
from optiinr_jax.files import write_atomic
from optiinr_jax.signals import SignalError, write_signal
from optiinr_jax.signals.kinds import get_kind, kind_of_file

Sample = Literal["image", "audio", "volume"]
Size = int | Literal["auto"] | None
Out = Annotated[Path | None, arg(aliases=["-o"])]
Json = Annotated[bool, arg(name="json")]
SAMPLE = "sample"  # name of a run without a file
# What a command takes of a signal where nobody says: a few minutes' work on two cores.
FIT_SIZES = {"image": 128, "audio": 8192, "volume": 32}
SEARCH_SIZES = {"image": 96, "audio": 4096, "volume": 24}
MODEL, STUDY = "best.inr.safetensors", "study.db"


@dataclass(frozen=True)
class Output:
    """How a verb speaks: words for people, one JSON object for scripts, or only errors."""

    json: bool = False
    quiet: bool = False

    @property
    def is_talkative(self) -> bool:
        """Whether words may be printed."""
        return not (self.json or self.quiet)

    def say(self, *lines: str) -> None:
        """Print lines for people."""
        if self.is_talkative:
            print("\n".join(lines), flush=True)

    def result(self, record: dict[str, Any]) -> None:
        """Print the result for scripts."""
        if self.json:
            print(json.dumps(record), flush=True)


def command_line(verb: Callable[..., Any], options: dict[str, Any]) -> str:
    """The command that repeats a run: its file, and every option that is not the default."""
    words = ["optiinr", verb.__name__]
    for name, parameter in inspect.signature(verb).parameters.items():
        value = options[name]
        if value == parameter.default or name in ("quiet", "json_output"):
            continue
        is_positional = parameter.kind is parameter.POSITIONAL_ONLY
        words += [str(value)] if is_positional else [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def given(**options: Any) -> dict[str, Any]:
    """The options that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def get_signal(
    file: Path | None, sample: str, size: Size, sizes: dict[str, int], options: dict[str, Any]
) -> oi.Signal:
    """The signal of a file or the embedded one, at a size that this command can afford."""
    kind = sample if file is None else kind_of_file(file)
    is_auto = size == "auto"
    side = size if size != "auto" else None if "duration" in options else sizes[kind]
    if file is None:
        return oi.sample_signal(kind, side)
    try:
        return oi.load_signal(file, side, **options)
    except SignalError:
        if not is_auto or side is None:
            raise
    return oi.load_signal(file, **options)  # a sound shorter than the size of this command


def size_label(signal: oi.Signal) -> str:
    """The grid, like "96 x 96"."""
    return " x ".join(map(str, signal.shape))


def write_outputs(inr: oi.INR, folder: Path, **facts: Any) -> Path:
    """Write the model, its rendering and its configuration; return the rendering."""
    inr.save(folder / MODEL)
    rendering = folder / f"best{get_kind(inr.frame.kind).suffix}"
    record = {"config": inr.config.to_json(), "score": inr.score, **inr.info, **facts}
    write_atomic(folder / "config.json", json.dumps(record, indent=1).encode())
    try:
        return write_signal(rendering, inr.predict(inr.frame.grid_coords()), inr.frame)
    except SignalError as error:  # a solid that is empty, say; the model is what counts
        warnings.warn(f"no {rendering.name} was written: {error}", stacklevel=2)
        return folder / MODEL
