"""The plain form of a network computed by NumPy, in any precision: the truth for its exports."""

import numpy as np

OPERATIONS = {
    "neg": np.negative,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "pow": np.power,
    "lt": np.less,
    "le": np.less_equal,
    "where": np.where,
    **{
        name: getattr(np, name)
        for name in ("abs", "sin", "cos", "exp", "log", "sqrt", "tanh", "sinh", "cosh")
    },
}


def apply_formula(formula, *inputs):
    """The outputs of a formula, in the precision of its inputs."""
    dtype = inputs[0].dtype.type
    values = dict(zip(formula.inputs, inputs, strict=True))
    for result, operation, operands in formula.steps:
        numbers = [dtype(x) if isinstance(x, float) else values[x] for x in operands]
        values[result] = OPERATIONS[operation](*numbers)
    return [values[output] for output in formula.outputs]


def apply_plain(network, coords, dtype=np.float64):
    """Values (n, c) at coordinates (n, d)."""
    h = coords.astype(dtype) * dtype(network.coords[0]) + dtype(network.coords[1])
    for layer in network.layers:
        z = h @ layer.kernel.astype(dtype) + layer.bias.astype(dtype)
        parts = np.split(z, len(layer.formula.inputs), axis=1)
        outputs = apply_formula(layer.formula, *parts)
        h = np.concatenate([h, *outputs] if layer.keeps_inputs else outputs, axis=1)
    return h * dtype(network.values[0]) + dtype(network.values[1])
