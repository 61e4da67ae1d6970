"""The file of a surrogate: safetensors with JSON metadata, checked before anything of it is used.

The metadata hold the format version, the configuration, the settings and the seed, and a sha256
over all of it and the tensors, because safetensors itself does not notice a flipped bit.
"""

import hashlib
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from optiinr_jax.trajectories.anchors import Scale
from optiinr_jax.trajectories.config import TrajectoryConfig, check_config
from optiinr_jax.trajectories.networks import Params
from optiinr_jax.trajectories.transport import init

FORMAT, FORMAT_VERSION = "optiinr-trajectories", 1
_METADATA_KEYS = {"format", "version", "config", "settings", "seed", "sha256"}
_STARTS, _CONDITIONS = "starts/outputs", "starts/conditions"


class SurrogateFileError(ValueError):
    """A file that is not a surrogate we can trust."""


class Content(NamedTuple):
    """What a file holds."""

    config: TrajectoryConfig
    settings: np.ndarray
    scale: Scale
    params: dict[str, Params]
    start_outputs: np.ndarray
    start_conditions: np.ndarray | None
    seed: int


def pack(content: Content) -> bytes:
    """The bytes of a file, read back once to be sure of them."""
    from safetensors.numpy import load, save

    tensors = {f"params/{name}": leaf for name, leaf in _flat(content.params).items()}
    tensors |= {f"scale/{name}": part for name, part in content.scale._asdict().items()}
    tensors[_STARTS] = content.start_outputs
    if content.start_conditions is not None:
        tensors[_CONDITIONS] = content.start_conditions
    tensors = {name: np.ascontiguousarray(part) for name, part in tensors.items()}
    metadata = {
        "format": FORMAT,
        "version": str(FORMAT_VERSION),
        "config": json.dumps(asdict(content.config)),
        "settings": json.dumps(content.settings.tolist()),
        "seed": json.dumps(content.seed),
    }
    metadata["sha256"] = _digest(tensors, metadata)
    packed = save(tensors, metadata=metadata)
    if _digest(load(packed), metadata) != metadata["sha256"]:
        raise OSError("cannot write the surrogate: its tensors do not read back.")
    return packed


def unpack(path: str | os.PathLike[str]) -> Content:
    """Read a file; everything in it is checked.

    Raises:
        SurrogateFileError: no surrogate, truncated, changed, or of another version.
        FileNotFoundError: no such file.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no surrogate {path}; check the name.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            config, settings, seed = _read_metadata(metadata)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if _digest(tensors, metadata) != metadata["sha256"]:
            raise ValueError("it has changed since it was saved; use an intact copy.")
        return _content(config, settings, seed, tensors)
    except SafetensorError as error:
        raise SurrogateFileError(
            f"{path} is not a surrogate or is incomplete ({error}); use a file that save() wrote."
        ) from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SurrogateFileError(f"{path} is not a surrogate of this version: {error}") from None


def _read_metadata(metadata: dict[str, str]) -> tuple[TrajectoryConfig, np.ndarray, int]:
    if set(metadata) != _METADATA_KEYS or metadata["format"] != FORMAT:
        raise ValueError("it has no such metadata; use a file that save() wrote.")
    if metadata["version"] != str(FORMAT_VERSION):
        raise ValueError(
            f"it has format version {metadata['version']!r:.20}, this program reads "
            f"{FORMAT_VERSION}; use the program that wrote it."
        )
    record = json.loads(metadata["config"])
    if set(record) != {field.name for field in fields(TrajectoryConfig)}:
        raise ValueError("its configuration has other fields; use the program that wrote it.")
    config = TrajectoryConfig(**record)
    check_config(config)
    return config, np.array(json.loads(metadata["settings"]), float), int(metadata["seed"])


def _content(
    config: TrajectoryConfig, settings: np.ndarray, seed: int, tensors: dict[str, np.ndarray]
) -> Content:
    """What the tensors are, their shapes compared with what the configuration asks for."""
    scale = Scale(*(tensors[f"scale/{name}"] for name in Scale._fields))
    if not (settings.ndim == 1 and len(settings) > 1 and (np.diff(settings) > 0).all()):
        raise ValueError("its settings do not increase; use an intact copy.")
    flat = {
        name.removeprefix("params/"): part
        for name, part in tensors.items()
        if name.startswith("params/")
    }
    expected = jax.eval_shape(
        lambda key: (
            init(
                key, config, len(settings) - 1, len(scale.centre), len(scale.condition_centre)
            ).params
        ),
        jax.random.key(0),
    )
    shapes = {name: leaf.shape for name, leaf in _flat(expected).items()}
    if {name: part.shape for name, part in flat.items()} != shapes:
        raise ValueError("its tensors do not fit its configuration; use an intact copy.")
    params = {"metric": {}} | unflatten_dict(flat, sep="/")
    starts, conditions = tensors[_STARTS], tensors.get(_CONDITIONS)
    return Content(config, settings, scale, params, starts, conditions, seed)


def _flat(params: dict[str, Params]) -> dict[str, Any]:
    return flatten_dict(params, sep="/")


def _digest(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> str:
    texts = {name: text for name, text in metadata.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()
