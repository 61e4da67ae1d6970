"""Claim: one configuration chosen on other signals does what a search of its own would.

Parts, each a list of trainings of which those that are there are left out:
- search: 40 trials on each sound, which the other tables do not have under the present rule.
- cross: the three best configurations of every stored search on all signals of their kind.
- widths: winners at other widths with their rates times a factor, on pictures.
- sizes: winners on larger pictures, their scale times a factor.
- lengths: winners for fewer and more steps, their rates times a factor.
- larger: the portfolio's first on larger networks and pictures that nothing was chosen on.
- grown: the same with both larger, in mini-batches, its frequencies times a factor.
- narrow: the portfolio's first three on narrower networks, with higher rates and the same.
- rungs: every trial of a search again, for what the loss says on the way.

Command: python -m experiments.portfolio run PART [--share 0/1] [--minutes 60]
         python -m experiments.portfolio choose   (writes optiinr_jax/inr/portfolio.json)
         python -m experiments.portfolio_page     (writes docs/portfolio.md)
Time: cross 30 minutes, search 15, widths 15, sizes 15, rungs 10 on one core.
Expected: experiments/results/portfolio.jsonl, one line a training.
"""

import json
import math
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tyro

import optiinr_jax as oi
from experiments.portfolio_runs import (
    KINDS,
    RUN_PARTS,
    SIZE,
    SOUNDS,
    Part,
    Run,
    candidates,
    read_signal,
)
from experiments.protocol import PLAIN, RUNS, fresh_key
from experiments.records import RESULTS
from optiinr_jax.inr import DivergedError, keep_compiled_programs
from optiinr_jax.inr.recommended import PACKAGED, write_cells
from optiinr_jax.inr.recommended import choose as choose_names
from optiinr_jax.studies.portfolio import NUM_ENTRIES, make_cell

LINES = RESULTS / "portfolio.jsonl"
PARTS_OF_RUN = {"1/12": 12.0, "1/6": 6.0, "1/4": 4.0, "1/3": 3.0, "1/2": 2.0, "2/3": 1.5}


def train(run: Run) -> dict[str, Any]:
    """One training: its figures, and the loss on the way."""
    signal, begin = read_signal(run.signal, run.size), time.monotonic()
    key = fresh_key(11, run.seed)
    options: Any = {"objective": "continuous", "progress": False, "warn": False}
    options |= {"num_steps": run.num_steps, "share_program": True, "key": key}
    try:
        inr = oi.fit(signal, run.config, **options)
        scores, early = inr.scores._asdict(), early_losses(inr.history)
    except (DivergedError, ValueError) as error:
        scores, early = {"problem": str(error)}, {}
    return run.facts | scores | early | {"seconds": round(time.monotonic() - begin, 2)}


def early_losses(history: Any) -> dict[str, float]:
    """Mean loss of the 20th of the run before each of some steps."""
    window = max(len(history) // 20, 1)
    ends = {name: int(len(history) / part) for name, part in PARTS_OF_RUN.items()}
    return {name: float(np.mean(history[end - window : end])) for name, end in ends.items()}


def read_lines(part: str) -> list[dict[str, Any]]:
    """What the trainings of a part gave."""
    lines = LINES.read_text().splitlines() if LINES.is_file() else []
    return [row for row in map(json.loads, lines) if row["part"] == part]


def search_sounds(minutes: float) -> None:
    """Search on every sound that has no stored search."""
    end = time.monotonic() + 60.0 * minutes
    for name in SOUNDS:
        path = RESULTS / "portfolio_searches" / f"{name}.json"
        if path.is_file() or time.monotonic() > end:
            continue
        (RUNS / "portfolio").mkdir(parents=True, exist_ok=True)
        storage = f"sqlite:///{RUNS / 'portfolio' / name}.db"
        study = oi.search(
            read_signal(name), num_trials=40, storage=storage, progress=False, **SIZE, **PLAIN
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        trials = [(trial.score, trial.point) for trial in study.trials]
        path.write_text(json.dumps(trials, indent=1) + "\n")
        print(f"{name}: {study.best_score:.4g}", flush=True)


def run(part: tyro.conf.Positional[Part], share: str = "0/1", minutes: float = math.inf) -> None:
    """Train what is missing of a part.

    Args:
        share: which trainings this process takes, "0/2" every other one.
        minutes: no training begins after so many.
    """
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    keep_compiled_programs()
    if part == "search":
        search_sounds(minutes)
        return
    end = time.monotonic() + 60.0 * minutes
    names = [name for name in Run.__dataclass_fields__ if name != "config"]
    done = {json.dumps([row[name] for name in names]) for row in read_lines(part)}
    which, of = map(int, share.split("/"))
    todo = [
        one
        for i, one in enumerate(RUN_PARTS[part]())
        if i % of == which and json.dumps(list(one.facts.values())) not in done
    ]
    for i, one in enumerate(todo, 1):
        if time.monotonic() > end:
            return
        row = train(one)
        with LINES.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(
            f"{i}/{len(todo)} {one.signal} {one.candidate} {one.width} x{one.factor:g} "
            f"{row.get('both', math.nan):.4g}",
            flush=True,
        )


def cross_scores(kind: str) -> dict[str, np.ndarray]:
    """Candidate -> its scores on all signals of a kind; incomplete ones are left out."""
    found: dict[str, dict[str, float]] = {}
    for row in read_lines("cross"):
        if row["signal"] in KINDS[kind]:
            found.setdefault(row["candidate"], {})[row["signal"]] = row.get("both", -math.inf)
    return {
        name: np.array([scores[signal] for signal in KINDS[kind]])
        for name, scores in found.items()
        if len(scores) == len(KINDS[kind])
    }


def left_out(scores: dict[str, np.ndarray], signals: tuple[str, ...]) -> list[dict[str, float]]:
    """What a portfolio has on a signal that had no part in it, against that signal's own search."""
    rows = []
    for i, signal in enumerate(signals):
        others = [name for name in scores if not name.startswith(f"{source_of(signal)}")]
        rest = {name: np.delete(scores[name], same_source(signals, i)) for name in others}
        if not rest:
            continue
        own = max(values[i] for name, values in scores.items() if name.startswith(f"{signal} #"))
        reached = [float(scores[name][i]) for name in choose_names(rest, NUM_ENTRIES)]
        rows.append({"signal": signal, "own": float(own)} | dict(best_of(reached)))
    return rows


def source_of(signal: str) -> str:
    """What a signal was cut from: pieces of one recording do not count as others."""
    return signal.split(",")[0]


def same_source(signals: tuple[str, ...], i: int) -> list[int]:
    """Places of all signals of the source of one."""
    return [j for j, other in enumerate(signals) if source_of(other) == source_of(signals[i])]


def best_of(reached: list[float]) -> Iterator[tuple[str, float]]:
    """The best of the first, of the first three, and of all."""
    for name, num in (("first 1", 1), ("first 3", 3), ("all", len(reached))):
        yield name, max(reached[:num])


def shown(candidate: str) -> str:
    """A candidate's name for readers, "kodak/kodim04, best 1"."""
    signal, rank = candidate.split(" #")
    return f"{signal}, best {int(rank) + 1}"


def choose() -> None:
    """Choose from the trainings of `cross`, and write the portfolio of the package."""
    cells = [
        make_cell(
            [read_signal(name) for name in names],
            {shown(name): config for name, config in candidates(kind).items()},
            {shown(name): scores for name, scores in cross_scores(kind).items()},
            NUM_ENTRIES,
            SIZE["num_steps"],
        )
        for kind, names in KINDS.items()
        if cross_scores(kind)
    ]
    print(write_cells(PACKAGED, cells))
    for cell in cells:
        for entry in cell.entries:
            print(f"{cell.kind}: {entry.source}, mean {entry.mean:.4g}, best {entry.best_of:.4g}")
        for row in left_out(cross_scores(cell.kind), KINDS[cell.kind]):
            print("   ", row)


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"run": run, "choose": choose})
