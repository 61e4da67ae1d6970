"""Write docs/full_size.md from what `full_size` trained.

Command: python -m experiments.full_size_page
Expected: the table, what a grid and a DCT of as many numbers give, what a codec takes; and of every
picture whose network lies in runs/, docs/full_size/SIGNAL.jpg with the errors in its middle.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.fft import dctn, idctn
from scipy.interpolate import make_lsq_spline

import optiinr_jax as oi
from experiments.full_size import (
    CONTENDERS,
    FOLDER,
    NETWORK,
    SIGNALS,
    kind_of,
    load,
    result_of,
    state_of,
)
from optiinr_jax.signals import psnr

PAGE = Path("docs") / "full_size.md"
PICTURES = PAGE.with_suffix("")
SHOWN = (300, 500, 1000, 2000)
# Printed: the paper's means over whole sets; FINER++'s notebook on this very picture, 5 000 steps.
PAPER = {
    "kodak": "41.38 (mean of 24 pictures)",
    "div2k": "46.24 (mean of 16 pictures)",
    "audio/bach": "60.84",
    "audio/twospeakers": "68.39",
    "shapes/dragon": "0.9936",
}
NOTEBOOK = {"div2k/test_01": "FINER 42.13, WF 41.35, GF 40.68, SIREN 40.06"}
ORDER = 3
AMPLIFIED = 10.0  # what an error is multiplied by, where it is drawn
MARGIN = 8  # white columns between two panels
DETAIL, MAGNIFIED = 128, 3  # pixels of a side that are drawn, from the middle, and how large each


def main() -> None:
    """Write the page."""
    PAGE.write_text("\n".join(page()) + "\n")
    print(PAGE)


def page() -> Iterator[str]:
    """All of it."""
    records = read_all()
    yield "# The paper's size on a laptop\n"
    yield (
        "Written by `python -m experiments.full_size_page` from the trainings of `python -m "
        "experiments.full_size`. Networks have the paper's 4 layers of 256 units, with "
        "256 Fourier features where found ones have them, as the paper's may; `narrow` ones are as "
        "wide as they may be with no more numbers than SIREN has. `searched`: 22 trials on a small "
        "copy of the signal, scaled, frequencies too; its seconds are part of what is told. "
        "`portfolio`: the first of the package's list, no search. Scores are PSNR in dB (solids: "
        "IoU) **at the samples, as the paper's; after the stroke, between them**. Rates fall over "
        "the last 30 % of a training (over all of it where a step sees less than an eighth of the "
        "points, but for solids), so a score on the way is below what a training of "
        "that length would have. Seconds are as they came, on one "
        "core that other work used too.\n"
    )
    for name in SIGNALS:
        rows = [record for record in records if record["signal"] == name]
        if rows:
            yield from signal_part(name, rows)
    for data_set in ("div2k", "kodak"):
        yield from means(data_set, records)
    missing = [name for name in SIGNALS if not any(r["signal"] == name for r in records)]
    if missing:
        yield f"**Not run yet**: {', '.join(missing)}.\n"


def read_all() -> list[dict[str, Any]]:
    """Every training that has a score; how long it is stands in the name of its file."""
    files = sorted(FOLDER.glob("*/*.json"))
    found = [
        {**json.loads(file.read_text()), "num_steps": int(file.name.split(".")[-3])}
        for file in files
    ]
    order = {name: i for i, name in enumerate(CONTENDERS)}
    trained = [record for record in found if record["curve"]]
    return sorted(trained, key=lambda record: order.get(record["contender"], len(order)))


def signal_part(name: str, records: list[dict[str, Any]]) -> Iterator[str]:
    """Table of one signal."""
    printed = PAPER.get(name) or PAPER.get(name.partition("/")[0], "")
    shape = " x ".join(map(str, records[0]["shape"]))
    yield f"## {name}, {shape}\n"
    yield f"Printed in the paper, after 130 trainings of 10 000 steps: {printed}."
    if name in NOTEBOOK:
        yield f"FINER++'s notebook, the same picture, 5 000 steps: {NOTEBOOK[name]}."
    yield ""
    heads = [f"{steps:,} steps" for steps in SHOWN]
    yield f"| network | numbers | points a step | of | {' | '.join(heads)} | seconds | peak MB |"
    yield "|" + "---|" * (6 + len(heads))
    for record in records:
        yield row(record)
    yield ""
    yield from crowded(name, records)
    if kind_of(name) == "image":
        yield from controls(name, records)
        yield from errors(name, records)


def means(data_set: str, records: list[dict[str, Any]]) -> Iterator[str]:
    """Means over the pictures of a set, of what was trained on all of them."""
    names = [name for name in SIGNALS if name.startswith(data_set)]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in records:
        is_whole = record["curve"][-1]["steps"] == record["num_steps"]
        if record["signal"] in names and is_whole:
            groups.setdefault((label_of(record), *sizes_of(record)), []).append(record)
    whole = {group: rows for group, rows in groups.items() if len(rows) == len(names)}
    if whole:
        yield f"## Mean of the {len(names)} pictures of {data_set}\n"
        yield f"Printed in the paper: {PAPER[data_set]}. Here: {', '.join(names)}.\n"
        yield "| network | points a step | of | at the samples | between them |"
        yield "|" + "---|" * 5
    for group, rows in whole.items():
        last = [record["curve"][-1] for record in rows]
        both = [np.mean([row[key] for row in last]) for key in ("samples", "between")]
        yield f"| {' | '.join((*group, *(f'{mean:.2f}' for mean in both)))} |"
    if whole:
        yield ""


def errors(name: str, records: list[dict[str, Any]]) -> Iterator[str]:
    """A detail of the picture, of its best network and of ten times the error, side by side."""
    file = PICTURES / f"{name.replace('/', '_')}.jpg"
    for record in sorted(records, key=lambda r: r["curve"][-1]["samples"], reverse=True):
        steps, batch = record["num_steps"], record["config"].get("batch_size") or "all"
        result = result_of(name, record["contender"], steps, str(batch), record["objective"])
        network = state_of(result, NETWORK)
        if network.is_file():
            draw(load(name), oi.load_inr(network), file)
            break
    if file.is_file():
        yield (
            f"![The middle, {DETAIL} pixels wide: the picture, a network of it at its samples, and "
            f"{AMPLIFIED:.0f} times the error.]"
            f"({PICTURES.name}/{file.name})\n"
        )


def _detail(pixels: np.ndarray) -> np.ndarray:
    """The middle, each pixel magnified to a square."""
    starts = [max(side - DETAIL, 0) // 2 for side in pixels.shape[:2]]
    rows, columns = (slice(start, start + DETAIL) for start in starts)
    return pixels[rows, columns].repeat(MAGNIFIED, axis=0).repeat(MAGNIFIED, axis=1)


def draw(signal: oi.Signal, inr: oi.INR, file: Path) -> None:
    """Write three panels of the middle: the signal, the network, the error, grey and amplified."""
    pixels, found = (_detail(np.asarray(x, np.float64)) for x in (signal.samples, inr.render()))
    found = np.clip(found, 0.0, 1.0)
    error = np.abs(found - pixels).mean(axis=-1, keepdims=True).repeat(pixels.shape[-1], axis=-1)
    space = np.ones((len(pixels), MARGIN, pixels.shape[-1]))
    panels = [pixels, space, found, space, AMPLIFIED * error]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_encoded(np.concatenate(panels, axis=1), format="JPEG", quality=85))


def crowded(name: str, records: list[dict[str, Any]]) -> Iterator[str]:
    """Warn of a network that is no smaller than its signal."""
    largest, num_values = max(r["num_params"] for r in records), np.size(load(name).samples)
    if largest > num_values:
        yield (
            f"A network of {largest:,} numbers has more of them than the signal has values "
            f"({num_values:,}), so that it saves no room; the figure between the samples says how "
            "well it knows the signal.\n"
        )


def row(record: dict[str, Any]) -> str:
    """One training."""
    by_steps = {point["steps"]: point for point in record["curve"]}
    last = record["curve"][-1]
    digits = 4 if kind_of(record["signal"]) == "volume" else 2
    scores = [figures(by_steps.get(steps), digits) for steps in SHOWN]
    seconds = f"{last['seconds']:.0f}"
    if record["search"]["seconds"]:
        seconds += f" + {record['search']['seconds']:.0f} of the search"
    batch, steps = sizes_of(record)
    cells = [
        label_of(record),
        f"{record['num_params']:,}",
        batch,
        steps,
        *scores,
        seconds,
        f"{record['peak_memory_mb']:,}",
    ]
    return f"| {' | '.join(cells)} |"


def label_of(record: dict[str, Any]) -> str:
    """Name of the contender, with its objective where it is not the paper's."""
    return record["contender"] + ("" if record["objective"] == "samples" else ", continuous")


def sizes_of(record: dict[str, Any]) -> tuple[str, str]:
    """Points of a step, and steps."""
    batch = record["config"].get("batch_size")
    return "all" if batch is None else f"{batch:,}", f"{record['num_steps']:,}"


def figures(point: dict[str, Any] | None, digits: int) -> str:
    """At the samples and between them."""
    keys = ("samples", "between")
    return "-" if point is None else " / ".join(f"{point[key]:.{digits}f}" for key in keys)


def controls(name: str, records: list[dict[str, Any]]) -> Iterator[str]:
    """What needs no network: a grid, a DCT, a codec."""
    pixels = np.asarray(load(name).samples, np.float64)
    count = records[0]["num_params"]
    grid, largest = spline_grid(pixels, count), largest_dct(pixels, count)
    best = max(records, key=lambda record: record["curve"][-1]["samples"])
    score = best["curve"][-1]["samples"]
    yield (
        f"With as many numbers ({count:,}) and no network: a bicubic grid, fitted by least "
        f"squares, {psnr(grid, pixels):.2f} dB; the largest coefficients of a DCT, each counted as "
        f"two numbers with its index, {psnr(largest, pixels):.2f} dB. The file of the best network "
        f"has {best['file_bytes']:,} bytes, a PNG {png_bytes(pixels):,}, and "
        f"{jpeg_text(pixels, score)}: an INR is no codec.\n"
    )


def spline_grid(pixels: np.ndarray, count: int) -> np.ndarray:
    """Least squares by a tensor product of cubic splines with `count` coefficients."""
    height, width, channels = pixels.shape
    share = np.sqrt(count / channels / (height * width))
    values = pixels
    for axis, size in enumerate((height, width)):
        values = np.moveaxis(_smooth(np.moveaxis(values, axis, 0), round(share * size)), 0, axis)
    return values


def _smooth(values: np.ndarray, num: int) -> np.ndarray:
    """Least squares along the first axis by a cubic spline with `num` coefficients."""
    places = np.linspace(0.0, 1.0, len(values))
    inner = np.linspace(0.0, 1.0, num - ORDER + 1)
    knots = np.concatenate([[0.0] * ORDER, inner, [1.0] * ORDER])
    return make_lsq_spline(places, values, knots, k=ORDER)(places)


def largest_dct(pixels: np.ndarray, count: int) -> np.ndarray:
    """The `count` / 2 largest coefficients of a cosine transform, the others 0."""
    found = dctn(pixels, axes=(0, 1), norm="ortho")
    least = np.partition(np.abs(found).ravel(), -(count // 2))[-(count // 2)]
    return idctn(np.where(np.abs(found) >= least, found, 0.0), axes=(0, 1), norm="ortho")


def _encoded(pixels: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    levels = np.clip(np.round(255.0 * pixels), 0, 255).astype(np.uint8)
    Image.fromarray(levels).save(stream, **options)
    return stream.getvalue()


def png_bytes(pixels: np.ndarray) -> int:
    """Of a lossless file."""
    return len(_encoded(pixels, format="PNG", optimize=True))


def jpeg_text(pixels: np.ndarray, score: float) -> str:
    """The smallest JPEG at least as good, or the best one."""
    for quality in range(50, 101):
        data = _encoded(pixels, format="JPEG", quality=quality, subsampling=0)
        value = float(psnr(np.asarray(Image.open(io.BytesIO(data)), float) / 255.0, pixels))
        if value >= score:
            return f"a JPEG as good ({value:.2f} dB) {len(data):,}"
    return f"the best JPEG ({value:.2f} dB) {len(data):,}"


if __name__ == "__main__":
    main()
