"""Networks, gradients, traces and initialisers against the official PyTorch code."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from optiinr_jax import inr
from optiinr_jax.inr.batches import list_points
from optiinr_jax.inr.encodings import nerf_features, nyquist_frequencies
from optiinr_jax.inr.gradient_adjustment import group_kernel, group_points, leveling
from optiinr_jax.inr.lowering import resolve_bounds
from optiinr_jax.inr.model import apply_features, forward, init
from optiinr_jax.inr.optimizer import make_optimizer
from optiinr_jax.inr.reparameterization import fourier_basis
from optiinr_jax.inr.training import loss_and_grads
from optiinr_jax.signals import grid_coords
from tests.helpers import draw_variables


def network(activation, depth=4, width=32, numbers=None, **fields):
    layer = inr.make_layer(activation, **(numbers or {}))
    return inr.NetworkConfig(layers=(layer,) * depth, width=width, **fields)


SINE = {"omega": 30.0}
KWEA = {"sigma": 1.0 / (float(np.float32(0.1)) * np.sqrt(2.0))}
WF = {"omega": 5.0, "omega_wavelet": 4.0, "sigma": 2.0}
FR = inr.FourierReparameterization(num_low=4, num_high=4, num_phases=4, alpha=0.01)
NERF = inr.NerfFrequencies(num_frequencies=6, with_pi=False)

# golden net -> our network
NETS = {
    "siren": network("siren", numbers=SINE),
    "siren_audio": network("siren", numbers=SINE),
    "finer": network("finer", numbers=SINE),
    "finer_scale_req_grad": network("finer_attached", numbers=SINE),
    "finer_audio": network("finer", numbers=SINE),
    "gauss_finer_harness": network("gauss", numbers={"sigma": 30.0}),
    "gf": network("gf", numbers={"omega": 10.0, "sigma": 3.0}),
    "wf": network("wf_complex", width=22, numbers=WF),
    "wf_iga_real": network("wf", depth=3, width=22, numbers=WF),
    "wire_repo": network("wire_complex", 3, 22, {"omega": 20.0, "sigma": 30.0}),
    "wire_finer_harness": network("wire_complex", 4, 22, {"omega": 20.0, "sigma": 10.0}),
    "wire2d_repo": network("wire2d", 3, 16, {"omega": 10.0, "sigma": 10.0}),
    "fr_sin": network("siren", numbers=SINE, reparameterization=FR),
    "kwea_gaussian": network("gauss", depth=3, numbers=KWEA, output_activation="sigmoid"),
    "pemlp": network("relu", encoding=NERF),
}
WAVE = [name for name in NETS if name.startswith(("siren", "finer", "gauss", "gf", "kwea"))]
WAVE.remove("finer_scale_req_grad")
CASES = [(name, False) for name in NETS] + [(name, True) for name in WAVE]


def lower(name, num_dims, wave):
    return (inr.as_wave if wave else resolve_bounds)(NETS[name], num_dims)


def our_leaf(array):
    """A torch array as ours: weights (in, out), complex numbers as pairs, biases flat."""
    array = np.asarray(array)
    array = array.reshape(-1) if array.shape[-1] == 1 and array.ndim == 2 else array
    array = array.T if array.ndim == 2 else array
    return np.stack([array.real, array.imag]) if np.iscomplexobj(array) else array


def read_params(golden, name, group, dtype):
    """Torch arrays as our tree; constants of the official modules (omega_0, a, bases) left out."""
    prefix = f"{name}/{group}/"
    depth = NETS[name].depth if name in NETS else 3
    params = {}
    for key, array in golden.arrays.items():
        parts = key.removeprefix(prefix).split(".")
        if not key.startswith(prefix) or parts[-1] not in ("weight", "bias", "lamb"):
            continue
        i = int(parts[1]) // (2 if name in ("pemlp", "kwea_gaussian") else 1)  # they count ReLU
        layer = "output" if i == depth else f"hidden_{i}"
        layer += "_orthogonal" if parts[2] == "scale_orth" else ""
        is_first_map = array.ndim == 2 and parts[-1] == "weight" and array.shape[1] == 1
        leaf = array.T if is_first_map else our_leaf(array)  # (32, 1) is a weight, not a bias
        key = "bias" if parts[-1] == "bias" else "kernel"
        params.setdefault(layer, {})[key] = jnp.asarray(leaf, dtype)
    return params


def read_case(golden, name, dtype):
    method = golden.index["methods"][name]
    coords = jnp.asarray(golden[method["coords"]], dtype)
    targets = jnp.asarray(golden[method["target"]], dtype)
    constants = {}
    if f"{name}/param/net.1.bases" in golden.arrays:
        constants["fourier_basis"] = jnp.asarray(golden[f"{name}/param/net.1.bases"], dtype)
    return coords, targets, constants


@jax.jit
@partial(jax.value_and_grad, has_aux=True)
def mse_and_values(params, constants, coords, targets, config):
    values = forward({"params": params, "constants": constants}, coords, config)
    return jnp.mean(jnp.square(values - targets)), values


def assert_close_to_max(got, expected, tolerance):
    expected = np.asarray(expected)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.asarray(got), expected, rtol=0, atol=tolerance * scale)


def assert_trees_close(got, expected, tolerance):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    jax.tree.map(partial(assert_close_to_max, tolerance=tolerance), got, expected)


def test_every_golden_network_is_tested(golden):
    assert set(golden.index["methods"]) == {*NETS, "iga"}


@pytest.mark.parametrize(("name", "wave"), CASES)
@pytest.mark.parametrize("bits", [32, 64])
def test_outputs_and_gradients(golden, name, bits, wave):
    # Tolerances of the golden figures: 1e-10 in float64; float32 rounding grows with |coords|.
    is_audio = name == "finer_audio"
    out_tol, grad_tol = (1e-10, 1e-10) if bits == 64 else (5e-3, 5e-2) if is_audio else (1e-4, 3e-4)
    dtype = jnp.float64 if bits == 64 else jnp.float32
    with jax.enable_x64(bits == 64):
        params = read_params(golden, name, "param", dtype)
        coords, targets, constants = read_case(golden, name, dtype)
        config = lower(name, coords.shape[1], wave)
        (loss, out), grads = mse_and_values(params, constants, coords, targets, config)
        assert out.dtype == dtype
        np.testing.assert_allclose(out, golden[f"{name}/out_f{bits}"], rtol=0, atol=out_tol)
        np.testing.assert_allclose(
            loss, golden[f"{name}/mse_f{bits}"], rtol=1e-4 if bits == 32 else 1e-10
        )
        assert_trees_close(grads, read_params(golden, name, f"grad_f{bits}", dtype), grad_tol)


@jax.jit
def train_fifty(config, params, rows, constants):
    """The losses before each of 50 updates and after, and the parameters then."""
    optimizer = make_optimizer(config, 50)

    def step(carry, _):
        params, state = carry
        loss, grads = loss_and_grads(params, constants, rows, config)
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), loss

    (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), length=50)
    return params, jnp.append(losses, loss_and_grads(params, constants, rows, config)[0])


TRACES = {"adam_official_lr": 0.0, "adamw_1e-4": 0.01}


SINGLE = ["siren", "finer", "wf", "wire_repo", "fr_sin", "kwea_gaussian", "pemlp"]  # one a kind


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize(
    ("name", "bits"), [*((name, 64) for name in NETS), *((name, 32) for name in SINGLE)]
)
def test_traces_of_fifty_steps(golden, name, trace, bits):
    """All of it where the figures say it is not chaotic, else the first losses."""
    rate = golden.index["methods"][name]["official_lr"] if "official" in trace else 1e-4
    dtype = jnp.float64 if bits == 64 else jnp.float32
    with jax.enable_x64(bits == 64):
        params = read_params(golden, name, "param", dtype)
        coords, targets, constants = read_case(golden, name, dtype)
        layers = tuple(replace(layer, learning_rate=rate) for layer in NETS[name].layers)
        config = replace(NETS[name], layers=layers, weight_decay=TRACES[trace])
        config = resolve_bounds(config, coords.shape[1])
        params, losses = train_fifty(config, params, (coords, targets), constants)
        expected = golden[f"{name}/trace_{trace}_f{bits}"]
        if bits == 64:
            agreed = golden.index["jax_f64_vs_torch_f64_traces"].get(f"{name}/{trace}")
            is_calm = agreed is None or agreed["steps_within_1e_6"] == 51
            count, tolerance = (51, 2e-6) if is_calm else (5, 2e-6)
        else:
            agreed = golden.index["f32_vs_f64_traces"][f"{name}/{trace}"]["steps_within_1e_3"]
            is_calm, count, tolerance = False, max(1, agreed - 1), 3e-3
        np.testing.assert_allclose(losses[:count], expected[:count], rtol=tolerance)
        if is_calm and "official" in trace:
            after = read_params(golden, name, "after50_f64", dtype)
            assert_trees_close(params, after, 1e-6)


IGA = network("siren", depth=3, numbers=SINE, weight_decay=0.0)
GROUP = inr.GradientAdjustment(group=(64,), end=4)  # the official order: patches, then pixels


def iga_case(golden, bits):
    dtype = jnp.float64 if bits == 64 else jnp.float32
    params = read_params(golden, "iga", "param", dtype)
    features = jnp.asarray(golden["iga/coords"], dtype).reshape(16, 64, 2)
    targets = jnp.asarray(golden["iga/target"], dtype).reshape(16, 64, 3)
    layer = replace(IGA.layers[0], learning_rate=1e-3)
    config = resolve_bounds(replace(IGA, layers=(layer,) * 3, adjustment=GROUP), 2)
    predict = lambda params, rows: apply_features(params, {}, rows, config)  # noqa: E731
    values = predict(params, features.reshape(-1, 2)).reshape(targets.shape)
    return params, features, targets, config, predict, values - targets


def test_groups_are_the_official_patches(golden):
    coords = np.asarray(grid_coords((32, 32)))
    groups = group_points((32, 32), (8, 8))
    np.testing.assert_allclose(coords[groups].reshape(-1, 2), golden["iga/coords"], atol=1e-7)


@pytest.mark.parametrize("bits", [32, 64])
def test_iga_kernel_and_gradient(golden, bits):
    tolerance = 1e-10 if bits == 64 else 1e-3
    with jax.enable_x64(bits == 64):
        params, features, targets, config, predict, residual = iga_case(golden, bits)
        kernel = group_kernel(predict, params, features, residual, GROUP)
        assert_close_to_max(kernel, golden[f"iga/entk_f{bits}"], tolerance)
        places = jnp.argmax(jnp.sum(jnp.abs(residual), axis=-1), axis=1)
        assert places.tolist() == golden["iga/max_error_index"].tolist()
        mixing = leveling(kernel, 4)
        np.testing.assert_allclose(mixing, golden[f"iga/S_f{bits}"], atol=10 * tolerance)
        if bits == 64:
            own = replace(GROUP, sampling="max_error")
            single = group_kernel(predict, params, features, residual, own)
            assert_close_to_max(single, golden["iga/entk_single_point_f64"], tolerance)
        _, grads = loss_and_grads(params, {}, (features, targets), config)
        expected = read_params(golden, "iga", f"grad_f{bits}", targets.dtype)
        assert_trees_close(grads, expected, 10 * tolerance)


@pytest.mark.parametrize(("trace", "adjustment"), [("", GROUP), ("plain_", None)])
@pytest.mark.parametrize("bits", [32, 64])
def test_iga_traces(golden, trace, adjustment, bits):
    with jax.enable_x64(bits == 64):
        params, features, targets, config, _, _ = iga_case(golden, bits)
        rows = (features, targets)
        if adjustment is None:
            rows = (features.reshape(-1, 2), targets.reshape(-1, 3))
        config = replace(config, adjustment=adjustment)
        _, losses = train_fifty(config, params, rows, {})
    expected = golden[f"iga/trace_{trace}adam_1e-3_f{bits}"]
    np.testing.assert_allclose(losses, expected, rtol=1e-6 if bits == 64 else 1e-3)


FR16 = inr.FourierReparameterization(num_low=16, num_high=16, num_phases=8)
SINE_WIRE = replace(
    inr.preset("wire"),
    layers=tuple(replace(layer, initializer="sine") for layer in inr.preset("wire").layers),
)
STATS = {
    "wire_finerpp_init_sine_4x256": (SINE_WIRE, 2),
    "siren_2d_4x256": (inr.preset("siren"), 2),
    "siren_1d_4x256": (inr.preset("siren"), 1),
    "siren_3d_4x256": (inr.preset("siren"), 3),
    "siren_repo_SingleBVPNet_2d": (inr.preset("siren"), 2),
    "finer_4x256_fbsNone": (inr.preset("finer"), 2),
    "gauss_4x256": (inr.preset("gauss"), 2),
    "gf_4x256": (inr.preset("gf"), 2),
    "wf_4x256": (inr.preset("wf"), 2),
    "wire_finer_harness_4x256": (inr.preset("wire"), 2),
    "wire_repo_h256_layers2": (inr.preset("wire_original"), 2),
    "iga_sin_3x256": (inr.preset("iga"), 2),
    "kwea_gaussian_256": (inr.preset("coordinate_mlp"), 2),
    "pemlp_4x256": (inr.preset("pemlp"), 2),
}


@pytest.mark.parametrize("stats", STATS)
def test_initial_bounds(golden, stats):
    """Every weight and bias is uniform up to the official bound, measured over thousands."""
    config, num_dims = STATS[stats]
    stats = golden.index["init_stats"][stats]
    expected = {}
    for name, row in stats.items():
        if name.endswith(("weight", "bias")) and "n_values" in row:
            index = next(int(part) for part in name.split(".") if part.isdigit())
            index = index if "net.net" not in name else int(name.split(".")[2])
            for part in ("real", "imag") if "real" in row else (None,):
                bounds = row if part is None else {**row, **row[part]}
                expected[name, part] = (index, name.endswith("bias"), bounds)
    indices = sorted({i for i, _, _ in expected.values()})
    assert len(indices) == config.depth + 1
    num_channels = 3 if num_dims == 2 else 1
    sizes = {"num_dims": num_dims, "num_channels": num_channels}
    draw = jax.jit(lambda key: init(key, config, **sizes))
    draws = [draw(jax.random.key(i)) for i in range(12)]
    for (name, part), (index, is_bias, row) in expected.items():
        i = indices.index(index)
        ours = "output" if i == config.depth else f"hidden_{i}"
        kind = "bias" if is_bias else "kernel"
        leaves = [draw["params"][ours][kind] for draw in draws]
        half = slice(None) if part is None else ("real", "imag").index(part)
        got = np.concatenate([np.ravel(leaf[half]) for leaf in leaves])
        high = max(row["max"], -row["min"])
        few = 3 / np.sqrt(row["n_values"])  # the sampling error of their figures
        assert np.abs(got).max() == pytest.approx(high, rel=2e-2 + few**2), name  # near the bound
        assert got.std() == pytest.approx(row["std"], rel=2e-2 + few), name
        assert abs(got.mean()) < 5 * row["std"] / np.sqrt(got.size), name


def test_activation_spread_at_the_start(golden):
    """Standard deviations after every layer, 4 x 256 on a [-1, 1] grid."""
    coords = grid_coords((64, 64))
    for name in ("siren", "finer", "gf", "wf"):
        config = inr.preset(name)
        spreads = []
        for seed in range(3):
            variables = draw_variables(config, seed, num_dims=2, num_channels=3)
            h, resolved = coords, resolve_bounds(config, 2)
            for i, layer in enumerate(resolved.layers):
                affine = variables["params"][f"hidden_{i}"]
                z = (
                    h @ affine["kernel"] + affine["bias"][None, :]
                    if affine["kernel"].ndim == 2
                    else None
                )
                if z is None:
                    re, im = affine["kernel"]
                    kernel, bias = jax.lax.complex(re, im), jax.lax.complex(*affine["bias"])
                    z = h @ kernel + bias[None, :]
                h = inr.ACTIVATIONS[layer.activation](z, **layer.numbers)
                spreads.append(float(h.real.std()))
        got = np.reshape(spreads, (3, 4)).mean(axis=0)
        rows = golden.index["init_activation_spread"][name][:4]
        np.testing.assert_allclose(got, [row["std_real"] for row in rows], rtol=0.12)


def test_fourier_basis_is_the_official_one(golden):
    with jax.enable_x64(True):
        got = fourier_basis(FR, 32)
        np.testing.assert_allclose(got, golden["fr_sin/param/net.1.bases"], rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("stats", "activation"), [("fr_sin_h256_F16_P8", "siren"), ("fr_relu_h256_F16_P8", "relu")]
)
def test_fourier_reparameterised_start(golden, stats, activation):
    """Spread of the effective weights and of the output layer."""
    alpha = 0.01 if activation == "siren" else 0.05
    config = network(activation, width=256, reparameterization=replace(FR16, alpha=alpha))
    rows = golden.index["init_stats"][stats]
    variables = draw_variables(config, 0, num_dims=2, num_channels=3)
    params, basis = variables["params"], variables["constants"]["fourier_basis"]
    omega = 30.0 if activation == "siren" else 1.0
    effective = basis.T @ params["hidden_1"]["kernel"]
    assert float(effective.var()) == pytest.approx(2 / (256 * omega**2), rel=0.1)
    assert not np.any(params["hidden_1"]["bias"])
    bound = np.abs(params["output"]["kernel"]).max()
    assert bound == pytest.approx(np.sqrt(6 / 256) / omega, rel=2e-2)
    lamb = next(row for name, row in rows.items() if name.endswith("lamb"))
    assert float(params["hidden_1"]["kernel"].std()) == pytest.approx(lamb["std"], rel=0.05)


def test_fourier_features(golden):
    with jax.enable_x64(True):
        basis = jnp.asarray(golden["pe/fourier_P"])  # already scaled by sigma
        got = inr.fourier_features(jnp.asarray(golden["pe/x2"]), basis, jnp.float64(1.0))
    np.testing.assert_allclose(got, golden["pe/fourier_out"], rtol=0, atol=1e-12)


def test_nerf_frequencies(golden):
    with jax.enable_x64(True):
        coords = jnp.asarray(golden["pe/x2"])
        with_pi = nerf_features(coords, nyquist_frequencies((32, 32)))
        without = nerf_features(coords, 4, with_pi=False)
    np.testing.assert_allclose(with_pi, golden["pe/nerf_siren_2d_sidelength32"], atol=1e-12)
    np.testing.assert_allclose(without, golden["pe/finer_pemlp_N4"], rtol=0, atol=1e-12)
    assert [nyquist_frequencies(s) for s in ((256, 256), (512, 512), (308207,), (9, 9, 9))] == [
        6,
        7,
        16,
        10,
    ]


def test_batches_of_a_list_are_its_rows():
    coords = jnp.arange(12.0).reshape(6, 2)
    points = list_points(coords, jnp.arange(6.0)[:, None])
    got = points.at(jnp.array([4, 1]))
    np.testing.assert_array_equal(got[0], coords[jnp.array([4, 1])])
    np.testing.assert_array_equal(got[1][:, 0], [4.0, 1.0])
