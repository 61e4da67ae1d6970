"""Transport: the inner minimiser, and learned maps beside the ones that theory gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import trajectories
from optiinr_jax.trajectories.anchors import draw_pairs, make_problem, scale_of
from optiinr_jax.trajectories.transport import minimise

PLAIN = {"metric": "euclidean", "has_potential": False, "progress": False}
SHIFT = np.array([2.0, -1.0])
SMALL = {"width": 32, "path_width": 16, "num_path_steps": 1, "num_times": 4}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_minimise_finds_the_lowest_point_of_a_box(dtype):
    with jax.enable_x64(dtype is np.float64):
        centre, one = jnp.array([0.3, 5.0], dtype), jnp.ones(2, dtype)
        find = jax.jit(
            lambda start: minimise(
                lambda y: jnp.sum(jnp.array([1.0, 0.1], dtype) * (y - centre) ** 2),
                start,
                -one,
                one,
                0.2,
                40,
            )
        )
        found, value = find(jnp.zeros(2, dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, [0.3, 1.0], atol=0.02)
    np.testing.assert_allclose(value, 0.1 * 4.0**2, atol=0.01)


def test_minimise_never_ends_above_its_start():
    find = jax.jit(
        lambda start: minimise(lambda y: jnp.sum(y**2), start, -jnp.ones(2), jnp.ones(2), 5.0, 3)
    )
    np.testing.assert_allclose(find(jnp.zeros(2))[0], 0.0)


@pytest.fixture(scope="module")
def learned():
    """Two data sets whose transport is known, side by side: outputs and surrogates."""
    rng = np.random.default_rng(0)
    on_a_line = [rng.normal(size=(400, 1)), rng.gamma(3.0, size=(400, 1))]
    on_a_line = [np.concatenate([y, np.zeros_like(y)], axis=1) for y in on_a_line]
    normal = rng.normal(size=(400, 2)) @ [[1.0, 0.3], [0.0, 0.5]]
    normals = [normal, rng.permutation(normal) + SHIFT]
    anchors = [trajectories.make_anchors([0, 1], pair) for pair in (on_a_line, normals)]
    found = trajectories.fit_many(anchors, num_steps=800, **SMALL, **PLAIN)
    return list(zip((on_a_line, normals), found, strict=True))


@pytest.mark.integration
def test_in_one_dimension_the_map_sorts(learned):
    (y0, y1), surrogate = learned[0]
    order = np.argsort(y0[:, 0])
    found, expected = surrogate.sample(1.0)[order], np.sort(y1[:, 0])
    inner = slice(20, -20)  # the tails are a few outputs
    error = np.abs(found[:, 0] - expected)[inner].mean()
    assert error < 0.02 * np.ptp(expected)
    np.testing.assert_allclose(found[inner, 1], 0.0, atol=0.2)
    halfway = surrogate.sample(0.5)[order]  # on straight lines
    np.testing.assert_allclose(halfway[:, 0], (np.sort(y0[:, 0]) + found[:, 0]) / 2, atol=0.1)


@pytest.mark.integration
def test_between_two_gaussians_of_one_covariance_the_map_is_the_translation(learned):
    (y0, _), surrogate = learned[1]
    error = surrogate.sample(1.0) - y0 - SHIFT
    assert np.sqrt(np.mean(error**2)) < 0.12  # standard deviations are 1 and 0.6


def problem_of(conditions):
    rng = np.random.default_rng(2)
    outputs = [rng.normal(size=(len(x), 2)) + 10 * k for k, x in enumerate(conditions)]
    anchors = trajectories.make_anchors([0, 1], outputs, conditions)
    config = trajectories.TrajectoryConfig(has_potential=False)
    return make_problem(anchors, scale_of(anchors), config, 0)


@pytest.mark.integration
@pytest.mark.parametrize(
    "conditions",
    [
        (np.array([2, 0, 2, 5]), np.array([5, 5, 2, 0, 0, 0])),
        (np.array([[0.0], [1.0], [3.0]]), np.array([[3.0], [0.0], [1.0]])),
    ],
    ids=["classes", "shared numbers"],
)
def test_mass_moves_within_one_condition(conditions):
    problem = problem_of(conditions)
    pairs = jax.jit(draw_pairs, static_argnums=3)(jax.random.key(0), problem, 0, 400)
    np.testing.assert_array_equal(pairs.start_condition, pairs.end_condition)
    for k, (rows, x) in enumerate(((pairs.start, conditions[0]), (pairs.end, conditions[1]))):
        assert len(np.unique(rows, axis=0)) == len(x), f"rows of anchor {k} that are never drawn"
