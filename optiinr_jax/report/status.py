"""How far a study is: plain data, lines for people, a table of the trials."""

import time
from typing import TYPE_CHECKING, Any

from optiinr_jax.report.words import score_label
from optiinr_jax.search import Study, Trial
from optiinr_jax.search.queue import OWNER
from optiinr_jax.search.storage import BUDGET, COMMAND
from optiinr_jax.search.trials import score_of

if TYPE_CHECKING:
    from rich.table import Table

_STATES = ("complete", "failed", "pruned", "running")
_ROWS = 15  # trials that the table shows


def summarise(study: Study) -> dict[str, Any]:
    """Plain data about a study."""
    trials, attributes = study.trials, study.optuna_study.user_attrs
    budget = attributes.get(BUDGET, 0)
    scored = [trial for trial in trials if trial.score is not None]
    best = max(scored, key=score_of, default=None)
    counts = {state: sum(trial.state == state for trial in trials) for state in _STATES}
    ended = study.count_ended(budget)
    return {
        "name": study.optuna_study.study_name,
        "metric": study.signal.metric_name,
        "num_trials": budget,
        "ended": ended,
        "is_over": ended >= budget,
        **counts,
        "workers": _owners(study),
        "seconds": sum(trial.seconds or 0.0 for trial in trials),
        "best": best and {"trial": best.number, "score": best.score, "point": best.point},
        "settings": study.settings,
        "command": attributes.get(COMMAND),
    }


def describe_status(study: Study) -> list[str]:
    """Lines for people."""
    facts = summarise(study)
    counts = ", ".join(f"{facts[state]} {state}" for state in _STATES if facts[state])
    lines = [f"{facts['name']}: {facts['ended']} of {facts['num_trials']} trials ({counts})"]
    if facts["best"]:
        best = facts["best"]
        score = f"{score_label(best['score'])} {facts['metric']}"
        lines.append(f"best {score}, trial {best['trial']}")
    if facts["workers"]:
        lines.append(f"at work: {', '.join(facts['workers'])}")
    return lines


def status_table(study: Study) -> "Table":
    """The latest trials, the best one marked."""
    from rich.table import Table

    trials = study.trials
    best = max(trials, key=score_of, default=None)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("trial", "score", "so far", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("state", "network"):
        table.add_column(name, no_wrap=True)
    for trial in trials[-_ROWS:]:
        is_best = trial is best and trial.score is not None
        table.add_row(*_row(trial), style="bold" if is_best else None)
    return table


def _row(trial: Trial) -> tuple[str, ...]:
    names = [str(v) for n, v in trial.point.items() if n.startswith("activation_")]
    encoding = " +fourier" if trial.point.get("encoding") == "fourier" else ""
    so_far = next(reversed(trial.curve.items()), None)
    return (
        str(trial.number),
        score_label(trial.score),
        "-" if so_far is None else f"{so_far[1]:.2f} at {so_far[0]}",
        "-" if trial.seconds is None else f"{trial.seconds:.1f}",
        trial.state,
        "-".join(names) + encoding + (f" ({trial.preset})" if trial.preset else ""),
    )


def _owners(study: Study) -> list[str]:
    """Who runs trials, like "host:1234"; with the time since each began."""
    rows = study.optuna_study.get_trials(deepcopy=False)
    found = []
    for row in rows:
        if row.state.name == "RUNNING" and OWNER in row.user_attrs and row.datetime_start:
            host, pid = row.user_attrs[OWNER].split(":")[:2]
            seconds = max(time.time() - row.datetime_start.timestamp(), 0.0)
            found.append(f"{host}:{pid} (trial {row.number}, {seconds:.0f} s)")
    return found
