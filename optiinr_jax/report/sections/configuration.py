"""The found configuration: in words, its activation curves, its numbers over depth."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float
from markupsafe import Markup

from optiinr_jax.inr import ACTIVATIONS, INR, PRESETS, LayerConfig, NetworkConfig
from optiinr_jax.inr.config import as_number
from optiinr_jax.inr.model import pre_activations
from optiinr_jax.report.facts import Facts
from optiinr_jax.report.labels import (
    count_label,
    describe_layers,
    family_label,
    number_label,
    rate_label,
)
from optiinr_jax.report.parts import WIDE, Chart, chart
from optiinr_jax.report.svg import (
    ACCENT,
    FONT_SIZE,
    MUTED,
    PAGE,
    TINT,
    label_axes,
    label_log,
    new_figure,
    to_svg,
)
from optiinr_jax.signals import Signal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COORDINATES = 4096  # at which the layers are looked at
_CURVE_POINTS, _BINS = 401, 48
_MANY_DEPTHS = 12  # layers up to which each tick also names the family


class Card(NamedTuple):
    """One layer: its activation over the pre-activations that occur in it."""

    title: str
    numbers: str
    curve: Markup


class Configuration(NamedTuple):
    """The found network.

    Attributes:
        layers: a line each, an encoding before them.
        training: optimiser and schedule in words.
        cards: a layer each.
        depth_chart: frequency and learning rate of each layer.
    """

    layers: tuple[str, ...]
    depth: int
    width: int
    num_params: str
    training: str
    cards: tuple[Card, ...]
    depth_chart: Chart


def make_configuration(facts: Facts) -> Configuration:
    """What the found network consists of."""
    inr, config = facts.inr, facts.inr.config
    inputs = layer_inputs(inr, facts.signal)
    cards = [
        _card(i, layer, z)
        for i, (layer, z) in enumerate(zip(config.layers, inputs, strict=True), 1)
    ]
    return Configuration(
        layers=tuple(describe_layers(config)),
        depth=config.depth,
        width=config.width,
        num_params=count_label(inr.num_params),
        training=_optimizer(config) + _schedule(config),
        cards=tuple(cards),
        depth_chart=chart(lambda width: depth_charts(config, facts.signal.kind, width)),
    )


def _optimizer(config: NetworkConfig) -> str:
    text = f"{config.optimizer.upper()} with weight decay {number_label(config.weight_decay)}"
    return text + (", gradients scaled to one norm" if config.gradient_norm is not None else "")


def _schedule(config: NetworkConfig) -> str:
    parts = []
    if as_number(config.lr_warmup) > 0.0:
        share = number_label(100.0 * as_number(config.lr_warmup))
        parts.append(f"rising over the first {share}\u00a0% of the steps")
    if as_number(config.lr_decay) != 1.0:
        parts.append(f"falling to {number_label(config.lr_decay)} of their start")
    if as_number(config.lr_cooldown) > 0.0:
        share = number_label(100.0 * as_number(config.lr_cooldown))
        parts.append(f"falling to 0 over the last {share}\u00a0%")
    return f", learning rates {', '.join(parts) or 'constant'}"


def layer_inputs(inr: INR, signal: Signal) -> list[Float[np.ndarray, " points"]]:
    """Pre-activations of every layer of a trained network, at a part of the grid's points.

    Of complex ones the real part, of a layer with two linear maps those of the first.
    """
    stride = math.ceil(signal.num_points / _COORDINATES)
    coords = inr.frame.grid_coords()[::stride]
    return [np.asarray(z).real.ravel() for z in pre_activations(inr.variables, coords, inr.config)]


def _card(i: int, layer: LayerConfig, z: Float[np.ndarray, " points"]) -> Card:
    title = f"Layer {i}: {family_label(layer.activation)}"
    numbers = ", ".join(f"{name} {number_label(n)}" for name, n in layer.numbers.items())
    return Card(title, numbers, activation_curve(layer, z, f"{title}, {numbers}, activation curve"))


def activation_curve(
    layer: LayerConfig, z: Float[np.ndarray, " points"], title: str, width: int = 200
) -> Markup:
    """Activation against pre-activation, over the range that the trained layer uses.

    Args:
        z: pre-activations that occur in the trained network; their distribution is shaded.
    """
    limit = float(np.quantile(np.abs(z), 0.995)) or 1.0
    grid = np.linspace(-limit, limit, _CURVE_POINTS, dtype=np.float32)
    row = ACTIVATIONS[layer.activation]
    others = [np.zeros_like(grid)] * (row.num_maps - 1)  # a second map at 0
    curve = np.asarray(jax.jit(row)(grid, *others, **layer.numbers)).real
    counts, edges = np.histogram(z, bins=_BINS, range=(-limit, limit))
    middles, low, high = (edges[1:] + edges[:-1]) / 2, min(-1.0, curve.min()), max(1.0, curve.max())
    with new_figure(width, 135) as figure:
        axes = figure.add_subplot()
        shape = low + (high - low) * counts / max(counts.max(), 1)
        axes.fill_between(middles, low, shape, color=TINT, lw=0)
        axes.plot(grid, curve, color=ACCENT, lw=1.5)
        axes.set_xlim(-limit, limit)
        axes.set_ylim(low - 0.06 * (high - low), high + 0.06 * (high - low))
        axes.locator_params(axis="x", nbins=4)
        axes.locator_params(axis="y", nbins=3)
        axes.tick_params(length=0, labelsize=FONT_SIZE - 1)
        return to_svg(figure, title)


def depth_charts(config: NetworkConfig, kind: str, width: int) -> Markup:
    """Frequency and learning rate of each layer beside the published ones of its family."""
    layers, rows = config.layers, PRESETS.get(kind, {})
    plain = {row.activation: row for row in rows.values() if row.is_plain}
    known = [plain.get(layer.activation) for layer in layers]
    omegas = [_number(layer.numbers.get("omega")) for layer in layers]
    rates = [_number(layer.learning_rate) for layer in layers]
    published_omegas = [_number(row.numbers.get("omega") if row else None) for row in known]
    published_rates = [_number(row.learning_rate if row else None) for row in known]
    is_wide = width >= WIDE
    with new_figure(width, 270 if is_wide else 480) as figure:
        first, second = figure.subplots(1, 2) if is_wide else figure.subplots(2, 1)
        _draw_depth(first, layers, omegas, published_omegas, "omega", number_label)
        _draw_depth(second, layers, rates, published_rates, "learning rate", rate_label)
        handles, labels = second.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2)
        return to_svg(figure, "frequency and learning rate of each layer")


def _draw_depth(
    axes: "Axes",
    layers: Sequence[LayerConfig],
    found: Sequence[float],
    published: Sequence[float],
    title: str,
    write: Callable[[float], str],
) -> None:
    if not np.isfinite([*found, *published]).any():  # Gauss has no omega
        axes.set_visible(False)
        return
    depth = np.arange(1, len(layers) + 1)
    axes.plot(depth, found, color=ACCENT, lw=1, alpha=0.4)
    label = "published value of the family"
    axes.scatter(depth, published, s=60, fc=PAGE, ec=MUTED, lw=1.4, label=label)
    axes.scatter(depth, found, s=60, color=ACCENT, lw=0, label="found", zorder=3)
    axes.set_title(title, pad=10)
    label_log(axes, write)
    if len(layers) <= _MANY_DEPTHS:
        names = [f"{i}\n{family_label(layer.activation)}" for i, layer in enumerate(layers, 1)]
        axes.set_xticks(depth, names)
    axes.set_xlim(0.5, len(layers) + 0.5)
    label_axes(axes, "layer")


def _number(value: ArrayLike | None) -> float:
    """A number that a logarithmic axis can show; nan: there is none."""
    number = math.nan if value is None else as_number(value)
    return number if number > 0.0 else math.nan
