"""Real trainings as rows for `bench_search.py`: every evaluation trains a network.

    OPTIINR_DATA=FOLDER python benchmarks/bench_search.py run \\
        --results benchmarks/results/real_trainings.jsonl --problems kodim04 kodim13 kodim22 \\
        bach twospeakers dragon --strategies optiinr gp tpe random --instances 0-5

Networks of three layers of 24 units, 150 steps, in the space, by the training rule and by the
objective that a search has today: pictures of at most 32 x 32 pixels, the first second of a sound
at 1 024 samples, a solid in 16 x 12 x 8 voxels. A score is in dB, of a solid 100 times the IoU. An
instance is a start design and the seed of all its networks. Nobody knows the best network, so
regret is the distance to a round number that no training here has reached.
Small trainings order configurations as larger ones do only in part (docs/portfolio.md); what is
compared here are optimisers, on a landscape that is not a model of one.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from mixed_problems import Problem

import optiinr_jax as oi
from optiinr_jax.signals.datasets import data_folder
from optiinr_jax.studies.points import inr_space, point_to_config

DEPTH, WIDTH, NUM_STEPS = 3, 24, 150
WORST = 0.0  # the score of a training that diverged
PICTURE: dict[str, Any] = {"size": 32}
SOUND: dict[str, Any] = {"duration": 1.0, "sample_rate": 1024}
# name -> file under the data folder, options of load_signal, factor of the score, ceiling
SIGNALS: dict[str, tuple[str, dict[str, Any], float, float]] = {
    "kodim04": ("kodak/kodim04.png", PICTURE, 1.0, 50.0),
    "kodim13": ("kodak/kodim13.png", PICTURE, 1.0, 50.0),
    "kodim22": ("kodak/kodim22.png", PICTURE, 1.0, 50.0),
    "bach": ("audio/gt_bach.wav", SOUND, 1.0, 60.0),
    "twospeakers": ("audio/gt_twospeakers.wav", SOUND, 1.0, 60.0),
    "dragon": ("shapes/stanford_dragon_100kfaces.ply", {"size": 16}, 100.0, 100.0),
}


@cache
def load(name: str) -> Any:
    """Read the signal, once in a process."""
    file, options, _, _ = SIGNALS[name]
    return oi.load_signal(data_folder() / file, **options)


def training(name: str, instance: int) -> Problem:
    """One signal, its networks all begun from one seed."""
    signal, (_, _, factor, ceiling) = load(name), SIGNALS[name]
    space = inr_space(signal.kind, depth=DEPTH, shape=signal.shape, width=WIDTH)
    known: dict[str, float] = {}  # a regret asks for its point's value again

    def value(point: dict[str, Any]) -> float:
        key = repr(sorted(point.items()))
        if key not in known:
            known[key] = factor * train(signal, point, instance)
        return known[key]

    return Problem(name, instance, space, value, ceiling, {})


def train(signal: Any, point: dict[str, Any], seed: int) -> float:
    """Train the network of a point; its score by the default objective."""
    config = point_to_config(point, width=WIDTH, modality=signal.kind)
    options: dict[str, Any] = {"share_program": True, "progress": False, "warn": False}
    try:
        return oi.fit(signal, config, num_steps=NUM_STEPS, seed=seed, **options).score
    except oi.inr.DivergedError:
        return WORST


TRAININGS: dict[str, Callable[[int], Problem]] = {name: partial(training, name) for name in SIGNALS}
