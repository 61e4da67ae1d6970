"""FR: the effective weights, the factor on the basis, what is trained and what is not."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr.lowering import resolve_bounds
from optiinr_jax.inr.model import apply
from optiinr_jax.inr.reparameterization import fourier_basis
from tests.helpers import draw_variables

RECORD = inr.FourierReparameterization(num_low=2, num_high=3, num_phases=4, alpha=0.05)
LAYER = inr.make_layer("siren", omega=30.0, learning_rate=1e-3)
CONFIG = inr.NetworkConfig(layers=(LAYER,) * 3, width=6, reparameterization=RECORD)


def draw(config):
    return draw_variables(config, 0, num_dims=2, num_channels=1)


def test_the_basis_by_hand():
    """Rows: frequencies 1/2, 1, 1, 2, 3, each at phases 0, 90, 180, 270 degrees."""
    basis = np.asarray(fourier_basis(RECORD, 6))
    assert basis.shape == (RECORD.num_rows, 6) == (20, 6)
    z = np.linspace(-2 * np.pi, 2 * np.pi, 6)
    for row, f, phase in [(0, 0.5, 0), (1, 0.5, 90), (4, 1, 0), (11, 1, 270), (18, 3, 180)]:
        expected = 0.05 * np.cos(f * z + np.radians(phase))
        np.testing.assert_allclose(basis[row], expected, rtol=0, atol=1e-7)


@pytest.mark.integration
def test_effective_weights_are_basis_times_parameters():
    variables = draw(CONFIG)
    params, basis = variables["params"], variables["constants"]["fourier_basis"]
    shapes = {name: params[name]["kernel"].shape for name in params}
    assert shapes == {
        "hidden_0": (2, 6),
        "hidden_1": (20, 6),
        "hidden_2": (20, 6),
        "output": (6, 1),
    }
    h = coords = np.random.default_rng(0).uniform(-1, 1, (7, 2)).astype("f4")
    for name in ("hidden_0", "hidden_1", "hidden_2"):
        weights = np.asarray(params[name]["kernel"], np.float64)
        weights = weights if name == "hidden_0" else np.asarray(basis, np.float64).T @ weights
        h = np.sin(30 * (h @ weights + np.asarray(params[name]["bias"])))
    expected = h @ np.asarray(params["output"]["kernel"]) + np.asarray(params["output"]["bias"])
    got = apply(variables, resolve_bounds(CONFIG, 2), coords)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


@pytest.mark.integration
def test_alpha_leaves_the_initial_network_as_it_is():
    coords = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (50, 2)), jnp.float32)
    values = []
    for alpha in (0.001, 0.05, 3.0):
        config = replace(CONFIG, reparameterization=replace(RECORD, alpha=alpha))
        values.append(apply(draw(config), resolve_bounds(config, 2), coords))
    np.testing.assert_allclose(values[1], values[0], rtol=0, atol=2e-5)
    np.testing.assert_allclose(values[2], values[0], rtol=0, atol=2e-5)


@pytest.mark.integration
def test_the_first_layer_and_the_output_are_plain():
    plain = draw(replace(CONFIG, reparameterization=None))["params"]
    ours = draw(CONFIG)["params"]
    for name in ("hidden_0", "output"):
        assert ours[name]["kernel"].shape == plain[name]["kernel"].shape
        assert np.any(ours[name]["bias"])
    assert not np.any(ours["hidden_1"]["bias"]) and not np.any(ours["hidden_2"]["bias"])


@pytest.mark.integration
def test_a_fit_moves_the_mixture_and_not_the_basis(tmp_path):
    signal = oi.sample_signal("image", size=8)
    found = oi.fit(signal, CONFIG, num_steps=60, progress=False)
    assert found.history[-1] < 0.9 * found.history[0]
    basis = found.variables["constants"]["fourier_basis"]
    np.testing.assert_array_equal(basis, fourier_basis(RECORD, 6))
    assert found.num_params == 3 * 6 + 2 * (20 + 1) * 6 + 7 * 3
    again = oi.load_inr(found.save(tmp_path / "a.inr.safetensors"))
    np.testing.assert_array_equal(again.render(), found.render())
    assert again.num_params == found.num_params


@pytest.mark.integration
@pytest.mark.parametrize("activation", ["relu", "siren"])
def test_effective_weights_start_with_the_variance_of_siren(activation):
    record = inr.FourierReparameterization(num_low=8, num_high=8, num_phases=4)
    layers = (inr.make_layer(activation),) * 2
    config = inr.NetworkConfig(layers=layers, width=128, reparameterization=record)
    variables = draw(config)
    omega = 30.0 if activation == "siren" else 1.0
    weights = variables["constants"]["fourier_basis"].T @ variables["params"]["hidden_1"]["kernel"]
    assert float(weights.var()) == pytest.approx(2 / (128 * omega**2), rel=0.15)
