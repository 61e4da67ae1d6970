"""How the loss of the found network fell."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from optiinr_jax.report.facts import Facts
from optiinr_jax.report.labels import rate_label
from optiinr_jax.report.parts import Chart, chart
from optiinr_jax.report.svg import ACCENT, label_axes, label_log, new_figure, to_svg


class Training(NamedTuple):
    """The course of one training."""

    chart: Chart


def make_training(facts: Facts) -> Training | None:
    """Loss of the found network; None where it is not known, as after loading."""
    history = facts.inr.history
    if len(history) == 0:
        return None
    return Training(chart(lambda width: training_curve(history, width)))


def training_curve(history: Float[np.ndarray, " num_steps"], width: int) -> Markup:
    """Loss of one fit before each update, on a logarithmic axis."""
    with new_figure(width, 260) as figure:
        axes = figure.add_subplot()
        axes.plot(np.arange(len(history)), history, color=ACCENT, lw=1.4)
        label_log(axes, rate_label)
        axes.margins(x=0.01)
        label_axes(axes, "step", "loss (mean squared error)")
        return to_svg(figure, "training loss of the found network")
