"""Every row of ACTIVATIONS: values, gradients, laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.inr import ACTIVATIONS, INITIALIZERS
from optiinr_jax.inr.activations import get_activation

FAMILIES = [name for name, row in ACTIVATIONS.items() if row.searchable]
OFFICIAL = {
    "siren": ("act/sine_w30", {"omega": 30.0}),
    "finer": ("act/finer_w30_detached", {"omega": 30.0}),
    "gauss": ("act/gauss_s10", {"sigma": 10.0}),
    "gf": ("act/gf_s3_w10", {"omega": 10.0, "sigma": 3.0}),
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_values_and_derivatives_of_the_official_code(golden, name):
    key, numbers = OFFICIAL[name]
    with jax.enable_x64(True):
        z = jnp.asarray(golden["act/x"])
        y, slope = jax.vmap(jax.value_and_grad(lambda z: ACTIVATIONS[name](z, **numbers)))(z)
    np.testing.assert_allclose(y, golden[f"{key}/y"], rtol=0, atol=1e-14)
    scale = np.abs(golden[f"{key}/dydx"]).max()
    np.testing.assert_allclose(slope, golden[f"{key}/dydx"], rtol=0, atol=1e-13 * scale)


def test_real_wire_is_the_real_part_of_wire(golden):
    with jax.enable_x64(True):
        z = jnp.asarray(golden["act/x"])
        wire = ACTIVATIONS["wire"]
        y, slope = jax.vmap(jax.value_and_grad(lambda z: wire(z, omega=20.0, sigma=10.0)))(z)
    np.testing.assert_allclose(y, golden["act/wire_w20_s10/y"].real, rtol=0, atol=1e-14)
    np.testing.assert_allclose(slope, golden["act/wire_w20_s10/d_real"], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", FAMILIES)
def test_wave_form_is_the_family(name):
    row = ACTIVATIONS[name]
    z = jnp.linspace(-2.0, 2.0, 101)
    numbers = row.fill({})

    def as_wave(z):
        return ACTIVATIONS["wave"](z, **row.to_wave(numbers))

    value, slope = jax.vmap(jax.value_and_grad(row))(z)
    value_wave, slope_wave = jax.vmap(jax.value_and_grad(as_wave))(z)
    np.testing.assert_allclose(value_wave, value, rtol=0, atol=2e-6)
    np.testing.assert_allclose(slope_wave, slope, rtol=0, atol=2e-6 * np.abs(slope).max())


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dtype_is_kept_and_gradients_are_finite(name, dtype):
    with jax.enable_x64(True):
        z = jnp.asarray([-1e3, -1.0, -1e-30, 0.0, 1e-30, 1.0, 1e3], dtype)
        numbers = {n: np.float64(v) for n, v in ACTIVATIONS[name].fill({}).items()}
        y, slope = jax.vmap(jax.value_and_grad(lambda z: ACTIVATIONS[name](z, **numbers)))(z)
    assert y.dtype == dtype and slope.dtype == dtype
    assert np.isfinite(y).all() and np.isfinite(slope).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_row_is_complete(name):
    row = ACTIVATIONS[name]
    assert row.initializer in INITIALIZERS
    assert set(row.bounds) <= set(row.defaults)
    for number, (low, high) in row.bounds.items():
        assert 0 < low < row.defaults[number] < high
    z = jnp.linspace(-1.0, 1.0, 7)
    plain, jitted = row(z), jax.jit(row)(z)
    np.testing.assert_allclose(jitted, plain, rtol=0, atol=1e-5)
    np.testing.assert_allclose(jax.vmap(row)(z), plain, rtol=0, atol=1e-5)


def test_ties_and_errors():
    assert get_activation("wire").fill({"omega": 30.0}) == {"omega": 30.0, "sigma": 15.0}
    assert get_activation("gf").fill({"omega": 12.0})["sigma"] == 2.5
    assert get_activation("gf").fill({"omega": 12.0, "sigma": 1.0})["sigma"] == 1.0
    with pytest.raises(ValueError, match=r"\['sigma'\].*takes \['omega'\]"):
        get_activation("siren").fill({"sigma": 1.0})
    with pytest.raises(ValueError, match="unknown activation 'relu'; known are siren"):
        get_activation("relu")
    z = jnp.ones(2)  # numbers of other families are ignored in a direct call, misspelt ones are not
    np.testing.assert_array_equal(ACTIVATIONS["siren"](z, sigma=3.0), ACTIVATIONS["siren"](z))
    with pytest.raises(ValueError, match="omgea"):
        ACTIVATIONS["siren"](z, omgea=3.0)
