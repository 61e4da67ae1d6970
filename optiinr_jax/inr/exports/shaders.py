"""A network as a function of a shader: GLSL (ES 3.00, as WebGL 2 has it) and WGSL.

Four units stand side by side in a vector, and a block of four by four weights is a matrix. What is
missing to a multiple of four is 0. Sine and cosine bring their own reduction of the argument, since
those of a graphics processor are good for small arguments only.

Letters: q vectors of four units.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from optiinr_jax.inr.exports.formula import ExportError
from optiinr_jax.inr.exports.plain import Layer, PlainNetwork
from optiinr_jax.inr.exports.printing import Language, print_affine, print_steps

Texels = Float32[np.ndarray, "n 4"]
MAX_COMPONENTS = 4  # of a vector, so dimensions and channels of a network
MAX_CONSTANTS = 2**16  # vectors in the text; a page keeps them in a texture and has no limit
_FUNCTIONS = ("abs", "exp", "sqrt", "tanh", "sinh", "cosh", "log")
_ARITHMETIC = {
    "neg": "-{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "sin": "inr_sine({0}, 0.0)",
    "cos": "inr_sine({0}, 0.5)",
    "max": "max({0}, {1})",
    "min": "min({0}, {1})",
    "pow": "pow({0}, {1})",
    **{name: f"{name}({{0}})" for name in _FUNCTIONS},
}


def _number(value: float | np.floating) -> str:
    text = f"{np.float32(value):.9g}"
    return text if set(".einf") & set(text) else f"{text}.0"


class Shader(NamedTuple):
    """What a shading language needs to be written; texts with {names} to be filled in."""

    steps: Language
    types: tuple[str, ...]  # of one number, of two, three and four
    head: str  # sine and the block of four by four
    table: str  # the weights as constants
    function: str
    array: str
    loop: str
    index: str
    vector: str
    result: str


GLSL = Shader(
    steps=Language(
        operations={
            **_ARITHMETIC,
            "lt": "lessThan({0}, {1})",
            "le": "lessThanEqual({0}, {1})",
            "where": "mix({2}, {1}, {0})",
        },
        statement="    {kind} {name} = {value};",
        number=_number,
        wrapped="vec4({0})",
        of_vectors=("lt", "le", "where", "pow", "max", "min"),
        kinds=("vec4", "bvec4"),
    ),
    types=("float", "vec2", "vec3", "vec4"),
    head="""\
mat4 inr_block(int i) {
  return mat4(inr_weight(i), inr_weight(i + 1), inr_weight(i + 2), inr_weight(i + 3));
}

vec4 inr_sine(vec4 x, float quarter) {
  vec4 k = floor(x * 0.318309886 + (quarter + 0.5));
  vec4 h = k - quarter;
  vec4 r = x - h * 3.140625;
  r = r - h * 0.000967502594;
  r = r - h * 0.0000001509957990;
  r = clamp(r, vec4(-1.66), vec4(1.66));
  vec4 s = r * r;
  vec4 p = s * 0.00000258832188 - 0.000198016889;
  p = p * s + 0.00833295938;
  p = p * s - 0.166666552;
  vec4 odd = k - 2.0 * floor(0.5 * k);
  return (r + r * s * p) * (1.0 - 2.0 * odd);
}
""",
    table="""\
const vec4 inr_weights[{count}] = vec4[{count}](
{rows}
);

vec4 inr_weight(int i) {{
  return inr_weights[i];
}}
""",
    function="{values} inr({coords} coords) {{\n{body}\n}}\n",
    array="  vec4 {name}[{count}];",
    loop="  for (int {i} = 0; {i} < {count}; {i}++) {{",
    index="    int at = {start} + {stride} * i;",
    vector="    vec4 {name} = vec4(0.0);",
    result="  return {value};",
)
WGSL = Shader(
    steps=Language(
        operations={
            **_ARITHMETIC,
            "lt": "{0} < {1}",
            "le": "{0} <= {1}",
            "where": "select({2}, {1}, {0})",
        },
        statement="    let {name} = {value};",
        number=_number,
        wrapped="vec4f({0})",
        of_vectors=("lt", "le", "where", "pow", "max", "min"),
    ),
    types=("f32", "vec2f", "vec3f", "vec4f"),
    head="""\
fn inr_block(i: i32) -> mat4x4f {
  return mat4x4f(inr_weight(i), inr_weight(i + 1), inr_weight(i + 2), inr_weight(i + 3));
}

fn inr_sine(x: vec4f, quarter: f32) -> vec4f {
  let k = floor(x * 0.318309886 + (quarter + 0.5));
  let h = k - quarter;
  var r = x - h * 3.140625;
  r = r - h * 0.000967502594;
  r = r - h * 0.0000001509957990;
  r = clamp(r, vec4f(-1.66), vec4f(1.66));
  let s = r * r;
  var p = s * 0.00000258832188 - 0.000198016889;
  p = p * s + 0.00833295938;
  p = p * s - 0.166666552;
  let odd = k - 2.0 * floor(0.5 * k);
  return (r + r * s * p) * (1.0 - 2.0 * odd);
}
""",
    table="""\
const inr_weights = array<vec4f, {count}>(
{rows}
);

fn inr_weight(i: i32) -> vec4f {{
  return inr_weights[i];
}}
""",
    function="fn inr(coords: {coords}) -> {values} {{\n{body}\n}}\n",
    array="  var {name}: array<vec4f, {count}>;",
    loop="  for (var {i} = 0; {i} < {count}; {i}++) {{",
    index="    let at = {start} + {stride} * i;",
    vector="    var {name} = vec4f(0.0);",
    result="  return {value};",
)


def shader_text(network: PlainNetwork, shader: Shader, title: str, meaning: str) -> str:
    """The function `inr` with all that it calls, its weights as constants.

    Raises:
        ExportError: more dimensions or channels than a vector has, or too many weights for a text.
    """
    texels = pack_weights(network)
    if len(texels) > MAX_CONSTANTS:
        raise ExportError(
            f"the network has {4 * len(texels)} weights, more than the {4 * MAX_CONSTANTS} that "
            "the text of a shader can hold; use to_html, which keeps them in a texture."
        )
    kind = shader.types[3]
    rows = [f"  {kind}({', '.join(map(_number, texel))})" for texel in texels]
    table = shader.table.format(count=len(texels), rows=",\n".join(rows))
    notes = "".join(f"// {line}\n" for line in [title, *meaning.splitlines()])
    return f"{notes}\n{table}\n{shader.head}\n{function_text(network, shader)}"


def function_text(network: PlainNetwork, shader: Shader) -> str:
    """The function `inr` alone, which calls `inr_weight(i)`, `inr_block(i)` and `inr_sine`."""
    counts = {"dimensions": network.num_dims, "channels": network.num_channels}
    for what, count in counts.items():
        if count > MAX_COMPONENTS:
            raise ExportError(
                f"the network has {count} {what}, but a shader, and a page that is drawn by one, "
                f"has vectors of up to {MAX_COMPONENTS}; use to_torch or to_onnx."
            )
    numbers, vectors = shader.types[:3], shader.types[3]
    coords = "coords" if network.num_dims > 1 else "coords, 0.0"
    padding = ", 0.0" * (4 - max(network.num_dims, 2))
    first = print_affine(f"{vectors}({coords}{padding})", network.coords, _number)
    lines = [shader.array.format(name="h0", count=1), f"  h0[0] = {first};"]
    start = 0
    num_vectors = [1]  # of the blocks that a layer gets
    for i, layer in enumerate(network.layers):
        lines += _layer_lines(layer, i, start, num_vectors, shader)
        start += _stride(layer, sum(num_vectors)) * _quarters(layer.width)
        num_vectors = (num_vectors if layer.keeps_inputs else []) + [_quarters(layer.width)] * len(
            layer.formula.outputs
        )
    value = print_affine(f"h{len(network.layers)}[0]", network.values, _number)
    lines.append(shader.result.format(value=f"({value}).{'xyzw'[: network.num_channels]}"))
    return shader.function.format(
        values=(*numbers, vectors)[network.num_channels - 1],
        coords=(*numbers, vectors)[network.num_dims - 1],
        body="\n".join(lines),
    )


def _layer_lines(
    layer: Layer, i: int, start: int, num_vectors: list[int], shader: Shader
) -> list[str]:
    """A loop over the vectors of a layer's units."""
    inputs, q = sum(num_vectors), _quarters(layer.width)
    first = inputs if layer.keeps_inputs else 0
    count = first + q * len(layer.formula.outputs)
    lines = [
        f"  // {layer.label}: {layer.width} units",
        shader.array.format(name=f"h{i + 1}", count=count),
    ]
    if layer.keeps_inputs:
        lines += [f"  h{i + 1}[{j}] = h{i}[{j}];" for j in range(inputs)]
    lines += [
        shader.loop.format(i="i", count=q),
        shader.index.format(start=start, stride=_stride(layer, inputs)),
        *[shader.vector.format(name=z.text) for z in layer.formula.inputs],
        "  " + shader.loop.format(i="j", count=inputs),
    ]
    per_map = 4 * inputs + 1
    for k, z in enumerate(layer.formula.inputs):
        lines.append(f"      {z.text} += inr_block({_at(k * per_map)} + 4 * j) * h{i}[j];")
    lines.append("    }")
    for k, z in enumerate(layer.formula.inputs):
        lines.append(f"    {z.text} += inr_weight(at + {(k + 1) * per_map - 1});")
    lines += print_steps(layer.formula, shader.steps)
    for k, output in enumerate(layer.formula.outputs):
        lines.append(f"    h{i + 1}[i + {first + k * q}] = {output.text};")
    return [*lines, "  }"]


def pack_weights(network: PlainNetwork) -> Texels:
    """All weights as vectors of four, in the order in which the function reads them.

    Of each layer for each vector of its units, for each of its maps: four columns of a block for
    each vector of inputs, then the bias.
    """
    blocks = [network.num_dims]  # sizes of the parts of what a layer gets, each padded by itself
    found = []
    for layer in network.layers:
        rows = np.split(layer.kernel, np.cumsum(blocks)[:-1])
        kernel = np.concatenate([_padded(row, 0) for row in rows])
        num_maps, q = len(layer.formula.inputs), _quarters(layer.width)
        kernels = [_padded(part, 1) for part in np.split(kernel, num_maps, axis=1)]
        biases = [_padded(part, 0) for part in np.split(layer.bias, num_maps)]
        for k in range(q):
            units = slice(4 * k, 4 * k + 4)
            for part, bias in zip(kernels, biases, strict=True):
                found += [part[:, units], bias[None, units]]
        outputs = [layer.width] * len(layer.formula.outputs)
        blocks = (blocks if layer.keeps_inputs else []) + outputs
    return np.concatenate(found).astype(np.float32)


def _at(offset: int) -> str:
    return f"at + {offset}" if offset else "at"


def _stride(layer: Layer, num_vectors: int) -> int:
    """Vectors of weights for four units."""
    return len(layer.formula.inputs) * (4 * num_vectors + 1)


def _quarters(count: int) -> int:
    """Vectors of four for so many numbers."""
    return -(-count // 4)


def _padded(array: np.ndarray, axis: int) -> np.ndarray:
    """Zeros behind, to a multiple of four."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, -array.shape[axis] % 4)
    return np.pad(array, widths)
