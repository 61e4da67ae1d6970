"""What `INR` can do to leave: each function is a method of it."""

import os
from pathlib import Path
from typing import Any

from optiinr_jax.files import write_atomic
from optiinr_jax.inr.exports.onnx_model import onnx_bytes
from optiinr_jax.inr.exports.page import page_html
from optiinr_jax.inr.exports.plain import PlainNetwork, plain_network
from optiinr_jax.inr.exports.pytorch import write_torch
from optiinr_jax.inr.exports.shaders import GLSL, WGSL, shader_text
from optiinr_jax.signals.kinds import get_kind

AnyPath = str | os.PathLike[str]


def to_torch(inr: Any, path: AnyPath) -> Path:
    """Write a file of PyTorch, and its weights beside it as .safetensors, that run without us.

    The file has a plain `torch.nn.Module` and `load()`; the values are those of `predict`.

    Args:
        path: file to write, photo.py; the weights are photo.safetensors then.

    Raises:
        ExportError: an activation or encoding that exports cannot write; the sentence names it.
        OSError: the folder is missing or not writable.
    """
    path = Path(path)
    if path.suffix != ".py":
        raise ValueError(f"{path} does not end in .py, which a file of PyTorch does; rename it.")
    return write_torch(_plain(inr), path, _title(inr), _meaning(inr))


def to_onnx(inr: Any, path: AnyPath) -> Path:
    """Write an ONNX model, `coords` (n, d) to `values` (n, c) in float32, the values of `predict`.

    Raises:
        ExportError: see `to_torch`; or the extra is missing: pip install 'optiinr-jax[onnx]'.
        OSError: the folder is missing or not writable.
    """
    return write_atomic(path, onnx_bytes(_plain(inr), f"{_title(inr)}\n{_meaning(inr)}"))


def to_glsl(inr: Any) -> str:
    """The network as a function of GLSL ES 3.00: `vec3 inr(vec2 coords)`, weights included.

    The number of components is that of the dimensions and of the channels.

    Raises:
        ExportError: see `to_torch`; more than 4 dimensions or channels; too many weights.
    """
    return shader_text(_plain(inr), GLSL, _title(inr), _meaning(inr))


def to_wgsl(inr: Any) -> str:
    """The network as a function of WGSL, `fn inr(coords: vec2f) -> vec3f`; see `to_glsl`."""
    return shader_text(_plain(inr), WGSL, _title(inr), _meaning(inr))


def to_html(inr: Any, path: AnyPath) -> Path:
    """Write one page that shows the signal in a browser: no server, no connection, no library.

    A picture can be moved and looked into, a video is played, of fields and points with three or
    four dimensions planes are shown, a solid is turned, a sound is drawn and played; all are
    computed there from the weights, by WebGL 2.

    Raises:
        ExportError: see `to_torch`; more than 4 dimensions or channels.
        OSError: the folder is missing or not writable.
    """
    return write_atomic(path, page_of(inr).encode())


def page_of(inr: Any) -> str:
    """The text of `to_html`."""
    return page_html(_plain(inr), inr.frame, _title(inr), _facts(inr))


def _plain(inr: Any) -> PlainNetwork:
    return plain_network(inr.config, inr.variables)


def _title(inr: Any) -> str:
    frame = inr.frame
    return (
        f"An implicit neural representation of a signal of kind {frame.kind}, "
        f"{' x '.join(map(str, frame.shape))}."
    )


def _facts(inr: Any) -> str:
    layers = "-".join(layer.activation for layer in inr.config.layers)
    return f"{layers}, width {inr.config.width}, {inr.num_params:,} parameters, drawn from them."


def _meaning(inr: Any) -> str:
    axes = get_kind(inr.frame.kind).axes_of(inr.frame.num_dims)
    low, high = inr.frame.natural_range
    return (
        f"Coordinates ({', '.join(axes)}) are [-1, 1] over the grid, from its first sample to\n"
        f"its last; the values lie about [{low:g}, {high:g}]."
    )
