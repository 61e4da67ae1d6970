"""The figure of docs/between_samples.md: a detail, and all pictures at and between samples."""

import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import optiinr_jax as oi
from experiments.between_samples import (
    PICTURES,
    SIDE,
    SIZES,
    load,
    picture_truth,
    spline,
)
from experiments.figures import save
from experiments.protocol import PRESETS, fresh_key
from experiments.records import read_result
from optiinr_jax.inr import NetworkConfig

MORE = "between_more"
OBJECTIVES = ("continuous", "samples")
SHOWN = "kodak/kodim04"
CROP = (slice(52, 84), slice(20, 52))  # of the shown picture, in samples
ZOOM = 8
Record = dict[str, Any]


def draw(path: Path, records: dict[Any, Record]) -> None:
    """A detail at eight times the size, and all pictures at and between their samples."""
    from matplotlib.figure import Figure

    shown = _details(records)
    figure = Figure(figsize=(11.0, 7.0), layout="constrained", facecolor="white")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.05, 1.25))
    for axis, (title, pixels) in zip(top.subplots(1, len(shown)), shown.items(), strict=True):
        axis.imshow(pixels.clip(0, 1), interpolation="nearest")
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()
    axis = bottom.subplots()
    for label, colour, marker, points in _clouds(records):
        x, y = zip(*points.values(), strict=True)
        y = [between - spline(name)["between"] for name, between in zip(points, y, strict=True)]
        axis.plot(x, y, marker, color=colour, label=label, ms=6, alpha=0.85)
    axis.axhline(0.0, color="#12263a", lw=0.8, zorder=0)
    axis.text(axis.get_xlim()[0], 0.08, " cubic spline", fontsize=8, color="#12263a")
    axis.set(
        xlabel="at the samples, PSNR (dB)",
        ylabel="between the samples,\ndB above a cubic spline",
    )
    axis.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def _details(records: dict[Any, Record]) -> dict[str, np.ndarray]:
    """A detail of one picture: samples, truth, spline, and what was found by each objective."""
    signal, truth = load(SHOWN, "quick"), picture_truth(SHOWN)
    rows, columns = ((s.start, s.stop) for s in CROP)
    steps = [np.arange(a * ZOOM, b * ZOOM) / ZOOM for a, b in (rows, columns)]
    places = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1)
    coords = places * 2.0 / (SIDE - 1) - 1.0
    shown = {
        "the samples": np.kron(signal.samples[CROP], np.ones((ZOOM, ZOOM, 1))),
        "what they were taken from": np.kron(
            truth[2 * rows[0] : 2 * rows[1], 2 * columns[0] : 2 * columns[1]],
            np.ones((ZOOM // 2, ZOOM // 2, 1)),
        ),
        "cubic spline": signal.at(coords),
    }
    for objective in reversed(OBJECTIVES):
        record = records.get((objective, SHOWN, "optiinr"))
        if record is None:
            continue
        config = NetworkConfig.from_json(record["fresh"]["found"]["config"])
        inr = oi.fit(
            signal,
            config,
            objective=objective,
            num_steps=SIZES["quick"].num_steps,
            key=fresh_key(0, 0),
            share_program=True,
            progress=False,
            warn=False,
        )
        values = inr.predict(coords.reshape(-1, 2))
        title = f'found by objective "{objective}"'
        shown[title] = np.asarray(values).reshape(*places.shape[:2], 3)
    return shown


def _clouds(
    records: dict[Any, Record],
) -> Iterator[tuple[str, str, str, dict[str, tuple[float, float]]]]:
    extra = read_result(MORE) or {}
    marks = {
        ("continuous", True): ("published, best of the authors' rules", "#8a8f98", "^"),
        ("continuous", False): ("published, trained as a search trains", "#4e79a7", "s"),
    }
    for (objective, is_own), (label, colour, marker) in marks.items():
        points = {
            name: _pair(_best_published(r, is_own=is_own))
            for (o, name, c), r in records.items()
            if o == objective and c == PRESETS and name in PICTURES
        }
        if points:
            yield label, colour, marker, points
    first = {
        name: pair
        for name in PICTURES
        if (pair := _extra_pair(extra, name, "first winner, first rule")) is not None
    }
    if first:
        yield "found by the first searches", "#c9a227", "v", first
    for objective, colour in zip(OBJECTIVES, ("#c0392b", "#e8a598"), strict=True):
        points = {
            name: _pair(r["fresh"]["found"])
            for (o, name, c), r in records.items()
            if o == objective and c == "optiinr" and name in PICTURES
        }
        if points:
            yield f'found by objective "{objective}"', colour, "o", points


def _pair(row: Record) -> tuple[float, float]:
    return _mean(row, "at"), _mean(row, "between")


def _mean(row: Record, name: str) -> float:
    return statistics.fmean(m[name] if m else -math.inf for m in row["measured"])


def _best_published(record: Record, *, is_own: bool, by: str = "scores") -> Record:
    """The published network that a person would take: the one with the best score."""
    rows = {k: v for k, v in record["fresh"].items() if ("search" in k) != is_own and v[by]}
    label = max(rows, key=lambda k: statistics.fmean(x or -99.0 for x in rows[k][by]))
    return rows[label] | {"label": label}


def _extra_pair(extra: Record, name: str, label: str) -> tuple[float, float] | None:
    row = extra.get(f"{name}: {label}")
    return (row["at"], row["between"]) if row else None
