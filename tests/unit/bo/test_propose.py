"""Bricks of the maximiser, on a score whose maximum is known; and the parameter fit."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.bo import Choice, Float, Space, engine
from optiinr_jax.bo.hyperparameters import fit, loss_and_grad, to_params
from optiinr_jax.bo.propose import make_candidates, make_donor, make_draws, mutate, refine
from optiinr_jax.bo.structure import INACTIVE, embed

SPACE = Space(
    {
        "act": Choice("abc"),
        "omega": Float(0, 1, when={"act": "a"}),
        "sigma": Float(0, 1, when={"act": "b"}),
        "rate": Float(0, 1),
    }
)


def make_data(points, y):
    return engine.pad_data([SPACE.split(p) for p in points], np.asarray(y, float), [])


DATA = make_data(
    [
        {"act": "a", "omega": 0.1, "rate": 0.3},
        {"act": "a", "omega": 0.9, "rate": 0.3},
        {"act": "c", "rate": 0.8},
    ],
    [1.0, 2.0, 3.0],
)


@pytest.mark.integration
def test_donor_is_the_best_value_where_active():
    with jax.enable_x64(True):
        donor = make_donor(SPACE.structure, DATA)
    np.testing.assert_allclose(donor, [0.9, INACTIVE, 0.8], rtol=1e-6)


@pytest.mark.integration
def test_refine_finds_the_maximum_across_choices_and_does_not_move_what_is_inactive():
    target = jnp.array([0.62, 0.5, 0.21, 1, 0, 0])  # act a

    def score(u, c):
        return -jnp.sum(jnp.square(embed(SPACE.structure, u, c) - target))

    donor = jnp.array([0.7, 0.5, 0.5])
    climb = jax.jit(partial(refine, SPACE.structure, score, donor))
    u, c, value = climb(jnp.array([0.5, 0.123, 0.4]), jnp.array([2], jnp.int32))
    assert c[0] == 0 and value > -1e-3
    np.testing.assert_allclose(u[jnp.array([0, 2])], [0.62, 0.21], atol=0.02)
    assert u[1] == np.float32(0.123)


@pytest.mark.integration
def test_candidates_are_valid_varied_and_contain_the_best():
    donor = make_donor(SPACE.structure, DATA)
    draw = jax.jit(partial(make_candidates, structure=SPACE.structure))
    u, c = draw(make_draws(0, SPACE.structure), data=DATA, donor=donor)
    assert u.shape == (1024, 3) and np.all((u >= 0) & (u <= 1))
    assert set(np.unique(c)) == {0, 1, 2}
    np.testing.assert_allclose(u[0], DATA.u[2])
    near = np.abs(np.asarray(u[:, 2]) - 0.8)
    scales = [np.sum((near > 0) & (near < 10.0**-k)) for k in (1, 2, 3)]
    assert scales[0] > 150 and scales[1] > 40 and scales[2] > 2  # many scales around the best


def test_a_mutation_that_brings_a_number_to_life_starts_from_its_donor():
    donor = jnp.array([0.9, 0.5, 0.8])
    draws = make_draws(0, SPACE.structure)
    start = jnp.array([0.0, 0.5, 0.8]), jnp.array([2], jnp.int32)
    one = lambda decisions, step: mutate(SPACE.structure, donor, decisions, step, *start)  # noqa: E731
    u, c = jax.jit(jax.vmap(one))(draws.mutation[:, :-1], draws.step)
    omega = np.asarray(u[:, 0])[np.asarray(c[:, 0]) == 0]
    assert len(omega) > 5 and np.median(omega) > 0.8


@pytest.mark.integration
def test_fit_learns_which_dimension_matters_and_no_data_gives_the_prior():
    rows = {"kernel": "sum_product", "structure": SPACE.structure}
    with jax.enable_x64(True):
        points = [p for p in SPACE.sample(0, 30) if p["act"] != "a"]
        data = make_data(points, [np.sin(12 * p["rate"]) for p in points])
        z, _ = fit(data, **rows)
        nothing, _ = fit(data._replace(observed=data.observed & False), **rows)
        params = to_params(z=z, **rows)
        loss, grad = loss_and_grad(z, data, **rows)
        others = [
            loss_and_grad(z + np.random.default_rng(i).normal(0, 0.1, len(z)), data, **rows)[0]
            for i in range(5)
        ]
    scale = np.asarray(params.kernel.log_lengthscale)
    assert scale[2] < scale[1] - 0.3
    assert np.exp(params.log_noise) < 0.02
    np.testing.assert_allclose(nothing, 0.0, atol=1e-6)
    assert np.linalg.norm(grad) < 0.1 and min(map(float, others)) > float(loss)


@pytest.mark.integration
def test_hopeless_data_give_the_median_and_not_an_error():
    rows = {"kernel": "sum_product", "structure": SPACE.structure}
    with jax.enable_x64(True):
        data = DATA._replace(y=np.where(DATA.observed, np.nan, 0.0))
        np.testing.assert_array_equal(fit(data, **rows)[0], 0.0)
