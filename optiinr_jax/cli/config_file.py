"""A run's options in a file: `--config run.toml` stands for the flags it holds, which flags beat.

file = "photo.png"
num_trials = 130
[search]            # of one verb alone
strategy = "tpe"
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONFIG_FLAG = "--config"


def expand_config(arguments: Sequence[str]) -> list[str]:
    """Replace `--config FILE` by the flags that the file stands for, before all others.

    Raises:
        ValueError: the file is missing, no TOML, or holds what no flag can be.
    """
    verb, *rest = arguments or [""]
    words, path = _take_config(rest)
    if path is None:
        return list(arguments)
    options = _read(Path(path), verb)
    file = options.pop("file", None)
    is_given = bool(words) and not words[0].startswith("-")  # the file comes first
    head = [] if file is None or is_given else [str(file)]
    return (
        [verb, *words[:1], *_flags(options, path), *words[1:]]
        if is_given
        else [verb, *head, *_flags(options, path), *words]
    )


def _take_config(words: list[str]) -> tuple[list[str], str | None]:
    for i, word in enumerate(words):
        name, is_joined, path = word.partition("=")
        if name == CONFIG_FLAG and is_joined:
            return words[:i] + words[i + 1 :], path
        if name == CONFIG_FLAG and i + 1 < len(words):
            return words[:i] + words[i + 2 :], words[i + 1]
    return words, None


def _read(path: Path, verb: str) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"there is no configuration file {path}; check the name after --config.")
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}; correct it.") from None
    shared = {name: value for name, value in content.items() if not isinstance(value, dict)}
    own = content.get(verb, {})
    return shared | (own if isinstance(own, dict) else {})


def _flags(options: dict[str, Any], path: str) -> list[str]:
    flags = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list):
            flags += [f"--{flag}", *map(str, value)]
        elif isinstance(value, int | float | str):
            flags += [f"--{flag}", str(value)]
        else:
            raise ValueError(
                f"{path} has {name} = {value!r}, but a number, text, true, false or a list of "
                "them was expected; correct it."
            )
    return flags
