"""The model file: safetensors with JSON metadata, checked before anything of it is used.

The metadata hold the format version, the configuration, the frame of the signal, facts about the
fit, and a digest over all of it, see `sealed`.
"""

import json
import os
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from optiinr_jax.checks import check_whole, plain_numbers
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.model import Variables, init
from optiinr_jax.inr.reparameterization import fourier_basis
from optiinr_jax.inr.rounding import BASIS, SCALE, decode_arrays, encode_arrays
from optiinr_jax.sealed import check_format, seal, unseal
from optiinr_jax.signals import Frame
from optiinr_jax.signals.scores import check_objective

FORMAT, FORMAT_VERSION = "optiinr", 3
ROUNDED_VERSION = 4  # with float16 or int8 in it, which earlier programs do not read
_READABLE = ("2", "3", "4")  # until 2 the range of the coordinates stood in the frame
_METADATA = {"config", "frame", "info"}


class ModelFileError(ValueError):
    """A file that is not a model we can trust."""


class Content(NamedTuple):
    """What a model file holds."""

    config: NetworkConfig
    variables: Variables
    frame: Frame
    info: dict[str, Any]  # facts about the fit: score, num_steps, seed, ...


def pack(content: Content, dtype: str = "float32") -> bytes:
    """The bytes of a model file, read back once to be sure of them."""
    tensors = {
        name: _as_float32(name, np.ascontiguousarray(array))
        for name, array in flatten_dict(content.variables, sep="/").items()
        if name != BASIS
    }
    tensors = encode_arrays(tensors, dtype)
    metadata = {
        "format": FORMAT,
        "version": str(FORMAT_VERSION if dtype == "float32" else ROUNDED_VERSION),
        "config": json.dumps(content.config.to_json()),
        "frame": json.dumps(content.frame.to_json()),
        "info": json.dumps(plain_numbers(content.info)),
    }
    return seal(tensors, metadata)


def _as_float32(name: str, array: np.ndarray) -> np.ndarray:
    """Half precision is widened; what float32 does not hold is refused."""
    if array.dtype.itemsize > 4:
        raise ValueError(
            f"{name} has type {array.dtype}, but a model file holds float32; convert the network, "
            "as by jax.tree.map(jnp.float32, inr)."
        )
    wide = array.astype(np.float32)
    if not np.isfinite(wide).all():
        raise ValueError(
            f"{name} has numbers that are nan or infinite, so there is no network to save; half "
            "precision, if it was used, cannot hold this one."
        )
    return wide


def unpack(path: str | os.PathLike[str]) -> Content:
    """Read a model file; everything in it is checked before the tensors are read.

    Raises:
        ModelFileError: not a model file, truncated, changed, or of another version.
        FileNotFoundError: no such file.
    """
    (config, frame, info), tensors = unseal(path, "model file", ModelFileError, _check)
    variables = unflatten_dict(decode_arrays(tensors), sep="/")
    variables = {"params": variables["params"], "constants": variables.get("constants", {})}
    if config.reparameterization is not None:
        basis = fourier_basis(config.reparameterization, config.width)
        variables["constants"]["fourier_basis"] = basis
    return Content(config, variables, frame, info)


def _check(metadata: dict[str, str], file: Any) -> tuple[NetworkConfig, Frame, dict[str, Any]]:
    """What the metadata say, and that the tensors fit it."""
    check_format(metadata, _METADATA, FORMAT, _READABLE)
    config_record, record = json.loads(metadata["config"]), json.loads(metadata["frame"])
    frame = Frame.from_json(record)
    if metadata["version"] == "2":
        config_record |= {
            "coord_range": record["coord_range"],
            "value_range": record["value_range"],
            "natural_range": frame.natural_range,
        }
    config = NetworkConfig.from_json(config_record)
    info = json.loads(metadata["info"])
    if not isinstance(info, dict) or not {"score", "num_steps", "seed"} <= set(info):
        raise ValueError("its metrics are missing; use a file that save() wrote.")
    _check_facts(info)
    _check_shapes(file, metadata, config, frame)
    return config, frame, info


def _check_facts(info: dict[str, Any]) -> None:
    """The facts that the package itself reads: a number, a count, a seed, an objective."""
    score, num_steps, seed = (info[name] for name in ("score", "num_steps", "seed"))
    if not isinstance(score, int | float) or isinstance(score, bool):
        raise ValueError(f"its score is {score!r:.40}, but a number was expected.")
    float(score)  # a whole number that is none of these numbers raises
    check_whole("num_steps", num_steps, 0)
    if seed is not None:
        check_whole("seed", seed, 0, 2**63 - 1)
    check_objective(info.get("objective", "samples"))


def _check_shapes(file: Any, metadata: dict[str, str], config: NetworkConfig, frame: Frame) -> None:
    """Compare names, types and shapes with what the configuration asks for; allocates nothing."""
    expected = jax.eval_shape(
        lambda key: init(key, config, num_dims=frame.num_dims, num_channels=frame.num_channels),
        jax.random.key(0),
    )
    flat: dict[str, Any] = flatten_dict(expected, sep="/")
    shapes = {name: list(leaf.shape) for name, leaf in flat.items() if name != BASIS}
    found = {name: file.get_slice(name) for name in file.keys()}
    arrays = {name: part for name, part in found.items() if not name.endswith(SCALE)}
    if {name: part.get_shape() for name, part in arrays.items()} != shapes:
        raise ValueError("its tensors do not fit its configuration; use an intact copy.")
    scales = {
        name + SCALE: [*shapes[name][:-2], 1, shapes[name][-1]]
        for name, part in arrays.items()
        if part.get_dtype() == "I8"
    }
    if {name: part.get_shape() for name, part in found.items() if name not in arrays} != scales:
        raise ValueError("its scales do not fit its tensors; use an intact copy.")
    is_rounded = metadata["version"] == str(ROUNDED_VERSION)
    for name, part in found.items():
        allowed = {"F32"} | ({"F16"} if is_rounded and name in arrays else set())
        allowed |= {"I8"} if is_rounded and name.endswith("/kernel") else set()
        if part.get_dtype() in allowed:
            continue
        raise ValueError("its tensors are not float32; use a file that save() wrote.")
