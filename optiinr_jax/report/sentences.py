"""The result of a comparison in sentences, for the terminal."""

import math
from collections.abc import Sequence

from optiinr_jax.report.labels import Measure, control_label, entry_label, seeds_label
from optiinr_jax.studies import Comparison, Trial
from optiinr_jax.studies.trials import score_of


def result_sentence(comparison: Comparison, measure: Measure) -> str:
    """Whether the found configuration beats the best preset, and at which points."""
    found, best = comparison.found, comparison.presets[0]
    facts = f"{measure.aim}; {seeds_label(comparison)}, {comparison.num_steps} steps"
    if not math.isfinite(found.mean):
        return f"found configuration {measure.mean(found)} fresh seeds ({facts})"
    if not math.isfinite(best.mean):
        return f"found configuration {_full(found.mean, measure)}, every preset diverged ({facts})"
    means = f"{measure.number(found.mean)} against {measure.number(best.mean)}"
    text = f"{_gain(comparison, measure)} the best preset ({entry_label(best)}): {means} ({facts})"
    if found.spread > measure.metric.margin:
        low, high = measure.number(min(found.scores)), _full(max(found.scores), measure)
        text += f"; from seed to seed it has {low} to {high}"
    return text


def _gain(comparison: Comparison, measure: Measure) -> str:
    """Where the found configuration stands, like "found configuration 3.82 dB above"."""
    size = measure.number(abs(comparison.gain))
    if float(size) == 0.0:
        return "nothing better was found: the found configuration is level with"
    where = "above" if comparison.gain > 0 else "below"
    text = f"found configuration {_full(abs(comparison.gain), measure)} {where}"
    return text if comparison.gain > 0 else f"nothing better was found: {text}"


def points_sentence(comparison: Comparison, measure: Measure) -> str:
    """Both figures beside those of the best preset and the control; empty where not known."""
    found, best = comparison.found, comparison.presets[0]
    pairs = {
        "at the samples": (found.mean_samples, best.mean_samples),
        measure.elsewhere: (found.mean_between, best.mean_between),
    }
    parts = [
        f"{where} {measure.number(ours)} against {measure.number(theirs)}"
        for where, (ours, theirs) in pairs.items()
        if not math.isnan(ours)
    ]
    if parts and not math.isnan(comparison.control):
        control = measure.number(comparison.control)
        parts[-1] += f", where {control_label(comparison)} has {control}"
    return "; ".join(parts)


def seeds_sentence(trials: Sequence[Trial], measure: Measure) -> str:
    """Every score that the found configuration had in its search, and in which trials."""
    numbers = ", ".join(str(trial.number) for trial in trials)
    scores = ", ".join(measure.number(trial.score) for trial in trials)
    word = "trials" if len(trials) > 1 else "trial"
    return f"in the search it had {scores} ({word} {numbers})"


def best_line(trial: Trial, measure: Measure) -> str:
    """Score of a trial with both of its figures, like "26.31 dB (25.68 at the samples, ...)"."""
    facts = trial.facts
    text = _full(score_of(trial), measure)
    if facts.get("between") is None:
        return text
    at, between = measure.number(facts["samples"]), measure.number(facts["between"])
    return f"{text} ({at} at the samples, {between} {measure.elsewhere})"


def _full(score: float, measure: Measure) -> str:
    """A score with its unit, plain ASCII."""
    return measure.full(score).replace("\u00a0", " ")
