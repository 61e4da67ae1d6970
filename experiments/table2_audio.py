"""Claim (paper, Table 2): searched networks store sounds better than any published network.

Command: python -m experiments.table2_audio [--size quick|paper] [--minutes 9]
Time: quick, by estimate 80 minutes on 2 cores (3 sounds of 16 384 samples, 9 searches of 60
trainings, width 48, 500 steps). paper (the whole files at their own rate, 130 trainings of width
256, 10 000 steps) is for GPUs: give --minutes and call again until all is done.
Expected (quick): the found network is 8 dB above the best family tuned by itself on two sounds; on
the third it fails from one seed of three, see experiments/README.md. `python -m experiments.report`
draws what there is.
"""

import tyro

import optiinr_jax as oi
from experiments.protocol import Arguments, Size, run_table

SIZES = {"quick": Size(60, 12, 500, 48), "paper": Size(130, 30, 10_000, 256)}
SIGNALS = {
    "quick": ("audio/bach", "audio/twospeakers", "sample"),
    "paper": ("audio/bach", "audio/counting", "audio/twospeakers"),
}


def load(name: str, size: str) -> oi.Signal:
    """A sound: whole, or its first two seconds at 8 192 Hz; `sample` is the embedded one."""
    if name == "sample":
        return oi.sample_signal("audio", 16_384)
    options = {"duration": 2.0, "sample_rate": 8192} if size == "quick" else {}
    return oi.load_dataset_signal(name, **options)


if __name__ == "__main__":
    run_table("sounds", SIZES, SIGNALS, load, tyro.cli(Arguments))
