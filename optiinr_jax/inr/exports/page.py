"""One HTML page, without a network connection, that shows what a network holds.

A picture is drawn, a solid is marched through by rays, a sound is drawn and played, by WebGL 2 from
the exported function; its weights lie in a texture.
"""

import base64
import json
import math
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from optiinr_jax.inr.exports.formula import ExportError
from optiinr_jax.inr.exports.plain import PlainNetwork
from optiinr_jax.inr.exports.shaders import GLSL, function_text, pack_weights
from optiinr_jax.signals import Frame

_LONGEST = 512  # pixels of the side of what is drawn
_CONTROLS = {
    "image": "Drag to move, turn the wheel to look closer, double-click for the whole picture.",
    "volume": "Drag to turn it, turn the wheel to look closer.",
    "audio": "",
}


PAGE_KINDS = tuple(_CONTROLS)


def page_html(network: PlainNetwork, frame: Frame, title: str, facts: str) -> str:
    """The page.

    Raises:
        ExportError: a kind of signal that the page cannot show.
    """
    from jinja2 import Environment  # for those who write a page

    if frame.kind not in _CONTROLS:
        raise ExportError(
            f"a signal of kind {frame.kind} has no page; {', '.join(_CONTROLS)} have, others leave "
            "by to_torch, to_onnx, to_glsl or to_wgsl."
        )
    weights = base64.b64encode(pack_weights(network).astype("<f4").tobytes()).decode()
    record: dict[str, Any] = {
        "kind": frame.kind,
        "shape": frame.shape,
        "num_dims": network.num_dims,
        "num_channels": network.num_channels,
        "weights": weights,
        "sample_rate": frame.attributes.get("sample_rate", 44100.0),
        "peak": max(frame.attributes.get("peak", 1.0), 1e-3),
        "sides": [n / max(frame.shape) for n in frame.shape],
        "spacing": 1.0 / max(frame.shape),
        "num_steps": 2 * max(frame.shape),
    }
    folder = files("optiinr_jax.inr.exports")
    template = Environment(autoescape=True, keep_trailing_newline=True).from_string(
        (folder / "page.html").read_text()
    )
    code = f"{GLSL.head}\n{function_text(network, GLSL)}"
    return template.render(
        title=title,
        facts=facts,
        size=_canvas(frame),
        controls=_CONTROLS[frame.kind],
        code=Markup(code),  # our own words and numbers: no < begins a tag in it
        record=Markup(json.dumps(record)),
        script=Markup((folder / "page.js").read_text()),
    )


def _canvas(frame: Frame) -> tuple[int, int]:
    """Width and height in pixels: of a picture a whole multiple of its own, where it is small."""
    if frame.kind == "audio":
        return 960, 120 * frame.num_channels + 40
    if frame.kind == "volume":
        return 480, 480
    height, width = frame.shape
    scale = max(_LONGEST // max(frame.shape), 1)
    scale = scale if scale > 1 else min(1.0, 2048 / max(frame.shape))
    return math.ceil(width * scale), math.ceil(height * scale)
