"""Make a table of real small trainings: configurations of a space and the PSNR they reach.

    python benchmarks/real_landscape.py kodim04.png kodim13.png gt_bach.wav --num 1000

Each picture at 32 x 32 pixels, and the first second of a sound at 1 024 samples, is fitted by
networks of three layers of 24 units for 150 steps. One half of the configurations is a Latin
hypercube, the other follows Optuna's TPE, so that good regions are covered as well. A diverged
training is NaN. The table is rewritten as it grows and a second call continues it. Its space and
its training rule are those of the first release (AdamW on the grid), and stay as they are, so that
figures on the table can be compared.
It is `benchmarks/data/real_landscape.npz`: for each signal `u` (numbers
in [0, 1], 0.5 where inactive), `c` (levels of the choices) and `score` (dB).
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna

import optiinr_jax as oi
from optiinr_jax.bo import Choice, Float, Space
from optiinr_jax.bo.distributions import suggest, to_distribution
from optiinr_jax.bo.space import Point
from optiinr_jax.inr import ACTIVATIONS, NetworkConfig
from optiinr_jax.studies.points import FAMILIES, point_to_config

TABLE = Path(__file__).parent / "data" / "real_landscape.npz"
DEPTH, WIDTH, NUM_STEPS = 3, 24, 150
OPTIONS: dict[str, Any] = {  # of load_signal: some 1 000 numbers to store
    "image": {"size": 32},
    "audio": {"duration": 1.0, "sample_rate": 1024},
}


SOUNDS = ("gt_bach",)
RULE = {"optimizer": "adamw", "gradient_norm": None, "lr_warmup": 0.0, "lr_cooldown": 0.3}
LEARNING_RATES, ENCODING_SIGMAS = (1e-5, 1e-2), (0.5, 20.0)


def space_of(name: str) -> Space:
    """Search space of a signal of the table."""
    return first_space("audio" if name in SOUNDS else "image", DEPTH)


def first_space(modality: str, depth: int) -> Space:
    """The space of the paper's experiments as the first release had it."""
    dimensions: dict[str, Any] = {}
    for i in range(1, depth + 1):
        dimensions[f"activation_{i}"] = Choice(FAMILIES[modality])
        for family in FAMILIES[modality]:
            for number, bounds in ACTIVATIONS[family].bounds.items():
                when = {f"activation_{i}": family}
                dimensions[f"{number}_{i}_{family}"] = Float(*bounds, log=True, when=when)
        dimensions[f"learning_rate_{i}"] = Float(*LEARNING_RATES, log=True)
    dimensions["encoding"] = Choice(("none", "fourier"))
    when = {"encoding": "fourier"}
    dimensions["encoding_sigma"] = Float(*ENCODING_SIGMAS, log=True, when=when)
    return Space(dimensions)


def first_config(point: Point, width: int, modality: str) -> NetworkConfig:
    """The network of a point, trained as the first release did."""
    config = point_to_config(point, width=width, modality=modality, objective="samples")
    return replace(config, **RULE)


def read_table(path: Path = TABLE) -> dict[str, list[tuple[Point, float]]]:
    """Read the table as signal -> configurations with their scores."""
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        names = sorted({key.rsplit("/", 1)[0] for key in file.files})
        return {
            name: [
                (space_of(name).join(u, c), float(score))
                for u, c, score in zip(
                    *(file[f"{name}/{part}"] for part in ("u", "c", "score")), strict=True
                )
            ]
            for name in names
        }


def write_table(table: dict[str, list[tuple[Point, float]]], path: Path = TABLE) -> None:
    """Write the table, compactly and whole."""
    arrays = {}
    for name, rows in table.items():
        u, c = zip(*(space_of(name).split(point) for point, _ in rows), strict=True)
        arrays[f"{name}/u"] = np.array(u, np.float32)
        arrays[f"{name}/c"] = np.array(c, np.int8)
        arrays[f"{name}/score"] = np.array([score for _, score in rows], np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name("part.npz")
    np.savez_compressed(part, **arrays)
    part.replace(path)


def train(signal: Any, point: Point) -> float:
    """Train one configuration; its PSNR in dB, NaN when it diverges."""
    config = first_config(point, WIDTH, signal.kind)
    try:
        fitted = oi.fit(
            signal, config, num_steps=NUM_STEPS, share_program=True, progress=False, warn=False
        )
    except oi.inr.DivergedError:
        return float("nan")
    return fitted.score


def choose(space: Space, rows: list[tuple[Point, float]], index: int, num: int) -> Point:
    """Configuration number `index`: of the hypercube first, then what TPE makes of the rows."""
    design = space.latin_hypercube(0, num // 2)
    if index < len(design):
        return design[index]
    sampler = optuna.samplers.TPESampler(seed=index, n_startup_trials=1)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = {name: to_distribution(d) for name, d in space.dimensions.items()}
    for point, score in rows:
        if np.isfinite(score):
            active = {name: distributions[name] for name in point}
            study.add_trial(
                optuna.trial.create_trial(params=point, distributions=active, value=score)
            )
    return suggest(study.ask(), space)


def main() -> None:
    """Fill the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("signals", nargs="+", help="files")
    parser.add_argument("--num", type=int, default=1000, help="trainings of each signal")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = read_table()
    signals: dict[str, Any] = {}
    for path in map(Path, args.signals):
        kind = "audio" if path.stem in SOUNDS else "image"
        signals[path.stem] = oi.load_signal(path, **OPTIONS[kind])
    for index in range(args.num):
        for name, signal in signals.items():
            rows = table.setdefault(name, [])
            if len(rows) > index:
                continue
            point = choose(space_of(name), rows, index, args.num)
            rows.append((point, train(signal, point)))
        if index % 20 == 19 or index == args.num - 1:
            write_table(table)
            print(index + 1, {n: f"{np.nanmax([s for _, s in r]):.2f}" for n, r in table.items()})


if __name__ == "__main__":
    main()
