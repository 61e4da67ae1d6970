"""Constraints on outcomes: what is not allowed is neither sought nor best."""

import math

import pytest

from optiinr_jax.bo import (
    FAILED,
    Float,
    Optimizer,
    Space,
)
from tests.optimizers import SPACE


def circle(point):
    """Lowest at 0, which is not allowed: only what is outside of a circle and left of a line is."""
    value = point["x"] ** 2 + point["y"] ** 2
    return value, (0.25 - value, point["x"] - 0.3)


@pytest.mark.integration
def test_constraints_on_outcomes_are_met():
    """Most guided points are allowed, and the best of them is at the circle, 0.25."""
    optimizer = Optimizer(
        Space({name: Float(-1, 1) for name in "xy"}), direction="minimize", num_initial=8, seed=1
    )
    for _ in range(20):
        point = optimizer.ask()
        optimizer.tell(point, *circle(point))
    allowed = [max(circle(point)[1]) <= 0 for point, _ in optimizer.trials]
    assert sum(allowed[8:]) >= 8 and optimizer.best_value == circle(optimizer.best_point)[0]
    assert 0.25 <= optimizer.best_value < 0.26
    again = Optimizer.from_json(optimizer.to_json())
    assert again.best_point == optimizer.best_point and again.ask() == optimizer.ask()


def test_wrong_constraints_are_refused():
    optimizer = Optimizer(SPACE)
    first, second = SPACE.sample(0, 2)
    optimizer.tell(first, 3.0, [1.0, -1.0])
    assert optimizer.best_point is None  # not allowed
    with pytest.raises(ValueError, match="got 1 constraints, expected 2"):
        optimizer.tell(second, 1.0, [0.0])
    with pytest.raises(ValueError, match="0 or less where met"):
        optimizer.tell(second, 1.0, ["a", 0.0])
    optimizer.tell(second, 1.0, [0.0, math.nan])
    assert len(optimizer.trials) == 2 and optimizer.best_point is None  # not known to be allowed
    failed = optimizer.ask()
    optimizer.tell(failed, FAILED)
    optimizer.tell(optimizer.ask(), -5.0, [0, -2])
    assert optimizer.best_value == -5.0
