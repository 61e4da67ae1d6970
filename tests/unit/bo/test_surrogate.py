"""The model of the scores, asked by people: expectations, their units, and what matters."""

import jax
import numpy as np
import pytest

from optiinr_jax import bo
from optiinr_jax.bo import hyperparameters
from optiinr_jax.bo.surrogate import MAX_POINTS, fit_surrogate

SPACE = bo.Space(
    {
        "kind": bo.Choice(["a", "b"]),
        "x": bo.Float(0.0, 1.0),
        "rate": bo.Float(1e-4, 1.0, log=True),
        "only_b": bo.Float(0.0, 1.0, when={"kind": "b"}),
    }
)


def score(point):
    return 10.0 + 4.0 * point["x"] - 2.0 * (point["kind"] == "b")


@pytest.fixture(scope="module")
def points():
    return SPACE.sample(0, 40)


@pytest.fixture(scope="module")
def surrogate(points):
    return fit_surrogate(SPACE, points, [score(point) for point in points])


@pytest.mark.integration
def test_it_expects_what_it_has_seen_and_follows_the_formula(surrogate, points):
    new = SPACE.sample(1, 50)
    for asked in (points, new):
        mean, sd = surrogate.predict(asked)
        expected = np.array([score(point) for point in asked])
        better = expected > np.quantile(surrogate.scores, 0.7)  # the worse half is warped by ranks
        np.testing.assert_allclose(surrogate.to_scores(mean)[better], expected[better], atol=0.2)
        assert mean.shape == sd.shape == (len(asked),) and np.all(sd > 0)
    assert surrogate.predict(new)[1].mean() > surrogate.predict(points)[1].mean()
    assert not jax.config.jax_enable_x64


@pytest.mark.integration
def test_points_are_asked_independently(surrogate):
    new = SPACE.sample(2, 5)
    together = surrogate.predict(new)
    for i, point in enumerate(new):
        alone = surrogate.predict([point])
        np.testing.assert_allclose(np.ravel(alone), [part[i] for part in together], rtol=1e-6)


@pytest.mark.integration
def test_scores_come_back_from_the_models_units(surrogate):
    np.testing.assert_allclose(surrogate.to_scores(surrogate.warped), surrogate.scores)
    best = surrogate.warped.max()
    beyond = surrogate.to_scores(best + np.array([0.0, 0.5, 1.0]))
    assert beyond[0] == pytest.approx(surrogate.scores.max())
    assert beyond[1] - beyond[0] == pytest.approx(beyond[2] - beyond[1]) and beyond[1] > beyond[0]


@pytest.mark.integration
def test_what_matters_is_what_the_formula_has(surrogate):
    """Variances 16/12 of x and 4/4 of kind: 57 % and 43 %, and nothing else."""
    parts = {row.name: row for row in surrogate.importances()}
    assert list(parts)[:2] == ["x", "kind"] and set(parts) == set(SPACE.dimensions)
    assert parts["x"].median == pytest.approx(0.57, abs=0.12)
    assert parts["kind"].median == pytest.approx(0.43, abs=0.12)
    assert parts["rate"].median < 0.05 and parts["only_b"].median < 0.05
    assert all(row.low <= row.median <= row.high for row in parts.values())


@pytest.mark.parametrize("scores", [[], [1.0], [1.0, 2.0, 3.0], [1.0, bo.FAILED]])
def test_a_finite_score_of_each_point_is_asked_for(scores):
    with pytest.raises(ValueError, match=r"got 2 points and .* expected a finite score of each"):
        fit_surrogate(SPACE, SPACE.sample(0, 2), scores)


def test_what_is_no_point_or_too_much_is_refused():
    with pytest.raises(ValueError, match="got 0 points"):
        fit_surrogate(SPACE, [], [])
    with pytest.raises(ValueError, match=r"point\['x'\] is 2"):
        fit_surrogate(SPACE, [{"kind": "a", "x": 2.0, "rate": 0.1}], [1.0])
    many = SPACE.sample(0, 1) * (MAX_POINTS + 1)
    with pytest.raises(ValueError, match=f"expected at most {MAX_POINTS}"):
        fit_surrogate(SPACE, many, [0.0] * len(many))


@pytest.mark.integration
def test_a_part_of_many_trials_tells_the_parameters_as_well(monkeypatch):
    """The rest is conditioned on all the same: every trial is known, also those left out."""
    points, new = SPACE.sample(3, 300), SPACE.sample(4, 300)
    rng = np.random.default_rng(0)
    scores = [np.sin(9.0 * p["x"]) + score(p) + 0.05 * rng.normal() for p in points]
    truth = np.array([np.sin(9.0 * p["x"]) + score(p) for p in new])
    whole = fit_surrogate(SPACE, points, scores)
    monkeypatch.setattr(hyperparameters, "MAX_FITTED", 128)
    part = fit_surrogate(SPACE, points, scores)
    assert np.any(part.z != whole.z) and part.data.observed.sum() == 300
    errors = [
        np.sqrt(np.mean((np.interp(truth, *sorted_pair(s)) - s.predict(new)[0]) ** 2))
        for s in (whole, part)
    ]
    assert errors[1] < 1.5 * errors[0] and errors[0] < 0.1
    reversed_order = fit_surrogate(SPACE, points[::-1], scores[::-1])
    np.testing.assert_allclose(reversed_order.predict(new)[0], part.predict(new)[0], atol=1e-3)


def sorted_pair(surrogate):
    order = np.argsort(surrogate.scores)
    return surrogate.scores[order], surrogate.warped[order]
