"""The action: closed forms of simple curves, and what each kinetic term does not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from optiinr_jax.trajectories.action import action_of, make_times
from optiinr_jax.trajectories.config import TrajectoryConfig
from optiinr_jax.trajectories.density import FLOOR, Kernels
from optiinr_jax.trajectories.kinetics import KINETICS

TIMES = (np.arange(400) + 0.5) / 400


@jax.jit
def action(config, bend, density=None, end=(3.0, 4.0)):
    times = make_times(jnp.asarray(TIMES), config.num_nodes)
    return action_of(
        jnp.asarray(bend), {}, density, config, times, jnp.zeros(2), jnp.array(end), jnp.zeros(0)
    )


@pytest.mark.parametrize("kinetic", KINETICS)
def test_a_straight_line_costs_half_its_squared_length(kinetic):
    config = TrajectoryConfig(metric="euclidean", kinetic=kinetic)
    assert action(config, np.zeros((15, 2))) == pytest.approx(12.5, rel=1e-5)


def test_only_the_energy_minds_the_pace():
    """A bend along the line changes how fast it is run through, not where it leads."""
    bend = np.zeros((15, 2))
    bend[0] = 0.3, 0.4  # too little to turn back
    found = {k: action(TrajectoryConfig(metric="euclidean", kinetic=k), bend) for k in KINETICS}
    assert found["energy"] > 12.6
    assert found["length"] == pytest.approx(12.5, rel=1e-3)


@pytest.mark.parametrize("is_double", [False, True])
def test_the_potential_is_integrated_along_the_curve(is_double):
    with jax.enable_x64(is_double):
        centre = jnp.array([[1.5, 2.0]])
        density = Kernels(centre, jnp.zeros((1, 0)), jnp.asarray(0.8), jnp.asarray(0.0))
        config = TrajectoryConfig(metric="euclidean", potential=0.5)
        found = action(config, np.zeros((15, 2)), density)
    along = multivariate_normal([1.5, 2.0], 0.8**2).pdf
    expected = 12.5 - 0.5 * quad(lambda s: np.log(along([3 * s, 4 * s]) + FLOOR), 0, 1)[0]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kinetic", KINETICS)
def test_a_curve_that_stands_still_has_a_finite_gradient(kinetic):
    config = TrajectoryConfig(metric="euclidean", kinetic=kinetic)
    grads = jax.grad(action, argnums=1)(config, jnp.zeros((15, 2)), None, (0.0, 0.0))
    assert np.isfinite(grads).all()
