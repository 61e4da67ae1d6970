"""A network as an ONNX model, for onnxruntime and all that reads that format.

It is written node by node. jax2onnx 0.17 was tried first: it stops at the primitive by which
`numerics.sine` chooses its code for a processor.
"""

import importlib
from typing import Any

import numpy as np

from optiinr_jax.inr.exports.formula import ExportError, Name
from optiinr_jax.inr.exports.plain import Layer, PlainNetwork

OPSET, IR_VERSION = 17, 8  # what onnxruntime reads since 2022
_OPERATORS = {
    "sin": "Sin",
    "cos": "Cos",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "neg": "Neg",
    "tanh": "Tanh",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "max": "Max",
    "min": "Min",
    "pow": "Pow",
    "lt": "Less",
    "le": "LessOrEqual",
    "where": "Where",
}


class _Graph:
    """Collects nodes and constants; every result gets a name of its own."""

    def __init__(self) -> None:
        self.onnx: Any = importlib.import_module("onnx")  # an extra
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node; the names of its results."""
        names = [f"{operator.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, names, **attributes))
        return names

    def constant(self, value: Any, name: str = "") -> str:
        """Add a constant; equal numbers share one."""
        array = np.asarray(value, np.float32)
        name = name or f"number_{float(array)!r}"
        self.constants[name] = array
        return name

    def affine(self, name: str, affine: tuple[float, float]) -> str:
        """gain * x + offset, as far as there is something to do."""
        gain, offset = affine
        if gain != 1.0:
            (name,) = self.node("Mul", name, self.constant(gain))
        if offset != 0.0:
            (name,) = self.node("Add", name, self.constant(offset))
        return name


def onnx_bytes(network: PlainNetwork, title: str) -> bytes:
    """The model: `coords` (n, d) to `values` (n, c), both float32.

    Raises:
        ExportError: the package onnx is missing; the sentence says how to get it.
    """
    try:
        graph = _Graph()
    except ModuleNotFoundError:
        raise ExportError(
            "the package onnx is missing, which writes such files; pip install 'optiinr-jax[onnx]'."
        ) from None
    helper, numpy_helper = graph.onnx.helper, graph.onnx.numpy_helper
    h = graph.affine("coords", network.coords)
    for i, layer in enumerate(network.layers):
        h = _add_layer(graph, h, i, layer)
    values = graph.affine(h, network.values)
    graph.nodes.append(helper.make_node("Identity", [values], ["values"]))
    kind = graph.onnx.TensorProto.FLOAT
    info = helper.make_tensor_value_info
    made = helper.make_graph(
        graph.nodes,
        "inr",
        [info("coords", kind, ["n", network.num_dims])],
        [info("values", kind, ["n", network.num_channels])],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        doc_string=title,
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="optiinr-jax",
    )
    graph.onnx.checker.check_model(model)
    return model.SerializeToString()


def _add_layer(graph: _Graph, h: str, i: int, layer: Layer) -> str:
    """Add a layer to what it gets, and name what it gives."""
    formula = layer.formula
    (z,) = graph.node("MatMul", h, graph.constant(layer.kernel, f"layer_{i}_weight"))
    (z,) = graph.node("Add", z, graph.constant(layer.bias, f"layer_{i}_bias"))
    count = len(formula.inputs)
    parts = [z] if count == 1 else graph.node("Split", z, outputs=count, axis=1)
    names = dict(zip(formula.inputs, parts, strict=True))
    for result, operation, operands in formula.steps:
        inputs = [names[x] if isinstance(x, Name) else graph.constant(x) for x in operands]
        (names[result],) = graph.node(_OPERATORS[operation], *inputs)
    outputs = [names[output] for output in formula.outputs]
    outputs = [h, *outputs] if layer.keeps_inputs else outputs
    if len(outputs) == 1:
        return outputs[0]
    return graph.node("Concat", *outputs, axis=1)[0]
