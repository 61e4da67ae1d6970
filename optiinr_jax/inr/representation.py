"""INR: a trained network with all that is needed to render it: a JAX value, and a file.

As a pytree its leaves are the arrays, the configuration's numbers and the frame's attributes;
names, shapes and ranges are static. What was measured of a network (score, history, info) is no
part of the value: a network that comes out of a transformation is another one and has none.
"""

import contextlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.inr import display, exports
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.lowering import as_wave
from optiinr_jax.inr.model import Variables, apply, apply_in_parts, check_single
from optiinr_jax.inr.model_file import Content, pack, unpack
from optiinr_jax.inr.render_grid import check_region, inside_cell, on_grid_of
from optiinr_jax.inr.rounding import round_variables
from optiinr_jax.signals import Frame, Scores, as_signal
from optiinr_jax.signals.coordinates import coords_of_places
from optiinr_jax.signals.inputs import SignalLike
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.scores import OBJECTIVES, read_scores

_PREDICT_POINTS = 65536  # points computed at once: bounds the memory, not the size


@dataclass(frozen=True, eq=False)
class INR:
    """A trained implicit neural representation of one signal.

    Attributes:
        config: the network and how it was trained.
        variables: {"params": trained arrays, "constants": fixed ones}.
        frame: the signal's grid and ranges.
        score: of the fit by its objective, higher is better (PSNR in dB for images); nan: not
            measured.
        objective: what the score counts, "continuous" or "samples"; see `fit`.
        scores: at the samples, between them, and of what interpolates them; None: not known.
        num_steps: updates it was trained for.
        seed: of the fit; None where a key was given.
        history: loss before each update; empty after loading.
        info: further facts that the model file keeps (versions, matmul precision, trial, ...).
    """

    config: NetworkConfig
    variables: Variables
    frame: Frame
    score: float = math.nan
    num_steps: int = 0
    objective: str = "samples"
    scores: Scores | None = None
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

    def with_params(self, params: Any) -> "INR":
        """The same network with other trained arrays, of which nothing is measured.

        >>> import optiinr_jax as oi
        >>> inr = oi.make_inr(oi.sample_signal("image", size=8), oi.preset("siren", width=8))
        >>> blue = lambda params: inr.with_params(params)(jnp.zeros(2))[2]
        >>> jax.grad(blue)(inr.params)["output"]["bias"].tolist()  # half: it learns in [-1, 1]
        [0.0, 0.0, 0.5]
        """
        return INR(self.config, {**self.variables, "params": params}, self.frame)

    def __call__(self, coords: ArrayLike | Sequence[Any]) -> Array:
        """Values (..., C) at coordinates (..., D) as a JAX function, to compile or differentiate.

        Coordinates are [-1, 1] over the signal's grid, row first; values are in the signal's own
        range. Out of a compiled function every number of points is compiled anew: there `predict`
        is better.

        Raises:
            ValueError: the last axis is not the signal's number of dimensions.
        """
        return _apply(self.variables, self.config, coords)

    apply = __call__

    def predict(
        self, coords: ArrayLike | Sequence[Any], units: str | None = None
    ) -> Float32[np.ndarray, "*b c"]:
        """Values at coordinates (..., D), in the signal's own range, as `render` gives them.

        Any number of points goes through one compiled program, in chunks.

        Args:
            coords: [-1, 1] over the signal's grid.
            units: instead "pixels" of a picture (0 is the first one's centre), "seconds" of a
                sound, "world" for the space of a solid's file.

        Raises:
            ValueError: the last axis is not the signal's number of dimensions, or units of another
                kind.
            TypeError: under `jax.jit`, `jax.grad` or `jax.vmap`.
        """
        self = self._concrete("predict", coords)
        coords = np.asarray(coords, np.float64 if units else np.float32)
        if coords.ndim < 1 or coords.shape[-1] != self.frame.num_dims:
            raise ValueError(
                f"coords has shape {coords.shape}, but its last axis must be "
                f"{self.frame.num_dims}, the number of dimensions of the signal; reshape it."
            )
        if units is not None:
            coords = np.asarray(self.frame.coords_in(units, coords), np.float32)
        flat = coords.reshape(-1, self.frame.num_dims)
        values = self._predict_rows(len(flat), lambda start, stop: flat[start:stop])
        return values.reshape(*coords.shape[:-1], self.frame.num_channels)

    def network(self) -> Callable[[Float32[Array, "n d"]], Float32[Array, "n c"]]:
        """The network as `predict` and `Signal.scores` take it: all families share one program."""
        config = as_wave(self.config, self.frame.num_dims)
        config = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), config)
        return lambda coords: apply_in_parts(self.variables, config, coords)

    def _concrete(self, what: str, *others: Any) -> "INR":
        """The network for work outside of JAX, where its attributes are plain numbers.

        Raises:
            TypeError: the network or something else is traced.
            ValueError: it is a stack of networks.
        """
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((self, others))):
            raise TypeError(
                f"{what} gives NumPy arrays, so it cannot be compiled, differentiated or mapped; "
                "call the network itself, inr(coords)."
            )
        check_single(self.variables)
        if all(isinstance(number, float) for number in self.frame.attributes.values()):
            return self
        attributes = {name: float(value) for name, value in self.frame.attributes.items()}
        return replace(self, frame=replace(self.frame, attributes=attributes))

    def _predict_rows(
        self, num_points: int, rows: Callable[[int, int], np.ndarray]
    ) -> Float32[np.ndarray, "n c"]:
        """Values at coordinates that `rows` gives from one number to another, chunk by chunk."""
        network = self.network()
        values = np.empty((num_points, self.frame.num_channels), np.float32)
        for start in range(0, num_points, _PREDICT_POINTS):
            chunk = rows(start, min(start + _PREDICT_POINTS, num_points))
            padded = np.zeros((_round_up(len(chunk)), self.frame.num_dims), np.float32)
            padded[: len(chunk)] = chunk
            done = network(jnp.asarray(padded))
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

        The grid covers what the signal's own grid covers: of a picture or a solid rendered `scale`
        times as large, point k of a side lies at (k + 1/2) / scale - 1/2 samples, as in any program
        that resizes pictures; of a sound at k / scale. On a coarser grid a point is the mean over
        its cell, of several points in it.

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
        self = self._concrete("render")
        frame = self.frame
        if sample_rate is not None:
            if "sample_rate" not in frame.attributes:
                raise ValueError(
                    f"a sample_rate was given, but this signal's kind is {frame.kind}; use scale."
                )
            scale = sample_rate / frame.attributes["sample_rate"]
        parts = check_region(region, frame.num_dims)
        if shape is None:
            sides = zip(frame.scaled(scale).shape, parts, strict=True)
            shape = tuple(max(1, round(n * (stop - start))) for n, (start, stop) in sides)
        grid = frame.with_shape(shape)
        axes, means = [], []
        for axis, (count, part) in enumerate(zip(shape, parts, strict=True)):
            inside = inside_cell(frame.shape[axis] * (part[1] - part[0]) / count)
            means.append(len(inside))
            axes.append((frame.places(axis, count, part)[:, None] + inside[None, :]).ravel())
        fine = tuple(len(axis) for axis in axes)

        def rows(start: int, stop: int) -> np.ndarray:
            index = np.unravel_index(np.arange(start, stop), fine)
            places = np.stack([axis[i] for axis, i in zip(axes, index, strict=True)], axis=-1)
            return coords_of_places(places, frame.shape).astype(np.float32)

        values = self._predict_rows(math.prod(fine), rows)
        for axis, m in enumerate(means):
            if m > 1:  # the places before and behind this axis keep their order
                before, behind = math.prod(shape[:axis]), math.prod(fine[axis + 1 :])
                blocks = values.reshape(before, shape[axis], m, behind * frame.num_channels)
                values = blocks.mean(axis=2)
        return grid.to_samples(values.reshape(-1, frame.num_channels))

    def evaluate(self, signal: SignalLike) -> dict[str, float]:
        """All metrics of the network against a signal of its kind, at its samples and between.

        The first one, by which networks are scored, is computed in bounded memory; the others, of
        pictures and sounds, on the whole, unless it is smaller than their window. "between samples"
        is measured against the continuous signal, and so is what interpolates the samples.

        Raises:
            ValueError: a signal of another kind or with another number of channels.
        """
        self, signal = self._concrete("evaluate"), as_signal(signal)
        frame = self.frame
        if (signal.kind, signal.num_channels) != (frame.kind, frame.num_channels):
            raise ValueError(
                f"the model is of kind {frame.kind} with {frame.num_channels} channels, but the "
                f"signal {signal.name!r} is of kind {signal.kind} with {signal.num_channels}; "
                "choose a signal like the one it was fitted to."
            )
        signal = signal.with_value_range(frame.value_range).placed_in(frame)
        kind, network = get_kind(signal.kind), on_grid_of(self.network(), frame, signal.frame)
        found, between = signal.scores(network), f"{kind.metric.name} {signal.between_label}"
        scores = {
            kind.metric.name: found.samples,
            between: found.between,
            f"{between}, {found.control_label}": found.control,
            **signal.other_scores(network),
        }
        if kind.more_metrics and not (signal.is_scattered or signal.is_large):
            samples, target = self.render(shape=signal.shape), signal.samples
            for name, metric in kind.more_metrics.items():
                with contextlib.suppress(ValueError):  # smaller than the metric's window
                    scores[name] = float(metric(samples, target))
        return scores

    @property
    def doubt(self) -> str:
        """One sentence where interpolating the samples is clearly better; else empty."""
        if self.scores is None:
            return ""
        metric = get_kind(self.frame.kind).metric
        if not self.scores.between < self.scores.control - metric.margin:
            return ""
        is_continuous = self.objective == "continuous"
        remedy = "for longer or make it wider" if is_continuous else 'with objective="continuous"'
        return (
            f"between its samples this network has {metric.name} {self.scores.between:.4g}, where "
            f"{self.scores.control_label} of the samples has {self.scores.control:.4g}: at another "
            f"size it shows what it has made up; train it {remedy}."
        )

    @property
    def num_bytes(self) -> int:
        """Size of the model file."""
        return len(self.to_bytes())

    def sizes(self, signal: SignalLike | None = None) -> dict[str, int]:
        """Bytes of the model file and of the same signal in the usual formats.

        PNG and the smallest JPEG that is as good, FLAC, packed voxels; not of a large signal.

        Args:
            signal: what the network represents; None: its own rendering is measured.
        """
        frame = self._concrete("sizes").frame
        known = None if signal is None else as_signal(signal)
        if known is not None and known.is_large:
            return {"model file": self.num_bytes}
        samples = self.render() if known is None else known.samples
        score = None if self.scores is None else self.scores.samples
        usual = get_kind(frame.kind).sizes(np.asarray(samples), frame.attributes, score)
        return {"model file": self.num_bytes, **usual}

    def rounded(self, dtype: str, signal: SignalLike | None = None) -> "INR":
        """The network as a model file of fewer bits holds it, in float32.

        Args:
            dtype: "float16" or "int8" (kernels with a scale for every unit); "float32" changes
                nothing.
            signal: by which it is scored anew; None: nothing is known of its score.

        Raises:
            ValueError: an unknown type, or numbers that the type cannot hold.
        """
        variables = round_variables(self._concrete("rounded").variables, dtype)
        if dtype == "float32":
            return self
        inr = replace(self, variables=variables, score=math.nan, scores=None)
        if signal is None:
            return inr
        found = as_signal(signal).with_value_range(self.frame.value_range)
        scores = found.scores(inr.network())
        return replace(inr, scores=scores, score=OBJECTIVES[self.objective](scores))

    def save(
        self,
        path: str | os.PathLike[str],
        dtype: str = "float32",
        signal: SignalLike | None = None,
    ) -> Path:
        """Write the model file, atomically, and read it back before it takes its name.

        Args:
            dtype: of the trained numbers in the file, float32, float16 or int8; they are float32
                again where the file is loaded.
            signal: by which the rounded network is scored, as the file then says; without one its
                score is not known.

        Raises:
            OSError: the folder is missing or not writable.
            ValueError: numbers that `dtype` cannot hold.
        """
        return write_atomic(path, self.rounded(dtype, signal).to_bytes(dtype))

    def to_bytes(self, dtype: str = "float32") -> bytes:
        """The content of the model file."""
        self = self._concrete("to_bytes")
        facts = {
            "score": self.score,
            "objective": self.objective,
            "scores": self.scores and self.scores._asdict(),
            "num_steps": self.num_steps,
            "seed": self.seed,
        }
        content = Content(self.config, self.variables, self.frame, {**self.info, **facts})
        return pack(content, dtype)

    plot = display.plot
    to_glsl = exports.to_glsl
    to_html = exports.to_html
    to_onnx = exports.to_onnx
    to_torch = exports.to_torch
    to_wgsl = exports.to_wgsl
    _repr_html_ = display.as_html
    __repr__ = display.as_text


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
        objective=info.pop("objective", "samples"),
        scores=read_scores(info.pop("scores", None)),
        seed=info.pop("seed"),
        info=info,
    )


_apply = jax.jit(apply)


def _round_up(rows: int) -> int:
    """Rows of the padded chunk: few different sizes, so few compilations."""
    return min(_PREDICT_POINTS, 1 << max(rows - 1, 0).bit_length())
