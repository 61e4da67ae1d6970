"""One HTML page, without a network connection, that shows what a network holds.

A signal with one axis is drawn as a curve, and played if it is a sound. A solid is marched through
by rays. Anything else is drawn in planes; sliders move the other axes, and time runs by itself. All
is computed by WebGL 2 from the exported function, whose weights lie in a texture.
"""

import base64
import itertools
import json
import math
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from optiinr_jax.inr.exports.plain import PlainNetwork
from optiinr_jax.inr.exports.shaders import GLSL, function_text, pack_weights
from optiinr_jax.signals import Frame
from optiinr_jax.signals.kinds import get_kind

_LONGEST = 512  # pixels of the side of what is drawn
_CURVE = (960, 120)  # width, and height of each channel
_SQUEEZED = 8.0  # a spacing that makes one side so many times another is not that of a picture
_CONTROLS = {
    "plane": "Drag to move, turn the wheel to look closer, double-click for the whole picture.",
    "solid": "Drag to turn it, turn the wheel to look closer.",
    "curve": "",
}


def page_html(network: PlainNetwork, frame: Frame, title: str, facts: str) -> str:
    """The page.

    Raises:
        ExportError: more than 4 dimensions or channels, which a shader has no vectors for.
    """
    from jinja2 import Environment  # for those who write a page

    code = f"{GLSL.head}\n{function_text(network, GLSL)}"
    weights = base64.b64encode(pack_weights(network).astype("<f4").tobytes()).decode()
    drawing, row = _drawing(frame), get_kind(frame.kind)
    low, high = frame.natural_range
    peak = max(frame.attributes.get("peak", 1.0), 1e-3)
    planes = _planes(frame) if drawing == "plane" else []
    record: dict[str, Any] = {
        "drawing": drawing,
        "shape": frame.shape,
        "num_dims": network.num_dims,
        "num_channels": network.num_channels,
        "axes": row.axes_of(frame.num_dims),
        "time": 0 if row.first_axis_is_time else None,
        "frame_rate": frame.attributes.get("frame_rate", 25.0),
        "planes": planes,
        "colours": row.natural_range is not None and network.num_channels == 3,
        "low": low * peak,
        "high": high * peak,
        "weights": weights,
        "sample_rate": frame.attributes.get("sample_rate"),
        "sides": [n / max(frame.shape) for n in frame.shape],
        "spacing": 1.0 / max(frame.shape),
        "num_steps": 2 * max(frame.shape),
    }
    folder = files("optiinr_jax.inr.exports")
    template = Environment(autoescape=True, keep_trailing_newline=True).from_string(
        (folder / "page.html").read_text()
    )
    return template.render(
        title=title,
        facts=facts,
        size=planes[0]["size"] if planes else _canvas(drawing, network.num_channels),
        controls=_CONTROLS[drawing],
        code=Markup(code),  # our own words and numbers: no < begins a tag in it
        record=Markup(json.dumps(record)),
        script=Markup((folder / "page.js").read_text()),
    )


def _drawing(frame: Frame) -> str:
    """How a signal is shown, a key of `_CONTROLS`."""
    if get_kind(frame.kind).is_binary:
        return "solid"
    return "curve" if frame.num_dims == 1 else "plane"


def _canvas(drawing: str, num_channels: int) -> tuple[int, int]:
    """Width and height in pixels."""
    width, height = _CURVE
    return (width, height * num_channels + 40) if drawing == "curve" else (480, 480)


def _planes(frame: Frame) -> list[dict[str, Any]]:
    """The planes that may be drawn: their two axes, down and to the right, and size in pixels.

    Time is none of them. The first is what `planes` of the signals shows as a picture, or the last
    two axes.
    """
    names = get_kind(frame.kind).axes_of(frame.num_dims)
    first = 1 if get_kind(frame.kind).first_axis_is_time else 0
    pairs = list(itertools.combinations(range(first, frame.num_dims), 2))[::-1]
    return [
        {"axes": pair, "label": " and ".join(names[a] for a in pair), "size": _size(frame, *pair)}
        for pair in pairs
    ]


def _size(frame: Frame, down: int, right: int) -> tuple[int, int]:
    """Width and height in pixels: whole multiples of the points, where there are few of them.

    A field with other distances along one axis than along the other has their proportions.
    """
    height, width = frame.shape[down], frame.shape[right]
    steps = [abs(frame.attributes.get(f"spacing_{axis}", 1.0)) or 1.0 for axis in (down, right)]
    ratio = width * steps[1] / (height * steps[0])
    if 1.0 / _SQUEEZED < ratio < _SQUEEZED and steps[0] != steps[1]:
        height, width = (height, height * ratio) if ratio < 1.0 else (width / ratio, width)
    scale = max(_LONGEST // max(height, width), 1)
    scale = scale if scale > 1 else min(1.0, 2048 / max(height, width))
    return math.ceil(width * scale - 1e-6), math.ceil(height * scale - 1e-6)
