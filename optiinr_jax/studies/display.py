"""What a study and a comparison look like in a notebook."""

from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from optiinr_jax.studies.trials import Trial, describe_trial, score_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

NUM_SHOWN = 5  # best of a study or a comparison


def flat_rows(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The trials as rows of a table, one entry for each fact and each name of the space."""
    kept = ("number", "score", "state", "reason", "seconds")
    return [
        {name: getattr(t, name) for name in kept} | {"origin": str(t.origin)} | t.facts | t.point
        for t in trials
    ]


def dataframe(trials: Sequence[Trial]) -> "pandas.DataFrame":
    """The trials as a table, one column for each name of the space."""
    try:
        import pandas
    except ImportError:
        raise ImportError(
            'trials_dataframe() needs pandas; pip install "optiinr-jax[pandas]".'
        ) from None
    flat = flat_rows(trials)
    return pandas.DataFrame(flat).set_index("number") if flat else pandas.DataFrame()


def draw_curve(axes: "Axes", trials: Sequence[Trial], label: str) -> None:
    """The scores of the trials, and the best so far."""
    scored = [trial for trial in trials if trial.score is not None]
    numbers = [trial.number for trial in scored]
    scores = [score_of(trial) for trial in scored]
    axes.plot(numbers, scores, "o", ms=3, alpha=0.6, label="trial")
    if scores:
        axes.step(numbers, np.maximum.accumulate(scores), where="post", label="best so far")
        low, high = np.quantile(scores, 0.1), max(scores)
        axes.set_ylim(low - 0.1 * (high - low) - 1e-3, high + 0.1 * (high - low) + 1e-3)
        axes.legend(loc="lower right", frameon=False)
    axes.set(xlabel="trial", ylabel=label)


def curve_svg(trials: Sequence[Trial], label: str) -> str:
    """`draw_curve` as a small drawing."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 2.4), layout="constrained")
    draw_curve(figure.add_subplot(), trials, label)
    stream = BytesIO()
    figure.savefig(stream, format="svg")
    text = stream.getvalue().decode()
    return text[text.index("<svg") :]


def best_table(trials: Sequence[Trial]) -> str:
    """The best trials as a table of HTML."""
    rows = [(t.number, f"{score_of(t):#.4g}", describe_trial(t)) for t in trials]
    return html_table(("trial", "score", "network"), rows)


def html_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of HTML; everything in it is text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    cells = ["".join(f"<td>{escape(str(value))}</td>" for value in row) for row in rows]
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table><tr>{head}</tr>{body}</table>"
