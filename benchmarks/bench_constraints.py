"""Constraints on outcomes: ours against Optuna's GPSampler and TPE on two small problems.

    python benchmarks/bench_constraints.py --seeds 10 --out benchmarks/results/constraints.jsonl

`share` is the part of the trials after the start that meet all constraints, `best` the lowest value
that is allowed, less the optimum. The same ten points of a Latin hypercube begin every search of a
seed. Runs that the file has already are not made again.

Problems: `gardner` (Gardner et al. 2014, simulation 1, at sin-and-cos form) and `disc`, a choice of
one of three bowls outside of a circle, where the best bowl is not allowed at its lowest point.
"""

import argparse
import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from optiinr_jax.bo import Choice, Float, OptiINRSampler, Space

NUM_START, NUM_TRIALS = 10, 40
Outcome = tuple[float, tuple[float, ...]]


def gardner(point: dict[str, Any]) -> Outcome:
    """cos 2x cos y + sin x, where cos x cos y - sin x sin y <= 1/2."""
    x, y = point["x"], point["y"]
    return (
        math.cos(2 * x) * math.cos(y) + math.sin(x),
        (math.cos(x) * math.cos(y) - math.sin(x) * math.sin(y) - 0.5,),
    )


def disc(point: dict[str, Any]) -> Outcome:
    """A bowl about the centre, deeper by its kind; the circle excludes the centre."""
    square = point["x"] ** 2 + point["y"] ** 2
    depth = {"a": 0.0, "b": -0.2, "c": 0.1}[point["kind"]]
    radius = {"a": 0.2, "b": 0.6, "c": 0.0}[point["kind"]]
    return square + depth, (radius - square, point["x"] - 0.5)


PROBLEMS: dict[str, tuple[Callable[[dict[str, Any]], Outcome], Space]] = {
    "gardner": (gardner, Space({"x": Float(0.0, 6.0), "y": Float(0.0, 6.0)})),
    "disc": (
        disc,
        Space({"kind": Choice("abc"), "x": Float(-1.0, 1.0), "y": Float(-1.0, 1.0)}),
    ),
}
SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "optiinr": lambda seed: OptiINRSampler(seed=seed, num_initial=NUM_START),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed, n_startup_trials=NUM_START),
    "tpe": lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=NUM_START),
}


def optimum(problem: str) -> float:
    """Lowest allowed value of a fine grid."""
    value, space = PROBLEMS[problem]
    kinds = space.dimensions["kind"].options if "kind" in space.dimensions else (None,)
    axes = [np.linspace(space.dimensions[n].low, space.dimensions[n].high, 601) for n in "xy"]
    found = math.inf
    for kind in kinds:
        for x in axes[0]:
            for y in axes[1]:
                score, limits = value({"kind": kind, "x": x, "y": y})
                found = min(found, score) if max(limits) <= 0 else found
    return found


def run(problem: str, sampler: str, seed: int) -> dict[str, Any]:
    """One search."""
    value, space = PROBLEMS[problem]
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed))
    for point in space.latin_hypercube([seed, 5], NUM_START):
        study.enqueue_trial(point)

    def objective(trial: optuna.Trial) -> float:
        point: dict[str, Any] = {n: trial.suggest_float(n, *_ends(space, n)) for n in "xy"}
        if "kind" in space.dimensions:
            point["kind"] = trial.suggest_categorical("kind", space.dimensions["kind"].options)
        score, limits = value(point)
        for i, limit in enumerate(limits):
            trial.set_constraint(f"c{i}", limit)
        return score

    study.optimize(objective, n_trials=NUM_TRIALS)
    outcomes = [value(trial.params) for trial in study.trials]
    allowed = [max(limits) <= 0 for _, limits in outcomes]
    scores = [score for (score, _), ok in zip(outcomes, allowed, strict=True) if ok]
    return {
        "problem": problem,
        "sampler": sampler,
        "seed": seed,
        "share": float(np.mean(allowed[NUM_START:])),
        "best": min(scores, default=math.nan),
    }


def _ends(space: Space, name: str) -> tuple[float, float]:
    return space.dimensions[name].low, space.dimensions[name].high


def main() -> None:
    """Make the runs that are missing, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--samplers", nargs="*", default=list(SAMPLERS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/constraints.jsonl"))
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    text = args.out.read_text() if args.out.exists() else ""
    rows = [json.loads(line) for line in text.splitlines()]
    done = {(row["problem"], row["sampler"], row["seed"]) for row in rows}
    for seed in range(args.seeds):
        for problem in PROBLEMS:
            for sampler in args.samplers:
                if (problem, sampler, seed) not in done:
                    rows.append(run(problem, sampler, seed))
                    with args.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    for problem in PROBLEMS:
        best = optimum(problem)
        for sampler in args.samplers:
            own = [r for r in rows if (r["problem"], r["sampler"]) == (problem, sampler)]
            share, regret = ([r[k] for r in own] for k in ("share", "best"))
            print(
                f"{problem:8} {sampler:8} {len(own):2} runs, allowed {np.mean(share):.2f}, "
                f"regret {np.mean(regret) - best:.4f} +- {np.std(regret) / len(own) ** 0.5:.4f}"
            )


if __name__ == "__main__":
    main()
