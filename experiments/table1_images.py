"""Claim (paper, Table 1): searched networks store pictures better than any published network.

Command: python -m experiments.table1_images [--size quick|paper] [--minutes 9]
Time: quick, by estimate two hours on 2 cores (8 pictures of 96 x 96, 9 searches of 60 trainings,
width 48, 500 steps). paper (24 Kodak pictures of 768 x 512, 16 of DIV2K of 512 x 512, 130 trainings
of width 256, 10 000 steps) is for GPUs: give --minutes and call again until all is done.
Expected (quick): the found network is 3 dB above the best published one and the best family tuned
by itself, and 5 dB above random search. `python -m experiments.report` draws what there is.
"""

import tyro

import optiinr_jax as oi
from experiments.protocol import Arguments, Size, run_table

SIZES = {"quick": Size(60, 12, 500, 48), "paper": Size(130, 30, 10_000, 256)}
SIGNALS = {
    "quick": tuple(
        [f"kodak/kodim{i:02d}" for i in (1, 3, 4, 6)]
        + [f"div2k/test_{i:02d}" for i in (0, 1, 2, 4)]
    ),
    "paper": tuple(
        [f"kodak/kodim{i:02d}" for i in range(1, 25)] + [f"div2k/test_{i:02d}" for i in range(16)]
    ),
}


def load(name: str, size: str) -> oi.Signal:
    """A picture: whole, or its middle at 96 x 96."""
    return oi.load_dataset_signal(name, 96 if size == "quick" else None)


if __name__ == "__main__":
    run_table("images", SIZES, SIGNALS, load, tyro.cli(Arguments))
