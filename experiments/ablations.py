"""Question: which parts of the optimiser is it good for to have?

Every part is replaced by the plainer one in turn, on the regression surrogates of real trainings
(`benchmarks/bench_real_landscape.py`): 30 points of a Latin hypercube, then 30 guided ones; five
start designs, the same for all.

Command: python -m experiments.ablations [--instances 10-14]
Time: 35 minutes on one core. Runs that are there are left out, so it may be stopped.
Expected: benchmarks/results/ablations.jsonl, which `python -m experiments.report` reads.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import tyro

from experiments.records import interval

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RUNS = BENCHMARKS / "results" / "ablations.jsonl"
PROBLEMS = ("gt_bach", "kodim04")
NUM_INITIAL = 30
ROWS = {  # strategy of search_strategies.py -> what is different
    "optiinr": "the default: kernel of all orders (anova), conditions, half-rank scores, log EI",
    "optiinr:sum_product:half_rank": "kernel: sum and product",
    "optiinr:product:half_rank": "kernel: the paper's product",
    "optiinr-isotropic": "kernel: one length-scale for numbers and one-hot alike",
    "optiinr-unconditional": "no conditions: what a choice does not use counts",
    "optiinr:anova:standardise": "scores standardised, not warped",
    "optiinr-eei-16": "empirical EI over 16 paths",
    "optiinr-eei-256": "empirical EI over 256 paths",
    "optiinr-eei-1024": "empirical EI over 1 024 paths",
    "optiinr-faithful": "the paper: product kernel, standardised, empirical EI",
    "random": "random search",
}


def read_regrets() -> dict[str, dict[tuple[str, int], np.ndarray]]:
    """Strategy -> (signal, start design) -> regret in dB after each evaluation."""
    found: dict[str, dict[tuple[str, int], np.ndarray]] = {name: {} for name in ROWS}
    for line in RUNS.read_text().splitlines() if RUNS.is_file() else []:
        run = json.loads(line)
        found[run["strategy"]][run["problem"], run["instance"]] = np.array(run["regret"])
    return found


def describe() -> list[str]:
    """The section of the page."""
    found = read_regrets()
    ours = found["optiinr"]
    if not ours:
        return []
    lines = ["| | runs | regret at the end | above the default | mean regret | above the default |"]
    lines.append("|---|---|---|---|---|---|")
    for name, runs in found.items():
        if not runs:
            continue
        cells = [ROWS[name], str(len(runs))]
        for measure in (lambda curve: curve[-1], lambda curve: curve[NUM_INITIAL:].mean()):
            cells.append(f"{np.mean([measure(curve) for curve in runs.values()]):.2f}")
            gaps = [measure(runs[key]) - measure(ours[key]) for key in runs if key in ours]
            cells.append("" if name == "optiinr" else interval(gaps))
        lines.append(f"| {' | '.join(cells)} |")
    designs = len({instance for _, instance in ours})
    head = (
        "## Parts of the optimiser\n\n`python -m experiments.ablations`: dB below the best known "
        f"network after 60 evaluations, and the mean after the 30 of the start; {designs} start "
        f"designs on each of {len(PROBLEMS)} signals ({', '.join(PROBLEMS)}), no published network "
        "among them."
    )
    return [head, "\n".join(lines)]


def main(instances: str = "10-14") -> None:
    """Run what is missing.

    Args:
        instances: start designs, like "10-14" or "12".
    """
    command = [sys.executable, "bench_real_landscape.py", "run", "--num-trials", "60"]
    command += ["--instances", instances, "--results", str(RUNS)]
    command += ["--problems", *PROBLEMS, "--strategies", *ROWS]
    subprocess.run(command, cwd=BENCHMARKS, check=True)


if __name__ == "__main__":
    tyro.cli(main)
