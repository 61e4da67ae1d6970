"""INR: a trained network with all that is needed to render it; fit, predict, render, save, load.

A model file is safetensors with JSON metadata: format version, configuration, frame of the signal,
metrics, and a sha256 over all of it, because safetensors itself does not notice a flipped bit.
"""

import hashlib
import json
import math
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.typing import ArrayLike
from jaxtyping import Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.inr.config import NetworkConfig, as_wave, check_config
from optiinr_jax.inr.model import Variables, apply, init_variables
from optiinr_jax.inr.training import OnStep, train
from optiinr_jax.progress import Progress
from optiinr_jax.signals import Frame, Signal

FORMAT, FORMAT_VERSION = "optiinr", 1
_METADATA_KEYS = {"format", "version", "config", "frame", "info", "sha256"}
_PREDICT_POINTS = 65536  # points computed at once: bounds the memory, not the size
_EVALUATION_RATE = 3e10  # float operations a second, a guess on the low side
_SPECIALISED_SECONDS = 30.0  # a fit this long pays the compilation of its own program


class DivergedError(FloatingPointError):
    """The loss of a fit stopped being finite."""


class ModelFileError(ValueError):
    """A file that is not a model we can trust."""


@dataclass(frozen=True, eq=False)
class INR:
    """A trained implicit neural representation of one signal.

    Attributes:
        config: the network and how it was trained.
        variables: {"params": trained arrays, "constants": fixed ones}.
        frame: the signal's grid and ranges.
        score: of the fit, higher is better (PSNR in dB for images).
        num_steps: updates it was trained for.
        seed: of the fit; None where a key was given.
        history: loss before each update; empty after loading.
        info: further facts that the model file keeps (versions, matmul precision, trial, ...).
    """

    config: NetworkConfig
    variables: Variables
    frame: Frame
    score: float
    num_steps: int
    seed: int | None = None
    history: Float32[np.ndarray, " num_steps"] = field(default_factory=lambda: np.zeros(0, "f4"))
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def params(self) -> Any:
        """The trained arrays, by layer."""
        return self.variables["params"]

    @property
    def num_params(self) -> int:
        """Trained numbers."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.params))

    @cached_property
    def _wave_config(self) -> NetworkConfig:
        config = as_wave(self.config, self.frame.num_dims)
        return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), config)

    def predict(self, coords: ArrayLike) -> Float32[np.ndarray, "*b c"]:
        """Values at coordinates (..., D), in the range the network learned; chunked, any number.

        Raises:
            ValueError: the last axis is not the signal's number of dimensions.
        """
        coords = np.asarray(coords, np.float32)
        if coords.ndim < 1 or coords.shape[-1] != self.frame.num_dims:
            raise ValueError(
                f"coords has shape {coords.shape}, but its last axis must be {self.frame.num_dims}."
            )
        flat = coords.reshape(-1, self.frame.num_dims)
        values = np.empty((len(flat), self.frame.num_channels), np.float32)
        for start in range(0, len(flat), _PREDICT_POINTS):
            rows = flat[start : start + _PREDICT_POINTS]
            padded = np.zeros((_round_up(len(rows)), flat.shape[1]), np.float32)
            padded[: len(rows)] = rows
            done = _apply(self.variables, padded, self._wave_config)
            values[start : start + len(rows)] = np.asarray(done)[: len(rows)]
        return values.reshape(*coords.shape[:-1], self.frame.num_channels)

    def render(self, scale: float = 1.0, *, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """The signal on its grid, finer or coarser, as natural samples (*shape, C).

        Args:
            scale: factor on every side of the original grid.
            shape: the grid itself, instead of a scale.
        """
        frame = self.frame.scaled(scale) if shape is None else self.frame.with_shape(shape)
        return frame.to_samples(self.predict(frame.grid_coords()))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model file, atomically, and read it back before it takes its name.

        Raises:
            OSError: the folder is missing or not writable.
        """
        from safetensors.numpy import load, save

        tensors = {
            name: np.ascontiguousarray(array)
            for name, array in flatten_dict(self.variables, sep="/").items()
        }
        metadata = {
            "format": FORMAT,
            "version": str(FORMAT_VERSION),
            "config": json.dumps(self.config.to_json()),
            "frame": json.dumps(self.frame.to_json()),
            "info": json.dumps(
                {**self.info, "score": self.score, "num_steps": self.num_steps, "seed": self.seed}
            ),
        }
        metadata["sha256"] = _digest(tensors, metadata)
        content = save(tensors, metadata=metadata)
        if _digest(load(content), metadata) != metadata["sha256"]:
            raise OSError(f"cannot write {path}: the written tensors do not read back.")
        return write_atomic(path, content)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in self._facts())
        return f"<table>{rows}</table>"

    def __repr__(self) -> str:
        return "INR(" + ", ".join(f"{name}={value}" for name, value in self._facts()) + ")"

    def _facts(self) -> list[tuple[str, str]]:
        layers = "-".join(layer.activation for layer in self.config.layers)
        return [
            ("signal", f"{self.frame.kind} {' x '.join(map(str, self.frame.shape))}"),
            ("layers", f"{layers}, width {self.config.width}"),
            ("parameters", f"{self.num_params}"),
            ("score", f"{self.score:.2f} after {self.num_steps} steps"),
        ]


_apply = jax.jit(apply)


def _round_up(rows: int) -> int:
    """Rows of the padded chunk: few different sizes, so few compilations."""
    return min(_PREDICT_POINTS, 1 << max(rows - 1, 0).bit_length())


def fit(
    signal: Signal,
    config: NetworkConfig,
    *,
    num_steps: int = 2000,
    seed: int = 0,
    key: jax.Array | None = None,
    share_program: bool | None = None,
    progress: bool = True,
    on_step: OnStep | None = None,
    info: dict[str, Any] | None = None,
) -> INR:
    """Fit one network to one signal by full-batch AdamW.

    Args:
        signal: what to represent.
        config: the network; see `preset` for the published ones.
        num_steps: updates.
        seed: of the initial parameters.
        key: instead of a seed.
        share_program: train in the wave form, one compiled program for all families; None: where
            the fit is short.
        progress: show progress when it takes longer than a few seconds.
        on_step: called after every chunk of steps with (done, num_steps, loss).
        info: facts for the model file.

    Raises:
        ValueError: an impossible configuration or number of steps.
        DivergedError: the loss stopped being finite; a smaller learning rate helps.
    """
    check_config(config)
    check_seed(seed)
    if isinstance(num_steps, bool) or not isinstance(num_steps, Integral) or num_steps < 1:
        raise ValueError(f"num_steps is {num_steps!r}; it must be a whole number from 1 on.")
    if share_program is None:
        share_program = _seconds(signal, config, num_steps) < _SPECIALISED_SECONDS
    with Progress("fit", num_steps, enabled=progress) as bar:

        def report(done: int, total: int, loss: float) -> None:
            bar.update(done, f"loss {loss:.3g}")
            if on_step is not None:
                on_step(done, total, loss)

        trained = train(
            jax.random.key(seed) if key is None else key,
            signal.grid_coords(),
            jnp.asarray(signal.values),
            config,
            num_steps=num_steps,
            share_program=share_program,
            on_step=report,
        )
    if not trained.is_finite:
        raise DivergedError(
            f"the loss stopped being finite at step {len(trained.history)} of {num_steps}; "
            "lower the learning rates."
        )
    inr = INR(
        config=config,
        variables=trained.variables,
        frame=signal.frame,
        score=math.nan,
        num_steps=num_steps,
        seed=seed if key is None else None,
        history=trained.history,
        info={"matmul_precision": matmul_precision(), **(info or {})},
    )
    score = signal.score(inr.predict(signal.grid_coords()))
    return replace(inr, score=score)


def check_seed(seed: int) -> None:
    """Raise ValueError for a seed that some generator would refuse later."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}; it must be a whole number from 0 to 2**32 - 1.")


def matmul_precision() -> str:
    """Precision of JAX's matrix products, which changes scores on a GPU."""
    return str(jax.config.values["jax_default_matmul_precision"] or "default")


def _seconds(signal: Signal, config: NetworkConfig, num_steps: int) -> float:
    """Predict the time of a fit from its matrix products alone."""
    matrices = config.width * (config.width * (config.depth - 1) + signal.num_channels)
    return num_steps * signal.num_points * matrices * 6 / _EVALUATION_RATE


def load_inr(path: str | os.PathLike[str]) -> INR:
    """Read a model file; everything in it is checked before the tensors are read.

    Raises:
        ModelFileError: not a model file, truncated, changed, or of another version.
        FileNotFoundError: no such file.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no model file {path}; check the name.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            config, frame, info = _read_metadata(metadata)
            _check_shapes(file, config, frame)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise ModelFileError(
            f"{path} is not a model file or is incomplete ({error}); use a file that save() wrote."
        ) from None
    except (ValueError, TypeError, KeyError) as error:
        raise ModelFileError(f"{path} is not a model file of this version: {error}") from None
    if _digest(tensors, metadata) != metadata["sha256"]:
        raise ModelFileError(f"{path} has changed since it was saved; use an intact copy.")
    variables = unflatten_dict(tensors, sep="/")
    return INR(
        config=config,
        variables={"params": variables["params"], "constants": variables.get("constants", {})},
        frame=frame,
        score=info.pop("score"),
        num_steps=info.pop("num_steps"),
        seed=info.pop("seed"),
        info=info,
    )


def _read_metadata(metadata: dict[str, str]) -> tuple[NetworkConfig, Frame, dict[str, Any]]:
    if set(metadata) != _METADATA_KEYS or metadata["format"] != FORMAT:
        raise ValueError("it has no model metadata; use a file that save() wrote.")
    if metadata["version"] != str(FORMAT_VERSION):
        raise ValueError(
            f"it has format version {metadata['version']!r:.20}, this program reads "
            f"{FORMAT_VERSION}; use the program that wrote it."
        )
    config = NetworkConfig.from_json(json.loads(metadata["config"]))
    frame = Frame.from_json(json.loads(metadata["frame"]))
    info = json.loads(metadata["info"])
    if not isinstance(info, dict) or not {"score", "num_steps", "seed"} <= set(info):
        raise ValueError("its metrics are missing; use a file that save() wrote.")
    return config, frame, info


def _check_shapes(file: Any, config: NetworkConfig, frame: Frame) -> None:
    """Compare names, types and shapes with what the configuration asks for; allocates nothing."""
    expected = jax.eval_shape(
        lambda key: init_variables(
            key, config, num_dims=frame.num_dims, num_channels=frame.num_channels
        ),
        jax.random.key(0),
    )
    flat: dict[str, Any] = flatten_dict(expected, sep="/")
    shapes = {name: list(leaf.shape) for name, leaf in flat.items()}
    found = {name: file.get_slice(name) for name in file.keys()}
    if {name: part.get_shape() for name, part in found.items()} != shapes:
        raise ValueError("its tensors do not fit its configuration; use an intact copy.")
    if any(part.get_dtype() != "F32" for part in found.values()):
        raise ValueError("its tensors are not float32; use a file that save() wrote.")


def _digest(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> str:
    texts = {name: text for name, text in metadata.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()
