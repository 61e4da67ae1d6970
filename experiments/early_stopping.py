"""Claim to be tested: a rule that stops hopeless trials saves steps and keeps the best network.

Command: python -m experiments.early_stopping [--num-seeds 10] [--num-trials 40]
Time: 12 minutes for 10 seeds on one core, at 32 x 32 pixels, 3 layers of 24 units, 300 steps.
Expected: for each rule of `PRUNERS`, the steps it saves and what it costs in final score against no
rule, as means over the seeds with their standard errors. A rule becomes the default only where it
saves at least a quarter of the steps and the mean loss is below 0.1 dB plus its standard error.
"""

import json
import math
import statistics
from dataclasses import dataclass
from pathlib import Path

import tyro

import optiinr_jax as oi
from experiments.protocol import PLAIN
from optiinr_jax.studies.pruners import PRUNERS

RESULT = Path(__file__).parents[1] / "benchmarks" / "results" / "early_stopping.json"


@dataclass(frozen=True)
class Settings:
    """How large the experiment is."""

    num_seeds: int = 10
    num_trials: int = 40
    num_steps: int = 300
    size: int = 32
    width: int = 24
    depth: int = 3
    out: Path = RESULT


def run(settings: Settings, rule: str | None, seed: int) -> dict[str, float]:
    """One search: its best score, and the part of the steps that it trained."""
    study = oi.search(
        oi.sample_signal("image", size=settings.size),
        num_trials=settings.num_trials,
        num_steps=settings.num_steps,
        width=settings.width,
        depth=settings.depth,
        seed=seed,
        pruner=rule,
        progress=False,
        **PLAIN,
    )
    steps = [
        max(trial.curve, default=0) if trial.state == "pruned" else settings.num_steps
        for trial in study.trials
    ]
    return {"score": study.best_score, "steps": sum(steps) / settings.num_steps / len(steps)}


def summarise(rows: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Saved steps and change of the final score of each rule, with standard errors."""
    plain = [row["score"] for row in rows["none"]]
    summary = {}
    for rule, found in rows.items():
        change = [row["score"] - score for row, score in zip(found, plain, strict=True)]
        error = statistics.stdev(change) / math.sqrt(len(change)) if len(change) > 1 else math.nan
        saved = 1.0 - statistics.fmean(row["steps"] for row in found)
        wins = saved >= 0.25 and statistics.fmean(change) > -0.1 - error
        summary[rule] = {
            "saved_steps": saved,
            "change_of_score": statistics.fmean(change),
            "standard_error": error,
            "worst_change": min(change),
            "wins": bool(wins),
        }
    return summary


def main(settings: Settings) -> None:
    """Run all rules on the same seeds, print and write the table."""
    rules = {"none": None, **{name: name for name in PRUNERS}}
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in rules}
    for seed in range(settings.num_seeds):
        for name, rule in rules.items():
            rows[name].append(run(settings, rule, seed))
            print(f"seed {seed}, {name:8} {rows[name][-1]}", flush=True)
    summary = summarise(rows)
    for name, row in summary.items():
        print(
            f"{name:8} saves {100 * row['saved_steps']:5.1f} % of the steps, changes the score by "
            f"{row['change_of_score']:+.2f} +- {row['standard_error']:.2f} dB"
        )
    record = {"num_seeds": settings.num_seeds, "rows": rows, "summary": summary}
    settings.out.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Settings))
