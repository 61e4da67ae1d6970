"""Question: how should the rates of a training in mini-batches fall?

All points in a step know the gradient exactly, so that rates that stay high for 70 % of the steps
are best (docs/training_rules.md). In mini-batches the loss stands at the height of their noise
until the rates fall. Compared are batches of a 64th, a 16th and a quarter of the points, and rates
that fall over the last 30, 60 and 100 % of the steps, at the samples ("samples") and between them
as well ("continuous"); on request also factors on the rates. The network is the portfolio's first.

Command: python -m experiments.mini_batches [--signals audio/bach] [--parts 16]
         (its table is part of docs/training_rules.md)
Time: 10 seconds to 2 minutes a training on one core, 40 minutes in all.
Expected: experiments/results/mini_batches.jsonl, a line a training; what is in it is not run again.
"""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import tyro

import optiinr_jax as oi
from experiments.full_size import kind_of
from experiments.records import RESULTS
from experiments.signals import load as load_first
from optiinr_jax.inr import NetworkConfig, keep_compiled_programs, recommend
from optiinr_jax.inr.config import as_number

FILE = RESULTS / "mini_batches.jsonl"
WIDTH_AND_STEPS = {"image": (96, 1000), "audio": (48, 1000), "volume": (24, 500)}
FRESH = ("kodak/kodim10", "audio/twospeakers")  # nothing was chosen on them
SIGNALS = ("kodak/kodim07", "div2k/test_06", "audio/bach", "shapes/Armadillo", *FRESH)
COOLDOWNS = (0.3, 0.6, 1.0)


@dataclass(frozen=True)
class Run:
    """One training."""

    signal: str
    objective: str
    batch_size: int
    cooldown: float
    factor: float
    num_steps: int
    seed: int = 0


@dataclass(frozen=True)
class Arguments:
    """What is trained: every combination.

    Attributes:
        signals: by name.
        objectives: "samples" or "continuous".
        parts: into how many batches the points are divided.
        cooldowns: part of the steps over which the rates fall to 0.
        factors: on the rates of the configuration.
        longer: factors on the number of steps.
    """

    signals: tuple[str, ...] = SIGNALS
    objectives: tuple[Literal["samples", "continuous"], ...] = ("samples", "continuous")
    parts: tuple[int, ...] = (64, 16, 4)
    cooldowns: tuple[float, ...] = COOLDOWNS
    factors: tuple[float, ...] = (1.0,)
    longer: tuple[int, ...] = (1,)


def load(name: str) -> oi.Signal:
    """A picture of 256 x 256 pixels, two seconds of a sound, a solid of 64 voxels."""
    if kind_of(name) == "audio":
        return oi.load_dataset_signal(name, duration=2.0, sample_rate=8192)
    if kind_of(name) == "volume":
        return load_first(["shapes/armadillo_30kfaces.ply", name], "volume", 64)
    return load_first([f"{name}.png", name], "image", 256)


def train(run: Run) -> dict[str, Any]:
    """The figures of one training."""
    signal = load(run.signal)
    begin = time.process_time()
    inr = oi.fit(
        signal,
        configure(signal, run),
        objective=run.objective,
        num_steps=run.num_steps,
        seed=run.seed,
        share_program=True,
        progress=False,
        warn=False,
    )
    scores = {"samples": inr.scores.samples, "between": inr.scores.between}
    return asdict(run) | scores | {"cpu_seconds": round(time.process_time() - begin, 1)}


def configure(signal: oi.Signal, run: Run) -> NetworkConfig:
    """The portfolio's first, with the schedule that is asked for."""
    width, _ = WIDTH_AND_STEPS[signal.kind]
    (first,) = recommend(signal, 1, width=width, num_steps=run.num_steps)
    layers = tuple(
        replace(layer, learning_rate=run.factor * as_number(layer.learning_rate))
        for layer in first.config.layers
    )
    return replace(first.config, layers=layers, batch_size=run.batch_size, lr_cooldown=run.cooldown)


def read_rows() -> list[dict[str, Any]]:
    """What has been trained."""
    return [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.is_file() else []


def lines() -> Iterator[str]:
    """The table of the page, of the rates as they are; nothing where there is none."""
    known: dict[tuple[Any, ...], dict[float, dict[str, Any]]] = {}
    for row in read_rows():
        run = Run(**{field.name: row[field.name] for field in fields(Run)})
        if run.factor == 1.0 and run.num_steps == WIDTH_AND_STEPS[kind_of(run.signal)][1]:
            case = SIGNALS.index(run.signal), run.objective, -run.batch_size
            known.setdefault(case, {})[run.cooldown] = row
    if not known:
        return
    yield "## Mini-batches\n"
    yield (
        "`python -m experiments.mini_batches`: where a step sees a part of the points, its "
        "gradient is noisy, and the loss stands at the height of that noise until the rates fall. "
        "The portfolio's first, rates that fall to 0 over the last 30 % (as where a step sees all "
        "points), 60 % and 100 % of the steps; at the samples / between them. Nothing was chosen "
        f"on {' and '.join(FRESH)}.\n"
    )
    yield "| signal | objective | points a step | 30 % | 60 % | 100 % |\n|---|---|---|---|---|---|"
    for (index, objective, negative), rows in sorted(known.items()):
        places = 4 if kind_of(SIGNALS[index]) == "volume" else 2
        cells = [
            f"{row['samples']:.{places}f} / {row['between']:.{places}f}" if row else "-"
            for row in (rows.get(cooldown) for cooldown in COOLDOWNS)
        ]
        yield f"| {SIGNALS[index]} | {objective} | {-negative:,} | {' | '.join(cells)} |"
    yield (
        "\nSo the rates of a recommended configuration, which is what `fit` trains by default, "
        "fall over the whole run where a step sees less than an eighth of the points, except of "
        "solids. A configuration of one's own keeps its schedule: set `lr_cooldown` along with "
        "`batch_size`.\n"
    )


def main(arguments: Arguments) -> None:
    """Train what is missing."""
    keep_compiled_programs()
    choices = arguments.objectives, arguments.parts, arguments.cooldowns
    for name in arguments.signals:
        _, num_steps = WIDTH_AND_STEPS[kind_of(name)]
        num_points = load(name).num_points
        for objective, parts, cooldown, factor, longer in itertools.product(
            *choices, arguments.factors, arguments.longer
        ):
            batch = num_points // parts
            run = Run(name, objective, batch, cooldown, factor, longer * num_steps)
            if any(asdict(run).items() <= row.items() for row in read_rows()):
                continue
            row = train(run)
            with FILE.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
