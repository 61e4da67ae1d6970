"""The head of the page: what was found, by which objective, and how to repeat it."""

import math
import platform
import re
import time
from importlib.metadata import version
from typing import NamedTuple

import jax

from optiinr_jax.report.facts import Facts
from optiinr_jax.report.labels import (
    Measure,
    control_label,
    count_label,
    entry_label,
    seeds_label,
    signal_label,
)
from optiinr_jax.signals import Signal
from optiinr_jax.studies import Entry
from optiinr_jax.studies.settings import CUSTOM

TIMES = "\u00d7"
# of the command that repeats a search which Python made
_OPTIONS = ("num_initial", "num_steps", "width", "depth", "space", "strategy", "objective")
_OPTIONS += ("batch_size", "seed")


class Points(NamedTuple):
    """Mean figures of the found configuration and of the best preset at one kind of points."""

    where: str
    found: str
    preset: str


class Header(NamedTuple):
    """What the head of the page says.

    Attributes:
        found: mean score of the found configuration with its unit, or how it diverged.
        has_score: it has one.
        preset: the best preset.
        preset_score: its mean score.
        gain: mean score above the preset's, without sign; empty: not known.
        is_gain: it is above.
        aim: what a score counts.
        seeds: how often each was trained, and for how long.
        points: both figures, where they are known.
        control: what interpolating the samples has between them; empty: not known.
        control_name: how they are interpolated.
        doubt: why the network is not to be trusted between the samples; empty: it is.
        facts: date, versions, device.
        command: its words, an option and its value in one; none: no command repeats the search.
    """

    name: str
    size: str
    found: str
    has_score: bool
    preset: str
    preset_score: str
    gain: str
    is_gain: bool
    aim: str
    seeds: str
    points: tuple[Points, ...]
    control: str
    control_name: str
    doubt: str
    facts: tuple[str, ...]
    command: tuple[str, ...]


def make_header(facts: Facts) -> Header:
    """The head of the page."""
    signal, comparison, measure = facts.signal, facts.comparison, facts.measure
    found, best, gain = comparison.found, comparison.presets[0], comparison.gain
    channels = f"{signal.num_channels} channel{'s' if signal.num_channels > 1 else ''}"
    return Header(
        name=signal.name,
        size=f"{signal_label(signal.frame).replace('x', TIMES)}, {channels}",
        found=_mean(found, measure),
        has_score=math.isfinite(found.mean),
        preset=entry_label(best),
        preset_score=_mean(best, measure),
        gain=measure.full(abs(gain)) if math.isfinite(gain) else "",
        is_gain=gain > 0,
        aim=measure.aim,
        seeds=f"{seeds_label(comparison)}, {count_label(comparison.num_steps)} steps",
        points=_points(found, best, measure),
        control="" if math.isnan(comparison.control) else measure.full(comparison.control),
        control_name=control_label(comparison),
        doubt=facts.inr.doubt,
        facts=_circumstances(facts),
        command=tuple(filter(None, re.split(r" (?=--)", command_hint(facts)))),
    )


def _mean(entry: Entry, measure: Measure) -> str:
    is_number = math.isfinite(entry.mean)
    return measure.full(entry.mean) if is_number else measure.mean(entry)


def _points(found: Entry, best: Entry, measure: Measure) -> tuple[Points, ...]:
    pairs = {
        "at the samples": (found.mean_samples, best.mean_samples),
        measure.elsewhere: (found.mean_between, best.mean_between),
    }
    return tuple(
        Points(where, measure.full(ours), measure.full(theirs))
        for where, (ours, theirs) in pairs.items()
        if not math.isnan(ours)
    )


def _circumstances(facts: Facts) -> tuple[str, ...]:
    import optiinr_jax

    return (
        time.strftime("%Y-%m-%d %H:%M"),
        f"{len(facts.trials)} trials",
        f"objective {facts.settings.aim}",
        f"seed {facts.settings.seed}",
        f"jax {version('jax')} on {jax.devices()[0].device_kind}",
        f"Python {platform.python_version()}",
        f"optiinr-jax {optiinr_jax.__version__}",
    )


def command_hint(facts: Facts) -> str:
    """Command line that repeats the search; FILE stands for the file of a search in Python.

    Empty where none does: a space of one's own has no option.
    """
    if facts.command or facts.settings.space == CUSTOM:
        return facts.command or ""
    settings = facts.settings.to_json()
    options = {
        "size": _size_option(facts.signal),
        "num_trials": len(facts.trials),
        **{name: settings[name] for name in _OPTIONS},
    }
    known = {name: value for name, value in options.items() if value is not None}
    words = [f"--{name.replace('_', '-')} {value}" for name, value in known.items()]
    return " ".join(["optiinr search FILE", *words])


def _size_option(signal: Signal) -> str | None:
    """The value of --size that gives a grid like the signal's; None: it has none of its own."""
    shape = signal.shape
    if len(set(shape)) == 1:
        return str(shape[0])
    return "x".join(map(str, shape)) if signal.kind == "image" else None
