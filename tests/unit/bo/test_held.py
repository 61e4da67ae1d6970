"""Names whose values are given: the others are searched beside them."""

import pytest

from optiinr_jax.bo import (
    Float,
    Optimizer,
    Space,
)
from tests.optimizers import SPACE, ridge


@pytest.mark.integration
def test_fixed_names_are_held_while_the_others_are_searched():
    """The best beside what is fixed, not the best of all with something put in its place."""
    optimizer = Optimizer(Space({"x": Float(0, 1), "z": Float(0, 1)}), num_initial=4)
    asked = optimizer.ask(2, fixed={"z": 0.3})  # of the design, too
    assert [point["z"] for point in asked] == [0.3, 0.3] and asked[0]["x"] != asked[1]["x"]
    for point in optimizer.settings.space.sample(1, 24):
        optimizer.tell(point, ridge(point))
    for z in (0.2, 0.8):
        point = optimizer.ask(fixed={"z": z})
        assert point["z"] == z and abs(point["x"] - z) < 0.1
    whole = {"x": 0.1, "z": 0.9}
    assert optimizer.ask(fixed=whole) == whole == optimizer.ask(fixed=whole)  # nothing is free


def test_what_a_fixed_name_depends_on_is_held_too():
    optimizer = Optimizer(SPACE, num_initial=20)
    for point in optimizer.ask(8, fixed={"omega": 3}):
        assert point["act"] == "a" and point["omega"] == 3.0
    assert {point["act"] for point in optimizer.ask(8)} == {"a", "b"}


def test_fixed_names_that_cannot_be():
    optimizer = Optimizer(SPACE)
    for fixed, text in (
        ({"x": 1}, "fixed names 'x'; expected names of"),
        ({"n": 99}, "is 99; expected a whole number from 1 to 8"),
        ({"act": "b", "omega": 2}, "fixed has 'act' at 'b', where 'omega' does not exist"),
    ):
        with pytest.raises(ValueError, match=text):
            optimizer.ask(fixed=fixed)
    assert optimizer.state.pending == ()
