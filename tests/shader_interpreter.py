"""The subset of GLSL that exports write, run by NumPy: a vector is an array (4, points).

The text is transliterated line by line into Python, whose loops and arithmetic read alike.
"""

import re

import numpy as np


class Matrix:
    """mat4: four columns, each a vector."""

    def __init__(self, *columns):
        self.columns = columns

    def __mul__(self, vector):
        return sum(column * vector[k] for k, column in enumerate(self.columns))


def _vec4(*parts):
    if len(parts) == 1 and np.ndim(parts[0]) == 0:
        parts *= 4
    rows = [row for p in parts for row in (p if np.ndim(p) == 2 else [p])]
    shape = np.broadcast_shapes((1,), *[np.shape(row) for row in rows])
    return np.stack([np.broadcast_to(np.float32(row), shape) for row in rows])


NAMES = {
    "vec4": _vec4,
    "mat4": Matrix,
    "floor": np.floor,
    "clamp": np.clip,
    "min": np.minimum,
    "max": np.maximum,
    "mix": lambda no, yes, condition: np.where(condition, yes, no),
    "lessThan": np.less,
    "lessThanEqual": np.less_equal,
    "pow": np.power,
    **{name: getattr(np, name) for name in ("abs", "exp", "log", "sqrt", "tanh", "sinh", "cosh")},
}
RULES = [  # in this order; a line that none fits must be an assignment by itself
    (r"(?:vec[234]|mat4|float) (\w+)\((.*)\) \{", "def {0}({1}):"),
    (r"for \(int (\w+) = 0; \1 < (\d+); \1\+\+\) \{", "for {0} in range({1}):"),
    (r"const vec4 (\w+)\[(\d+)\] = vec4\[\2\]\(", "{0} = ["),
    (r"\);", "]"),
    (r"vec4 (\w+)\[(\d+)\];", "{0} = [None] * {1}"),
    (r"return \((.*)\)\.([xyzw]+);", "return ({0})[:len('{1}')]"),
    (r"(?:vec4|bvec4|int|return) (.*);", "{0}"),
    (r"(h\d+\[.*\]|\w+) \+= (.*);", "{0} = {0} + {1}"),  # an array of one point grows
    (r"((?:h\d+\[.*\]|\w+) = .*);", "{0}"),
    (r"(vec4\(.*\),?)", "{0}"),
]


def _translated(line):
    for pattern, text in RULES:
        found = re.fullmatch(pattern, line)
        if found:
            made = text.format(*found.groups())
            made = re.sub(r"\b(?:vec[234]|float|int) (\w+)(?=[,)])", r"\1", made)
            return f"return {made}" if line.startswith("return") and text == "{0}" else made
    raise ValueError(f"{line!r} is not of the subset that exports write")


def compile_glsl(text):
    """The function `inr` of coordinates (n, d) that gives values (n, c)."""
    lines, depth = [], 0
    for raw in text.splitlines():
        line = raw.split("//")[0].strip()
        if line == "}":
            depth -= 1
        elif line:
            lines.append(" " * depth + _translated(line))
            depth += line.endswith("{")
    names = dict(NAMES)
    exec("\n".join(lines), names)

    def inr(coords):
        columns = np.float32(coords).T
        return names["inr"](columns if len(columns) > 1 else columns[0]).T

    return inr
