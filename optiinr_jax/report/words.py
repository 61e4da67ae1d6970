"""Numbers and facts in words, the same on the page and in the terminal; plain text, not HTML."""

import math
import re

from jax.typing import ArrayLike

from optiinr_jax.inr.config import as_number
from optiinr_jax.studies import Comparison, Entry

_NOT_ACRONYMS = {
    "gauss": "Gauss",
    "wave": "wave",
    "found": "found",
    "wire_real": "WIRE (real form)",
}


def family_label(family: str) -> str:
    """Name of a family as papers print it.

    >>> family_label("finer"), family_label("gauss")
    ('FINER', 'Gauss')
    """
    return _NOT_ACRONYMS.get(family, family.upper())


def number_label(value: ArrayLike) -> str:
    """Three significant digits, without an exponent where it can be avoided.

    >>> number_label(14.63), number_label(120), number_label(1500.0)
    ('14.6', '120', '1500')
    """
    value = as_number(value)
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"


def rate_label(rate: ArrayLike) -> str:
    """A learning rate, two significant digits.

    >>> rate_label(2.94e-4), rate_label(0.01)
    ('2.9e-4', '1e-2')
    """
    mantissa, exponent = f"{as_number(rate):.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def score_label(score: float | None) -> str:
    """Two decimals; what has no finite score says so.

    >>> score_label(45.123), score_label(-math.inf), score_label(None)
    ('45.12', 'diverged', '-')
    """
    if score is None or math.isnan(score):
        return "-"
    return "diverged" if score == -math.inf else f"{score:.2f}"


def count_label(count: int) -> str:
    """A whole number with narrow spaces between thousands, for the page."""
    return f"{count:,}".replace(",", "\u202f")


def metric_unit(metric_name: str) -> str:
    """The unit with a space before it, as it follows a number; empty where there is none.

    >>> metric_unit("PSNR (dB)"), metric_unit("IoU")
    (' dB', '')
    """
    found = re.search(r"\((.+)\)", metric_name)
    return f" {found[1]}" if found else ""


def entry_label(entry: Entry) -> str:
    """Family and protocol, like "FINER, official"; "found configuration" for the found one."""
    if entry.protocol == "search":
        return "found configuration"
    return f"{family_label(entry.name)}, {entry.protocol}"


def mean_label(entry: Entry) -> str:
    """Mean score of an entry, or on how many of its seeds it diverged."""
    diverged = sum(score == -math.inf for score in entry.scores)
    if diverged and len(entry.scores) > 1:
        return f"diverged on {diverged} of {len(entry.scores)}"
    return score_label(entry.mean)


def seeds_label(comparison: Comparison) -> str:
    """How often the compared networks were trained, like "means of 3 fresh seeds"."""
    num_seeds = len(comparison.found.scores)
    return f"means of {num_seeds} fresh seeds" if num_seeds > 1 else "one fresh seed"


def result_sentence(comparison: Comparison, metric_name: str) -> str:
    """Whether the found configuration is better than the best preset, in one sentence."""
    found, best, unit = comparison.found, comparison.presets[0], metric_unit(metric_name)
    facts = f"{seeds_label(comparison)}, {comparison.num_steps} steps"
    if not math.isfinite(found.mean):
        return f"found configuration {mean_label(found)} fresh seeds ({facts})"
    if not math.isfinite(best.mean):
        return f"found configuration {found.mean:.2f}{unit}, every preset diverged ({facts})"
    where = "above" if comparison.gain >= 0 else "below"
    text = (
        f"found configuration {abs(comparison.gain):.2f}{unit} {where} the best preset "
        f"({entry_label(best)}): {found.mean:.2f} against {best.mean:.2f}, {facts}"
    )
    return text
