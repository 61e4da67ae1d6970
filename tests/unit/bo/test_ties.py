"""The small space inside the large one, and a search that begins in it."""

import pytest

from optiinr_jax.bo import FAILED, Choice, Float, Optimizer, Space
from optiinr_jax.bo.ties import Ties

PARTS = {
    f"{name}_{i}": dimension
    for i in (1, 2)
    for name, dimension in {
        "act": Choice(["a", "b"]),
        "omega": Float(1, 100, log=True, when={f"act_{i}": "a"}),
    }.items()
}
SPACE = Space({**PARTS, "shift": Float(-1, 1)})
NAMES = {name: name[:-2] for name in PARTS}
PART_BY_PART = {"act_1": "a", "omega_1": 90.0, "act_2": "b", "shift": 0.0}


def objective(point):
    """Best with the first part a, omega 20, and the second a, omega 5."""
    return -sum(
        3.0 if point[f"act_{i}"] == "b" else (point[f"omega_{i}"] / best - 1) ** 2
        for i, best in ((1, 20.0), (2, 5.0))
    ) - abs(point["shift"])


def run(optimizer, num):
    for _ in range(num):
        point = optimizer.ask()
        optimizer.tell(point, objective(point))
    return [trial.point for trial in optimizer.state.trials]


def test_there_and_back():
    ties = Ties(SPACE, NAMES)
    assert set(ties.space.dimensions) == {"act", "omega", "shift"}
    for point in ties.space.sample(0, 20):
        whole = SPACE.check_point(ties.expand(point))
        assert ties.contract(whole) == point
        for name in ("omega_2", "act_2"):
            other = whole | {name: "b" if whole["act_1"] == "a" else "a"}
            assert name not in whole or ties.contract(other) is None
    none = Ties(SPACE, {})
    assert none.space == SPACE and none.expand(whole) == none.contract(whole) == whole


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"omega_3": "omega"}, "ties name"),
        ({"omega_1": "omega", "omega_2": "omega"}, "tie only what is alike"),  # other parents
        ({"shift": "act_1"}, "tie only what is alike"),
    ],
)
def test_what_is_not_alike_is_refused(names, message):
    with pytest.raises(ValueError, match=message):
        Optimizer(SPACE, ties=names, num_tied=3)


@pytest.mark.integration
def test_a_search_begins_tied_and_ends_free():
    ties = Ties(SPACE, NAMES)
    optimizer = Optimizer(SPACE, num_initial=5, seed=0, ties=NAMES, num_tied=12)
    optimizer.tell(PART_BY_PART, objective(PART_BY_PART))  # brought along; not in the small space
    points = run(optimizer, 24)
    assert all(ties.contract(point) is not None for point in points[1:12])
    assert any(ties.contract(point) is None for point in points[12:])
    best_tied = max(map(objective, points[1:12]))
    assert optimizer.best_value > best_tied + 0.1 and optimizer.best_value > -0.3
    assert len({repr(point) for point in points}) == len(points)


@pytest.mark.parametrize("value", [0.5, FAILED])
def test_nothing_known_of_the_small_space(value):
    """Then its points are drawn, as in any search that has no score yet."""
    optimizer = Optimizer(SPACE, num_initial=1, ties=NAMES, num_tied=3)
    for _ in range(2):  # an even number: the small space's turn
        optimizer.tell(PART_BY_PART, value)
    assert Ties(SPACE, NAMES).contract(optimizer.ask()) is not None


@pytest.mark.integration
def test_a_batch_may_begin_tied_and_end_free():
    one, many = (Optimizer(SPACE, num_initial=4, seed=3, ties=NAMES, num_tied=8) for _ in range(2))
    run(one, 6), run(many, 6)
    batch = many.ask(4)
    assert batch == [one.ask() for _ in range(4)]
    assert len({repr(point) for point in batch}) == 4
    again = Optimizer.from_json(many.to_json())
    assert again.to_json() == many.to_json() and again.ask() == many.ask()


@pytest.mark.integration
def test_a_guess_of_one_part_leads_the_tied_ones():
    options = {
        "num_initial": 1,
        "ties": NAMES,
        "num_tied": 8,
        "prior": {"act_1": {"a": 0.01, "b": 1.0}},
    }
    points = run(Optimizer(SPACE, seed=1, **options), 5)
    assert [point["act_2"] for point in points[1:]].count("b") >= 2


@pytest.mark.integration
def test_a_better_point_outside_is_searched_around_as_well():
    ties = Ties(SPACE, NAMES)
    good = {"act_1": "a", "omega_1": 21.0, "act_2": "a", "omega_2": 4.8, "shift": 0.1}
    optimizer = Optimizer(SPACE, num_initial=4, seed=0, ties=NAMES, num_tied=14)
    optimizer.tell(good, objective(good))
    is_tied = [ties.contract(point) is not None for point in run(optimizer, 9)]
    assert is_tied[4:] == [True, False] * 3
