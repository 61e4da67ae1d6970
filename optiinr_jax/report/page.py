"""The report: one page in one file; it loads nothing and works without script."""

import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from optiinr_jax.files import write_atomic
from optiinr_jax.inr import INR
from optiinr_jax.inr.exports.formula import ExportError
from optiinr_jax.inr.exports.methods import page_of
from optiinr_jax.report.facts import Facts, gather
from optiinr_jax.report.gallery import GALLERIES, Gallery, Rival
from optiinr_jax.report.labels import entry_label
from optiinr_jax.report.rendering import render
from optiinr_jax.report.sections.choices import make_choices
from optiinr_jax.report.sections.configuration import make_configuration
from optiinr_jax.report.sections.curves import make_curves
from optiinr_jax.report.sections.front import make_front
from optiinr_jax.report.sections.header import make_header
from optiinr_jax.report.sections.next_steps import make_next_steps
from optiinr_jax.report.sections.protocols import make_protocols
from optiinr_jax.report.sections.scores import make_scores
from optiinr_jax.report.sections.search import make_search
from optiinr_jax.report.sections.training import make_training
from optiinr_jax.report.sections.trials import make_trials
from optiinr_jax.report.svg import PALETTE
from optiinr_jax.studies import Comparison, Study, compare

MAX_LIVE_PARAMS = 300_000  # of a network that the page computes: 1.6 MB of text


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
    return ReportPage(make_page(gather(study, comparison, against))).save(path)


class ReportPage:
    """The page of a report, which a notebook shows in its cell."""

    def __init__(self, html: str) -> None:
        """Hold the text of the page."""
        self.html = html

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page as one file."""
        return write_atomic(path, self.html.encode(errors="backslashreplace"))

    def __repr__(self) -> str:
        return f"ReportPage({len(self.html) / 1024:.0f} KiB; .save(path) writes it)"

    def _repr_html_(self) -> str:
        style = "width:100%;height:80vh;border:1px solid #8884;border-radius:6px"
        return f'<iframe srcdoc="{escape(self.html, quote=True)}" style="{style}"></iframe>'


def show_report(
    study: Study, comparison: Comparison | None = None, against: Study | None = None
) -> ReportPage:
    """The page of `write_report`, to look at in a notebook.

    Args:
        study: a search with at least one score.
        comparison: what `compare` gave; None: it is made now, which trains the published networks.
        against: see `write_report`.

    Raises:
        StudyError: see `write_report`.
    """
    comparison = compare(study) if comparison is None else comparison
    return ReportPage(make_page(gather(study, comparison, against)))


def make_page(facts: Facts) -> str:
    """The whole page as text; nothing is read or trained for it."""
    made = {name: make(facts) for name, make in SECTIONS.items()}
    return render(
        "page.html",
        header=make_header(facts),
        sections={name: record for name, record in made.items() if record is not None},
        light={role: light for role, (light, _) in PALETTE.items()},
        dark={role: dark for role, (_, dark) in PALETTE.items()},
    )


def make_gallery(facts: Facts) -> Gallery:
    """The signal, the found network and the best preset, as suits the kind of signal."""
    comparison = facts.comparison
    rivals = [Rival("Found network", f"trial {facts.winner.best_trial.number}", facts.inr)]
    if comparison.preset_inr is not None:
        origin = f"{entry_label(comparison.presets[0])}: first fresh seed"
        rivals.append(Rival("Best preset", origin, comparison.preset_inr))
    row = "points" if facts.signal.is_scattered else facts.signal.kind
    gallery = GALLERIES[row].show(facts.signal, rivals, facts.measure)
    return gallery._replace(live=_live_page(facts.inr))


def _live_page(inr: INR) -> str:
    """The page that computes the network; empty where there is none, or it is large."""
    if inr.num_params > MAX_LIVE_PARAMS:
        return ""
    try:
        return page_of(inr)
    except ExportError:
        return ""


# template of a section -> what makes its record; None leaves the section out
SECTIONS: dict[str, Callable[[Facts], Any]] = {
    "gallery.html": make_gallery,
    "scores.html": make_scores,
    "protocols.html": make_protocols,
    "configuration.html": make_configuration,
    "front.html": make_front,
    "search.html": make_search,
    "curves.html": make_curves,
    "choices.html": make_choices,
    "training.html": make_training,
    "trials.html": make_trials,
    "next_steps.html": make_next_steps,
}
