"""What a network looks like to people: a line, a table, a plot, each a method of `INR`."""

import contextlib
from html import escape
from typing import Any

from optiinr_jax.signals import as_signal
from optiinr_jax.signals.inputs import SignalLike
from optiinr_jax.signals.thumbnails import draw_pair, image_tag, thumbnail
from optiinr_jax.text import printable

_SHOWN_POINTS = 2**20  # of a network that a notebook shows without being asked


def plot(inr: Any, signal: SignalLike) -> Any:
    """Draw a signal, the network, and its error, side by side; matplotlib's three axes.

    Raises:
        SignalError: a signal of another kind.
    """
    from matplotlib import pyplot

    signal = as_signal(signal)
    scores = inr.evaluate(signal)
    samples, frame = inr.render(shape=signal.shape), signal.frame
    figure, axes = pyplot.subplots(1, 3, figsize=(10.0, 3.4), layout="constrained")
    draw_pair(axes, samples, signal.samples, frame)
    name, score = next(iter(scores.items()))
    title = printable(f"{signal.name}: {name} {score:.4g}, {dict(_facts(inr))['layers']}")
    figure.suptitle(title, parse_math=False)
    return axes


def as_html(inr: Any) -> str:
    """The network as a notebook shows it."""
    facts, picture = _facts(inr), ""
    if inr.frame.num_points <= _SHOWN_POINTS:
        with contextlib.suppress(TypeError, ValueError):  # traced, or a stack
            picture = image_tag(thumbnail(inr.render(), inr.frame), "the network")
            facts.append(("size", sizes_label(inr.sizes())))
    rows = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in facts)
    return f"{picture}<table>{rows}</table>"


def as_text(inr: Any) -> str:
    """The network in one line."""
    return "INR(" + ", ".join(f"{name}={value}" for name, value in _facts(inr)) + ")"


def sizes_label(sizes: dict[str, int]) -> str:
    """Bytes of a model file and of the same signal in the usual formats, in one phrase."""
    usual = [f"{count:,} as {name}" for name, count in sizes.items() if name != "model file"]
    own = f"{sizes['model file']:,} bytes"
    return f"{own}; the same signal needs {', '.join(usual)}" if usual else own


def _facts(inr: Any) -> list[tuple[str, str]]:
    layers = "-".join(layer.activation for layer in inr.config.layers)
    return [
        ("signal", f"{inr.frame.kind} {' x '.join(map(str, inr.frame.shape))}"),
        ("layers", f"{layers}, width {inr.config.width}"),
        ("parameters", f"{inr.num_params}"),
        ("score", f"{inr.score:.2f} after {inr.num_steps} steps"),
    ]
