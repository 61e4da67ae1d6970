"""Question: is what the search found a recipe for other pictures, and for other sizes?

The configuration that Table 1 found for kodim01, as it is, beside the published networks that were
best there, all with the search's schedule: on pictures that no search has seen, and with more
units, more steps or more pixels than the search had.

Command: python -m experiments.recipe (after python -m experiments.table1_images)
Time: 15 minutes on one core.
Expected: experiments/results/recipe.json, which `python -m experiments.report` reads.
"""

from dataclasses import replace
from typing import Any

import numpy as np

import optiinr_jax as oi
from experiments.protocol import Size, fresh_key, scale_encoding, train
from experiments.records import interval, keep_result, read_result, read_results
from optiinr_jax.inr import NetworkConfig, keep_compiled_programs

NAME = "recipe"
SOURCE = "kodak/kodim01"
PICTURES = ("kodak/kodim13", "kodak/kodim22", "div2k/test_06", "div2k/test_10")
PUBLISHED = ("siren", "finer", "iga")
SIZES = {  # name -> pixels along a side, steps, units
    "as searched: 96 x 96, 500 steps, 48 units": (96, 500, 48),
    "96 units": (96, 500, 96),
    "2 000 steps": (96, 2000, 48),
    "160 x 160": (160, 500, 48),
}


def networks(width: int) -> dict[str, NetworkConfig]:
    """Those that are compared, with `width` units."""
    record = next(
        r for r in read_results("images") if (r["signal"], r["contender"]) == (SOURCE, "untied")
    )
    found = NetworkConfig.from_json(record["fresh"]["found"]["config"])
    rows = {"found": scale_encoding(replace(found, width=width))}
    for name in PUBLISHED:
        rows[name] = oi.preset(name, protocol="search", factor=4.0, width=width, depth=found.depth)
    return rows


def describe() -> list[str]:
    """The section of the page."""
    record = read_result(NAME)
    if record is None:
        return []
    lines = [f"| | found for {SOURCE} | {' | '.join(PUBLISHED)} | above the best of these |"]
    lines.append("|---|---|" + "---|" * (len(PUBLISHED) + 1))
    for size, pictures in record.items():
        names = ("found", *PUBLISHED)
        means = [np.mean([row[name] for row in pictures.values()]) for name in names]
        gains = [row["found"] - max(row[name] for name in PUBLISHED) for row in pictures.values()]
        cells = " | ".join(f"{mean:.2f}" for mean in means)
        lines.append(f"| {size} | {cells} | {interval(gains)} |")
    head = (
        "## A recipe?\n\n`python -m experiments.recipe`: PSNR in dB, means over "
        f"{len(PICTURES)} pictures that no search has seen, one seed; found with all layers "
        "free at once."
    )
    return [head, "\n".join(lines)]


def main() -> None:
    """Train all, write after each size."""
    keep_compiled_programs()
    record: dict[str, Any] = read_result(NAME) or {}
    for label, (pixels, num_steps, width) in SIZES.items():
        if label in record:
            continue
        size = Size(1, 1, num_steps, width)
        record[label] = {}
        for picture in PICTURES:
            signal = oi.load_dataset_signal(picture, pixels)
            fits = {
                name: train(signal, config, size, fresh_key(0, 0))
                for name, config in networks(width).items()
            }
            record[label][picture] = {name: inr.score for name, inr in fits.items()}
            print(label, picture, record[label][picture], flush=True)
        print(keep_result(NAME, record))


if __name__ == "__main__":
    main()
