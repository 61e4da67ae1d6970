"""What a suggestion costs: CPU-seconds after compilation, and what is compiled in a study.

    OMP_NUM_THREADS=1 XLA_FLAGS="--xla_cpu_multi_thread_eigen=false" \\
        python benchmarks/bench_suggestion.py --out benchmarks/results/suggestion.json

Both engines get the same record of n random points of `inr_chain`, in the same run, one thread.
Compilations are counted by jax.monitoring over asks from 30 to 130 points, persistent cache off.
`loss_lost_by_one_start` is the largest amount by which the best of three long descents from random
draws of the prior was better than the engine's one descent from the median, over three problems and
30, 60 and 100 points: 50 at random, then the best of 400.
`log_ei_lost` is how much higher log EI is where twenty times the effort puts its maximum, on the
engine's own searches of the three problems after 35, 60 and 85 points, two instances of each.
`wall_seconds` are those of our suggestion at n = 130 in processes that may use all threads: one by
itself, two at once, and two at once whose BLAS is not kept to one thread (`bo/host.py`).
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from mixed_problems import make
from scipy.optimize import minimize
from search_strategies import STRATEGIES
from threadpoolctl import ThreadpoolController

from optiinr_jax.bo import WARPS, engine, host, propose
from optiinr_jax.bo.host import host_scope
from optiinr_jax.bo.hyperparameters import fit, loss_and_grad
from optiinr_jax.bo.preference import make_preference

COMPILED: list[float] = []
PLANTED = ("inr_chain", "mixed_ackley", "func_switch")


def count(event: str, seconds: float, **_: object) -> None:
    """Note one compilation."""
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(seconds)


def seconds_of(
    strategy: str, n: int, repeats: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Median seconds of a suggestion with n points known; the first call is not counted."""
    problem = make("inr_chain", 0)
    record = [(point, problem.value(point)) for point in problem.space.sample(0, n)]
    ask = STRATEGIES[strategy](problem, 0)
    seconds = []
    for _ in range(repeats + 1):
        begin = clock()
        ask(record)
        seconds.append(clock() - begin)
    return float(np.median(seconds[1:]))


def wall_seconds(num_processes: int, *, blas_is_free: bool = False) -> float:
    """Mean over processes that run at once, each with all threads that it wants."""
    restrained = ("OMP_NUM_THREADS", "XLA_FLAGS")
    environment = {name: text for name, text in os.environ.items() if name not in restrained}
    command = [sys.executable, __file__, "--wall", *(["--blas-is-free"] * blas_is_free)]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        for _ in range(num_processes)
    ]
    return float(np.mean([float(process.communicate()[0]) for process in processes]))


def loss_lost_by_one_start() -> float:
    """Compare the fit with long descents from three random draws of the prior."""
    rng, lost = np.random.default_rng(0), []
    for name in PLANTED:
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


def log_ei_lost() -> dict[str, float]:
    """Compare the engine's maximisation of log EI with one of twenty times the effort."""
    effort = {"NUM_CANDIDATES": 4096, "NUM_STARTS": 128, "NUM_ROUNDS": 8, "NUM_STEPS": 20}
    rows: Any = {"kernel": "anova", "acquisition": "log_ei", "num_paths": 1}
    cases = []
    for name, instance in itertools.product(PLANTED, (1, 2)):
        problem, record = make(name, instance), []
        ask = STRATEGIES["optiinr"](problem, instance)
        for point in problem.space.latin_hypercube([instance, 5], 30):
            record.append((point, problem.value(point)))
        while len(record) < 85:
            point = ask(record)
            record.append((point, problem.value(point)))
        cases += [(problem, record[:n]) for n in (35, 60, 85)]

    def maximise() -> np.ndarray:
        found = []
        for problem, record in cases:
            structure = problem.space.structure
            scores = np.array([score for _, score in record])
            pairs = [problem.space.split(point) for point, _ in record]
            data = engine.pad_data(pairs, WARPS["half_rank"](scores), [])
            draws = propose.make_draws((0, len(record)), structure)
            preference = make_preference(problem.space, None)
            with host_scope():
                z, _ = fit(data, kernel=rows["kernel"], structure=structure)
                best_first = propose.propose(
                    draws, data, z, preference, structure=structure, **rows
                )
                found.append(float(best_first.score[0]))
        return np.array(found)

    usual = maximise()
    before = {name: getattr(propose, name) for name in effort}
    vars(propose).update(effort)
    jax.clear_caches()  # the numbers above are constants of the compiled program
    lost = maximise() - usual
    vars(propose).update(before)
    return {
        "median": round(float(np.median(lost)), 3),
        "mean": round(float(np.mean(lost)), 3),
        "largest": round(float(np.max(lost)), 3),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", nargs="*", default=["gp"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--wall", action="store_true", help="print one wall_seconds, no more")
    parser.add_argument("--blas-is-free", action="store_true")
    args = parser.parse_args()
    if args.blas_is_free:
        host._blas = lambda: ThreadpoolController().select(user_api="none")
    if args.wall:
        print(seconds_of("optiinr", 130, 3 * args.repeats, time.perf_counter))  # so that two meet
        return
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
            f"{name} n={n}": round(seconds_of(name, n, args.repeats), 3)
            for n in (30, 130)
            for name in ("optiinr", *args.peers)
        },
    }
    result["cpu_seconds"]["optiinr n=512"] = round(seconds_of("optiinr", 512, 2), 3)
    result["wall_seconds"] = {
        "one": round(wall_seconds(1), 3),
        "two at once": round(wall_seconds(2), 3),
        "two at once, BLAS free": round(wall_seconds(2, blas_is_free=True), 3),
    }
    result["loss_lost_by_one_start"] = round(loss_lost_by_one_start(), 3)
    result["log_ei_lost"] = log_ei_lost()
    print(json.dumps(result, indent=1))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
