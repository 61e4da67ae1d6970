"""Two objectives: the front that ours finds against Optuna's TPE and NSGA-II and chance.

    OMP_NUM_THREADS=1 python benchmarks/bench_objectives.py --seeds 10
    OMP_NUM_THREADS=1 python benchmarks/bench_objectives.py --problems picture --seeds 3
    python benchmarks/bench_objectives.py --table

`volume` is the area that a front covers up to a corner, as a share of the rectangle between the
corner and the ideal, after 25, 50 and 100 trials. The same twelve points of a Latin hypercube begin
every search of a seed. Runs that the file has already are not made again.

Problems: `chain`, a made-up error against the number of parameters, with a choice of family of
which one has a frequency; `zdt`, ZDT1 (Zitzler et al. 2000) with a choice and a whole number in its
second function; `picture`, PSNR of a network after 150 steps against its bytes.
"""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna

import optiinr_jax as oi
from optiinr_jax.bo import Choice, Float, Int, OptiINRSampler, Space, suggest

NUM_START, NUM_TRIALS, MARKS = 12, 100, (25, 50, 100)
OUT = Path(__file__).parent / "results" / "objectives.jsonl"
Pair = tuple[float, float]


def chain(point: dict[str, Any]) -> Pair:
    """Error against parameters of a chain of layers; both to be small."""
    depth, width = point["depth"], point["width"]
    numbers = depth * width**2
    away = abs(math.log(point["lr"] / 1e-3)) / 4.0
    if point["family"] == "sine":
        away += abs(math.log(point["omega"] / 25.0)) / 3.0
    else:
        away += {"relu": 0.8, "gauss": 0.4}[point["family"]]
    error = math.log10(1.0 + 3000.0 / numbers) + 0.1 * abs(depth - 3) + away
    return error, math.log10(numbers)


def zdt(point: dict[str, Any]) -> Pair:
    """ZDT1 whose second function also asks for the right choice and whole number."""
    rest = [point[f"x{i}"] for i in range(1, 4)]
    wrong = {"a": 0.5, "b": 0.0, "c": 1.0, "d": 0.7}[point["kind"]] + abs(point["n"] - 4) / 4.0
    g = 1.0 + 9.0 * (sum(rest) / len(rest) + wrong) / 3.0
    return point["x0"], g * (1.0 - math.sqrt(point["x0"] / g))


def picture(point: dict[str, Any]) -> Pair:
    """Minus PSNR against kilobytes of a network of the embedded picture at 32 x 32."""
    signal = oi.sample_signal("image", 32)
    layer = oi.inr.make_layer("siren", omega=point["omega"], learning_rate=point["lr"])
    config = oi.preset("siren", protocol="search", width=point["width"])
    config = replace(config, layers=(layer,) * point["depth"])
    inr = oi.fit(signal, config, num_steps=150, progress=False, warn=False, share_program=True)
    return -inr.scores.samples, inr.num_bytes / 1000.0


# name -> function, space, (corner, ideal): what is worse than the corner does not count
PROBLEMS: dict[str, tuple[Callable[[dict[str, Any]], Pair], Space, tuple[Pair, Pair]]] = {
    "chain": (
        chain,
        Space(
            {
                "family": Choice(["sine", "relu", "gauss"]),
                "omega": Float(1.0, 200.0, log=True, when={"family": "sine"}),
                "depth": Int(1, 6),
                "width": Int(8, 128, log=True),
                "lr": Float(1e-5, 1e-1, log=True),
            }
        ),
        ((3.0, 5.0), (0.0, 1.8)),
    ),
    "zdt": (
        zdt,
        Space(
            {"kind": Choice("abcd"), "n": Int(1, 8)} | {f"x{i}": Float(0.0, 1.0) for i in range(4)}
        ),
        ((1.0, 4.0), (0.0, 0.0)),
    ),
    "picture": (
        picture,
        Space(
            {
                "depth": Int(1, 4),
                "width": Int(values=[4, 8, 12, 16, 24, 32, 48]),
                "omega": Float(2.0, 100.0, log=True),
                "lr": Float(1e-4, 3e-2, log=True),
            }
        ),
        ((-15.0, 45.0), (-45.0, 1.5)),
    ),
}
SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "optiinr": lambda seed: OptiINRSampler(seed=seed, num_initial=NUM_START),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=NUM_START),
    "nsga2": lambda seed: optuna.samplers.NSGAIISampler(seed=seed, population_size=NUM_START),
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
}


def volume(pairs: list[Pair], corner: Pair, ideal: Pair) -> float:
    """Area that the pairs cover up to the corner, as a share of what there is."""
    area, best = 0.0, corner[1]
    for first, second in sorted(pairs):
        if first < corner[0] and second < best:
            area, best = area + (corner[0] - first) * (best - second), second
    return area / ((corner[0] - ideal[0]) * (corner[1] - ideal[1]))


def run(problem: str, sampler: str, seed: int) -> dict[str, Any]:
    """One search."""
    function, space, bounds = PROBLEMS[problem]
    study = optuna.create_study(directions=["minimize"] * 2, sampler=SAMPLERS[sampler](seed))
    for point in space.latin_hypercube([seed, 5], NUM_START):
        study.enqueue_trial(point)
    study.optimize(lambda trial: function(suggest(trial, space)), n_trials=NUM_TRIALS)
    pairs = [(trial.values[0], trial.values[1]) for trial in study.trials]
    found = {f"{mark}": round(volume(pairs[:mark], *bounds), 5) for mark in MARKS}
    return {"problem": problem, "sampler": sampler, "seed": seed, "volume": found}


def table(rows: list[dict[str, Any]]) -> None:
    """Means after each mark, and at the end the difference to the best peer with its interval."""
    for problem in PROBLEMS:
        print(f"\n{problem:10} " + "".join(f"{mark:>18}" for mark in MARKS))
        for sampler in SAMPLERS:
            mine = {r["seed"]: r["volume"] for r in rows if key(r)[:2] == (problem, sampler)}
            ours = {r["seed"]: r["volume"] for r in rows if key(r)[:2] == (problem, "optiinr")}
            both = sorted(set(mine) & set(ours))
            if both:
                cells = []
                for mark in map(str, MARKS):
                    gains = [ours[seed][mark] - mine[seed][mark] for seed in both]
                    wins = sum(gain > 0 for gain in gains)
                    mean = np.mean([mine[seed][mark] for seed in both])
                    cells.append(
                        f"{mean:.4f}" + ("" if sampler == "optiinr" else f" ({wins}/{len(both)})")
                    )
                print(f"{sampler:10} " + "".join(f"{cell:>18}" for cell in cells))


def key(row: dict[str, Any]) -> tuple[str, str, int]:
    """What a run is."""
    return row["problem"], row["sampler"], row["seed"]


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", default=["chain", "zdt"], choices=PROBLEMS)
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=SAMPLERS)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    lines = options.out.read_text().splitlines() if options.out.is_file() else []
    rows = [json.loads(line) for line in lines]
    done = {key(row) for row in rows}
    for seed in range(0 if not options.table else options.seeds, options.seeds):
        for problem in options.problems:
            for sampler in options.samplers:
                if (problem, sampler, seed) not in done:
                    rows.append(run(problem, sampler, seed))
                    print(rows[-1], flush=True)
                    with options.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    table(rows)


if __name__ == "__main__":
    main()
