"""Claim to be tested: a surrogate of trajectories beats what one would do without it.

Hyperparameter Trajectory Inference (Amad and van der Schaar, ICLR 2026) on the paper's tasks that a
laptop can do, every variant of the cost and every control, on 5 draws of data and training.

Command: python -m experiments.trajectories.run TASK... [--variants NAME...] [--num-seeds 5]
         python -m experiments.trajectories.pictures   (on our own problem)
         python -m experiments.trajectories.page       (writes docs/trajectories.md)
Time: semicircles 15 minutes, dropout 15, quantiles 15 on one core.
Expected: experiments/results/trajectories/TASK/VARIANT.SEED.json; what is there is not run again.
"""

import json
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from experiments.records import RESULTS
from experiments.trajectories.controls import (
    ALL,
    Control,
    conditions_of,
    controls_of,
    ends_of,
    starts_of,
)
from experiments.trajectories.tasks import TASKS, Data, Predict
from optiinr_jax import trajectories
from optiinr_jax.files import write_atomic
from optiinr_jax.trajectories import Surrogate

FOLDER = RESULTS / "trajectories"
_SHOWN_ROWS = 400
FIRST_SEED = 10  # seeds below were used to choose rates and strengths
PROPOSED = "learned metric, potential"
VARIANTS: dict[str, dict[str, Any]] = {
    "Euclidean": {"metric": "euclidean", "has_potential": False},
    "learned metric": {"metric": "learned", "has_potential": False},
    "Euclidean, potential": {"metric": "euclidean"},
    PROPOSED: {"metric": "learned"},
    "fixed eigenvalues": {"metric": "rotated", "has_potential": False},
    "fixed eigenvalues, potential": {"metric": "rotated"},
    "learned metric, potential, stronger": {"metric": "learned", "potential": 2.0},
    "learned metric, potential, one start": {"metric": "learned", "num_starts": 1},
    "learned metric, potential, length": {"metric": "learned", "kinetic": "length"},
}


@dataclass(frozen=True)
class Arguments:
    """What is asked for.

    Attributes:
        tasks: names; none: all.
        variants: names of variants and controls; none: all.
        num_seeds: draws of data and training.
    """

    tasks: tyro.conf.Positional[tuple[str, ...]] = tuple(TASKS)
    variants: tuple[str, ...] = ()
    num_seeds: int = 5


def path_of(task: str, variant: str, seed: int) -> Path:
    """File of one result."""
    return FOLDER / task / f"{variant.replace(', ', '_').replace(' ', '-')}.{seed}.json"


def read(task: str, variant: str) -> list[dict[str, Any]]:
    """What there is of a variant, by seed."""
    paths = (path_of(task, variant, FIRST_SEED + i) for i in range(100))
    return [json.loads(path.read_text()) for path in paths if path.is_file()]


def follow(data: Data, surrogate: Surrogate) -> Predict:
    """A surrogate's prediction for the rows that are asked for."""
    return lambda setting: surrogate.sample(setting, conditions_of(data), starts_of(data))


def run_surrogates(task: str, variant: str, seeds: Sequence[int]) -> None:
    """Train a variant on the seeds that are missing, side by side."""
    options = TASKS[task].options | VARIANTS[variant]
    data = [TASKS[task].draw(seed) for seed in seeds]
    begin = _seconds()
    found = trajectories.fit_many([one.anchors for one in data], seeds=seeds, **options)
    seconds = (_seconds() - begin) / len(seeds)
    for seed, one, surrogate in zip(seeds, data, found, strict=True):
        figures = TASKS[task].score(one, follow(one, surrogate))
        _keep(task, variant, seed, figures, seconds, options)
        if variant == PROPOSED and seed == FIRST_SEED:
            keep_shown(task, one, follow(one, surrogate))


def keep_shown(task: str, data: Data, surrogate: Predict) -> None:
    """What the figure of a task shows: outputs of one draw, as numbers."""
    row = TASKS[task]
    rival = controls_of.get(task, ALL)[row.rival](data, FIRST_SEED)
    every = -(-len(data.classes) // _SHOWN_ROWS)

    def rows(y: Any) -> list[list[float]]:
        return [[round(float(number), 3) for number in one] for one in y[::every]]

    record = {
        "classes": data.classes[::every].tolist(),
        "anchors": [
            [float(setting), rows(y)]
            for setting, y in zip(data.anchors.settings, ends_of(data), strict=True)
        ],
        "settings": [
            {
                "setting": setting,
                "truth": rows(data.truth[setting]),
                "surrogate": rows(surrogate(setting)),
                "rival": rows(rival(setting)),
            }
            for setting in row.drawn
        ],
    }
    path = FOLDER / task / "shown.json"
    write_atomic(path, (json.dumps(record) + "\n").encode())


def run_control(task: str, name: str, control: Control, seeds: Sequence[int]) -> None:
    """A control on the seeds that are missing."""
    for seed in seeds:
        data = TASKS[task].draw(seed)
        begin = _seconds()
        figures = TASKS[task].score(data, control(data, seed))
        _keep(task, name, seed, figures, _seconds() - begin, {})


def _seconds() -> float:
    """Processor time of this process: other work on the machine does not count."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _keep(
    task: str,
    variant: str,
    seed: int,
    figures: dict[str, float],
    seconds: float,
    options: dict[str, Any],
) -> None:
    path = path_of(task, variant, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "seed": seed,
        "figures": figures,
        "cpu_seconds": round(seconds, 2),
        "options": options,
    }
    write_atomic(path, (json.dumps(record, indent=1) + "\n").encode())
    print(f"{task}, {variant}, seed {seed}: {figures[TASKS[task].main]:.4g}", flush=True)


def main(arguments: Arguments) -> None:
    """Run what is missing: controls first, which take seconds."""
    for task in arguments.tasks:
        rows: dict[str, Callable[[Sequence[int]], None]] = {}
        for name, control in controls_of.get(task, ALL).items():
            rows[name] = lambda s, t=task, n=name, c=control: run_control(t, n, c, s)
        for name in VARIANTS:
            rows[name] = lambda s, t=task, n=name: run_surrogates(t, n, s)
        for name in arguments.variants or rows:
            seeds = range(FIRST_SEED, FIRST_SEED + arguments.num_seeds)
            missing = [seed for seed in seeds if not path_of(task, name, seed).is_file()]
            if missing:
                rows[name](missing)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
