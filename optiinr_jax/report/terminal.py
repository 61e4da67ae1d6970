"""A comparison as a table in the terminal; plain lines where stdout is a pipe."""

import math
from collections.abc import Sequence

from optiinr_jax.inr.baselines import Baseline
from optiinr_jax.report.labels import (
    Measure,
    entry_label,
    interpolation_label,
    measure_of,
)
from optiinr_jax.report.plain_table import format_table, terminal_width
from optiinr_jax.report.sentences import points_sentence, result_sentence, seeds_sentence
from optiinr_jax.signals import Signal
from optiinr_jax.streams import print_lines
from optiinr_jax.studies import Comparison, Entry, Study


def print_comparison(comparison: Comparison, study: Study) -> None:
    """Print the found configuration and the presets, best first, then the result in sentences.

    Args:
        comparison: what `compare` gave for the study.
        study: the search, which says what a score counts and which seeds it has tried.
    """
    measure = measure_of(study.signal, study.settings.aim)
    seeds = seeds_sentence(study.winner.trials, measure)
    lines = [*comparison_lines(comparison, measure), result_sentence(comparison, measure)]
    points = points_sentence(comparison, measure)
    print_lines([*lines, *([points] if points else []), seeds])


def comparison_lines(comparison: Comparison, measure: Measure) -> list[str]:
    """A table of all entries: score, figures at the samples and between, and the control's.

    It fits 80 columns. Of an entry that diverged on some seeds, the last column says how many did
    not.
    """
    header = [measure.name, "score", "samples", "between", "spread", "seeds"]
    entries = (comparison.found, *comparison.presets)
    rows = [_entry_row(entry, measure) for entry in entries]
    if not math.isnan(comparison.control):
        control = measure.number(comparison.control)
        rows.append([comparison.control_label, "-", "-", control, "-", "-"])
    return format_table(header, rows, left=frozenset(header[:1]))


def _entry_row(entry: Entry, measure: Measure) -> list[str]:
    finite, count = sum(map(math.isfinite, entry.scores)), len(entry.scores)
    figures = (entry.mean_samples, entry.mean_between, entry.spread)
    return [
        entry_label(entry).replace(", rate x", " x"),
        measure.number(entry.mean),
        *("-" if math.isinf(figure) else measure.number(figure) for figure in figures),
        str(count) if finite == count else f"{finite} of {count}",
    ]


def print_baselines(baselines: Sequence[Baseline], signal: Signal) -> None:
    """Print published networks on one signal, best first; the control is what they have to beat."""
    measure = measure_of(signal, "samples")
    header = ["network", "samples", "between", "parameters", "seconds", "remarks"]
    ranked = sorted(baselines, key=lambda b: -math.inf if b.score is None else b.score)[::-1]
    rows = [_baseline_row(baseline, measure) for baseline in ranked]
    control = interpolation_label(signal.control)
    rows.append([control, "-", measure.number(signal.control_score), "-", "-", ""])
    left = frozenset({"network", "remarks"})
    print_lines([measure.name, *format_table(header, rows, left=left, width=terminal_width())])


def _baseline_row(baseline: Baseline, measure: Measure) -> list[str]:
    inr = baseline.inr
    scores = None if inr is None else inr.scores
    return [
        baseline.name,
        measure.number(None if scores is None else scores.samples),
        measure.number(None if scores is None else scores.between),
        "-" if inr is None else f"{inr.num_params:,}",
        f"{baseline.seconds:.1f}",
        baseline.problem,
    ]


def score_lines(scores: dict[str, float], signal: Signal) -> list[str]:
    """What `INR.evaluate` gave, a line each; of the first metric it says at which points."""
    name = signal.metric_name
    labels = {label: label for label in scores} | {name: f"{name} at the samples"}
    rows = [[labels[label], f"{value:.4f}"] for label, value in scores.items()]
    return format_table(["metric", ""], rows, left=frozenset({"metric"}))[1:]
