"""How few evaluations does each strategy need? Regret on problems with a known optimum.

    python benchmarks/bench_search.py run --strategies optiinr tpe gp --problems inr_chain \\
        --instances 10-29 --noise 0
    python benchmarks/bench_search.py summary --reference optiinr
    python benchmarks/bench_search.py ranks --results benchmarks/results/external.jsonl
    python benchmarks/bench_search.py picture --strategies optiinr gp botorch
    python benchmarks/bench_search.py page

`page` makes the tables of docs/search_benchmarks.md anew. `run` appends one JSON line for each
finished run to `benchmarks/results/search.jsonl` and leaves out those that are there, so it can be
stopped and started again, and run in several processes. All strategies start from the same Latin
hypercube of an instance, and instances are interleaved.
"score" is what a run is told; a "+warp" strategy is told half-rank warped scores, anew each time;
one with "@8" is asked for eight points at a time, and told their scores together.
"""

import argparse
import json
import time
from collections import ChainMap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from external_problems import EXTERNAL
from mixed_problems import PROBLEMS, Problem, noise_sd
from real_trainings import TRAININGS
from search_strategies import Record, find_strategy
from search_tables import (
    NUM_INITIAL,
    RESULTS,
    draw_curves,
    identity,
    make_ranks,
    make_selector,
    make_table,
    read_runs,
    refresh,
)

from optiinr_jax.bo import WARPS

PAGE = Path(__file__).parents[1] / "docs" / "search_benchmarks.md"
ROWS = ChainMap(PROBLEMS, EXTERNAL, TRAININGS)
NUM_TRIALS = 100


def run_one(strategy: str, problem: Problem, num_trials: int, noise: float) -> dict[str, Any]:
    """Run one strategy on one problem; return regrets of the best-scored point, and seconds."""
    start, is_warped, batch = find_strategy(strategy)
    ask, rng = start(problem, problem.instance), np.random.default_rng([problem.instance, 77])
    sd = noise * noise_sd(problem) if noise else 0.0
    record: Record = []
    regrets, seconds, total = [], [], 0.0
    design = problem.space.latin_hypercube([problem.instance, 5], min(NUM_INITIAL, num_trials))
    while len(record) < num_trials:
        points = design
        if record:
            scores = np.array([score for _, score in record])
            told = WARPS["half_rank"](scores) if is_warped else scores
            known = [(p, float(s)) for (p, _), s in zip(record, told, strict=True)]
            num = min(batch, num_trials - len(record))
            begin = time.process_time()
            points = ask(known, num)
            spent = time.process_time() - begin
            seconds.append(spent / num)
            total += spent
        for point in points:
            record.append((point, problem.value(point) + sd * rng.standard_normal()))
            regrets.append(problem.regret(max(record, key=lambda pair: pair[1])[0]))
    return {
        "strategy": strategy,
        "problem": problem.name,
        "instance": problem.instance,
        "noise": noise,
        "regret": [round(r, 4) for r in regrets],
        "seconds": round(float(np.median(seconds)), 4),
        "total_seconds": round(total, 2),
    }


def run(args: argparse.Namespace) -> None:
    """Do all runs that are missing, instances outermost."""
    args.results.parent.mkdir(parents=True, exist_ok=True)
    for instance in args.instances:
        for name in args.problems or PROBLEMS:
            for strategy in args.strategies or ("optiinr", "random", "tpe", "gp"):
                wanted = (strategy, name, instance, args.noise)
                if wanted in map(identity, read_runs(args.results)):
                    continue
                result = run_one(strategy, ROWS[name](instance), args.num_trials, args.noise)
                with args.results.open("a") as file:
                    file.write(json.dumps(result, separators=(",", ":")) + "\n")
                final, spent = result["regret"][-1], result["total_seconds"]
                print(f"{name} {instance} {strategy}: {final:.3f} ({spent:.0f} CPU-s)", flush=True)


def summary(args: argparse.Namespace) -> None:
    """Print the table."""
    print(*make_table(args), sep="\n")


def ranks(args: argparse.Namespace) -> None:
    """Print the table of mean ranks."""
    print(*make_ranks(args), sep="\n")


def page(args: argparse.Namespace) -> None:
    """Write the page with its tables made anew."""
    (args.out or PAGE).write_text(refresh(PAGE.read_text()))


def picture(args: argparse.Namespace) -> None:
    """Draw the regret curves."""
    draw_curves(args, args.out or PAGE.with_name("search_regret.png"))


COMMANDS = {"run": run, "summary": summary, "ranks": ranks, "page": page, "picture": picture}


def main(results: Path = RESULTS, before_summary: Callable[[], object] = lambda: None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], parents=[make_selector(results)]
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--num-trials", type=int, default=NUM_TRIALS)
    parser.add_argument("--out", type=Path, help="file; the one under docs")
    args = parser.parse_args()
    if args.command == "summary":
        before_summary()
    COMMANDS[args.command](args)


if __name__ == "__main__":
    main()
