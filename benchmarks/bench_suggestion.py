"""What a suggestion costs: CPU-seconds after compilation, and what is compiled in a study.

    OMP_NUM_THREADS=1 XLA_FLAGS="--xla_cpu_multi_thread_eigen=false" \\
        python benchmarks/bench_suggestion.py --out benchmarks/results/suggestion.json

Both engines get the same record of n random points of `inr_chain`, in the same run, one thread.
Compilations are counted by jax.monitoring over asks from 30 to 130 points, persistent cache off.
`loss_lost_by_one_start` is the largest amount by which the best of three long descents from random
draws of the prior was better than the engine's one descent from the median, over three problems and
30, 60 and 100 points: 50 at random, then the best of 400.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from bench_search import STRATEGIES
from mixed_problems import make
from scipy.optimize import minimize

from optiinr_jax.bo import WARPS, engine
from optiinr_jax.bo.hyperparameters import fit, loss_and_grad

COMPILED: list[float] = []


def count(event: str, seconds: float, **_: object) -> None:
    """Note one compilation."""
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(seconds)


def cpu_seconds(strategy: str, n: int, repeats: int) -> float:
    """Median CPU-seconds of a suggestion with n points known; the first call is not counted."""
    problem = make("inr_chain", 0)
    record = [(point, problem.value(point)) for point in problem.space.sample(0, n)]
    ask = STRATEGIES[strategy](problem, 0)
    seconds = []
    for _ in range(repeats + 1):
        begin = time.process_time()
        ask(record)
        seconds.append(time.process_time() - begin)
    return float(np.median(seconds[1:]))


def loss_lost_by_one_start() -> float:
    """Compare the fit with long descents from three random draws of the prior."""
    rng, lost = np.random.default_rng(0), []
    for name in ("inr_chain", "mixed_ackley", "func_switch"):
        problem = make(name, 1)
        points = problem.space.sample(0, 450)
        points[50:] = sorted(points[50:], key=problem.value)[-50:]
        scores = np.array([problem.value(point) for point in points])
        for n in (30, 60, 100):
            pairs = [problem.space.split(point) for point in points[:n]]
            data = engine.pad_data(pairs, WARPS["half_rank"](scores[:n]), [])
            rows: Any = {"kernel": "anova", "structure": problem.space.structure}

            def loss_fn(z, data=data, rows=rows):
                loss, grad = loss_and_grad(z, data, **rows)
                return float(loss), np.asarray(grad)

            with jax.enable_x64(True):
                z, _ = fit(data, **rows)
                others = [
                    minimize(loss_fn, rng.standard_normal(len(z)), jac=True, method="L-BFGS-B").fun
                    for _ in range(3)
                ]
                lost.append(loss_fn(z)[0] - min(others))
    return max(lost)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", nargs="*", default=["gp"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    jax.monitoring.register_event_duration_secs_listener(count)
    problem = make("inr_chain", 0)
    record = [(point, problem.value(point)) for point in problem.space.sample(0, 130)]
    ask, begin = STRATEGIES["optiinr"](problem, 0), time.process_time()
    ask(record[:30])
    first = time.process_time() - begin
    for n in (31, 48, 64, 100, 129, 130):
        ask(record[:n])
    result = {
        "compilations_30_to_130": len(COMPILED),
        "cpu_seconds_first_ask": round(first, 2),
        "cpu_seconds": {
            f"{name} n={n}": round(cpu_seconds(name, n, args.repeats), 3)
            for n in (30, 130)
            for name in ("optiinr", *args.peers)
        },
    }
    result["cpu_seconds"]["optiinr n=512"] = round(cpu_seconds("optiinr", 512, 2), 3)
    result["loss_lost_by_one_start"] = round(loss_lost_by_one_start(), 3)
    print(json.dumps(result, indent=1))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
