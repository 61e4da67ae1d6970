"""Every trial in a table that a click on a heading sorts."""

from typing import NamedTuple

from optiinr_jax.report.facts import Facts
from optiinr_jax.report.labels import number_label
from optiinr_jax.report.parts import Cell, Table, without_empty
from optiinr_jax.studies import Trial
from optiinr_jax.studies.points import families_of
from optiinr_jax.studies.rungs import say_paused

_LOWEST = -1e9  # sorts trials without a number before all others


class Trials(NamedTuple):
    """The table of all trials."""

    table: Table


def make_trials(facts: Facts) -> Trials:
    """All trials; what no trial has is left out."""
    best = facts.winner.best_trial.number
    columns = (
        "trial",
        "score",
        "at samples",
        "between",
        "state",
        "origin",
        "layers",
        "encoding",
        "seconds",
        "reason",
    )
    table = Table(
        columns,
        [_row(trial, facts) for trial in facts.trials],
        numeric=frozenset({"trial", "score", "at samples", "between", "seconds"}),
        best=next(i for i, trial in enumerate(facts.trials) if trial.number == best),
        is_sortable=True,
    )
    return Trials(without_empty(table))


def _row(trial: Trial, facts: Facts) -> list[Cell]:
    measure, reason = facts.measure, trial.reason
    if trial.state == "paused":
        reason = say_paused(trial, facts.trials, facts.settings.num_steps)
    figures = (trial.score, trial.facts.get("samples"), trial.facts.get("between"))
    return [
        Cell(str(trial.number), trial.number),
        *(Cell(measure.number(n), _LOWEST if n is None else n) for n in figures),
        Cell(trial.state),
        Cell(str(trial.origin)),
        Cell("-".join(families_of(trial.point))),
        Cell(_encoding_label(trial)),
        Cell("-" if trial.seconds is None else f"{trial.seconds:.1f}", trial.seconds or 0.0),
        Cell(reason),
    ]


def _encoding_label(trial: Trial) -> str:
    """Its encoding and the numbers of it; "-" where it has none."""
    encoding = trial.point.get("encoding", "none")
    if encoding == "none":
        return "-"
    prefix = "encoding_"
    numbers = {n.removeprefix(prefix): v for n, v in trial.point.items() if n.startswith(prefix)}
    return ", ".join([encoding, *(f"{name} {number_label(v)}" for name, v in numbers.items())])
