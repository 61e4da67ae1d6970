"""Claim (paper, Table 3): searched networks store solids better than any published network.

Command: python -m experiments.table3_shapes [--size quick|paper] [--minutes 9]
Time: quick, by estimate an hour on 2 cores (2 solids of 64 voxels along their longest side, 9
searches of 60 trainings, width 24, 200 steps: a network of the pictures' size stores 32 voxels
without an error). paper (512 voxels, 130 trainings of width 256, 10 000 steps) is for GPUs: give
--minutes and call again until it says that all is done.
Expected (quick): 1 - IoU of the found network is 0.5 of random search's and 0.9 of that of the best
family tuned by itself, see experiments/README.md. `python -m experiments.report` draws what there
is.
"""

import tyro

import optiinr_jax as oi
from experiments.protocol import Arguments, Size, run_table
from experiments.signals import load as load_first

SIZES = {"quick": Size(60, 12, 200, 24), "paper": Size(130, 30, 10_000, 256)}
SIGNALS = {
    "quick": ("shapes/dragon", "shapes/Armadillo"),
    "paper": ("shapes/dragon", "shapes/thai_statue"),
}
FILES = {  # smaller files of the data folder with the same solids
    "shapes/dragon": ["shapes/dragon_occ512_packbits.npz"],
    "shapes/Armadillo": ["shapes/armadillo_30kfaces.ply"],
}


def load(name: str, size: str) -> oi.Signal:
    """A solid, at 64 or 512 voxels along its longest side."""
    return load_first([*FILES.get(name, []), name], "volume", 64 if size == "quick" else 512)


if __name__ == "__main__":
    run_table("shapes", SIZES, SIGNALS, load, tyro.cli(Arguments))
