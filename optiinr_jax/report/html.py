"""The report: one page in one file; it loads nothing and works without script."""

import math
import os
import platform
import re
import time
from html import escape
from importlib.metadata import version
from pathlib import Path
from string import Template

import jax

from optiinr_jax.files import write_atomic
from optiinr_jax.inr import INR
from optiinr_jax.report.best_so_far import search_section
from optiinr_jax.report.choices import choices_section
from optiinr_jax.report.gallery import Rival
from optiinr_jax.report.media import gallery_section
from optiinr_jax.report.sections import (
    configuration_section,
    protocols_section,
    scores_section,
    training_section,
    trials_section,
)
from optiinr_jax.report.style import SCRIPT, style_sheet
from optiinr_jax.report.words import entry_label, mean_label, metric_unit, seeds_label
from optiinr_jax.studies import Comparison, Entry, Study

_OPTIONS = ("num_initial", "num_steps", "width", "depth", "space", "strategy", "batch_size", "seed")
_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header>
$header</header>
<main>
$main</main>
<script>$script</script>
</body>
</html>
"""
)


def write_report(
    path: str | os.PathLike[str],
    study: Study,
    comparison: Comparison,
    against: Study | None = None,
) -> Path:
    """Write the page that shows what a search has found; one self-contained HTML file.

    Args:
        study: a search with at least one score.
        comparison: what `compare` gave for this study.
        against: another search of the same signal, whose best so far is drawn beside this one's.

    Raises:
        OSError: the folder is missing or not writable.
        StudyError: the search has no score, or the other one is of another signal or size.
    """
    return write_atomic(path, make_page(study, comparison, against).encode())


def make_page(study: Study, comparison: Comparison, against: Study | None = None) -> str:
    """The whole page as text."""
    signal, inr = study.signal, study.best_inr
    main = [
        _gallery(study, comparison, inr),
        scores_section(comparison, signal.metric_name),
        protocols_section(comparison, signal),
        configuration_section(inr, signal),
        search_section(study, against),
        choices_section(study),
        training_section(inr),
        trials_section(study),
    ]
    return _PAGE.substitute(
        title=escape(f"{signal.name}: found network"),
        style=style_sheet(),
        header=_header(study, comparison),
        main="".join(main),
        script=SCRIPT,
    )


def _gallery(study: Study, comparison: Comparison, inr: INR) -> str:
    rivals = [Rival("found", "Found network", f"trial {study.best_trial.number}", inr)]
    if comparison.preset_inr is not None:
        label = entry_label(comparison.presets[0])
        rivals.append(
            Rival("preset", f"Best preset ({label})", "first fresh seed", comparison.preset_inr)
        )
    return gallery_section(study.signal, rivals, metric_unit(study.signal.metric_name))


def _header(study: Study, comparison: Comparison) -> str:
    signal = study.signal
    channels = f"{signal.num_channels} channel{'s' if signal.num_channels > 1 else ''}"
    size = f"{' &times; '.join(map(str, signal.shape))}, {channels}"
    facts = [
        time.strftime("%Y-%m-%d %H:%M"),
        f"{len(study.trials)} trials",
        f"seed {study.settings.seed}",
        f"jax {version('jax')} on {jax.devices()[0].device_kind}",
        f"Python {platform.python_version()}",
        f"optiinr-jax {_package_version()}",
    ]
    return (
        f"<h1>{escape(signal.name)} <small>{size}</small></h1>\n"
        f'<p class="lede">{_result(comparison, metric_unit(signal.metric_name))}</p>\n'
        f'<p class="meta">{escape(" · ".join(facts))}</p>\n'
        f'<p class="meta">{_command(study)}</p>\n'
    )


def _result(comparison: Comparison, unit: str) -> str:
    """The result in one sentence."""
    gain, unit = comparison.gain, unit.replace(" ", "\u00a0")  # a number keeps its unit
    found, best = _bold_mean(comparison.found, unit), _bold_mean(comparison.presets[0], unit)
    end = ""
    if math.isfinite(gain):
        number = f"<b>{abs(gain):.2f}{escape(unit)}</b>"
        end = f": a gain of {number}" if gain >= 0 else f": {number} more"
    name = escape(entry_label(comparison.presets[0]))
    facts = escape(f"{seeds_label(comparison)}, {comparison.num_steps} steps")
    return f"The found network {found}, the best preset ({name}) {best}{end} ({facts})."


def _bold_mean(entry: Entry, unit: str) -> str:
    if not math.isfinite(entry.mean):
        return f"<b>{escape(mean_label(entry))}</b>"
    return f"reaches <b>{entry.mean:.2f}{escape(unit)}</b>"


def _command(study: Study) -> str:
    """The command line; an option and its value stay on one line."""
    words = re.split(r" (?=--)", command_hint(study))
    return "<code>" + " ".join(f"<span>{escape(word)}</span>" for word in words) + "</code>"


def command_hint(study: Study) -> str:
    """Command line that repeats the search; FILE stands for the file of a search in Python."""
    if study.command:
        return study.command
    settings, shape = study.settings.to_json(), study.signal.shape
    is_square = len(set(shape)) == 1
    options = {
        "size": shape[0] if is_square else None,
        "num_trials": len(study.trials),
        **{name: settings[name] for name in _OPTIONS},
    }
    words = [f"--{name.replace('_', '-')} {value}" for name, value in options.items()]
    return " ".join(["optiinr search FILE", *words])


def _package_version() -> str:
    import optiinr_jax

    return optiinr_jax.__version__
