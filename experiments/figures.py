"""The figures of the paper, each one function: numbers or samples in, a PNG file out."""

import itertools
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

import optiinr_jax as oi
from optiinr_jax.files import write_atomic
from optiinr_jax.report.gallery.audio import spectrogram
from optiinr_jax.report.gallery.image import detail_of
from optiinr_jax.signals import mesh_of, render_mesh
from optiinr_jax.signals.volume import box_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAIN, GAMMA, OPACITY = 16.0, 0.6, 0.85  # of error fields, from the caption of figure 3
SPECTRAL_GAMMA, CLIP = 0.9, 99.5  # of spectral residuals, from that of figure 5
COLOURS = {
    "presets": "#8a8f98",
    "random": "#c9a227",
    "tpe": "#7a9e3f",
    "layerwise": "#b07aa1",
    "single_family": "#4e79a7",
    "encoded_family": "#2b4a73",
    "faithful": "#1b9e9e",
    "untied": "#7b4a9e",
    "confirmed": "#e57368",
    "optiinr": "#c0392b",
}
LABELS = {
    "presets": "best published network",
    "random": "random search",
    "tpe": "TPE (Optuna)",
    "layerwise": "layer by layer",
    "single_family": "best single family, tuned",
    "encoded_family": "single family and encoding, tuned",
    "faithful": "the paper's optimiser",
    "untied": "OptiINR, all layers free at once",
    "confirmed": "OptiINR, six trials to confirm",
    "optiinr": "OptiINR",
}
UP = {"dragon_occ512_packbits": "x"}  # the axis that points upwards, where it is not y
Shown = dict[str, np.ndarray]  # title -> samples (*shape, C) on the signal's grid


def error_field(
    samples: Float[np.ndarray, "H W C"], target: Float[np.ndarray, "H W C"]
) -> Float[np.ndarray, "H W 3"]:
    """The paper's figure 3: |difference| over the picture, values in [0, 1]."""
    from matplotlib import colormaps

    error = np.abs(samples - target).mean(axis=-1)
    strength = np.clip(GAIN * error, 0.0, 1.0) ** GAMMA
    heat = colormaps["jet"](strength)[..., :3]
    return np.minimum(OPACITY * heat + (1.0 - OPACITY) * _rgb(samples), 1.0)


def spectral_residual(
    samples: np.ndarray, target: np.ndarray, rate: float
) -> Float[np.ndarray, "F T"]:
    """The paper's figure 5: signed difference of dB in [-1, 1]; above 0 where we are louder."""
    difference = spectrogram(samples, rate) - spectrogram(target, rate)
    top = np.percentile(np.abs(difference), CLIP)
    ratio = np.clip(difference / max(top, 1e-12), -1.0, 1.0)
    return np.sign(ratio) * np.abs(ratio) ** SPECTRAL_GAMMA


def draw_pictures(path: Path, rows: Sequence[tuple[oi.Signal, Shown]]) -> Path:
    """Reconstructions with a detail, and error fields: two rows a picture (figures 2 to 4)."""
    columns = 1 + max(len(shown) for _, shown in rows)
    figure = _figure(2.1 * columns, 4.5 * len(rows))
    grid = figure.subplots(2 * len(rows), columns, squeeze=False)
    for r, (signal, shown) in enumerate(rows):
        for c, (title, samples) in enumerate({signal.name: signal.samples, **shown}.items()):
            top, below = grid[2 * r, c], grid[2 * r + 1, c]
            _draw_with_detail(top, samples, signal)
            top.set_title(title, fontsize=8)
            if c > 0:
                below.imshow(error_field(samples, signal.samples), interpolation="nearest")
    for axes in grid.ravel():
        axes.set_axis_off()
    return save(figure, path)


def _draw_with_detail(axes: "Axes", samples: np.ndarray, signal: oi.Signal) -> None:
    """A picture with its busiest part in a red box, enlarged in the upper corner further away."""
    from matplotlib.patches import Rectangle

    rows, columns = detail_of(signal)
    height, width = samples.shape[:2]
    picture = _rgb(samples)
    axes.imshow(picture, interpolation="nearest")
    is_right = columns.start + columns.stop <= width
    left = (0.55 * width if is_right else 0.0) - 0.5
    right = left + 0.45 * width
    low = 0.45 * height - 0.5
    axes.imshow(picture[rows, columns], extent=(left, right, low, -0.5), interpolation="nearest")
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    size = (columns.stop - columns.start, rows.stop - rows.start)
    for corner, (w, h) in (
        ((columns.start - 0.5, rows.start - 0.5), size),
        ((left, -0.5), (right - left, low + 0.5)),
    ):
        axes.add_patch(Rectangle(corner, w, h, fill=False, edgecolor="red", linewidth=0.9))


def draw_sound(path: Path, signal: oi.Signal, shown: Shown) -> Path:
    """Rows: target and networks; columns: waveform, spectrogram, spectral residual (figure 5)."""
    rate = signal.attributes["sample_rate"]
    rows = {signal.name: signal.samples, **shown}
    figure = _figure(8.4, 1.35 * len(rows) + 0.4)
    grid = figure.subplots(len(rows), 3, squeeze=False)
    for r, (title, samples) in enumerate(rows.items()):
        seconds = np.arange(samples.shape[0]) / rate
        wave, spectrum, residual = grid[r]
        wave.plot(seconds, samples[:, 0], lw=0.35, color=COLOURS["optiinr"] if r else "#333333")
        wave.set(xlim=(0, seconds[-1]), ylim=(-1.05, 1.05), xticks=[], yticks=[])
        wave.set_ylabel(title, fontsize=7, rotation=0, ha="right", va="center")
        style: dict[str, Any] = {"origin": "lower", "aspect": "auto"}
        spectrum.imshow(spectrogram(samples, rate), cmap="magma", vmin=-90, vmax=0, **style)
        if r > 0:
            signed = spectral_residual(samples, signal.samples, rate)
            residual.imshow(signed, cmap="RdBu_r", vmin=-1, vmax=1, **style)
        for axes in (spectrum, residual):
            axes.set(xticks=[], yticks=[])
            axes.set_frame_on(False)
    for axes, name in zip(grid[0], ("waveform", "STFT, dB", "spectral residual"), strict=True):
        axes.set_title(name, fontsize=8)
    return save(figure, path)


def draw_solids(path: Path, rows: Sequence[tuple[oi.Signal, Shown]]) -> Path:
    """Surfaces, coloured where voxels at them are wrong: red missing, blue too much (figure 7)."""
    columns = 1 + max(len(shown) for _, shown in rows)
    figure = _figure(2.3 * columns, 2.5 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for r, (signal, shown) in enumerate(rows):
        for c, (title, samples) in enumerate({signal.name: signal.samples, **shown}.items()):
            grid[r, c].imshow(solid_with_errors(samples, signal))
            grid[r, c].set_title(title, fontsize=8)
    for axes in grid.ravel():
        axes.set_axis_off()
    return save(figure, path)


def solid_with_errors(
    samples: np.ndarray, signal: oi.Signal, size: int = 360
) -> Float[np.ndarray, "S S 3"]:
    """A drawing of the surface; white where nothing is inside."""
    if not samples.min() < 0.5 <= samples.max():
        return np.ones((size, size, 3))
    mesh = mesh_of(samples, signal.frame)
    wrong = (samples[..., 0] >= 0.5).astype(int) - (signal.samples[..., 0] >= 0.5)
    box, last = box_of(signal.shape, signal.attributes), np.array(signal.shape) - 1
    middles = mesh.vertices[mesh.faces].mean(axis=1)
    places = (middles - box.low) / (box.high - box.low) * last
    ends = [np.clip(end(places).astype(int), 0, last) for end in (np.floor, np.ceil)]
    corners = itertools.product((0, 1), repeat=3)  # the voxels about the middle of a face
    here = sum(
        wrong[tuple(ends[c][:, axis] for axis, c in enumerate(corner))] for corner in corners
    )
    colours = np.tile([0.85, 0.80, 0.72], (len(here), 1))
    colours[here < 0], colours[here > 0] = (0.90, 0.15, 0.10), (0.15, 0.30, 0.90)
    return render_mesh(
        mesh.vertices, mesh.faces, size, up=UP.get(signal.name, "y"), colours=colours
    )


def draw_scores(path: Path, scores: dict[str, dict[str, float]], metric: str) -> Path:
    """Signal by signal, a point for each contender (figure 1, whose bars begin at no zero).

    Args:
        scores: contender -> signal -> mean score.
    """
    signals = list(next(iter(scores.values())))
    width = max(5.0, 0.9 * len(signals) + 1.5)
    figure = _figure(width, 3.4)
    axes = figure.add_subplot()
    for i, (contender, row) in enumerate(scores.items()):
        places = np.arange(len(signals)) + (i - (len(scores) - 1) / 2) * 0.08
        values = [row.get(name, np.nan) for name in signals]
        axes.scatter(
            places, values, s=46, color=COLOURS[contender], label=LABELS[contender], zorder=3
        )
    axes.set_xticks(range(len(signals)), [name.rpartition("/")[2] for name in signals], fontsize=8)
    axes.set_xlim(-0.6, len(signals) - 0.4)
    axes.margins(y=0.2)
    axes.set_ylabel(metric)
    _plain(axes)
    columns = int(width / 2.2)
    figure.legend(fontsize=7, ncols=columns, frameon=False, loc="outside upper left")
    return save(figure, path)


def draw_curves(path: Path, curves: dict[str, np.ndarray], label: str) -> Path:
    """Best score so far by trial, mean over signals; `curves`: contender -> (signals, trials).

    The axis shows what comes after a tenth of the trials, before which a curve may be anywhere.
    """
    figure = _figure(6.0, 3.8)
    axes = figure.add_subplot()
    for contender, values in curves.items():
        mean = values.mean(axis=0)
        trials = np.arange(1, len(mean) + 1)
        axes.plot(trials, mean, color=COLOURS[contender], label=LABELS[contender], lw=1.8)
    later = np.concatenate([c.mean(axis=0)[c.shape[1] // 10 :] for c in curves.values()])
    axes.set_ylim(later.min() - 0.08 * np.ptp(later), later.max() + 0.08 * np.ptp(later))
    axes.set_xlabel("trials")
    axes.set_ylabel(label)
    _plain(axes)
    figure.legend(fontsize=7, ncols=3, frameon=False, loc="outside upper left")
    return save(figure, path)


def _plain(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e4e4e4", lw=0.7)
    axes.set_axisbelow(True)


def _rgb(samples: np.ndarray) -> np.ndarray:
    levels = np.clip(samples, 0.0, 1.0)
    return levels if levels.shape[-1] == 3 else np.repeat(levels[..., :1], 3, axis=-1)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def save(figure: "Figure", path: Path) -> Path:
    """Write a figure as PNG, whole or not at all."""
    stream = BytesIO()
    figure.savefig(stream, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_atomic(path, stream.getvalue())
