"""Question: may depth and width be searched along, and what is gained?

The space of Table 1 with a depth of 2 to 6 layers and a width of 32 to 64 units as further choices;
a layer's own choices exist only where the depth has that layer. Compared with the table's search at
4 layers of 48 units, with as many trials.

Command: python -m experiments.depth_and_width (after python -m experiments.table1_images)
Time: 15 minutes on 2 cores for 2 pictures.
Expected: experiments/results/depth_and_width.json, which `python -m experiments.report` reads.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from experiments.protocol import search_plainly
from experiments.records import keep_result, mean_of, read_result, read_results
from experiments.table1_images import SIZES, load
from optiinr_jax.bo import Choice, Optimizer, Space
from optiinr_jax.bo.space import Point
from optiinr_jax.inr import NetworkConfig, keep_compiled_programs
from optiinr_jax.studies.points import inr_space, point_to_config

NAME = "depth_and_width"
DEPTHS, WIDTHS = (2, 3, 4, 5, 6), (32, 48, 64)
PICTURES = ("kodak/kodim01", "div2k/test_00")


def make_space() -> Space:
    """Depth and width, and every layer's choices where there is such a layer."""
    dimensions: dict[str, Any] = {"depth": Choice(DEPTHS), "width": Choice(WIDTHS)}
    for name, dimension in inr_space("image", depth=max(DEPTHS)).dimensions.items():
        layer = next((int(part) for part in name.split("_") if part.isdigit()), 1)
        deep_enough = tuple(depth for depth in DEPTHS if depth >= layer)
        if len(deep_enough) < len(DEPTHS):
            when = dict(dimension.when or {}) | {"depth": deep_enough}
            dimension = replace(dimension, when=when)
        dimensions[name] = dimension
    return Space(dimensions)


def to_config(point: Point) -> NetworkConfig:
    """The network of a point."""
    return point_to_config(point, width=point["width"])


def search(picture: str) -> dict[str, Any]:
    """One search, and its winner on fresh seeds."""
    size = SIZES["quick"]
    optimizer = Optimizer(make_space(), num_initial=size.num_initial, seed=0)
    found = search_plainly(load(picture, "quick"), optimizer, to_config, size)
    print(picture, found["best"]["depth"], found["best"]["width"], found["fresh"], flush=True)
    return found


def describe() -> list[str]:
    """The section of the page."""
    record = read_result(NAME)
    if record is None:
        return []
    fixed = {
        r["signal"]: mean_of(r["fresh"]["found"]["scores"])
        for r in read_results("images")
        if r["contender"] == "untied"
    }
    lines = [
        "| picture | 4 x 48 | depth and width free | chosen | parameters |",
        "|---|---|---|---|---|",
    ]
    for name, row in record.items():
        lines.append(
            f"| {name} | {fixed.get(name, np.nan):.2f} | {mean_of(row['fresh']):.2f} | "
            f"{row['best']['depth']} x {row['best']['width']} | {row['num_params']} |"
        )
    head = (
        "## Depth and width in the space\n\n`python -m experiments.depth_and_width`: PSNR in dB, "
    )
    return [
        head + "mean of 3 fresh seeds, 60 trials each, all layers free at once.",
        "\n".join(lines),
    ]


def main() -> None:
    """Search every picture, write."""
    keep_compiled_programs()
    print(keep_result(NAME, {name: search(name) for name in PICTURES}))


if __name__ == "__main__":
    main()
