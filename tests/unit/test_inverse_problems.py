"""The simulators against closed forms, conserved quantities and differences; the page."""

import json
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.inverse_problems import page, sums
from experiments.inverse_problems import simulators as sim
from experiments.inverse_problems.problems import PROBLEMS, make_targets, observe_all


@pytest.fixture(autouse=True)
def in_double_precision():
    with jax.enable_x64(True):
        yield


def test_minimum_of_gramacy_and_lee():
    x = np.linspace(0.5, 2.5, 20_001)
    values = np.asarray(sim.gramacy_lee(x))
    assert values.min() == pytest.approx(-0.8690, abs=1e-4)
    assert x[values.argmin()] == pytest.approx(0.5486, abs=1e-4)


def test_a_phase_is_combined_from_parts():
    problem, phase, x = PROBLEMS["gramacy_lee"], 0.7, jnp.array([0.3])
    target = jnp.array([np.cos(phase), np.sin(phase)])
    found = problem.true_loss(x, target, 1.0)
    np.testing.assert_allclose(found, sim.gramacy_lee(0.5 + 2.0 * x[0], phase), rtol=1e-12)


CENTRES = np.array([1.0, 4.0])


def cole_hopf(num, nu):
    """Burgers' equation by the heat equation, in the frame that moves with the mean."""
    x, k = 2 * np.pi * np.arange(num) / num, np.fft.fftfreq(num, 1 / num)
    start = np.asarray(sim.burgers_start(jnp.asarray(x), jnp.asarray(CENTRES)))
    mean, modes = start.mean(), np.fft.fft(start - start.mean())
    integral = np.fft.ifft(np.divide(modes, 1j * k, where=k != 0, out=0 * modes)).real
    heat = np.fft.fft(np.exp(-integral / (2 * nu)))
    for time in (0.25, 0.5, 0.75, 1.0):
        phi = heat * np.exp(-nu * k**2 * time - 1j * k * mean * time)
        yield mean - 2 * nu * np.fft.ifft(1j * k * phi).real / np.fft.ifft(phi).real


@pytest.mark.integration
def test_burgers_is_that_of_cole_and_hopf_to_second_order():
    exact = np.stack(list(cole_hopf(256, nu=0.05)))[:, ::4]
    run = jax.jit(partial(sim.burgers, num=128, nu=0.05), static_argnames="dt")
    errors = [np.abs(run(jnp.asarray(CENTRES), dt=dt) - exact).max() for dt in (0.025, 0.0125)]
    assert errors[1] < 5e-3 and 3.0 < errors[0] / errors[1] < 5.0


def test_derivative_of_burgers_flux():
    circle = sim.make_circle(16, 2.0 * np.pi)
    points = np.arange(16) * 2.0 * np.pi / 16
    found = circle.flux(jnp.asarray(np.sin(points) @ circle.to_modes)) @ circle.to_points
    np.testing.assert_allclose(found, np.sin(points) * np.cos(points), atol=1e-12)


@pytest.mark.integration
def test_kuramoto_sivashinsky_without_its_nonlinearity_grows_as_its_waves():
    run = partial(sim.kuramoto_sivashinsky, jnp.array([0.0, 0.0]))
    before, after = (np.fft.rfft(run(time=time)[0])[1:5] for time in (0.25, 1.25))
    k = 2 * np.pi * np.arange(1, 5) / sim.KS_LENGTH
    np.testing.assert_allclose(after / before, np.exp(k**2 - k**4), rtol=1e-10)


@pytest.mark.integration
def test_kuramoto_sivashinsky_is_of_fourth_order_and_keeps_its_mean():
    run = jax.jit(
        partial(sim.kuramoto_sivashinsky, jnp.array([0.5, 1.0]), time=2.0), static_argnames="dt"
    )
    found = [run(dt=dt) for dt in (0.125, 0.0625, 0.03125)]
    coarse, fine = (np.abs(a - b).max() for a, b in pairwise(found))
    assert 11.0 < coarse / fine < 22.0
    assert found[2].mean() == pytest.approx(0.0, abs=1e-12)


def roll(velocity, **options):
    balls = sim.Balls(
        jnp.stack([jnp.zeros(2), jnp.array(sim.OBJECT)]), jnp.stack([velocity, jnp.zeros(2)])
    )
    return sim.roll(balls, **options)


HIT = np.array([1.6, 0.5])


def test_elastic_balls_keep_momentum_and_energy():
    table = sim.Table(restitution=1.0, drag=0.0, has_walls=False)
    found = roll(HIT, table=table)
    assert np.abs(found.v[-1, 1]).max() > 0.1  # it was hit
    np.testing.assert_allclose(found.v.sum(axis=1), np.tile(HIT, (5, 1)), rtol=1e-12)
    np.testing.assert_allclose((found.v**2).sum(axis=(1, 2)), (HIT**2).sum(), rtol=1e-12)


def test_drag_and_a_rebound_in_closed_form():
    """A ball that misses: the way is v (1 - exp(-0.3 t)) / 0.3, and 0.9 of it after the wall."""
    velocity = jnp.array([-1.0, 0.0])
    found = roll(velocity).p[-1, 0]
    way = (1.0 - np.exp(-0.3 * 2.0)) / 0.3
    np.testing.assert_allclose(found, [-0.9 + 0.9 * (way - 0.9), 0.0], atol=1e-12)


@pytest.mark.integration
def test_contacts_are_exact_whatever_the_step():
    coarse, fine = roll(HIT, dt=0.04), roll(HIT, dt=0.01)
    np.testing.assert_allclose(coarse.p, fine.p, atol=1e-10)


@pytest.mark.integration
@pytest.mark.parametrize("name", [name for name in PROBLEMS if name != "gramacy_lee"])
def test_slopes_are_those_of_differences(name):
    problem, h = PROBLEMS[name], 1e-6
    target = make_targets(problem, 1, seed=0)
    x = np.array([0.83, 0.61, 0.4, 0.55])[: problem.num_unknowns]
    loss = partial(problem.true_loss, target=jnp.asarray(target.y[0]), excess=target.excess[0])
    slope = jax.jit(jax.jacfwd(loss))(jnp.asarray(x))
    beside = np.concatenate([x + h * np.eye(len(x)), x - h * np.eye(len(x))])
    observed = observe_all(problem, beside)
    values = ((observed - target.y[0]) ** 2).reshape(len(beside), -1).sum(1) / target.excess[0]
    upper, lower = np.split(values, 2)
    np.testing.assert_allclose(slope, (upper - lower) / (2 * h), rtol=1e-4, atol=1e-6)


@pytest.mark.integration
def test_the_page_is_what_the_results_say():
    text = "\n".join(page.page()) + "\n"
    assert page.PAGE.read_text() == text, "run python -m experiments.inverse_problems.page"


def test_settings_are_chosen_on_other_targets(tmp_path, monkeypatch):
    monkeypatch.setattr(sums, "RESULTS", tmp_path)
    rows = {
        "choosing/proxy/0.05/0.1": {"share": 0.4},
        "choosing/proxy/0.1/0.1": {"share": 0.3},
        "reported/proxy/0.1/0.1": {"share": 0.9},
    }
    (tmp_path / "p.json").write_text(json.dumps(rows))
    assert sums.best_setting("p", "proxy") == ("0.05", 0.1)
    assert sums.best_setting("p", "proxy", 0.1) == ("0.1", 0.1)
