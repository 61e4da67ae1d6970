"""Networks of one signal in one picture: what each makes of it, a detail, and its errors."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optiinr_jax.files import write_atomic
from optiinr_jax.inr.baselines import Baseline
from optiinr_jax.signals import Frame, Signal, mesh_of, render_mesh, stft_db
from optiinr_jax.signals.spectra import WINDOW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 6
_TILE = 2.1  # inches
_ZOOM = 5  # the detail is this part of a side
_RENDER = 320  # pixels of a drawn solid


class Shown(NamedTuple):
    """One column: a title and the samples on the signal's grid."""

    title: str
    samples: np.ndarray  # (*shape, C), natural values


def draw_side_by_side(signal: Signal, baselines: Sequence[Baseline], path: Path) -> Path:
    """Write a PNG with the signal and every network, best first, in rows of six."""
    from matplotlib.figure import Figure

    trained = [(b.name, b.inr) for b in baselines if b.inr is not None]
    trained.sort(key=lambda pair: -pair[1].score)
    unit = signal.metric_name.partition("(")[2].rstrip(")")
    shown = [Shown("signal", signal.samples)]
    for name, inr in trained:
        score = f"{inr.score:.2f} {unit}" if unit else f"{inr.score:.4f}"
        shown.append(Shown(f"{name}  {score}", inr.render(shape=signal.shape)))
    panels = PANELS[signal.kind]
    blocks = -(-len(shown) // _COLUMNS)
    columns = -(-len(shown) // blocks)
    size = (_TILE * columns, (_TILE * len(panels) + 0.35) * blocks)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    grid = figure.subplots(blocks * len(panels), columns, squeeze=False)
    for axes in grid.ravel():
        axes.set_axis_off()
    for i, column in enumerate(shown):
        block, place = divmod(i, columns)
        for j, draw in enumerate(panels):
            axes = grid[block * len(panels) + j, place]
            draw(axes, column.samples, signal)
            if j == 0:
                axes.set_title(column.title, fontsize=8)
    stream = BytesIO()
    figure.savefig(stream, format="png")
    return write_atomic(path, stream.getvalue())


def _picture(axes: "Axes", samples: np.ndarray) -> None:
    levels = np.clip(samples, 0.0, 1.0)
    axes.imshow(levels if levels.shape[-1] == 3 else levels[..., 0], cmap="gray", vmin=0, vmax=1)


def _draw_image(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    _picture(axes, samples)
    rows, columns = detail_of(signal)
    corner = (columns.start - 0.5, rows.start - 0.5)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor="red", linewidth=0.8))


def _draw_detail(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    rows, columns = detail_of(signal)
    _picture(axes, samples[rows, columns])


def _draw_error(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    error = np.abs(samples - signal.samples).mean(axis=-1)
    axes.imshow(error, cmap="magma", vmin=0.0, vmax=0.1)


def detail_of(signal: Signal) -> tuple[slice, slice]:
    """The part of the picture where neighbouring pixels differ most."""
    grey = signal.samples.mean(axis=-1)
    height, width = (max(2, n // _ZOOM) for n in grey.shape)
    change = np.zeros_like(grey)
    change[1:] += np.abs(np.diff(grey, axis=0))
    change[:, 1:] += np.abs(np.diff(grey, axis=1))
    total = np.pad(change, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = (
        total[height:, width:]
        - total[:-height, width:]
        - total[height:, :-width]
        + total[:-height, :-width]
    )
    row, column = np.unravel_index(np.argmax(sums), sums.shape)
    return slice(int(row), int(row) + height), slice(int(column), int(column) + width)


def _draw_waveform(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    axes.plot(signal.samples[:, 0], color="0.75", linewidth=0.6)
    axes.plot(samples[:, 0], color="C0", linewidth=0.4)
    axes.set_ylim(-1.05, 1.05)


def _draw_spectrogram(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    axes.imshow(
        spectrogram(samples, _rate(signal)),
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-90.0,
        vmax=0.0,
    )


def _draw_residual(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    found, wanted = (spectrogram(x, _rate(signal)) for x in (samples, signal.samples))
    difference = np.maximum(found, -90.0) - np.maximum(wanted, -90.0)
    axes.imshow(difference, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-40.0, vmax=40.0)


def spectrogram(samples: np.ndarray, rate: float) -> np.ndarray:
    """Decibels (frequency, time) of a sound, however short it is."""
    samples = np.pad(samples.reshape(-1), (0, max(0, 8 - samples.size)))
    return stft_db(samples, rate, window=min(WINDOW, samples.size // 4 * 4)).db


def _rate(signal: Signal) -> float:
    return signal.attributes.get("sample_rate", 1.0)


def _draw_solid(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    axes.imshow(solid_picture(samples, signal.frame))


def _draw_slice(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    """The middle slice: white inside, black outside; red is missing, blue is too much."""
    found, wanted = (x[..., 0] >= 0.5 for x in (samples, signal.samples))
    axes.imshow(solid_slice(found, wanted), origin="lower")


def solid_slice(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The middle slice of a solid in colours; its first row is the lowest."""
    middle = wanted.shape[1] // 2
    found, wanted = found[:, middle], wanted[:, middle]
    colours = np.where(found[..., None], 1.0, 0.0) * np.ones(3)
    colours[wanted & ~found] = (0.9, 0.1, 0.1)
    colours[found & ~wanted] = (0.1, 0.3, 0.9)
    return colours.transpose(1, 0, 2)


def solid_picture(samples: np.ndarray, frame: Frame, azimuth: float = 35.0) -> np.ndarray:
    """A drawing of a solid, or white where nothing is inside."""
    if not (samples.min() < 0.5 <= samples.max()):
        return np.ones((_RENDER, _RENDER, 3), np.float32)
    low, high = frame.value_range
    mesh = mesh_of(low + (high - low) * samples.reshape(-1, 1), frame)
    return render_mesh(mesh.vertices, mesh.faces, _RENDER, azimuth=azimuth)


Draw = Callable[["Axes", np.ndarray, Signal], None]

# kind of signal -> the panels of one column, top to bottom
PANELS: dict[str, tuple[Draw, ...]] = {
    "image": (_draw_image, _draw_detail, _draw_error),
    "audio": (_draw_waveform, _draw_spectrogram, _draw_residual),
    "volume": (_draw_solid, _draw_slice),
}
