"""Which configuration a search has found, and which one is trained again."""

import numpy as np
import pytest

from optiinr_jax.studies import Origin, Trial
from optiinr_jax.studies.winner import (
    MOST_SEEDS,
    configurations,
    find_winner,
    next_confirmation,
)


def trials_of(*rows):
    """Trials in order from (configuration, score, or why there is none)."""
    trials = []
    for number, (name, score) in enumerate(rows):
        is_score = isinstance(score, float | int)
        state = "complete" if is_score else score
        trials.append(Trial(number, {"x": name}, float(score) if is_score else None, state))
    return trials


def winner(*rows):
    found = find_winner(trials_of(*rows))
    return found and found.point["x"]


def again(*rows):
    found = next_confirmation(trials_of(*rows))
    return found and found[0]["x"]


def test_trials_of_one_point_belong_together_in_order():
    found = configurations(trials_of(("a", 1), ("b", 2), ("a", 3), ("c", "failed"), ("a", 5)))
    assert [c.point["x"] for c in found] == ["a", "b", "c"]
    first = found[0]
    assert [trial.number for trial in first.trials] == [0, 2, 4] and first.scores == [1, 3, 5]
    assert first.mean == 3 and first.lower_end == pytest.approx(3 - np.std([1, 3, 5], ddof=1))
    assert first.best_trial.number == 4 and found[1].lower_end == 2
    assert [c.has_failed for c in found] == [False, False, True]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", 30), ("b", 31)], "b"),  # one seed each: the score
        # of several seeds as soon as one has them, however lucky another's only one was
        ([("a", 30), ("b", 35), ("a", 30.5)], "a"),
        # the mean is not what counts: b is better on average, a holds
        ([("a", 30), ("b", 36), ("a", 30.4), ("b", 27)], "a"),
        ([("a", 30), ("b", 36), ("a", 30.4), ("b", 33)], "b"),
        # one failed seed disqualifies, whenever it came
        ([("a", 30), ("b", 36), ("a", 30), ("b", 36), ("b", "failed")], "a"),
        ([("b", "failed"), ("b", 36), ("a", 30)], "a"),
        # a pruned or a running one does not
        ([("a", 30), ("b", 36), ("b", "pruned")], "b"),
        ([("a", 30), ("b", 36), ("b", "running")], "b"),
        # unless no other has a score
        ([("b", "failed"), ("b", 36), ("c", "failed")], "b"),
        ([("a", "failed"), ("b", "running")], None),
        ([], None),
    ],
)
def test_the_winner_has_the_best_lower_end(rows, expected):
    assert winner(*rows) == expected


def test_equal_lower_ends_go_to_the_earlier_one():
    assert winner(("a", 30), ("b", 30)) == "a"


def test_confirmations_go_to_the_best_means_in_turn():
    """Each gets its seeds, then the next best; a running trial counts as one of its seeds."""
    rows = [("a", 30), ("b", 33), ("c", 31), ("d", 20)]
    order = []
    for _ in range(2 * (MOST_SEEDS - 1) + 1):
        order.append(again(*rows))
        rows.append((order[-1], "running"))
    assert order == ["b"] * (MOST_SEEDS - 1) + ["c"] * (MOST_SEEDS - 1) + ["a"]


def test_what_a_confirmation_told_counts_for_the_next():
    rows = [("a", 30), ("b", 33), ("b", 20)]  # its mean has fallen below that of a
    assert again(*rows) == "a"
    assert again(*rows[:2], ("b", "failed")) == "a"  # disqualified
    assert again(("a", "failed"), ("b", "pruned")) is None


def test_where_all_have_their_seeds_the_best_goes_on():
    rows = [(name, score) for name, score in (("a", 30), ("b", 33)) for _ in range(MOST_SEEDS)]
    assert again(*rows) == "b"


def test_a_confirmation_says_whose_it_is():
    _, origin = next_confirmation(trials_of(("a", 30), ("b", 33), ("b", 32)))
    assert origin == Origin("confirmation", "trial 1 again") and not origin.is_given
