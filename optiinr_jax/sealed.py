"""Files of arrays that notice every change: safetensors with a digest over all that they hold.

safetensors itself does not see a flipped bit. The metadata are texts, and the one named `sha256` is
the digest of the others and of the arrays.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

SEAL = "sha256"
Arrays = dict[str, np.ndarray]
Facts = TypeVar("Facts")


def seal(arrays: Arrays, metadata: dict[str, str]) -> bytes:
    """The bytes of a file, read back once to be sure of them.

    Raises:
        OSError: they do not read back.
    """
    from safetensors.numpy import load, save

    arrays = {name: np.array(array, order="C") for name, array in arrays.items()}
    digest = digest_of(arrays, metadata)
    packed = save(arrays, metadata=metadata | {SEAL: digest})
    if digest_of(load(packed), metadata) != digest:
        raise OSError("cannot write the file: its arrays do not read back.")
    return packed


def unseal(
    path: str | os.PathLike[str],
    kind: str,
    error: type[ValueError],
    check: Callable[[dict[str, str], Any], Facts],
) -> tuple[Facts, Arrays]:
    """Read a file; everything in it is checked before its arrays are read.

    Args:
        path: the file.
        kind: what it should be, like "model file".
        error: to raise where it is none.
        check: what the metadata and the open file (`keys`, `get_slice`) say; whatever it raises
            means that the file is not one of ours.

    Raises:
        FileNotFoundError: no such file.
        error: not such a file, truncated, changed, or of another version.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no {kind} {path}; check the name.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            facts = check(metadata, file)
            arrays = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as problem:
        raise error(
            f"{path} is not a {kind} or is incomplete ({problem}); use a file that save() wrote."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as problem:
        raise error(f"{path} is not a {kind} of this version: {problem}") from None
    except RecursionError:
        raise error(f"{path} is no {kind}: its text is nested too deep.") from None
    if digest_of(arrays, metadata) != metadata.get(SEAL):
        raise error(f"{path} has changed since it was saved; use an intact copy.")
    return facts, arrays


def check_format(metadata: dict[str, str], names: set[str], format: str, readable: tuple) -> None:
    """Raise ValueError for a file of another format or version.

    Args:
        metadata: the file's texts.
        names: that they must have besides "format", "version" and the seal.
        format: what "format" must be.
        readable: versions that can be read.
    """
    if set(metadata) != names | {"format", "version", SEAL} or metadata["format"] != format:
        raise ValueError("its metadata are not those of such a file; use a file that save() wrote.")
    if metadata["version"] not in readable:
        raise ValueError(
            f"it has format version {metadata['version']!r:.20}, this program reads "
            f"{' and '.join(readable)}; use the program that wrote it."
        )


def digest_of(arrays: Arrays, metadata: dict[str, str]) -> str:
    """The digest of arrays and texts; the seal itself is no part of it."""
    texts = {name: text for name, text in metadata.items() if name != SEAL}
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()
