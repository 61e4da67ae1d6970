"""Options that a verb does not have: one sentence with what was meant, before all is parsed."""

import difflib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

_ALL = ("help", "config", "tyro-print-completion", "tyro-write-completion")
_NAMES = {"json_output": "json"}  # of parameters, where the option has another one
_MEANT = {  # what other programs call an option of ours
    **dict.fromkeys(("steps", "iters", "iterations", "epochs", "max-steps"), "num-steps"),
    **dict.fromkeys(("trials", "n-trials", "budget"), "num-trials"),
    **dict.fromkeys(("output", "out-dir", "output-dir", "save"), "out"),
    **dict.fromkeys(("resolution", "res", "side", "resize"), "size"),
    **dict.fromkeys(("hidden", "hidden-features", "hidden-width", "units"), "width"),
    **dict.fromkeys(("layers", "hidden-layers", "num-layers"), "depth"),
    **dict.fromkeys(("model", "network", "activation", "arch"), "preset"),
    **dict.fromkeys(("jobs", "n-jobs", "processes", "num-workers"), "workers"),
    **dict.fromkeys(("rate", "sr"), "sample-rate"),
    **dict.fromkeys(("db", "database"), "storage"),
    **dict.fromkeys(("silent", "no-progress"), "quiet"),
    **dict.fromkeys(("random-seed", "random-state"), "seed"),
}
_SAID = {  # what there is no option for
    **dict.fromkeys(
        ("verbose", "v", "debug"), "a command says all it has to say, unless --quiet is given"
    ),
    **dict.fromkeys(
        ("lr", "learning-rate", "batch-size", "batch", "omega", "optimizer", "loss"),
        "it is part of the network, which --preset, a portfolio or a search brings; in Python, "
        "oi.fit takes any NetworkConfig",
    ),
    **dict.fromkeys(
        ("gpu", "device", "cuda", "cpu"), "JAX takes a GPU where it has one; JAX_PLATFORMS=cpu none"
    ),
}


def check_options(verb: str, function: Callable[..., Any], arguments: Sequence[str]) -> None:
    """Raise ValueError for the first option that a verb does not have.

    Args:
        arguments: words behind the verb.
    """
    known = options_of(function)
    for word in arguments:
        name = word.partition("=")[0].removeprefix("--").replace("_", "-")
        if not word.startswith("--") or len(word) == 2 or name in known:
            continue
        raise ValueError(f"optiinr {verb} has no option --{name}; {_hint(name, known)}.")


def options_of(function: Callable[..., Any]) -> set[str]:
    """Names of the options of a verb, without their dashes."""
    names: set[str] = set(_ALL)
    for name, parameter in inspect.signature(function).parameters.items():
        default = parameter.default
        parts = [(name, default)]
        if is_dataclass(default):
            parts = [(f.name, getattr(default, f.name)) for f in fields(default)]
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            continue
        for part, value in parts:
            option = _NAMES.get(part, part.replace("_", "-"))
            names |= {option, f"no-{option}"} if isinstance(value, bool) else {option}
    return names


def _hint(name: str, known: set[str]) -> str:
    meant = _MEANT.get(name)
    if meant in known:
        return f"--{meant} is what it is called here"
    if name in _SAID:
        return _SAID[name]
    close = difflib.get_close_matches(name, sorted(known), 1)
    return f"--{close[0]} is the nearest" if close else "--help lists those that it has"
