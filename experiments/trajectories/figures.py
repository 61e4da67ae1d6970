"""Figures of docs/trajectories.md: what a task asks, and what was predicted there."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from experiments.figures import save
from experiments.trajectories import pictures
from experiments.trajectories.run import FOLDER
from experiments.trajectories.tasks import TASKS

PAGE = Path("docs") / "trajectories.md"
KINDS = {"truth": "truth", "surrogate": "surrogate", "rival": "{rival}"}
COLOURS = ("#4e79a7", "#c0392b", "#7a9e3f", "#e8a33d")


def figure_of(task: str) -> Path:
    """File of a task's figure."""
    return PAGE.with_name(f"trajectories_{task}.png")


def draw(task: str) -> None:
    """Truth, surrogate and rival side by side at settings that nobody has trained."""
    path = FOLDER / task / "shown.json"
    record = json.loads(path.read_text())
    (draw_quantiles if task == "quantiles" else draw_points)(task, record)


def draw_points(task: str, record: dict[str, Any]) -> None:
    """One row a setting: the anchors around it, then truth, surrogate and rival."""
    from matplotlib.figure import Figure

    rows, classes = record["settings"], np.array(record["classes"])
    titles = {kind: text.format(rival=TASKS[task].rival) for kind, text in KINDS.items()}
    figure = Figure(figsize=(10.5, 2.0 * len(rows) + 0.3), layout="constrained", facecolor="white")
    grid = figure.subplots(len(rows), 4, sharex=True, sharey=True, squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        known = {setting: np.array(y) for setting, y in record["anchors"]}
        left = max(s for s in known if s <= row["setting"])
        right = min(s for s in known if s > row["setting"])
        for setting, marker in ((left, "o"), (right, "^")):
            _scatter(axes[0], known[setting], classes, marker, 0.5)
        axes[0].set_title(f"known: {left:g} (dots), {right:g} (triangles)", fontsize=9)
        for axis, (kind, title) in zip(axes[1:], titles.items(), strict=True):
            _scatter(axis, np.array(row[kind]), classes, "o", 0.8)
            axis.set_title(f"{title} at {row['setting']:g}", fontsize=9)
    for axis in grid.flat:
        axis.set_aspect("equal")
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=7)
    save(figure, figure_of(task))


def _scatter(axis: Any, y: np.ndarray, classes: np.ndarray, marker: str, alpha: float) -> None:
    for k in np.unique(classes):
        rows = y[classes == k]
        axis.scatter(*rows.T, s=5, marker=marker, color=COLOURS[k], alpha=alpha, linewidths=0)


def draw_quantiles(task: str, record: dict[str, Any]) -> None:
    """The next value as a function of the level, for three windows."""
    from matplotlib.figure import Figure

    (low, first), (high, last) = record["anchors"]
    levels = [low, *(row["setting"] for row in record["settings"]), high]
    figure = Figure(figsize=(10.0, 3.4), layout="constrained", facecolor="white")
    spread = np.array(last)[:, 0] - np.array(first)[:, 0]
    windows = np.argsort(spread)[[len(spread) // 10, len(spread) // 2, -len(spread) // 10]]
    styles = {"truth": ("s-", "networks trained there"), "surrogate": ("o-", "surrogate")}
    styles["rival"] = ("--", TASKS[task].rival)
    for axis, window in zip(figure.subplots(1, 3), windows, strict=True):
        for kind, (style, label) in styles.items():
            values = [first[window][0], *(row[kind][window][0] for row in record["settings"])]
            colour = {"surrogate": COLOURS[1], "rival": "#8a8f98"}.get(kind, "k")
            axis.plot(levels, [*values, last[window][0]], style, label=label, color=colour, ms=4)
        axis.plot([low, high], [first[window][0], last[window][0]], "kD", ms=6, label="anchors")
        axis.set(xlabel="level", title=f"window {window}")
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("next value, degrees")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    save(figure, figure_of(task))


def draw_pictures() -> None:
    """What each method says of one omega."""
    from matplotlib.figure import Figure

    record = json.loads((pictures.FOLDER / "0.json").read_text())
    shown, rows = record["shown"], record["methods"]
    figure = Figure(figsize=(2.0 * len(shown), 2.5), layout="constrained", facecolor="white")
    for axis, (name, text) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        near = rows[name].get("to the network")
        words = f"{near[str(pictures.SHOWN)]:.1f} dB" if near else f"omega {pictures.SHOWN:g}"
        axis.imshow(pictures.from_hex(text))
        axis.set_title(f"{name.replace(', ', ',' + chr(10), 1)}\n{words}", fontsize=8)
        axis.axis("off")
    save(figure, figure_of("pictures"))
