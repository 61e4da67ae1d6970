"""A network as a file of PyTorch that needs nothing of this package, and its weights beside it."""

import itertools
import re
from pathlib import Path

import numpy as np

from optiinr_jax.files import write_atomic
from optiinr_jax.inr.exports.formula import Formula
from optiinr_jax.inr.exports.plain import Layer, PlainNetwork
from optiinr_jax.inr.exports.printing import Language, print_affine, print_steps

_UNARY = ("abs", "sin", "cos", "exp", "sqrt", "tanh", "sinh", "cosh", "log")
TORCH = Language(
    operations={
        **{name: f"torch.{name}({{0}})" for name in _UNARY},
        "neg": "-{0}",
        "add": "{0} + {1}",
        "sub": "{0} - {1}",
        "mul": "{0} * {1}",
        "div": "{0} / {1}",
        "pow": "{0} ** {1}",
        "max": "torch.clamp({0}, min={1})",
        "min": "torch.clamp({0}, max={1})",
        "lt": "{0} < {1}",
        "le": "{0} <= {1}",
        "where": "torch.where({0}, {1}, {2})",
    },
    statement="    {name} = {value}",
)

_FILE = '''"""{title}

It was exported by optiinr-jax and needs torch alone:

    network = load()  # with the weights of {weights}, beside this file
    values = network(coords)  # (..., {num_dims}) -> (..., {num_channels})

{meaning}
It is differentiable and can be trained on.
"""

import json
from pathlib import Path

import torch
from torch import nn

{functions}

class Network(nn.Module):
    """Linear layers and what stands between them."""

    def __init__(self):
        super().__init__()
{modules}

    def forward(self, coords):
        """Values (..., {num_channels}) at coordinates (..., {num_dims})."""
{forward}


def load(path=Path(__file__).with_name("{weights}")):
    """The network with the weights of a file, whose header is JSON behind its length."""
    content = Path(path).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    state = {{}}
    for name, entry in json.loads(content[8:start]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            part = bytearray(content[start + first : start + last])
            state[name] = torch.frombuffer(part, dtype=torch.float32).reshape(entry["shape"])
    network = Network()
    network.load_state_dict(state)
    return network


if __name__ == "__main__":
    with torch.no_grad():
        print(load()(torch.zeros({num_dims})))  # the value in the middle
'''


def write_torch(network: PlainNetwork, path: Path, title: str, meaning: str) -> Path:
    """Write the module, and the weights under the same name with .safetensors.

    Args:
        title: one line that says what it is.
        meaning: what coordinates and values are.
    """
    from safetensors.numpy import save

    weights = path.with_suffix(".safetensors")
    names = _layer_names(network)
    state = {}
    for name, layer in zip(names, network.layers, strict=True):
        state[f"{name}.weight"] = np.ascontiguousarray(layer.kernel.T)
        state[f"{name}.bias"] = layer.bias
    functions = _function_names(network)
    text = _FILE.format(
        title=title,
        weights=weights.name,
        num_dims=network.num_dims,
        num_channels=network.num_channels,
        meaning=meaning,
        functions="".join(f"\n{_function(name, f)}\n\n" for f, name in functions.items()),
        modules="\n".join(
            f"        self.{name} = nn.Linear({layer.kernel.shape[0]}, {layer.kernel.shape[1]})"
            for name, layer in zip(names, network.layers, strict=True)
        ),
        forward="\n".join(f"        {line}" for line in _forward(network, names, functions)),
    )
    write_atomic(weights, save(state))
    return write_atomic(path, text.encode())


def _layer_names(network: PlainNetwork) -> list[str]:
    """Names of the linear layers, and so of the weights."""
    first = network.layers[0]
    names = ["encoding"] if first.label == "encoding" else []
    names += [f"hidden_{i}" for i in range(len(network.layers) - len(names) - 1)]
    return [*names, "output"]


def _function_names(network: PlainNetwork) -> dict[Formula, str]:
    """Different formulas under different names, that of their family where it is free."""
    names: dict[Formula, str] = {}
    for layer in network.layers:
        if layer.formula.steps and layer.formula not in names:
            label = re.sub(r"\W", "_", layer.label)
            free = (f"{label}_{i}" if i > 1 else label for i in itertools.count(1))
            names[layer.formula] = next(name for name in free if name not in names.values())
    return names


def _function(name: str, formula: Formula) -> str:
    outputs = ", ".join(output.text for output in formula.outputs)
    lines = [
        f"def {name}({', '.join(z.text for z in formula.inputs)}):",
        *print_steps(formula, TORCH),
        f"    return {outputs}",
    ]
    return "\n".join(lines)


def _forward(network: PlainNetwork, names: list[str], functions: dict[Formula, str]) -> list[str]:
    lines = [f"h = {print_affine('coords', network.coords, repr)}"]
    for name, layer in zip(names, network.layers, strict=True):
        lines.append(f"h = {_layer(f'self.{name}(h)', layer, functions)}")
    return [*lines, f"return {print_affine('h', network.values, repr)}"]


def _layer(value: str, layer: Layer, functions: dict[Formula, str]) -> str:
    formula = layer.formula
    if not formula.steps:
        return value
    if len(formula.inputs) > 1:
        value = f"*{value}.chunk({len(formula.inputs)}, dim=-1)"
    value = f"{functions[formula]}({value})"
    if layer.keeps_inputs:
        return f"torch.cat((h, *{value}), dim=-1)"
    return value if len(formula.outputs) == 1 else f"torch.cat({value}, dim=-1)"
