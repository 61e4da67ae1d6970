"""Claim: what a search finds holds on seeds it never saw, on pictures it was not made with.

Four pictures of scikit-image at 64 x 64, a tenth of a second of Bach and a solid of 20 voxels: a
search of 40 trials to their end, its configuration on 20 fresh seeds, the published networks under
every protocol on 3.

Command: python -m experiments.fresh_seeds [--objective samples] [--minutes 60]
         (its table is part of docs/training_rules.md)
Time: an hour on 2 cores for each objective.
Expected: experiments/results/quick/OBJECTIVE/fresh_seeds/*.json; no seed collapses, and on the
pictures the lowest is above the mean of the best published network.
"""

import numpy as np
import tyro

import optiinr_jax as oi
from experiments.between_samples import PRESETS
from experiments.between_samples import load as load_known
from experiments.protocol import RUNS, Arguments, Size, run_table

SIDE, CROP = 64, 256
PICTURES = ("coffee", "rocket", "chelsea", "astronaut")
OTHERS = ("audio/bach", "shapes/spot, 20")
TABLE = "fresh_seeds"
SIZES = {"quick": Size(40, 12, 500, 48, num_found_seeds=20)}
SIGNALS = {"quick": (*PICTURES, *OTHERS)}
CONTENDERS = ("optiinr", "presets")
DEFAULT = Arguments(objective="continuous", contenders=CONTENDERS, presets=PRESETS, workers=1)


def load(name: str, size: str) -> oi.Signal:
    """A picture's central square, a file whose 4 x 4 pixels are one sample; or another signal."""
    if name in OTHERS:
        return load_known(name, size)
    from PIL import Image
    from skimage import data

    pixels = getattr(data, name)()[..., :3]
    top, left = ((n - CROP) // 2 for n in pixels.shape[:2])
    path = RUNS / "pictures" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels[top : top + CROP, left : left + CROP])).save(path)
    return oi.load_signal(path, SIDE)


if __name__ == "__main__":
    run_table(TABLE, SIZES, SIGNALS, load, tyro.cli(Arguments, default=DEFAULT))
