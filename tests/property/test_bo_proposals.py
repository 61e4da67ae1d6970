"""Whatever the history, a proposal is a valid point, and none is repeated while it waits.

A space is a compiled program, so the spaces are few and the histories many. OPTIINR_EXAMPLES=2000
tries that many histories, over all the spaces below and random ones; the suite takes a handful over
the first.
"""

import math
import os

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from optiinr_jax.bo import FAILED, Choice, Float, Int, Optimizer, Space

NUM_EXAMPLES = int(os.environ.get("OPTIINR_EXAMPLES", "10"))
SPACES = [
    Space(
        {
            "act": Choice(["a", "b", None]),
            "omega": Float(1, 100, log=True, when={"act": "a"}),
            "inner": Choice([1, 2], when={"act": ("a", "b")}),
            "sigma": Float(-1, 1, when={"act": "a", "inner": 2}),
            "n": Int(1, 8, log=True),
        }
    ),
    Space({"x": Float(-1e6, 1e6), "n": Int(0, 1)}),
    Space({"c": Choice(range(12)), "d": Choice([True, False], when={"c": (3, 4)})}),
    Space({f"x{i}": Float(1e-5, 1e-1, log=True) for i in range(12)}),
    Space({"only": Choice(["one"]), "x": Float(0, 1, when={"only": "one"})}),
]
NUM_RANDOM_SPACES = 35


def random_space(seed):
    """Two to nine dimensions of any kind, each of which may hang on an earlier choice."""
    rng, dimensions, choices = np.random.default_rng(seed), {}, {}
    for i in range(rng.integers(2, 10)):
        when = None
        if choices and rng.random() < 0.5:
            parent = rng.choice(sorted(choices))
            options = choices[parent]
            when = {parent: tuple(options[: rng.integers(1, len(options) + 1)])}
        kind, name, log = rng.integers(3), f"d{i}", bool(rng.integers(2))
        low = int(rng.integers(1, 20))
        if kind == 0:
            choices[name] = [f"o{j}" for j in range(rng.integers(1, 6))]
            dimensions[name] = Choice(choices[name], when=when)
        elif kind == 1:
            dimensions[name] = Int(low, low + int(rng.integers(1, 50)), log=log, when=when)
        else:
            dimensions[name] = Float(low / 7, low * 10 ** rng.uniform(0, 4), log=log, when=when)
    return Space(dimensions)


def is_large(space):
    """Whether it has many more points than a history."""
    return len({repr(point) for point in space.sample(0, 200)}) > 100


SCORES = st.one_of(
    st.floats(-100, 100),
    st.sampled_from([FAILED, math.inf, -math.inf, 0.0, 7.0, 1e12, -1e12, 1e300, 5e-324]),
)


IS_LONG = NUM_EXAMPLES > 100
TRIED = [*SPACES, *map(random_space, range(NUM_RANDOM_SPACES))] if IS_LONG else SPACES[:1]


@pytest.mark.integration
@pytest.mark.parametrize("space", TRIED)
@settings(
    max_examples=NUM_EXAMPLES // len(TRIED),
    suppress_health_check=list(HealthCheck),
)
@given(
    scores=st.lists(SCORES, max_size=40),
    num_points=st.integers(1, 40),  # fewer than scores: points come back with other scores
    num_asked=st.integers(1, 3),
    seed=st.integers(0, 5),
    is_one_category=st.booleans(),
)
def test_any_history_gives_valid_new_proposals(
    space, scores, num_points, num_asked, seed, is_one_category
):
    known = space.sample(seed, num_points)
    if is_one_category:  # all other levels were never seen
        first = next((n for n, d in space.dimensions.items() if isinstance(d, Choice)), None)
        known = [p for p in known if first is None or p[first] == known[0][first]]
    optimizer = Optimizer(space, num_initial=1 + seed, seed=seed)
    for i, score in enumerate(scores):
        optimizer.tell(known[i % len(known)], score)
    asked = optimizer.ask(num_asked)
    for point in asked:
        assert space.check_point(point) == point
    if is_large(space):  # others can run out of points
        assert len({repr(point) for point in asked}) == num_asked
        told = {repr(trial.point) for trial in optimizer.state.trials}
        is_guided = len(scores) > seed
        assert not is_guided or not told & {repr(point) for point in asked}
