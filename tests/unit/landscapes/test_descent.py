"""Minimisation against SciPy, closed forms and itself one start at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from optiinr_jax.landscapes import minimise, two_stage

STARTS = np.random.default_rng(0).uniform(size=(9, 2))


def valley(x):
    """Rosenbrock's, its minimum at (0.6, 0.6)."""
    u = 2.5 * x - 0.5
    return (1.0 - u[0]) ** 2 + 100.0 * (u[1] - u[0] ** 2) ** 2


def bowl(x, centre):
    return jnp.sum(jnp.array([1.0, 30.0]) * (x - centre) ** 2)


def kink(x):
    return 3.0 * jnp.abs(x[0] - 0.3) + jnp.abs(x[1] - x[0])


def scaled(x, factor):
    return factor * jnp.sum((x - 0.4) ** 2)


@pytest.mark.integration
def test_the_valley_of_rosenbrock():
    found = minimise(valley, STARTS)
    np.testing.assert_allclose(found.x, 0.6, atol=1e-5)
    assert found.is_converged.all()
    both = jax.jit(jax.value_and_grad(valley))
    with jax.enable_x64(True):
        theirs = [minimize(both, s, jac=True, method="BFGS").nfev for s in STARTS]
    assert found.num_evals.mean() < 1.5 * np.mean(theirs)


@pytest.mark.integration
@pytest.mark.parametrize("mode", ["forward", "reverse"])
@pytest.mark.parametrize("method", ["bfgs", "gradient descent"])
def test_every_start_has_its_own_arguments(method, mode):
    centres = np.random.default_rng(1).uniform(0.1, 0.9, size=(9, 2))
    found = minimise(bowl, STARTS, centres, method=method, mode=mode)
    np.testing.assert_allclose(found.x, centres, atol=1e-5)
    assert found.value.dtype == np.float64
    assert not jax.config.jax_enable_x64
    third = minimise(bowl, STARTS[2:3], centres[2:3], method=method, mode=mode)
    np.testing.assert_allclose(third.x[0], found.x[2], atol=1e-12)
    assert third.num_evals[0] == found.num_evals[2]


@pytest.mark.integration
def test_kinks_are_no_obstacle():
    found = minimise(kink, STARTS)
    np.testing.assert_allclose(found.x, 0.3, atol=1e-4)


@pytest.mark.integration
def test_a_minimum_outside_ends_at_the_border():
    found = minimise(bowl, STARTS, np.tile([[1.5, 0.5]], (9, 1)))
    np.testing.assert_allclose(found.x, [[1.0, 0.5]] * 9, atol=1e-3)


@pytest.mark.integration
@pytest.mark.parametrize("first_step", [0.1, 0.2])
def test_the_first_step_has_its_length_whatever_the_loss_is_scaled_by(first_step):
    """On a bowl the first step is taken whole: the point after it is the second one seen."""
    start = np.array([[0.9, 0.4]])
    for factor in (1e-3, 1e3):
        found = minimise(
            scaled, start, np.array([factor]), first_step=first_step, max_evals=2, tolerance=0.0
        )
        assert found.x[0] == pytest.approx([0.9 - first_step, 0.4])


def test_nobody_goes_where_there_is_no_number():
    def pit(x):
        return jnp.where(x[0] < 0.5, jnp.nan, 1.0) * (1.0 + x[0])

    found = minimise(pit, np.array([[0.9]]))
    assert 0.5 <= found.x[0, 0] < 0.502 and np.isfinite(found.value).all()


@pytest.mark.integration
def test_budget_is_kept():
    found = minimise(valley, STARTS, max_evals=7)
    assert found.num_evals.max() == 7 and not found.is_converged.any()


def test_starts_outside_are_said():
    with pytest.raises(ValueError, match=r"starts lie in \[0.2, 3\]; scale them"):
        minimise(valley, np.array([[0.2, 3.0]]))


def waves(x, centre):
    return bowl(x, centre) + 0.3 * jnp.sum(1.0 - jnp.cos(40.0 * (x - centre)))


@pytest.mark.integration
def test_two_stages_find_what_one_does_not():
    centres = np.tile([[0.35, 0.62]], (9, 1))
    centres[4:] = [0.7, 0.2]
    found = two_stage(bowl, (centres,), waves, (centres,), STARTS)
    np.testing.assert_allclose(found.second.x, centres, atol=1e-6)
    alone = minimise(waves, STARTS, centres)
    assert np.mean(np.max(np.abs(alone.x - centres), axis=1) < 1e-3) < 0.5
    apart = minimise(waves, found.first.x, centres)
    np.testing.assert_allclose(found.second.x, apart.x, atol=1e-7)
