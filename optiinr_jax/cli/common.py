"""Shared by the commands: output modes, the line that repeats a run, the files of a run."""

import inspect
import json
import math
import shlex
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import optiinr_jax as oi
from optiinr_jax.files import write_atomic
from optiinr_jax.signals import SignalError, write_samples
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.targets import LARGE
from optiinr_jax.streams import print_lines
from optiinr_jax.text import printable, without_passwords

SAMPLE = "sample"  # name of a run without a file
MODEL, STUDY = "best.inr.safetensors", "study.db"


@dataclass(frozen=True)
class Output:
    """How a command speaks: words for people, one JSON object for scripts, or only errors."""

    json: bool = False
    quiet: bool = False

    @property
    def is_verbose(self) -> bool:
        """Whether words may be printed."""
        return not (self.json or self.quiet)

    def say(self, *lines: str) -> None:
        """Print lines for people."""
        if self.is_verbose:
            print_lines(lines)

    def result(self, record: dict[str, Any]) -> None:
        """Print the result for scripts."""
        if self.json:
            print_lines([json.dumps(_without_infinities(record))])


def _without_infinities(value: Any) -> Any:
    """The same data with None for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _without_infinities(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_infinities(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def command_line(verb: Callable[..., Any], options: dict[str, Any]) -> str:
    """The command that repeats a run: its file, and every option that is not the default.

    The password of an address is left out.
    """
    words = ["optiinr", verb.__name__]
    for name, parameter in inspect.signature(verb).parameters.items():
        value, default = options[name], parameter.default
        if is_dataclass(value):
            changed = {f.name: getattr(value, f.name) for f in fields(value)}
            usual = {f.name: getattr(default, f.name) for f in fields(value)}
        else:
            changed, usual = {name: value}, {name: default}
        for option, word in changed.items():
            if word == usual[option] or option in ("quiet", "json_output"):
                continue
            is_positional = parameter.kind is parameter.POSITIONAL_ONLY
            parts = [str(part) for part in (word if isinstance(word, tuple | list) else (word,))]
            words += parts if is_positional else [f"--{option.replace('_', '-')}", *parts]
    return without_passwords(" ".join(map(_quoted, words)))


def _quoted(word: str) -> str:
    """A word as a shell takes it; with escapes where a terminal or a page cannot show it."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{printable(escaped)}'"


def run_name(file: Path | None) -> str:
    """The part of a run's folder that its signal gives; a database holds no name but UTF-8."""
    return SAMPLE if file is None else printable(file.stem)


def read_portfolio(path: Path | None) -> oi.Portfolio:
    """The portfolio of a file, else that of the package."""
    return oi.Portfolio.packaged() if path is None else oi.Portfolio.load(path)


def write_outputs(inr: oi.INR, folder: Path, *, is_new: bool = True, **facts: Any) -> Path:
    """Write the model, if it is new, its rendering and its configuration; return the rendering."""
    if is_new:
        inr.save(folder / MODEL)
    rendering = folder / f"best{get_kind(inr.frame.kind).suffix}"
    record = {
        "config": inr.config.to_json(),
        "score": inr.score,
        "objective": inr.objective,
        "scores": inr.scores and inr.scores._asdict(),
        **inr.info,
        **facts,
    }
    write_atomic(folder / "config.json", json.dumps(record, indent=1).encode())
    if inr.frame.num_points > LARGE:
        warnings.warn(
            f"no {rendering.name} was written of {inr.frame.num_points:,} points; optiinr render "
            f"{folder / MODEL} --region 0.4 0.6 0.4 0.6 writes a part.",
            stacklevel=2,
        )
        return folder / MODEL
    try:
        return write_samples(rendering, inr.render(), inr.frame)
    except SignalError as error:  # a solid that is empty, say; the model is what counts
        warnings.warn(f"no {rendering.name} was written: {error}", stacklevel=2)
        return folder / MODEL
