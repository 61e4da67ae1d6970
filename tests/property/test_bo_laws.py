"""Laws of spaces, kernels and the posterior over random conditional spaces."""

from functools import partial

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings

from optiinr_jax.bo import KERNELS, WARPS, Choice, Float, Int, Space, gp
from optiinr_jax.bo.kernels import gram


@st.composite
def spaces(draw):
    """One to seven dimensions as (name, kind, arguments), any of which may hang on earlier choices.

    They are built in the test: inside a strategy the run-time type checks would draw at random.
    """
    dimensions, choices = [], {}
    for i in range(draw(st.integers(1, 7))):
        when = {}
        for parent in draw(
            st.lists(st.sampled_from(sorted(choices) or [""]), max_size=2, unique=True)
        ):
            if parent:
                options = choices[parent]
                when[parent] = tuple(options[: draw(st.integers(1, len(options)))])
        kind, log = draw(st.sampled_from(["float", "int", "choice"])), draw(st.booleans())
        name = f"{kind}{i}"
        if kind == "choice":
            choices[name] = [f"o{j}" for j in range(draw(st.integers(1, 4)))]
            dimensions.append((name, Choice, (choices[name], when or None)))
        elif kind == "int":
            low = draw(st.integers(1, 20))
            high = low + draw(st.integers(1, 50))
            dimensions.append((name, Int, (low, high, log, when or None)))
        else:
            low = draw(st.floats(1e-6, 10))
            high = low * draw(st.floats(1.1, 1e4))
            dimensions.append((name, Float, (low, high, log, when or None)))
    return dimensions


def build(dimensions):
    return Space({name: kind(*arguments) for name, kind, arguments in dimensions})


@pytest.mark.integration
@settings(max_examples=60)
@given(spaces(), st.integers(0, 1000))
def test_decode_inverts_encode(dimensions, seed):
    space = build(dimensions)
    for point in [*space.sample(seed, 3), *space.latin_hypercube(seed, 3)]:
        x = space.encode(point)
        again = space.decode(x)
        assert list(again) == list(point) == list(space.active(point))
        for name, value in point.items():
            assert again[name] == (
                pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
            )
        np.testing.assert_allclose(space.encode(again), x, atol=1e-9)
        assert np.all((x >= 0) & (x <= 1))
    assert Space.from_json(space.to_json()) == space


@settings(max_examples=60)
@given(spaces(), st.integers(0, 1000))
def test_any_vector_decodes_to_a_point(dimensions, seed):
    space = build(dimensions)
    size = space.structure.num_continuous + space.structure.num_onehot
    point = space.decode(np.random.default_rng(seed).random(size))
    assert space.check_point(point) == point


@pytest.mark.integration
@pytest.mark.parametrize("name", KERNELS)
@settings(max_examples=5)
@given(spaces(), st.integers(0, 1000))
def test_kernels_are_positive_semidefinite_on_conditional_spaces(name, dimensions, seed):
    space = build(dimensions)
    mean, sd = KERNELS[name].prior(space.structure)
    rng = np.random.default_rng(seed)
    params = jax.tree.map(
        lambda m, s: np.asarray(m + s * rng.standard_normal(np.shape(m))), mean, sd
    )
    x = np.stack([space.encode(point) for point in space.sample(seed, 15)])
    with jax.enable_x64(True):
        matrix = np.asarray(jax.jit(partial(gram, KERNELS[name].evaluate))(params, x, x))
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9 * matrix[0, 0]


@pytest.mark.integration
@pytest.mark.parametrize("name", ["product", "sum_product", "anova", "low_orders"])
def test_names_and_order_of_categories_and_of_data_change_no_prediction(name):
    """At the prior, every category is like every other; and data has no order."""
    first = Space({"x": Float(0, 1), "c": Choice("abc")})
    renamed = Space({"x": Float(0, 1), "c": Choice("bca")})
    points, y = first.sample(0, 8), np.linspace(-1, 1, 8)
    order = np.array([3, 1, 0, 2, 5, 4])
    row = KERNELS[name]
    with jax.enable_x64(True):
        params = gp.GPParams(row.prior(first.structure).mean, np.asarray(-3.0))
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), params)

        @jax.jit
        def predict(x, y, x_test):
            posterior = gp.condition(row.evaluate, params, x, y, jnp.ones(6, bool))
            return gp.predict(row.evaluate, posterior, x_test)

        answers = []
        for space, rows in ((first, np.arange(6)), (renamed, np.arange(6)), (first, order)):
            x = jnp.asarray(np.stack([space.encode(point) for point in points]))
            answers.append(predict(x[rows], jnp.asarray(y[rows]), x[6:]))
    for other in answers[1:]:
        np.testing.assert_allclose(other, answers[0], rtol=1e-10)


@pytest.mark.parametrize("name", WARPS)
@settings(max_examples=100)
@example([-5e-324])  # half of it is 0
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_warps_are_monotone_and_finite(name, values):
    y = np.array(values)
    z = WARPS[name](y)
    assert np.all(np.isfinite(z))
    assert np.all(np.diff(z[np.argsort(y)]) >= -1e-12)
