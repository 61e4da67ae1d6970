"""The user's prior leads at first, fades, and never changes the record's own say for good."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from optiinr_jax.bo import Choice, Float, Int, Optimizer, Space
from optiinr_jax.bo.preference import log_density, make_preference, read_guesses

SPACE = Space(
    {
        "family": Choice((None, 2, True)),
        "omega": Float(1.0, 100.0, log=True),
        "depth": Int(1, 8),
        "scale": Float(0.0, 1.0, when={"family": (2,)}),
    }
)
PRIOR = {"family": {None: 1.0, 2: 4.0, True: 1.0}, "omega": (10.0, 0.1), "scale": (0.2, 0.05)}


@pytest.mark.integration
@pytest.mark.parametrize("family", [None, 2])
def test_density_is_that_of_scipy_over_what_is_active(family):
    point = {"family": family, "omega": 20.0, "depth": 3} | ({"scale": 0.3} if family else {})
    u, c = SPACE.split(point)
    with jax.enable_x64(True):
        value = log_density(
            SPACE.structure, make_preference(SPACE, PRIOR), jnp.asarray(u), jnp.asarray(c)
        )
    z = (np.log(20) - np.log(10)) / np.log(100) / 0.1
    expected = stats.norm.logpdf(z) - stats.norm.logpdf(0)
    expected += stats.norm.logpdf(2.0) - stats.norm.logpdf(0) if family else np.log(1 / 4)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_guesses_survive_json():
    read = read_guesses(SPACE, PRIOR)
    assert read_guesses(SPACE, json.loads(json.dumps(read))) == read
    optimizer = Optimizer(SPACE, prior=PRIOR)
    again = Optimizer.from_json(optimizer.to_json())
    assert again.to_json() == optimizer.to_json()


@pytest.mark.integration
def test_it_leads_and_a_wrong_one_is_overcome():
    """The scores are best at x = 0.8; a guess of 0.2 draws the first proposals, not the last."""
    space = Space({"x": Float(0, 1), "of": Choice("a")})
    optimizer = Optimizer(space, num_initial=3, prior={"x": (0.2, 0.2)})
    asked = []
    for _ in range(12):
        point = optimizer.ask()
        asked.append(point["x"])
        optimizer.tell(point, -((point["x"] - 0.8) ** 2))
    free = Optimizer(space, num_initial=3)
    for x in asked[:3]:
        free.ask()
        free.tell({"x": x, "of": "a"}, -((x - 0.8) ** 2))
    assert abs(asked[3] - 0.2) < abs(free.ask()["x"] - 0.2)
    assert abs(optimizer.best_point["x"] - 0.8) < 0.05


@pytest.mark.parametrize(
    "prior",
    [
        {"nothing": (1.0, 0.1)},
        {"omega": 10.0},
        {"omega": (1000.0, 0.1)},
        {"omega": (10.0, 0.0)},
        {"family": {None: 1.0, 2: 1.0}},
        {"family": [1.0, 0.0, 1.0]},
        {"family": {None: 1.0, 2: 1.0, "no": 1.0}},
    ],
)
def test_bad_guesses_are_refused(prior):
    with pytest.raises(ValueError, match="expected, for a name of the space"):
        Optimizer(SPACE, prior=prior)
