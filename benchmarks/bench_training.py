"""Training against PyTorch (eager and compiled) and plain jax.numpy, taking turns in one run.

    pip install -e ".[bench]"  # and a C++ compiler for torch.compile
    python benchmarks/bench_training.py            # about ten minutes on two quiet cores
    python benchmarks/bench_training.py --quick    # two minutes

Every contestant lives in a process of its own and trains the same network on the same points, all
of them in every step; in every round each gets its turn. Figures are medians of the rounds, seconds
a step; ratios are medians of the rounds' ratios, so that a neighbour on the machine hits both
sides. GFLOP/s count the matrix products of a step, n * 2 (2w + 3w^2 + 3w) * 3. The ceiling is the
best rate of (n, w) x (w, w) products that PyTorch or XLA reached between the rounds.

On a busy machine PyTorch loses far more than we do, because its threads wait for each other; there

    taskset -c 0 python benchmarks/bench_training.py --parts steps --clock cpu

compares what one core computes in a second of its own time, and is fair.

Parts (--parts): `steps` single fits; `rules` a step of AdamW, SOAP and Muon (without PyTorch);
`mixed` 16 configurations of mixed families, 500 steps each, from nothing compiled; `batch` the
layouts of `fit_many` against the number of networks; `search` the compilations of 40 trials;
`memory` a step of 4x256 on up to two million points, its time and the peak memory of the process.
Writes benchmarks/results/training.json, and with --picture its picture.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from training_workers import CLOCKS, CONTESTANTS, RULES, Case, Worker, once

RESULT = Path(__file__).parent / "results" / "training.json"
SINGLE = [Case("siren", 256, side) for side in (64, 128, 256)]
SMALL = [Case("siren", 64, side) for side in (64, 32)]
FAMILIES = [Case(family, 256, 128) for family in ("finer", "gauss", "gf", "wire")]
MORE = [Case("siren", 128, 128), Case("siren", 64, 512)]
BATCHES = (1, 2, 4, 8, 16, 32)
LAYOUTS = ("sequence", "threads", "vmap")
SIDES = (362, 724, 1448)  # of pictures of 2^17, 2^19 and 2^21 points


def steps(cases: list[Case], rounds: int, budget: float, clock: str) -> list[dict[str, Any]]:
    """Seconds a step of every contestant in every case."""
    ceilings: dict[int, float] = {}
    rows = []
    workers = {name: Worker() for name in CONTESTANTS if name not in RULES[1:]}
    for case in cases:
        for name, worker in workers.items():
            worker.ask("start", name, case, budget, clock)
        seconds: dict[str, list[float]] = {name: [] for name in workers}
        rates = []
        for _ in range(rounds):
            for name, worker in workers.items():
                seconds[name].append(worker.ask("measure"))
            rates += [workers["torch"].ask("torch_product", case.width, clock)]
            rates += [workers["jax.numpy"].ask("jax_product", case.width, clock)]
        ceilings[case.width] = ceiling = max(ceilings.get(case.width, 0.0), *rates)
        rows.append(summary(case, seconds, ceiling))
        print_row(rows[-1])
    for worker in workers.values():
        worker.close()
    return rows


def rules(rounds: int, budget: float, clock: str) -> list[dict[str, Any]]:
    """Seconds a step of every optimiser, and how many of AdamW's that is."""
    rows = []
    for case in (SINGLE[1], SMALL[0]):
        workers = {name: Worker() for name in RULES}
        for name, worker in workers.items():
            worker.ask("start", name, case, budget, clock)
        taken = [{n: w.ask("measure") for n, w in workers.items()} for _ in range(rounds)]
        for worker in workers.values():
            worker.close()
        rows.append(
            {
                "case": str(case),
                "seconds a step": {n: statistics.median(t[n] for t in taken) for n in RULES},
                "times AdamW": {
                    n: round(statistics.median(t[n] / t["ours"] for t in taken), 2) for n in RULES
                },
            }
        )
        print("rules:", json.dumps(rows[-1]), flush=True)
    return rows


def summary(case: Case, seconds: dict[str, list[float]], ceiling: float) -> dict[str, Any]:
    """Medians, ratios to ours, rates and the share of the ceiling."""
    median = {name: statistics.median(times) for name, times in seconds.items()}
    ratio = {
        name: statistics.median(a / b for a, b in zip(times, seconds["ours"], strict=True))
        for name, times in seconds.items()
    }
    return {
        "case": str(case),
        "seconds a step": {name: float(f"{value:.4g}") for name, value in median.items()},
        "times ours": {name: round(value, 2) for name, value in ratio.items()},
        "GFLOP/s": {name: round(case.flops / value / 1e9) for name, value in median.items()},
        "ceiling (GFLOP/s)": round(ceiling / 1e9),
        "share of the ceiling": round(case.flops / median["ours"] / ceiling, 2),
        "load": os.getloadavg()[0],
    }


def print_row(row: dict[str, Any]) -> None:
    """One line for the eye."""
    parts = [
        f"{name} {row['seconds a step'][name]:.4g} s ({row['GFLOP/s'][name]} GFLOP/s, "
        f"{ratio:.2f} x ours)"
        for name, ratio in row["times ours"].items()
    ]
    share, load = row["share of the ceiling"], row["load"]
    print(f"{row['case']}: {'; '.join(parts)}; {share:.0%} of the ceiling; load {load:.1f}")
    sys.stdout.flush()


def mixed(rounds: int, count: int, num_steps: int) -> dict[str, Any]:
    """Mixed configurations from nothing compiled: PyTorch and own programs in turn, fit_many."""
    seconds: dict[str, list[float]] = {"torch": [], "specialised": [], "threads": []}
    for _ in range(rounds):
        for way, times in seconds.items():
            times.append(once("mixed", way, count, 64, 64, num_steps))
    ours = seconds["threads"]
    row = {
        "configurations": count,
        "steps": num_steps,
        "seconds": {way: [round(t, 1) for t in times] for way, times in seconds.items()},
        "times fit_many": {
            way: round(statistics.median(a / b for a, b in zip(times, ours, strict=True)), 2)
            for way, times in seconds.items()
        },
        "load": os.getloadavg()[0],
    }
    print("mixed:", json.dumps(row))
    return row


def batch(counts: tuple[int, ...], num_steps: int) -> dict[str, Any]:
    """Seconds a step and network of `fit_many`, in every layout."""
    table = {layout: once("batch", layout, counts, num_steps) for layout in LAYOUTS}
    table = {layout: [float(f"{t:.3g}") for t in times] for layout, times in table.items()}
    result = {"networks": counts, "seconds a step and network": table, "load": os.getloadavg()[0]}
    print("batch:", json.dumps(result), flush=True)
    return result


def search(num_trials: int, num_steps: int) -> dict[str, Any]:
    """How much of a search is compilation."""
    result = once("search", num_trials, num_steps) | {"load": os.getloadavg()[0]}
    print("search:", json.dumps(result), flush=True)
    return {"trials": num_trials, "steps": num_steps, **result}


def memory(sides: tuple[int, ...], num_steps: int) -> list[dict[str, Any]]:
    """Time a step and peak memory against the number of points, 4x256."""
    rows = []
    for side in sides:
        seconds, peak = once("memory", side, num_steps)
        rows.append(
            {
                "points": side**2,
                "seconds a step": round(seconds, 3),
                "microseconds a point": round(1e6 * seconds / side**2, 3),
                "peak (GiB)": round(peak, 2),
                "load": os.getloadavg()[0],
            }
        )
        print("memory:", json.dumps(rows[-1]), flush=True)
    return rows


def draw(result: dict[str, Any], path: Path) -> None:
    """Bars of the single fits, one group a case."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = result["steps"]
    names = [name for name in CONTESTANTS if not name.startswith("ours, ")]
    figure, axis = plt.subplots(figsize=(10, 4.2))
    for i, name in enumerate(names):
        places = [k + (i - 1.5) * 0.2 for k in range(len(rows))]
        axis.bar(places, [row["GFLOP/s"][name] for row in rows], 0.19, label=name)
    ends = [(k - 0.45, k + 0.45) for k in range(len(rows))]
    for (low, high), row in zip(ends, rows, strict=True):
        axis.hlines(row["ceiling (GFLOP/s)"], low, high, "k", lw=1)
    axis.set_xticks(range(len(rows)), [row["case"].replace(", ", "\n") for row in rows], fontsize=8)
    axis.set_ylabel("GFLOP/s of matrix products (line: ceiling)")
    axis.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


PARTS = ("steps", "rules", "mixed", "batch", "search", "memory")


def main() -> None:
    """Read the options, measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few cases, small sizes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="of the part `steps`")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--picture", type=Path, help="file of the picture")
    args = parser.parse_args()
    quick = args.quick
    cases = [SINGLE[0], SMALL[0], FAMILIES[2]] if quick else SINGLE + SMALL + FAMILIES + MORE
    runs = {
        "steps": lambda: steps(cases, args.rounds, 0.1 if quick else 0.2, args.clock),
        "rules": lambda: rules(args.rounds, 1.0, args.clock),
        "mixed": lambda: mixed(1 if quick else 2, 4 if quick else 16, 100 if quick else 500),
        "batch": lambda: batch((1, 4) if quick else BATCHES, 20 if quick else 50),
        "search": lambda: search(4 if quick else 40, 50 if quick else 500),
        "memory": lambda: memory(SIDES[:1] if quick else SIDES, 1 if quick else 2),
    }
    result: dict[str, Any] = {"cores": os.cpu_count(), "load at the start": os.getloadavg()[0]}
    for part in args.parts:
        result[part] = runs[part]()
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    if args.picture and "steps" in result:
        draw(result, args.picture)


if __name__ == "__main__":
    main()
