"""Searches without a training: the score of a point is a formula of it."""

import json
import math
import weakref
import zlib

from optuna.storages import RDBStorage

import optiinr_jax as oi

FAILS_BELOW = -6.5  # about a tenth of the points


def score_of_point(point) -> float:
    """What the golden sequences were made with: a bowl in every number, a level for each choice."""
    total = 0.0
    for name, value in point.items():
        if isinstance(value, str):
            total += (zlib.crc32(f"{name}={value}".encode()) % 1000) / 250
        else:
            total -= (math.log10(value) + (zlib.crc32(name.encode()) % 5) - 1) ** 2 / 4
    return total


def told(trial_number: int, point) -> float | None:
    """The score of a trial: another one for every seed; None: it failed."""
    score = score_of_point(point)
    return None if score < FAILS_BELOW else score + 0.01 * (trial_number * 37 % 11)


def advance(study: oi.Study, num_trials: int, batch_size: int = 1) -> list:
    """Ask and tell until so many trials have been asked for; their points."""
    points = []
    while len(points) < num_trials:
        asked = [study.ask() for _ in range(min(batch_size, num_trials - len(points)))]
        for one in asked:
            points.append(one.point)
        for one in asked:
            study.tell(one, told(one.number, one.point))
    return points


def facts(study: oi.Study) -> list:
    """What has to be the same of two studies."""
    return [(t.number, json.dumps(t.point), t.state, t.score, str(t.origin)) for t in study.trials]


def optuna_storage(url: str) -> RDBStorage:
    """A storage as another program opens it; its connections are closed with it."""
    storage = RDBStorage(url)
    weakref.finalize(storage, storage.engine.dispose)
    return storage
