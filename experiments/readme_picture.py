"""Claim: minutes of search on two cores beat every published network trained as long.

Command: python -m experiments.readme_picture   (continues or finishes `optiinr search` first)
Time: 3 minutes on 2 cores; seconds where `runs/sample` is complete.
Expected: the table of `optiinr search`, found configuration about 6 dB above the best preset, and
docs/search.png: target, best preset and found network, with the errors of both on one scale.
"""

import inspect
from pathlib import Path

import optiinr_jax as oi
from optiinr_jax.cli import common, studies
from optiinr_jax.report.gallery.pixels import error_map, shared_scale
from optiinr_jax.studies import compare
from optiinr_jax.studies.comparison import train_fresh

FOLDER = Path("runs") / common.SAMPLE
PICTURE = Path(__file__).parents[1] / "docs" / "search.png"


def main() -> None:
    """Run the README's first command to its end, then draw."""
    from matplotlib.figure import Figure

    studies.search(out=FOLDER)
    defaults = {k: p.default for k, p in inspect.signature(studies.search).parameters.items()}
    signal = oi.sample_signal("image", size=common.SEARCH_SIZES["image"])
    options = ("num_trials", "num_initial", "num_steps", "width", "depth", "seed")
    study = oi.search(
        signal,
        storage=f"sqlite:///{FOLDER / 'study.db'}",
        model_path=FOLDER / common.MODEL,
        **{name: defaults[name] for name in options},
    )
    comparison = compare(study, path=FOLDER / "comparison.json")
    best = comparison.presets[0]
    entries = {f"best preset, {best.name.upper()}": best, "found": comparison.found}
    shown = [("target", signal.samples)]
    for title, entry in entries.items():
        if (inr := train_fresh(study, entry.config, 0)) is not None:
            shown.append((f"{title}: {inr.score:.1f} dB", inr.render()))
    errors = [error_map(samples, signal.samples) for _, samples in shown[1:]]
    scale = shared_scale(errors)
    figure = Figure(figsize=(10, 7.2), layout="constrained", facecolor="white")
    axes = figure.subplots(2, 3)
    for ax, (title, samples) in zip(axes[0], shown, strict=True):
        ax.imshow(samples.clip(0, 1), interpolation="nearest")
        ax.set_title(title, fontsize=12)
    for ax, error in zip(axes[1, 1:], errors, strict=True):
        image = ax.imshow(255 * error, cmap="magma", vmin=0, vmax=255 * scale.high)
    for ax in axes.flat:
        ax.set_axis_off()
    bar = figure.colorbar(image, ax=axes[1, 1:], orientation="horizontal", shrink=0.5, aspect=30)
    bar.set_label("absolute error, levels of 255")
    figure.savefig(PICTURE, dpi=90)
    print(f"wrote {PICTURE}")


if __name__ == "__main__":
    main()
