"""Question: what are the published networks worth as the first trials of a search?

In the tables every contender's first trials are the published networks. Here none are: our
optimiser begins with 12 points of a Latin hypercube, and random search is 60 points of one.

Command: python -m experiments.without_presets (after python -m experiments.table1_images)
Time: 25 minutes on one core for 4 pictures.
Expected: experiments/results/without_presets.json, which `python -m experiments.report` reads.
"""

from functools import partial

import numpy as np

from experiments.protocol import search_plainly
from experiments.records import keep_result, mean_of, read_result, read_results
from experiments.table1_images import SIZES, load
from optiinr_jax.bo import Optimizer
from optiinr_jax.inr import keep_compiled_programs
from optiinr_jax.studies.points import inr_space, layer_ties, point_to_config
from optiinr_jax.studies.strategies import TIED_FACTOR

NAME = "without_presets"
PICTURES = ("kodak/kodim01", "kodak/kodim04", "div2k/test_00", "div2k/test_01")


def describe() -> list[str]:
    """The section of the page."""
    record = read_result(NAME)
    if record is None:
        return []
    table = {r["signal"]: r for r in read_results("images") if r["contender"] == "optiinr"}
    lines = [
        "| picture | OptiINR, published networks first | OptiINR, none | random, none | "
        "reaches random's best after |",
        "|---|---|---|---|---|",
    ]
    gains, worth = [], []
    for name, row in record.items():
        first = mean_of(table[name]["fresh"]["found"]["scores"])
        ours, random = (mean_of(row[who]["fresh"]) for who in ("optiinr", "random"))
        gains.append(ours - random)
        worth.append(first - ours)
        curves = {w: [t["score"] or -np.inf for t in row[w]["trials"]] for w in row}
        is_there = np.maximum.accumulate(curves["optiinr"]) >= max(curves["random"])
        when = f"{1 + int(np.argmax(is_there))} of {len(is_there)}" if is_there.any() else "never"
        lines.append(f"| {name} | {first:.2f} | {ours:.2f} | {random:.2f} | {when} |")
    text = (
        f"Without the published networks the search ends {np.mean(worth):.2f} dB lower "
        f"({', '.join(f'{w:+.2f}' for w in worth)}), and {np.mean(gains):.2f} dB above random "
        f"search that has none either (better on {sum(g > 0 for g in gains)} of {len(gains)})."
    )
    head = (
        "## Without the published networks\n\n`python -m experiments.without_presets`: PSNR in dB, "
        "mean of 3 fresh seeds, 60 trials each."
    )
    return [head, "\n".join(lines), text]


def main() -> None:
    """Search every picture in both ways, write after each."""
    keep_compiled_programs()
    size, space = SIZES["quick"], inr_space("image")
    to_config = partial(point_to_config, width=size.width)
    tied = {"ties": layer_ties(space), "num_tied": int(TIED_FACTOR * size.num_initial)}
    record = read_result(NAME) or {}
    for name in PICTURES:
        if name in record:
            continue
        record[name] = {}
        for who, drawn, options in (
            ("optiinr", size.num_initial, tied),
            ("random", size.num_trials, {}),
        ):
            optimizer = Optimizer(space, num_initial=drawn, seed=0, **options)
            found = search_plainly(load(name, "quick"), optimizer, to_config, size)
            record[name][who] = found
            print(name, who, found["fresh"], flush=True)
        print(keep_result(NAME, record))


if __name__ == "__main__":
    main()
