"""The README's first command: its table, and what the found network is worth between the pixels.

Command: python -m experiments.readme_picture   (continues or finishes `optiinr search` first)
Time: 5 minutes on 2 cores; seconds where `runs/sample` is complete.
Expected: the table of `optiinr search`; docs/search.png: the sample, a detail of it with many
points to a pixel (the signal, interpolation, best published network, found network), and the errors
there.
"""

import math
from pathlib import Path

import numpy as np

import optiinr_jax as oi
from experiments.figures import save
from optiinr_jax.cli import common, studies
from optiinr_jax.report.gallery.finer import control_of, sampled
from optiinr_jax.report.gallery.pixels import error_map, shared_scale
from optiinr_jax.signals.scores import INTERPOLATION_LABELS
from optiinr_jax.studies.comparison import train_fresh

FOLDER = Path("runs") / common.SAMPLE
PICTURE = Path(__file__).parents[1] / "docs" / "search.png"
DETAIL = (slice(26, 62), slice(12, 48))  # of the 96 x 96 pixels
ZOOM = 8


def main() -> None:
    """Run the README's first command to its end, then draw."""
    studies.search(out=FOLDER)
    study = oi.load_study(f"sqlite:///{FOLDER / common.STUDY}")
    comparison = oi.compare(study, path=FOLDER / studies.FRESH_SCORES, progress=False)
    networks = {}
    for title, entry in {
        f"best published, {comparison.presets[0].name.upper()}": comparison.presets[0],
        "found": comparison.found,
    }.items():
        if (inr := train_fresh(study, entry.config, 0)) is not None:
            networks[title] = inr
    draw(study.signal, networks, PICTURE)
    print(f"wrote {PICTURE}")


def draw(signal: oi.Signal, networks: dict[str, oi.INR], path: Path) -> None:
    """The detail as it is and as the samples, the spline and the networks say it; errors below."""
    from matplotlib.figure import Figure

    shape = tuple(ZOOM * (part.stop - part.start) for part in DETAIL)
    region = [(part.start / n, part.stop / n) for part, n in zip(DETAIL, signal.shape, strict=True)]
    truth = sampled(signal, shape, region)
    control = INTERPOLATION_LABELS[signal.control]
    shown = {control: sampled(control_of(signal), shape, region)}
    for title, inr in networks.items():
        shown[title] = inr.render(shape=shape, region=region)
    errors = [error_map(values, truth) for values in shown.values()]
    scale = shared_scale(errors)
    figure = Figure(figsize=(12.0, 4.9), layout="constrained", facecolor="white")
    axes = figure.subplots(2, 2 + len(shown))
    pixels = np.kron(signal.samples[DETAIL], np.ones((ZOOM, ZOOM, 1)))
    tops = {"the pixels trained on": pixels, "the signal: their cubic spline": truth, **shown}
    for ax, (title, values) in zip(axes[0], tops.items(), strict=True):
        ax.imshow(values.clip(0, 1), interpolation="nearest")
        ax.set_title(title, fontsize=10)
    axes[1, 0].imshow(signal.samples.clip(0, 1), interpolation="nearest")
    axes[1, 0].set_title("the whole picture", fontsize=10)
    rows, columns = DETAIL
    axes[1, 0].plot(
        [columns.start, columns.stop, columns.stop, columns.start, columns.start],
        [rows.start, rows.start, rows.stop, rows.stop, rows.start],
        color="white",
        lw=1,
    )
    for ax, error, values in zip(axes[1, 2:], errors, shown.values(), strict=True):
        image = ax.imshow(255 * error, cmap="magma", vmin=0, vmax=255 * scale.high)
        ax.set_title(f"error here: {_psnr(values, truth):.1f} dB", fontsize=10)
    for ax in axes.flat:
        ax.set_axis_off()
    bar = figure.colorbar(image, ax=axes, location="right", shrink=0.4, anchor=(0.0, 0.04))
    bar.set_label("absolute error, levels of 255")
    save(figure, path)


def _psnr(values: np.ndarray, truth: np.ndarray) -> float:
    return -10.0 * math.log10(float(np.mean((values.clip(0, 1) - truth) ** 2)))


if __name__ == "__main__":
    main()
