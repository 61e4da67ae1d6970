"""How far a study is: plain data, lines for people, a table of the trials."""

import time
from typing import TYPE_CHECKING, Any

from optiinr_jax.report.words import score_label
from optiinr_jax.studies import Study, Trial
from optiinr_jax.studies.ledger import owners
from optiinr_jax.studies.points import describe_point

if TYPE_CHECKING:
    from rich.table import Table

_STATES = ("complete", "failed", "pruned", "running")
_ROWS = 15  # trials that the table shows


def summarise(study: Study) -> dict[str, Any]:
    """Plain data about a study."""
    trials, budget = study.trials, study.num_trials or 0
    has_score = any(trial.score is not None for trial in trials)
    best = study.best_trial if has_score else None
    counts = {state: sum(trial.state == state for trial in trials) for state in _STATES}
    ended = sum(trial.is_ended for trial in trials if trial.number < budget)
    return {
        "name": study.name,
        "metric": study.signal.metric_name,
        "objective": study.settings.aim,
        "num_trials": budget,
        "ended": ended,
        "is_over": ended >= budget,
        **counts,
        "workers": _describe_owners(study),
        "seconds": sum(trial.seconds or 0.0 for trial in trials),
        "best": best
        and {
            "trial": best.number,
            "score": best.score,
            "samples": best.facts.get("samples"),
            "between": best.facts.get("between"),
            "control": best.facts.get("control"),
            "point": best.point,
        },
        "settings": study.settings.to_json(),
        "command": study.command,
    }


def describe_status(study: Study) -> list[str]:
    """Lines for people."""
    facts = summarise(study)
    counts = ", ".join(f"{facts[state]} {state}" for state in _STATES if facts[state])
    lines = [f"{facts['name']}: {facts['ended']} of {facts['num_trials']} trials ({counts})"]
    if facts["best"]:
        best = facts["best"]
        score = f"{score_label(best['score'])} {facts['metric']}"
        lines.append(f"best {score}, trial {best['trial']}{_figures(best)}")
    if facts["workers"]:
        lines.append(f"at work: {', '.join(facts['workers'])}")
    return lines


def status_table(study: Study) -> "Table":
    """The latest trials, the best one marked."""
    from rich.table import Table

    trials = study.trials
    has_score = any(trial.score is not None for trial in trials)
    best = study.best_trial if has_score else None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("trial", "score", "so far", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("state", "network"):
        table.add_column(name, no_wrap=True)
    for trial in trials[-_ROWS:]:
        is_best = best is not None and trial.number == best.number
        table.add_row(*_row(trial), style="bold" if is_best else None)
    return table


def _row(trial: Trial) -> tuple[str, ...]:
    so_far = next(reversed(trial.curve.items()), None)
    label = f" ({trial.origin.label})" if trial.origin.label else ""
    return (
        str(trial.number),
        score_label(trial.score),
        "-" if so_far is None else f"{so_far[1]:.2f} at {so_far[0]}",
        "-" if trial.seconds is None else f"{trial.seconds:.1f}",
        trial.state,
        describe_point(trial.point) + label,
    )


def _figures(best: dict[str, Any]) -> str:
    """Both figures of the best trial, and what interpolating the samples has between them."""
    if best["between"] is None:
        return ""
    return (
        f": {score_label(best['samples'])} at the samples, {score_label(best['between'])} between "
        f"them, where interpolation has {score_label(best['control'])}"
    )


def _describe_owners(study: Study) -> list[str]:
    """Who runs trials, like "host:1234"; with the time since each began."""
    return [
        f"{row['host']}:{row['pid']} (trial {row['trial']}, "
        f"{max(time.time() - row['began'], 0.0):.0f} s)"
        for row in owners(study.ledger.rows)
    ]
