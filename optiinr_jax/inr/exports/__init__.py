"""Networks that leave: PyTorch, ONNX, shaders and a page, all written from one plain form."""

from optiinr_jax.inr.exports.formula import ExportError as ExportError
from optiinr_jax.inr.exports.methods import to_glsl as to_glsl
from optiinr_jax.inr.exports.methods import to_html as to_html
from optiinr_jax.inr.exports.methods import to_onnx as to_onnx
from optiinr_jax.inr.exports.methods import to_torch as to_torch
from optiinr_jax.inr.exports.methods import to_wgsl as to_wgsl
from optiinr_jax.inr.exports.shaders import MAX_COMPONENTS as MAX_COMPONENTS
