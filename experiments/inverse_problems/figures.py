"""Figures of docs/landscapes.md: shares over the noise scale, and landscapes."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from experiments.inverse_problems.problems import PROBLEMS
from experiments.inverse_problems.sums import (
    RESULTS,
    Row,
    best_setting,
    read,
    settings_of,
    successes,
)

PAGE = Path("docs") / "landscapes.md"
FIGURES = {"shares": "landscapes_shares.png", "shapes": "landscapes.png"}


def done() -> list[str]:
    """Problems with all their results."""
    return [name for name in PROBLEMS if "fit" in read(name)]


def reported(name: str) -> dict[str, tuple[str, Row]]:
    """Method -> its setting and row on the reported targets, at what was chosen on the others."""
    kinds: dict[str, tuple[str, Any]] = {
        "raw": ("raw", "bfgs"),
        "gradient descent": ("raw", "gradient descent"),
        "proxy": ("proxy", None),
        "blur": ("blur", None),
        "kernel": ("kernel", None),
        **{f"stored {k}": ("stored", k) for k in ("10", "100", "all")},
        "regression": ("regression", None),
    }
    found = {}
    for kind, (method, setting) in kinds.items():
        chosen = best_setting(name, method, setting)
        found[kind] = chosen[0], settings_of(name, "reported", method)[chosen]
    return found


def draw() -> None:
    """Both figures."""
    import matplotlib

    matplotlib.use("Agg")
    draw_shares()
    draw_shapes()


def draw_shares() -> None:
    """Share of optimal runs against the noise scale, one panel a problem."""
    from matplotlib import pyplot

    names = done()
    figure, axes = pyplot.subplots(
        1, len(names), figsize=(3.0 * len(names), 3.1), layout="constrained", squeeze=False
    )
    for axis, name in zip(axes[0], names, strict=True):
        for method, colour, label in (
            ("blur", "#4e79a7", "exact blur"),
            ("kernel", "#7a9e3f", "kernel average"),
            ("proxy", "#c0392b", "learned"),
        ):
            found = sorted(
                (float(key[0]), successes(row)) for key, row in shown_rows(name, method).items()
            )
            x = [scale for scale, _ in found]
            each = [100 * good.mean(axis=(1, 2)) for _, good in found]
            axis.plot(x, [e.mean() for e in each], color=colour, label=label)
            if method == "proxy":
                for scale, shares in zip(x, each, strict=True):
                    axis.plot([scale] * len(shares), shares, ".", color=colour, alpha=0.5)
        raw = 100 * reported(name)["raw"][1]["share"]
        axis.axhline(raw, color="#8a8f98", linestyle="--", label="BFGS alone")
        axis.set_title(PROBLEMS[name].title.split(",")[0] + _unknowns(name), fontsize=9)
        axis.set_xlabel("noise scale")
        axis.set_ylim(0, None)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("% of runs that reach the optimum")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(PAGE.parent / FIGURES["shares"], dpi=110)
    pyplot.close(figure)


def shown_rows(name: str, method: str) -> dict[tuple[str, float], Row]:
    """Reported rows of a method, one a scale, at the first step that was chosen for it."""
    return settings_of(name, "reported", method)


def _unknowns(name: str) -> str:
    return f", {PROBLEMS[name].num_unknowns} unknowns" if "billiards" in name else ""


def draw_shapes() -> None:
    """True, blurred and learned landscape of a target, one row a problem."""
    from matplotlib import pyplot

    names = [n for n in done() if (RESULTS / f"{n}_pictures.json").is_file()]
    figure, axes = pyplot.subplots(
        len(names), 3, figsize=(8.4, 2.6 * len(names)), layout="constrained", squeeze=False
    )
    for row, name in zip(axes, names, strict=True):
        record = json.loads((RESULTS / f"{name}_pictures.json").read_text())
        kinds = {kind: np.array(values) for kind, values in record["landscapes"].items()}
        for axis, (kind, values) in zip(row, kinds.items(), strict=True):
            draw_landscape(axis, name, record, kinds, values)
            scale = "" if kind == "true" else f", {record['scale']:g}"
            axis.set_title(f"{kind}{scale}", fontsize=9)
        row[0].set_ylabel(f"{PROBLEMS[name].title}\n{row[0].get_ylabel()}", fontsize=8)
    figure.savefig(PAGE.parent / FIGURES["shapes"], dpi=100)
    pyplot.close(figure)


def draw_landscape(
    axis: Any, name: str, record: Row, kinds: dict[str, np.ndarray], values: np.ndarray
) -> None:
    """A line for one unknown, a picture for two."""
    problem, optimum = PROBLEMS[name], np.array(record["optimum"])
    low, high = np.array(problem.low), np.array(problem.high)
    truth = low + (high - low) * optimum
    if values.ndim == 1:
        x = low[0] + (high[0] - low[0]) * (np.arange(len(values)) + 0.5) / len(values)
        axis.plot(x, values, color="#2c3e50")
        axis.axvline(truth[0], color="#c0392b", linewidth=0.8)
        axis.set_xlabel(problem.names[0], fontsize=8)
        axis.set_ylim(kinds["true"].min() - 0.1, np.quantile(kinds["true"], 0.98))
        return
    ends = np.quantile(np.concatenate([v.ravel() for v in kinds.values()]), [0.0, 0.95])
    extent = (low[0], high[0], low[1], high[1])
    axis.imshow(
        values.T, origin="lower", extent=extent, aspect="auto", cmap="viridis",
        vmin=ends[0], vmax=ends[1],
    )  # fmt: skip
    axis.plot(truth[0], truth[1], "x", color="#ff5544", markersize=9, markeredgewidth=2)
    axis.set_xlabel(problem.names[0], fontsize=8)
    axis.set_ylabel(problem.names[1], fontsize=8)
