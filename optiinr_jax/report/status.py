"""How far a study is: plain data, lines for people, a table of the latest trials."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from optiinr_jax.progress import format_seconds
from optiinr_jax.report.labels import Measure, interpolation_label, measure_of
from optiinr_jax.report.plain_table import format_table
from optiinr_jax.report.sentences import best_line, seeds_sentence
from optiinr_jax.studies import Study, Trial
from optiinr_jax.studies.ledger import owners
from optiinr_jax.studies.objectives import COSTS, front_of
from optiinr_jax.studies.points import describe_point
from optiinr_jax.studies.rungs import trainings_done
from optiinr_jax.studies.trials import describe_trial
from optiinr_jax.studies.winner import Configuration, find_winner

_STATES = ("complete", "failed", "pruned", "paused", "running")
_ROWS = 15  # trials that the table shows
_HEADER = ("", "trial", "score", "samples", "between", "state", "origin: network")


class _Look(NamedTuple):
    """A study read once: of thousands of trials each reading takes its time."""

    study: Study
    trials: Sequence[Trial]
    winner: Configuration | None


def _look_at(study: Study) -> _Look:
    trials = study.trials
    return _Look(study, trials, find_winner(trials))


def summarise(study: Study) -> dict[str, Any]:
    """Plain data about a study, for scripts."""
    return _summarise(_look_at(study))


def _summarise(look: _Look) -> dict[str, Any]:
    study, trials, winner = look
    budget = study.num_trials or 0
    counts = {state: sum(trial.state == state for trial in trials) for state in _STATES}
    ended = study.count_ended(budget)
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
        "best": winner and _best_record(winner),
        **_front_record(look),
        "settings": study.settings.to_json(),
        "command": study.command,
    }


def _best_record(winner: Configuration) -> dict[str, Any]:
    """The best trial of the winning configuration, and the scores of all its trials."""
    best = winner.best_trial
    figures = ("samples", "between", "control", "control_name")
    return {
        "trial": best.number,
        "score": best.score,
        **{name: best.facts.get(name) for name in figures},
        "seeds": {str(trial.number): trial.score for trial in winner.trials},
        "point": best.point,
    }


def _front_record(look: _Look) -> dict[str, Any]:
    """The front of a search with several objectives, cheapest first."""
    objectives = look.study.settings.objectives
    if not objectives:
        return {}
    costs = [name for name in objectives if name in COSTS]
    rows = [
        {"trial": t.number, "score": t.score, **{name: t.facts[name] for name in costs}}
        for t in front_of(look.trials, objectives)
    ]
    return {"front": rows}


def front_lines(study: Study, width: int | None = None) -> list[str]:
    """The front of a search with several objectives as a table, cheapest first; else nothing."""
    objectives = study.settings.objectives
    if not objectives:
        return []
    trials, measure = study.trials, measure_of(study.signal, study.settings.aim)
    costs = [name for name in objectives if name in COSTS]
    front = front_of(trials, objectives)
    header = ("trial", "score", *costs, "network")
    rows = [
        (
            str(t.number),
            measure.number(t.score),
            *(f"{t.facts[name]:,.0f}" for name in costs),
            describe_point(t.point),
        )
        for t in front
    ]
    said = f"front: {len(front)} of {len(trials)} trials, which no other one betters in all of "
    lines = format_table(header, rows, left=frozenset(header[-1:]), width=width)
    return [f"{said}{', '.join(objectives)}", *lines]


def status_lines(study: Study, width: int | None = None) -> list[str]:
    """Lines for people: the counts, the best configuration, a table of the latest trials.

    Args:
        width: columns of the terminal; None: nothing is shortened.
    """
    look = _look_at(study)
    return [*_describe(look), *front_lines(study, width), *_trial_lines(look, width)]


def describe_status(study: Study) -> list[str]:
    """Counts, the best configuration with both of its figures, and who is at work."""
    return _describe(_look_at(study))


def _describe(look: _Look) -> list[str]:
    study, trials, winner = look
    facts, measure = _summarise(look), measure_of(study.signal, study.settings.aim)
    counts = ", ".join(f"{facts[state]} {state}" for state in _STATES if facts[state])
    trained = format_seconds(facts["seconds"])
    lines = [f"{facts['name']}: {facts['ended']} of {facts['num_trials']} trials ({counts})"]
    lines[0] += f", {trained} of training"
    if facts["paused"]:
        whole = trainings_done(trials, study.settings.num_steps)
        lines.append(f"as many steps as {whole:.1f} whole trainings")
    lines.append(f"{measure.name}, objective {measure.objective}: {measure.aim}")
    if winner is not None:
        best = winner.best_trial
        lines.append(f"best: trial {best.number}, {best_line(best, measure)}")
        lines += _control_line(best, measure)
        lines += [seeds_sentence(winner.trials, measure)] if len(winner.trials) > 1 else []
    if facts["workers"]:
        lines.append(f"at work: {', '.join(facts['workers'])}")
    return lines


def _control_line(best: Trial, measure: Measure) -> list[str]:
    """What interpolating the samples reaches between them, where that is known."""
    control, name = best.facts.get("control"), best.facts.get("control_name")
    if control is None:
        return []
    label = interpolation_label(name or "interpolation")
    return [f"to compare: {label} has {measure.number(control)} between the samples"]


def trial_lines(study: Study, width: int | None = None) -> list[str]:
    """The latest trials as a table; a star marks the best one."""
    return _trial_lines(_look_at(study), width)


def _trial_lines(look: _Look, width: int | None) -> list[str]:
    study, trials, winner = look
    measure = measure_of(study.signal, study.settings.aim)
    best = None if winner is None else winner.best_trial.number
    rows = [_row(trial, trial.number == best, measure) for trial in trials[-_ROWS:]]
    return format_table(_HEADER, rows, left=frozenset(_HEADER[-2:]), width=width)


def _row(trial: Trial, is_best: bool, measure: Measure) -> tuple[str, ...]:
    return (
        "*" if is_best else "",
        str(trial.number),
        measure.number(trial.score),
        measure.number(trial.facts.get("samples")),
        measure.number(trial.facts.get("between")),
        _state(trial, measure),
        describe_trial(trial),
    )


def _state(trial: Trial, measure: Measure) -> str:
    """Its state; of a running trial with a learning curve, how far that is."""
    if trial.state == "paused":
        return f"paused at {max(trial.rungs)}"
    if trial.is_ended or not trial.curve:
        return trial.state
    step, score = next(reversed(trial.curve.items()))
    return f"{measure.number(score)} at {step}"


def _describe_owners(study: Study) -> list[str]:
    """Who runs trials, like "host:1234"; with the time since each began."""
    return [
        f"{row['host']}:{row['pid']} (trial {row['trial']}, "
        f"{max(time.time() - row['began'], 0.0):.0f} s)"
        for row in owners(study.ledger.rows)
    ]
