"""A small conditional space and functions on it, for tests of the optimiser."""

import math

from optiinr_jax.bo import (
    Choice,
    Float,
    Int,
    Space,
)

SPACE = Space(
    {
        "act": Choice(["a", "b"]),
        "omega": Float(1, 100, log=True, when={"act": "a"}),
        "n": Int(1, 8),
    }
)


def objective(point):
    """Best at act a, omega 10, n 5: value 10."""
    if point["act"] == "b":
        return 6 - abs(point["n"] - 2)
    return 10 - abs(math.log10(point["omega"]) - 1) * 8 - abs(point["n"] - 5)


def run(optimizer, num, f=objective):
    for _ in range(num):
        point = optimizer.ask()
        optimizer.tell(point, f(point))
    return optimizer


def ridge(point):
    """Best where x is z, wherever z is."""
    return -4 * (point["x"] - point["z"]) ** 2
