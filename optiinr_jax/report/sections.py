"""The sections of the page, one function each, from facts to HTML."""

import inspect
import math
from html import escape

import jax
import numpy as np
from jaxtyping import Float

from optiinr_jax.inr import INR, PROTOCOLS, NetworkConfig
from optiinr_jax.inr.config import as_number
from optiinr_jax.inr.model import init_variables, pre_activations
from optiinr_jax.report import figures
from optiinr_jax.report.markup import Cell, chart, paragraph, section, table
from optiinr_jax.report.tables import describe_layers
from optiinr_jax.report.words import (
    count_label,
    family_label,
    mean_label,
    metric_unit,
    number_label,
    score_label,
)
from optiinr_jax.signals import Signal
from optiinr_jax.studies import Comparison, Entry, Study, Trial
from optiinr_jax.studies.comparison import CLOSE
from optiinr_jax.studies.points import families_of

_CURVE_POINTS = 4096  # coordinates at which the layers are looked at


def scores_section(comparison: Comparison, metric_name: str) -> str:
    """Found configuration against every preset as a chart."""
    text = (
        "Each dot is one training from a fresh seed that the search never saw, each bar the mean "
        "over the seeds. Further right is better."
    )
    if len(comparison.found.scores) == 1:
        text = "Each network was trained once, from a seed that the search never saw."
    draw = lambda width: figures.score_chart(comparison, metric_name, width)  # noqa: E731
    return section("Against the published networks", paragraph(text), chart(draw))


def protocols_section(comparison: Comparison, signal: Signal) -> str:
    """All presets under all protocols beside the found configuration."""
    entries = [comparison.found, *comparison.all_protocols]
    protocols = list(dict.fromkeys(entry.protocol for entry in entries))
    unit = metric_unit(signal.metric_name)
    header = [
        "network",
        *protocols,
        "mean",
        "spread",
        f"against found,{unit or ' score'}",
        "parameters",
    ]
    rows = [
        _protocol_row(e, comparison, protocols, signal)
        for e in (comparison.found, *comparison.presets)
    ]
    config = comparison.found.config
    lead = (
        f"All in {signal.metric_name}, trained alike: {comparison.num_steps} steps, "
        f"{config.depth} layers of {config.width} units, the same signal and seeds. The "
        f"columns {', '.join(protocols)} show the first fresh seed"
    )
    if len(comparison.found.scores) > 1:
        lead += (
            f"; the best protocol of each family then ran on all {len(comparison.found.scores)}, "
            "which gives its mean and spread (standard deviation over seeds), unless the family "
            f"was {CLOSE:g} or more behind already"
        )
    terms = "".join(
        f"<dt>{escape(p)}</dt><dd>{escape(_meaning(p))}</dd>" for p in protocols if p in PROTOCOLS
    )
    numeric = frozenset(header[1:])
    return section(
        "Every preset and protocol",
        paragraph(f"{lead}."),
        table(header, rows, numeric=numeric, best=0),
        f"<dl>{terms}</dl>\n",
    )


def _protocol_row(
    entry: Entry, comparison: Comparison, protocols: list[str], signal: Signal
) -> list[Cell]:
    candidates = [comparison.found, *comparison.all_protocols]
    firsts = {e.protocol: e.scores[0] for e in candidates if e.name == entry.name}
    difference = entry.mean - comparison.found.mean
    is_known = entry is not comparison.found and math.isfinite(difference)
    label = f"{family_label(entry.name)}, {entry.protocol}"
    return [
        Cell("found configuration" if entry is comparison.found else label),
        *(Cell(score_label(firsts.get(protocol))) for protocol in protocols),
        Cell(mean_label(entry)),
        Cell(score_label(entry.spread)),
        Cell(f"{difference:+.2f}" if is_known else "-"),
        Cell(count_label(num_params(entry.config, signal))),
    ]


def num_params(config: NetworkConfig, signal: Signal) -> int:
    """Trained numbers of a network for a signal."""
    variables = jax.eval_shape(
        lambda key: init_variables(
            key, config, num_dims=signal.num_dims, num_channels=signal.num_channels
        ),
        jax.random.key(0),
    )
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def _meaning(protocol: str) -> str:
    return (inspect.getdoc(PROTOCOLS[protocol]) or "").split("\n\n")[0]


def configuration_section(inr: INR, signal: Signal) -> str:
    """The found configuration in words, its activation curves, its numbers over depth."""
    config = inr.config
    lines = "".join(f"<li>{escape(line)}</li>" for line in describe_layers(config))
    rule = (
        f"{config.depth} layers of {config.width} units, then one linear output layer that shares "
        f"the last learning rate; {count_label(num_params(config, signal))} trained numbers. "
        f"{_optimizer(config)}{_schedule(config)}."
    )
    cards = "".join(_activation_card(config, i, z) for i, z in enumerate(layer_inputs(inr, signal)))
    draw = lambda width: figures.depth_charts(config, signal.kind, width)  # noqa: E731
    return section(
        "The found configuration",
        f'<ul class="layers">{lines}</ul>\n',
        paragraph(rule),
        "<h3>Activations</h3>\n",
        paragraph(
            "Each layer's activation against its pre-activation, over the range that the trained "
            "network uses; the shaded shape is how often each pre-activation occurs."
        ),
        f'<div class="cards">{cards}</div>\n',
        "<h3>Over depth</h3>\n",
        chart(draw),
    )


def _optimizer(config: NetworkConfig) -> str:
    text = f"{config.optimizer.upper()} with weight decay {number_label(config.weight_decay)}"
    return text + (", gradients of one norm" if config.gradient_norm is not None else "")


def _schedule(config: NetworkConfig) -> str:
    words = ", learning rates constant"
    if as_number(config.lr_decay) != 1.0:
        words = f", learning rates falling to {number_label(config.lr_decay)} of their start"
    if as_number(config.lr_cooldown) > 0.0:
        part = 100.0 * as_number(config.lr_cooldown)
        words += f", then to 0 over the last {number_label(part)} % of the steps"
    return words


def _activation_card(config: NetworkConfig, i: int, z: Float[np.ndarray, " points"]) -> str:
    layer = config.layers[i]
    numbers = ", ".join(f"{name} {number_label(n)}" for name, n in layer.numbers.items())
    title = f"Layer {i + 1}: {family_label(layer.activation)}"
    svg = figures.activation_curve(layer, z, f"{title}, {numbers}, activation curve")
    head = f"<b>{escape(title)}</b><span>{escape(numbers)}</span>"
    return f"<figure><figcaption>{head}</figcaption>{svg}</figure>\n"


def layer_inputs(inr: INR, signal: Signal) -> list[Float[np.ndarray, " points"]]:
    """Pre-activations of every layer of a trained network, at a part of the grid's points."""
    stride = math.ceil(signal.num_points / _CURVE_POINTS)
    coords = signal.grid_coords()[::stride]
    return [np.asarray(z).real.ravel() for z in pre_activations(inr.variables, coords, inr.config)]


def training_section(inr: INR) -> str:
    """Loss of the found network; nothing where it is not known, as after loading."""
    if len(inr.history) == 0:
        return ""
    draw = lambda width: figures.training_curve(inr.history, width)  # noqa: E731
    return section("Training of the found network", chart(draw))


def trials_section(study: Study) -> str:
    """Every trial in a table that a click on a heading sorts."""
    trials = study.trials
    header = ["trial", "score", "state", "origin", "layers", "encoding", "seconds", "reason"]
    rows = [_trial_row(trial) for trial in trials]
    kept = [i for i in range(len(header)) if any(row[i].text not in ("", "-") for row in rows)]
    best = study.best_trial.number
    return section(
        "All trials",
        paragraph("A click on a heading sorts by it; the best trial is marked.", css="screen"),
        table(
            [header[i] for i in kept],
            [[row[i] for i in kept] for row in rows],
            numeric=frozenset({"trial", "score", "seconds"}),
            best=next(i for i, trial in enumerate(trials) if trial.number == best),
            is_sortable=True,
        ),
    )


def _trial_row(trial: Trial) -> list[Cell]:
    seconds = trial.seconds
    return [
        Cell(str(trial.number), trial.number),
        Cell(score_label(trial.score), -1e9 if trial.score is None else trial.score),
        Cell(trial.state),
        Cell(trial.origin.label),
        Cell("-".join(families_of(trial.point))),
        Cell(_encoding_label(trial)),
        Cell("-" if seconds is None else f"{seconds:.1f}", seconds or 0.0),
        Cell(trial.reason),
    ]


def _encoding_label(trial: Trial) -> str:
    if trial.point.get("encoding", "none") == "none":
        return "-"
    sigma = trial.point.get("encoding_sigma")
    return str(trial.point["encoding"]) + (
        "" if sigma is None else f", sigma {number_label(sigma)}"
    )
