"""Every row of ACTIVATIONS: values, gradients, laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import pro_ang1

from optiinr_jax.inr import ACTIVATIONS, INITIALIZERS
from optiinr_jax.inr.activations import get_activation

WAVES = [name for name, row in ACTIVATIONS.items() if row.to_wave is not None]
COMPLEX = [name for name, row in ACTIVATIONS.items() if row.is_complex]
REAL = [name for name in ACTIVATIONS if name not in COMPLEX]
A = np.sqrt(0.5)

# golden array -> row and numbers
OFFICIAL = {
    "sine_w30": ("siren", {"omega": 30.0}),
    "finer_w30_detached": ("finer", {"omega": 30.0}),
    "finer_w30_attached": ("finer_attached", {"omega": 30.0}),
    "gauss_s10": ("gauss", {"sigma": 10.0}),
    "gauss_s30": ("gauss", {"sigma": 30.0}),
    "gf_s3_w10": ("gf", {"omega": 10.0, "sigma": 3.0}),
    "wf_iga_real": ("wf", {"omega": 5.0, "omega_wavelet": 4.0, "sigma": 2.0}),
    "kwea_gaussian_a0.1": ("gauss", {"sigma": A / float(np.float32(0.1))}),  # as they hold a
    "kwea_laplacian_a0.5": ("laplacian", {"sigma": 1.0 / 0.5}),
    "kwea_supergauss_a0.5_b2": ("super_gauss", {"sigma": A / 0.5, "power": 2.0}),
    "kwea_quadratic_a2": ("quadratic", {"sigma": 2.0}),
    "kwea_multiquadratic_a2": ("multi_quadratic", {"sigma": 2.0}),
    "kwea_expsin_a3": ("exp_sin", {"omega": 3.0}),
}
WIRE = ("wire_complex", {"omega": 20.0, "sigma": 10.0})
WF = ("wf_complex", {"omega": 5.0, "omega_wavelet": 4.0, "sigma": 2.0})
OFFICIAL_COMPLEX = {"wire_w20_s10": WIRE, "wf_w4_s2_om5": WF}


def close_to_max(got, expected, tolerance):
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def inputs(row, z):
    """The arguments of a row: one array, or another one for its second map."""
    return (z, *(0.5 * z for _ in range(row.num_maps - 1)))


def slopes(function, z):
    """Values and derivatives of a real function, element by element."""
    return jax.jit(lambda z: jax.jvp(function, (z,), (jnp.ones_like(z),)))(z)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("key", OFFICIAL)
def test_values_and_derivatives_of_the_official_code(golden, key, bits):
    name, numbers = OFFICIAL[key]
    with jax.enable_x64(bits == 64):
        y, slope = slopes(lambda z: ACTIVATIONS[name](z, **numbers), jnp.asarray(golden["act/x"]))
    # In float32 the rounding of x alone moves a phase of 30 (1 + |x|) x by 1e-5.
    close_to_max(y, golden[f"act/{key}/y"], 1e-14 if bits == 64 else 2e-5)
    close_to_max(slope, golden[f"act/{key}/dydx"], 1e-13 if bits == 64 else 1e-4)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("key", OFFICIAL_COMPLEX)
def test_complex_rows_of_real_inputs(golden, key, bits):
    name, numbers = OFFICIAL_COMPLEX[key]
    with jax.enable_x64(bits == 64):
        z = jnp.asarray(golden["act/x"])
        y, slope = slopes(lambda z: ACTIVATIONS[name](z, **numbers), z)
    close_to_max(y, golden[f"act/{key}/y"], 1e-12 if bits == 64 else 2e-5)
    close_to_max(slope.real, golden[f"act/{key}/d_real"], 1e-11 if bits == 64 else 1e-4)
    close_to_max(slope.imag, golden[f"act/{key}/d_imag"], 1e-11 if bits == 64 else 1e-4)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("key", OFFICIAL_COMPLEX)
def test_complex_rows_of_complex_inputs(golden, key, bits):
    name, numbers = OFFICIAL_COMPLEX[key]

    def loss(z):
        y = ACTIVATIONS[name](z, **numbers)
        return jnp.sum(0.7 * y.real - 0.4 * y.imag), y

    with jax.enable_x64(bits == 64):
        gradient, y = jax.jit(jax.grad(loss, has_aux=True))(jnp.asarray(golden["act/z"]))
    close_to_max(y, golden[f"actc/{key}/y"], 1e-12 if bits == 64 else 1e-4)
    # torch's gradient is dL/dRe + j dL/dIm, jax's the conjugate of it.
    close_to_max(gradient.conj(), golden[f"actc/{key}/grad_torch"], 1e-11 if bits == 64 else 3e-4)


@pytest.mark.integration
@pytest.mark.parametrize("bits", [32, 64])
def test_real_gabor_of_two_linear_maps(golden, bits):
    prefix = "layer/real_gabor"
    with jax.enable_x64(bits == 64):
        x = jnp.asarray(golden[f"{prefix}/x"])
        z, u = (
            x @ jnp.asarray(golden[f"{prefix}/param/{part}.weight"]).T
            + jnp.asarray(golden[f"{prefix}/param/{part}.bias"])[None, :]
            for part in ("freqs", "scale")
        )
        y = ACTIVATIONS["real_gabor"](z, u, omega=10.0, sigma=10.0)
    close_to_max(y, golden[f"{prefix}/y"], 1e-10 if bits == 64 else 1e-4)


def test_real_wire_is_the_real_part_of_wire(golden):
    with jax.enable_x64(True):
        z = jnp.asarray(golden["act/x"])
        wire = ACTIVATIONS["wire"]
        y, slope = jax.vmap(jax.value_and_grad(lambda z: wire(z, omega=20.0, sigma=10.0)))(z)
    np.testing.assert_allclose(y, golden["act/wire_w20_s10/y"].real, rtol=0, atol=1e-14)
    np.testing.assert_allclose(slope, golden["act/wire_w20_s10/d_real"], rtol=0, atol=1e-11)


def test_wire_of_two_maps_against_its_formula():
    """exp(j w z - s^2 (|z|^2 + |u|^2)), with another u than z."""
    rng = np.random.default_rng(0)
    z, u = rng.normal(size=(2, 40)) * 0.2 + 1j * rng.normal(size=(2, 40)) * 0.2
    expected = np.exp(10j * z - 9.0 * (np.abs(z) ** 2 + np.abs(u) ** 2))
    with jax.enable_x64(True):
        y = ACTIVATIONS["wire2d"](jnp.asarray(z), jnp.asarray(u), omega=10.0, sigma=3.0)
    np.testing.assert_allclose(y, expected, rtol=1e-12)


T = np.linspace(-4.0, 4.0, 401) + 1e-3  # clear of 0 and of the poles


def pulse(name, t, numbers):
    """A row at omega z = pi t: values and derivatives by t, in float64."""
    with jax.enable_x64(True):
        t, numbers = jnp.asarray(t, jnp.float64), {"omega": np.pi} | numbers
        y, slope = slopes(lambda t: ACTIVATIONS[name](t, **numbers), t)
    return np.asarray(y), np.asarray(slope)


def test_sinc_and_its_derivative():
    y, slope = pulse("sinc", T, {})
    np.testing.assert_allclose(y, np.sinc(T), rtol=0, atol=1e-14)
    expected = (np.cos(np.pi * T) - np.sinc(T)) / T
    np.testing.assert_allclose(slope, expected, rtol=0, atol=1e-11)
    near = np.array([-1e-3, -1e-8, 0.0, 1e-30, 1e-4, 3e-3, 4e-3])
    y, slope = pulse("sinc", near, {})
    np.testing.assert_allclose(y, np.sinc(near), rtol=1e-14)
    np.testing.assert_allclose(slope, -(np.pi**2) * near / 3, rtol=1e-4)


@pytest.mark.parametrize("rolloff", [0.05, 0.3, 0.5, 1.0])
def test_raised_cosine_is_the_quotient(rolloff):
    b = rolloff
    t = T[np.abs(np.abs(2 * b * T) - 1) > 1e-2]
    y, slope = pulse("raised_cosine", t, {"rolloff": b})

    def quotient(t):
        return np.sinc(t) * np.cos(np.pi * b * t) / (1 - (2 * b * t) ** 2)

    np.testing.assert_allclose(y, quotient(t), rtol=0, atol=1e-12)
    numeric = (quotient(t + 1e-6) - quotient(t - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=0, atol=1e-6)
    poles = np.array([-1.0, 0.0, 1.0]) / (2 * b)
    y, slope = pulse("raised_cosine", poles, {"rolloff": b})
    limit = np.pi / 4 * np.sinc(1 / (2 * b))
    np.testing.assert_allclose(y, [limit, 1.0, limit], rtol=1e-12, atol=1e-15)
    assert np.isfinite(slope).all() and slope[1] == 0


@pytest.mark.parametrize("rolloff", [0.05, 0.3, 0.5, 1.0])
def test_root_raised_cosine_is_the_quotient(rolloff):
    b = rolloff
    t = T[(np.abs(np.abs(4 * b * T) - 1) > 1e-2) & (np.abs(T) > 1e-2)]
    y, slope = pulse("root_raised_cosine", t, {"rolloff": b})

    def quotient(t):
        above = np.sin(np.pi * t * (1 - b)) + 4 * b * t * np.cos(np.pi * t * (1 + b))
        return above / (np.pi * t * (1 - (4 * b * t) ** 2))

    np.testing.assert_allclose(y, quotient(t), rtol=0, atol=1e-12)
    numeric = (quotient(t + 1e-6) - quotient(t - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=0, atol=1e-6)
    poles = np.array([-1.0, 0.0, 1.0]) / (4 * b)
    y, slope = pulse("root_raised_cosine", poles, {"rolloff": b})
    turn = np.pi / (4 * b)
    limit = b * A * ((1 + 2 / np.pi) * np.sin(turn) + (1 - 2 / np.pi) * np.cos(turn))
    np.testing.assert_allclose(y, [limit, 1 - b + 4 * b / np.pi, limit], rtol=1e-12)
    assert np.isfinite(slope).all() and abs(slope[1]) < 1e-12


@pytest.mark.integration
@pytest.mark.parametrize("bandwidth", [0.5, 1.0, 4.0, 10.0])
def test_prolate_is_scipys_angular_function(bandwidth):
    x = np.linspace(-0.999, 0.999, 81)
    value, slope = pro_ang1(0, 0, bandwidth, x)
    scale = pro_ang1(0, 0, bandwidth, 0.0)[0]
    y, got = pulse("prolate", x, {"omega": 1.0, "bandwidth": bandwidth})
    np.testing.assert_allclose(y, value / scale, rtol=0, atol=1e-8)
    np.testing.assert_allclose(got, slope / scale, rtol=0, atol=1e-7)
    single = ACTIVATIONS["prolate"](jnp.asarray(x, jnp.float32), omega=1.0, bandwidth=bandwidth)
    np.testing.assert_allclose(single, value / scale, rtol=0, atol=1e-5)
    y, _ = pulse("prolate", [20.0, 1e3], {"omega": 1.0, "bandwidth": bandwidth})
    assert np.abs(y).max() <= 1


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("name", WAVES)
def test_wave_form_is_the_family(name, x64):
    row = ACTIVATIONS[name]
    # Half a unit of FINER's largest float32 angle, 180, which one form rounds and the other not.
    atol, atol_slope = (1e-12, 1e-12) if x64 else (2e-6, 1e-5 if name == "finer" else 2e-6)
    with jax.enable_x64(x64):
        z = jnp.linspace(-2.0, 2.0, 101)
        numbers = row.fill({})

        def as_wave(z):
            return ACTIVATIONS["wave"](z, **row.to_wave(numbers))

        value, slope = slopes(row, z)
        value_wave, slope_wave = slopes(as_wave, z)
    np.testing.assert_allclose(value_wave, value, rtol=0, atol=atol)
    np.testing.assert_allclose(slope_wave, slope, rtol=0, atol=atol_slope * np.abs(slope).max())


def test_the_five_families_of_the_paper_are_waves():
    assert WAVES == ["siren", "finer", "gauss", "wire", "gf"]


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_dtype_is_kept_and_gradients_are_finite(name, dtype):
    row = ACTIVATIONS[name]
    with jax.enable_x64(True):
        omega = row.fill({}).get("omega", 1.0)
        poles = np.pi * np.array([1.0, 0.5]) / (omega or 1.0)  # of the pulses at rolloff 1/2
        z = jnp.asarray([-1e3, -1.0, -1e-30, 0.0, 1e-30, 1e-3, *poles, 1.0, 1e3], dtype)
        numbers = {n: np.float64(v) for n, v in row.fill({}).items()}
        y, slope = slopes(lambda z: row(*inputs(row, z), **numbers), z)
    assert y.dtype == dtype and slope.dtype == dtype
    assert np.isfinite(y).all() and np.isfinite(slope).all()


@pytest.mark.integration
@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64, jnp.complex64, jnp.complex128])
def test_complex_rows_keep_their_precision_and_are_finite(name, dtype):
    row = ACTIVATIONS[name]
    with jax.enable_x64(True):
        parts = np.array([-1e3, -2.0, -1e-30, 0.0, 1e-30, 1.0, 3.0, 1e3])
        is_complex = jnp.issubdtype(dtype, jnp.complexfloating)
        pairs = (parts[:, None] + 1j * parts[None, :]).reshape(-1)
        z = jnp.asarray(pairs if is_complex else parts, dtype)
        y, slope = slopes(lambda z: row(*inputs(row, z)), z)
        assert y.dtype == slope.dtype == jnp.result_type(dtype, jnp.complex64)
    assert np.isfinite(y).all() and np.isfinite(slope).all()


@pytest.mark.integration
@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "wave"])
def test_row_is_complete(name):
    row = ACTIVATIONS[name]
    assert row.initializer in INITIALIZERS
    assert set(row.bounds) <= set(row.defaults)
    assert set(row.all_bounds) in (set(), set(row.defaults))
    assert set(row.ties) <= set(row.defaults)
    for bounds in (row.bounds, row.all_bounds):
        for number, (low, high) in bounds.items():
            assert 0 < low < row.defaults[number] < high
    z = jnp.linspace(-1.0, 1.0, 7)
    plain, jitted = row(*inputs(row, z)), jax.jit(row)(*inputs(row, z))
    assert jnp.iscomplexobj(plain) == row.is_complex
    np.testing.assert_allclose(jitted, plain, rtol=0, atol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(row))(*inputs(row, z)), plain, rtol=0, atol=1e-5)


def test_ties_and_errors():
    assert get_activation("wire").fill({"omega": 30.0}) == {"omega": 30.0, "sigma": 15.0}
    assert get_activation("gf").fill({"omega": 12.0})["sigma"] == 2.5
    assert get_activation("gf").fill({"omega": 12.0, "sigma": 1.0})["sigma"] == 1.0
    tied = {"omega": 10.0, "omega_wavelet": 2.0, "sigma": 1.0}
    assert get_activation("wf").fill({"omega": 10.0}) == tied
    with pytest.raises(ValueError, match=r"\['sigma'\].*takes \['omega'\]"):
        get_activation("siren").fill({"sigma": 1.0})
    with pytest.raises(ValueError, match="unknown activation 'tanh'; known are siren"):
        get_activation("tanh")
    z = jnp.ones(2)  # numbers of other families are ignored in a direct call, misspelt ones are not
    np.testing.assert_array_equal(ACTIVATIONS["siren"](z, sigma=3.0), ACTIVATIONS["siren"](z))
    with pytest.raises(ValueError, match="omgea"):
        ACTIVATIONS["siren"](z, omgea=3.0)
