"""Networks, gradients, traces and initialisers against the official PyTorch code."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from optiinr_jax import inr
from optiinr_jax.inr.config import resolve_bounds
from optiinr_jax.inr.model import apply, init_variables
from optiinr_jax.inr.optimizer import make_optimizer
from optiinr_jax.inr.training import mse_loss

# golden net -> layer of ours, and the names of its output layer's arrays in torch
NETS = {
    "siren": ("siren", {"omega": 30.0}, "net.4"),
    "siren_audio": ("siren", {"omega": 30.0}, "net.4"),
    "finer": ("finer", {"omega": 30.0}, "net.4"),
    "finer_audio": ("finer", {"omega": 30.0}, "net.4"),
    "gauss_finer_harness": ("gauss", {"sigma": 30.0}, "net.4"),
    "gf": ("gf", {"omega": 10.0, "sigma": 3.0}, "net.4.linear"),
}
WAVE = [False, True]


def make_config(net, learning_rate, weight_decay, wave):
    activation, numbers, _ = NETS[net]
    layer = inr.make_layer(activation, learning_rate=learning_rate, **numbers)
    config = inr.NetworkConfig(layers=(layer,) * 4, width=32, weight_decay=weight_decay)
    return inr.as_wave(config, 2) if wave else resolve_bounds(config, 2)


def read_params(golden, net, group, dtype):
    """Torch arrays as our tree: weights transposed, (in, out)."""
    prefix = f"{net}/{group}/"
    params = {}
    for name, array in golden.arrays.items():
        if not name.startswith(prefix):
            continue
        layer, kind = name.removeprefix(prefix).rsplit(".", 1)
        ours = "output" if layer.startswith("net.4") else f"hidden_{layer.split('.')[1]}"
        leaf = array.T if kind == "weight" else array
        key = "kernel" if kind == "weight" else "bias"
        params.setdefault(ours, {})[key] = jnp.asarray(leaf, dtype)
    return params


def read_data(golden, net, dtype):
    method = golden.index["methods"][net]
    return jnp.asarray(golden[method["coords"]], dtype), jnp.asarray(
        golden[method["target"]], dtype
    )


def assert_close_to_max(got, expected, tolerance):
    expected = np.asarray(expected)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.asarray(got), expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("wave", WAVE)
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("bits", [32, 64])
def test_outputs_and_gradients(golden, net, bits, wave):
    # Tolerances of the golden figures: 1e-10 in float64; float32 rounding grows with |coords|.
    is_audio = net == "finer_audio"
    out_tol, grad_tol = (1e-10, 1e-10) if bits == 64 else (5e-3, 5e-2) if is_audio else (1e-4, 3e-4)
    dtype = jnp.float64 if bits == 64 else jnp.float32
    with jax.enable_x64(bits == 64):
        params = read_params(golden, net, "param", dtype)
        coords, targets = read_data(golden, net, dtype)
        config = make_config(net, 1e-4, 0.0, wave)
        out = apply({"params": params, "constants": {}}, coords, config)
        grads = jax.grad(mse_loss)(params, coords, targets, config)
        assert out.dtype == dtype
        expected = golden[f"{net}/out_f{bits}"]
        np.testing.assert_allclose(out, expected, rtol=0, atol=out_tol)
        expected_grads = read_params(golden, net, f"grad_f{bits}", dtype)
        jax.tree.map(lambda g, e: assert_close_to_max(g, e, grad_tol), grads, expected_grads)


TRACES = {"adam_official_lr": 0.0, "adamw_1e-4": 0.01}


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("net", NETS)
def test_traces_of_fifty_steps(golden, net, trace):
    """All of it where the figures say it is not chaotic, else the first five losses."""
    rate = golden.index["methods"][net]["official_lr"] if "official" in trace else 1e-4
    with jax.enable_x64(True):
        params = read_params(golden, net, "param", jnp.float64)
        coords, targets = read_data(golden, net, jnp.float64)
        config = make_config(net, rate, TRACES[trace], wave=False)
        optimizer = make_optimizer(config, 50)

        def step(carry, _):
            params, state = carry
            loss, grads = jax.value_and_grad(mse_loss)(params, coords, targets, config)
            updates, state = optimizer.update(grads, state, params)
            return (optax.apply_updates(params, updates), state), loss

        carry = (params, optimizer.init(params))
        (params, _), losses = jax.jit(lambda c: jax.lax.scan(step, c, length=50))(carry)
        last = mse_loss(params, coords, targets, config)
    expected = golden[f"{net}/trace_{trace}_f64"]
    agreed = golden.index["jax_f64_vs_torch_f64_traces"][f"{net}/{trace}"]["steps_within_1e_6"]
    count = 51 if agreed == 51 else 5
    got = np.append(losses, last)[:count]
    np.testing.assert_allclose(got, expected[:count], rtol=2e-6)


@pytest.mark.parametrize(
    ("family", "stats"),
    [
        ("siren", "siren_2d_4x256"),
        ("finer", "finer_4x256_fbsNone"),
        ("gauss", "gauss_4x256"),
        ("gf", "gf_4x256"),
    ],
)
def test_initial_bounds(golden, family, stats):
    """Every weight and bias is uniform up to the official bound, measured over thousands."""
    expected = golden.index["init_stats"][stats]
    config = inr.preset(family, width=256)
    draws = [
        init_variables(jax.random.key(i), config, num_dims=2, num_channels=3)["params"]
        for i in range(12)
    ]
    for name, row in expected.items():
        parts = name.split(".")
        ours = "output" if parts[1] == "4" else f"hidden_{parts[1]}"
        kind = "kernel" if parts[-1] == "weight" else "bias"
        got = np.concatenate([np.ravel(params[ours][kind]) for params in draws])
        high = max(row["max"], -row["min"])
        few = 3 / np.sqrt(row["n_values"])  # the sampling error of their figures
        assert np.abs(got).max() == pytest.approx(high, rel=2e-2 + few**2), name  # near the bound
        assert got.std() == pytest.approx(row["std"], rel=2e-2 + few), name
        assert abs(got.mean()) < 5 * row["std"] / np.sqrt(got.size), name


def test_fourier_features(golden):
    with jax.enable_x64(True):
        basis = jnp.asarray(golden["pe/fourier_P"])  # already scaled by sigma
        got = inr.fourier_features(jnp.asarray(golden["pe/x2"]), basis, jnp.float64(1.0))
    np.testing.assert_allclose(got, golden["pe/fourier_out"], rtol=0, atol=1e-12)
