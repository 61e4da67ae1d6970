"""How far do two searches part whose scores differ in the last digits only?

    python benchmarks/bench_last_digits.py --problem inr_chain --instances 13 18 23

One is told the scores, the other the scores times 1 + 1e-14. Printed are the largest difference of
a number between their n-th proposals, from the first one on, and both final regrets.
"""

import argparse

import numpy as np
from mixed_problems import PROBLEMS, Problem
from search_strategies import STRATEGIES, Record

NUM_INITIAL, NUM_GUIDED = 30, 70
SHOWN = (1, 5, 10, 15, 20, 25)
SLIGHTLY = 1.0 + 1e-14


def search(problem: Problem, factor: float) -> list[dict]:
    """All points of a search that is told scores times a factor."""
    ask = STRATEGIES["optiinr"](problem, problem.instance)
    design = problem.space.latin_hypercube([problem.instance, 5], NUM_INITIAL)
    record: Record = [(point, factor * problem.value(point)) for point in design]
    for _ in range(NUM_GUIDED):
        (point,) = ask(record, 1)
        record.append((point, factor * problem.value(point)))
    return [point for point, _ in record]


def main() -> None:
    """Print a line for each instance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problem", default="inr_chain", choices=PROBLEMS)
    parser.add_argument("--instances", type=int, nargs="+", default=[13, 18, 23])
    args = parser.parse_args()
    for instance in args.instances:
        problem = PROBLEMS[args.problem](instance)
        both = [search(problem, factor) for factor in (1.0, SLIGHTLY)]
        units = [np.array([problem.space.encode(point) for point in points]) for points in both]
        apart = np.abs(units[0] - units[1]).max(axis=1)[NUM_INITIAL:]
        regrets = [min(problem.regret(point) for point in points) for points in both]
        found = ", ".join(f"{n}: {apart[n - 1]:.0e}" for n in SHOWN)
        ends = " and ".join(f"{regret:.2f}" for regret in regrets)
        print(f"{args.problem} {instance}: proposals apart {found}; regrets {ends}", flush=True)


if __name__ == "__main__":
    main()
