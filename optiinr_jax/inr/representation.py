"""INR: a trained network with all that is needed to render it: predict, render, save, load."""

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.inr.config import NetworkConfig, as_wave
from optiinr_jax.inr.model import Variables, apply
from optiinr_jax.inr.model_file import Content, pack, unpack
from optiinr_jax.signals import Frame, Signal
from optiinr_jax.signals.kinds import get_kind

_PREDICT_POINTS = 65536  # points computed at once: bounds the memory, not the size


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

    def apply(self, coords: Float32[Array, "n d"]) -> Float32[Array, "n c"]:
        """Values at coordinates, both on the device; compiles anew for every n."""
        return _apply(self.variables, coords, self._wave_config)

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
        values = self._predict_rows(len(flat), lambda start, stop: flat[start:stop])
        return values.reshape(*coords.shape[:-1], self.frame.num_channels)

    def _predict_rows(
        self, num_points: int, rows: Callable[[int, int], np.ndarray]
    ) -> Float32[np.ndarray, "n c"]:
        """Values at coordinates that `rows` gives from one number to another, chunk by chunk."""
        values = np.empty((num_points, self.frame.num_channels), np.float32)
        for start in range(0, num_points, _PREDICT_POINTS):
            chunk = rows(start, min(start + _PREDICT_POINTS, num_points))
            padded = np.zeros((_round_up(len(chunk)), self.frame.num_dims), np.float32)
            padded[: len(chunk)] = chunk
            done = _apply(self.variables, padded, self._wave_config)
            values[start : start + len(chunk)] = np.asarray(done)[: len(chunk)]
        return values

    def render(
        self,
        scale: float = 1.0,
        *,
        shape: tuple[int, ...] | None = None,
        sample_rate: float | None = None,
        region: Sequence[tuple[float, float]] | None = None,
    ) -> np.ndarray:
        """The signal on a grid of any size, as natural samples (*shape, C).

        Args:
            scale: factor on every side of the original grid.
            shape: the grid itself, instead of a scale.
            sample_rate: in Hz, of a sound, instead of a scale.
            region: for every axis its (start, stop) as parts of the side, from 0 to 1: the grid
                then covers that part, with as many points as fall into it, or `shape`.

        Raises:
            ValueError: a region that is not one, or a sample rate of what has none.

        >>> import optiinr_jax as oi
        >>> config = oi.preset("fourier", width=8)
        >>> inr = oi.fit(oi.sample_signal("image", size=8), config, num_steps=50)
        >>> inr.render(2.0, region=[(0.0, 0.5), (0.25, 0.75)]).shape
        (8, 8, 3)
        """
        frame = self.frame
        if sample_rate is not None:
            if "sample_rate" not in frame.attributes:
                raise ValueError(
                    f"a sample_rate was given, but this signal's kind is {frame.kind}; use scale."
                )
            scale = sample_rate / frame.attributes["sample_rate"]
        parts = _check_region(region, frame.num_dims)
        if shape is None:
            sides = zip(frame.scaled(scale).shape, parts, strict=True)
            shape = tuple(max(1, round(n * (stop - start))) for n, (start, stop) in sides)
        frame = frame.with_shape(shape)
        low, high = frame.coord_range
        axes = [
            _side(n, low + (high - low) * start, low + (high - low) * stop)
            for n, (start, stop) in zip(shape, parts, strict=True)
        ]

        def rows(start: int, stop: int) -> np.ndarray:
            places = np.unravel_index(np.arange(start, stop), shape)
            return np.stack([axis[i] for axis, i in zip(axes, places, strict=True)], axis=-1)

        return frame.to_samples(self._predict_rows(frame.num_points, rows))

    def evaluate(self, signal: Signal) -> dict[str, float]:
        """All metrics of the network against a signal of its kind, at the signal's points.

        The first one, by which networks are scored, is computed in bounded memory; the others, of
        pictures and sounds, on the whole, unless it is smaller than their window.

        Raises:
            ValueError: a signal of another kind or with another number of channels.
        """
        frame = self.frame
        if (signal.kind, signal.num_channels) != (frame.kind, frame.num_channels):
            raise ValueError(
                f"the model is of kind {frame.kind} with {frame.num_channels} channels, but the "
                f"signal {signal.name!r} is of kind {signal.kind} with {signal.num_channels}; "
                "choose a signal like the one it was fitted to."
            )
        signal = signal.with_ranges(frame.coord_range, frame.value_range)
        kind = get_kind(signal.kind)
        scores = {kind.metric.name: signal.score_stream(self.apply)}
        if kind.more_metrics:
            samples, target = self.render(shape=signal.shape), signal.samples
            for name, metric in kind.more_metrics.items():
                with contextlib.suppress(ValueError):  # smaller than the metric's window
                    scores[name] = float(metric(samples, target))
        return scores

    @property
    def num_bytes(self) -> int:
        """Size of the model file."""
        return len(self.to_bytes())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model file, atomically, and read it back before it takes its name.

        Raises:
            OSError: the folder is missing or not writable.
        """
        return write_atomic(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the model file."""
        facts = {"score": self.score, "num_steps": self.num_steps, "seed": self.seed}
        return pack(Content(self.config, self.variables, self.frame, {**self.info, **facts}))

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
            ("file", f"{self.num_bytes / 1024:.0f} KiB"),
            ("score", f"{self.score:.2f} after {self.num_steps} steps"),
        ]


def load_inr(path: str | os.PathLike[str]) -> INR:
    """Read a model file; everything in it is checked before the tensors are read.

    Raises:
        ModelFileError: not a model file, truncated, changed, or of another version.
        FileNotFoundError: no such file.
    """
    config, variables, frame, info = unpack(path)
    return INR(
        config=config,
        variables=variables,
        frame=frame,
        score=info.pop("score"),
        num_steps=info.pop("num_steps"),
        seed=info.pop("seed"),
        info=info,
    )


_apply = jax.jit(apply)


def _round_up(rows: int) -> int:
    """Rows of the padded chunk: few different sizes, so few compilations."""
    return min(_PREDICT_POINTS, 1 << max(rows - 1, 0).bit_length())


def _side(n: int, low: float, high: float) -> np.ndarray:
    """n coordinates from end to end; a single one in the middle."""
    return np.linspace(low, high, n, dtype="f4") if n > 1 else np.full(1, (low + high) / 2, "f4")


def _check_region(
    region: Sequence[tuple[float, float]] | None, num_dims: int
) -> list[tuple[float, float]]:
    if region is None:
        return [(0.0, 1.0)] * num_dims
    try:
        parts = [tuple(map(float, part)) for part in region]
    except TypeError:  # one pair instead of a list of pairs
        parts = []
    is_valid = len(parts) == num_dims and all(
        len(part) == 2 and 0.0 <= part[0] < part[1] <= 1.0 for part in parts
    )
    if not is_valid:
        raise ValueError(
            f"region is {region!r}, but {num_dims} pairs (start, stop) with 0 <= start < stop <= 1 "
            "were expected, one for every axis."
        )
    return cast(list[tuple[float, float]], parts)
