"""Finished runs of `bench_search.py` as tables, as the tables of a page, and as curves.

A finished run is one line of JSON: strategy, problem, instance, noise, and the regret of its
best-scored point after each evaluation.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from mixed_problems import PROBLEMS
from scipy.stats import rankdata

RESULTS = Path(__file__).parent / "results" / "search.jsonl"
NUM_INITIAL = 30


def make_selector(results: Path = RESULTS) -> argparse.ArgumentParser:
    """Options that say which runs are meant."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--strategies", nargs="+", help="all known, for a run four")
    parser.add_argument("--problems", nargs="+", help="all")
    parser.add_argument("--instances", type=parse_range, default="10-29")
    parser.add_argument("--noise", type=float, default=0.0, help="times the problem's noise_sd")
    parser.add_argument("--reference", default="optiinr")
    parser.add_argument("--results", type=Path, default=results)
    return parser


def parse_range(text: str) -> list[int]:
    """Read "10-29" or "3"."""
    low, _, high = text.partition("-")
    return list(range(int(low), int(high or low) + 1))


def identity(run: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two runs the same."""
    return tuple(run[key] for key in ("strategy", "problem", "instance", "noise"))


def read_runs(path: Path) -> list[dict[str, Any]]:
    """All finished runs, one for each identity."""
    lines = path.read_text().splitlines() if path.exists() else []
    return list({identity(run): run for run in map(json.loads, lines)}.values())


def collect(runs: list[dict[str, Any]], selected: argparse.Namespace) -> dict[str, dict]:
    """Sort the runs that are asked for as problem -> strategy -> instance -> run."""
    table: dict[str, dict] = {name: {} for name in selected.problems or PROBLEMS}
    if not selected.problems and selected.results != RESULTS:
        table = {r["problem"]: {} for r in runs}
    named = {*(selected.strategies or ()), selected.reference}
    for r in runs:
        is_wanted = not selected.strategies or r["strategy"] in named
        is_wanted &= r["noise"] == selected.noise and r["instance"] in selected.instances
        if is_wanted and r["problem"] in table:
            table[r["problem"]].setdefault(r["strategy"], {})[r["instance"]] = r
    return {name: rows for name, rows in table.items() if rows}


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of a mean."""
    draws = np.random.default_rng(0).choice(values, (4000, len(values)))
    low, high = np.percentile(draws.mean(1), [2.5, 97.5])
    return float(low), float(high)


def make_table(selected: argparse.Namespace) -> list[str]:
    """Lines of a Markdown table: regret at the end, its mean after the design, at 60 evaluations.

    Differences are to the reference strategy, over common instances, with bootstrap intervals.
    """
    table = collect(read_runs(selected.results), selected)
    titles = ["problem", "strategy", "runs", "final", "minus ours (95 %)"]
    titles += ["mean", "minus ours (95 %)", "at 60", "CPU-s"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for problem, rows in table.items():
        reference = rows.get(selected.reference, {})
        for strategy in sorted(
            rows, key=lambda s: np.mean([r["regret"][-1] for r in rows[s].values()])
        ):
            found = rows[strategy]
            curves = np.array([r["regret"] for r in found.values()])
            cells = [problem, strategy, str(len(found))]
            for measure in (lambda c: c[-1], lambda c: np.mean(c[NUM_INITIAL:])):
                common = sorted(set(found) & set(reference))
                lost = np.array(
                    [measure(found[i]["regret"]) - measure(reference[i]["regret"]) for i in common]
                )
                cells.append(f"{np.mean([measure(c) for c in curves]):.2f}")
                cell = "" if strategy == selected.reference or not common else f"{lost.mean():+.2f}"
                if cell and len(common) > 3:  # fewer say nothing about the spread
                    cell += " ({:+.2f}, {:+.2f})".format(*interval(lost))
                cells.append(cell)
            cells.append(f"{np.mean(curves[:, 59]):.2f}")
            cells.append(f"{np.median([r['seconds'] for r in found.values()]):.2f}")
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def make_ranks(selected: argparse.Namespace) -> list[str]:
    """Lines of a Markdown table: how each strategy ranks among all, by its mean final regret.

    A problem counts once, over the instances that all strategies ran; intervals are over problems.
    """
    table = collect(read_runs(selected.results), selected)
    names = sorted({name for rows in table.values() for name in rows})
    ranks, reached = [], []
    for rows in table.values():
        common = set.intersection(*(set(rows.get(name, ())) for name in names))
        if common:
            final = [np.mean([rows[name][i]["regret"][-1] for i in common]) for name in names]
            start = np.mean([rows[names[0]][i]["regret"][NUM_INITIAL - 1] for i in common])
            ranks.append(rankdata(np.round(final, 4)))
            reached.append(np.array(final) / start)
    lines = [
        "| strategy | problems | mean rank (95 %) | regret left of the start's |",
        "|---" * 4 + "|",
    ]
    columns = zip(names, np.array(ranks).T, np.array(reached).T, strict=True)
    for name, rank, left in sorted(columns, key=lambda column: np.mean(column[1])):
        low, high = interval(rank)
        cells = f"{rank.mean():.2f} ({low:.2f}, {high:.2f})", f"{left.mean():.2f}"
        lines.append(f"| {name} | {len(rank)} | {cells[0]} | {cells[1]} |")
    return lines


TABLES = {"summary": make_table, "ranks": make_ranks}


def refresh(page: str) -> str:
    """Make each table anew that follows a comment with its selection: <!-- summary OPTIONS -->."""

    def make(found: re.Match[str]) -> str:
        selected = make_selector().parse_args(found[2].split())
        return "\n".join([f"<!-- {found[1]} {found[2]} -->", *TABLES[found[1]](selected), ""])

    return re.sub(rf"<!-- ({'|'.join(TABLES)}) (.*) -->\n(?:\|.*\n)*", make, page)


def draw_curves(selected: argparse.Namespace, file: Path) -> None:
    """Draw mean regret curves with their intervals, one panel for each problem."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    table = collect(read_runs(selected.results), selected)
    num_columns = min(3, len(table))
    num_rows = -(-len(table) // num_columns)
    figure, axes = plt.subplots(
        num_rows, num_columns, figsize=(4 * num_columns, 3 * num_rows), squeeze=False
    )
    names = selected.strategies or sorted({name for rows in table.values() for name in rows})
    for axis, (problem, rows) in zip(axes.flat, table.items(), strict=False):
        for i, strategy in enumerate(names):
            if strategy not in rows:
                continue
            curves = np.array([r["regret"] for r in rows[strategy].values()])
            x, ends = np.arange(curves.shape[1]), np.array([interval(c) for c in curves.T])
            is_ours = strategy.startswith("optiinr")
            label = f"{strategy} ({len(curves)})"
            axis.plot(x, curves.mean(0), f"C{i}", lw=2.2 if is_ours else 1.2, label=label)
            axis.fill_between(x, *ends.T, color=f"C{i}", alpha=0.12, lw=0)
        top = max(line.get_ydata()[NUM_INITIAL - 5] for line in axis.lines)
        axis.set(title=problem, xlim=(NUM_INITIAL - 5, None), ylim=(0, 1.3 * top))
        axis.set(xlabel="evaluations", ylabel="simple regret")
        axis.legend(fontsize=6, frameon=False, ncols=2, loc="upper right")
    for axis in axes.flat[len(table) :]:
        axis.set_visible(False)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
