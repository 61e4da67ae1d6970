"""The file of a surrogate: safetensors with JSON metadata, checked before anything of it is used.

The metadata hold the format version, the configuration, the settings and the seed, and a digest
over all of it, see `sealed`.
"""

import json
import os
from dataclasses import asdict, fields
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from optiinr_jax.sealed import check_format, seal, unseal
from optiinr_jax.trajectories.anchors import Scale
from optiinr_jax.trajectories.config import TrajectoryConfig, check_config
from optiinr_jax.trajectories.networks import Params
from optiinr_jax.trajectories.transport import init

FORMAT, FORMAT_VERSION = "optiinr-trajectories", 1
_METADATA = {"config", "settings", "seed"}
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
    tensors = {f"params/{name}": leaf for name, leaf in _flat(content.params).items()}
    tensors |= {f"scale/{name}": part for name, part in content.scale._asdict().items()}
    tensors[_STARTS] = content.start_outputs
    if content.start_conditions is not None:
        tensors[_CONDITIONS] = content.start_conditions
    metadata = {
        "format": FORMAT,
        "version": str(FORMAT_VERSION),
        "config": json.dumps(asdict(content.config)),
        "settings": json.dumps(content.settings.tolist()),
        "seed": json.dumps(content.seed),
    }
    return seal(tensors, metadata)


def unpack(path: str | os.PathLike[str]) -> Content:
    """Read a file; everything in it is checked.

    Raises:
        SurrogateFileError: no surrogate, truncated, changed, or of another version.
        FileNotFoundError: no such file.
    """
    (config, settings, seed), tensors = unseal(path, "surrogate", SurrogateFileError, _check)
    params = {"metric": {}} | unflatten_dict(_params_of(tensors), sep="/")
    scale = Scale(*(tensors[f"scale/{name}"] for name in Scale._fields))
    starts, conditions = tensors[_STARTS], tensors.get(_CONDITIONS)
    return Content(config, settings, scale, params, starts, conditions, seed)


def _check(metadata: dict[str, str], file: Any) -> tuple[TrajectoryConfig, np.ndarray, int]:
    """What the metadata say, and that the tensors fit it."""
    check_format(metadata, _METADATA, FORMAT, (str(FORMAT_VERSION),))
    record = json.loads(metadata["config"])
    if set(record) != {field.name for field in fields(TrajectoryConfig)}:
        raise ValueError("its configuration has other fields; use the program that wrote it.")
    config = TrajectoryConfig(**record)
    check_config(config)
    settings = np.array(json.loads(metadata["settings"]), float)
    if not (settings.ndim == 1 and len(settings) > 1 and (np.diff(settings) > 0).all()):
        raise ValueError("its settings do not increase; use an intact copy.")
    shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    _check_shapes(shapes, config, len(settings) - 1)
    return config, settings, int(metadata["seed"])


def _check_shapes(
    shapes: dict[str, tuple[int, ...]], config: TrajectoryConfig, num_intervals: int
) -> None:
    """Compare the shapes with what the configuration asks for."""
    (num_outputs,), (num_conditions,) = shapes["scale/centre"], shapes["scale/condition_centre"]
    expected = jax.eval_shape(
        lambda key: init(key, config, num_intervals, num_outputs, num_conditions).params,
        jax.random.key(0),
    )
    if _params_of(shapes) != {name: leaf.shape for name, leaf in _flat(expected).items()}:
        raise ValueError("its tensors do not fit its configuration; use an intact copy.")


def _params_of(parts: dict[str, Any]) -> dict[str, Any]:
    """What belongs to the networks, by its own name."""
    return {
        name.removeprefix("params/"): part
        for name, part in parts.items()
        if name.startswith("params/")
    }


def _flat(params: dict[str, Params]) -> dict[str, Any]:
    return flatten_dict(params, sep="/")
