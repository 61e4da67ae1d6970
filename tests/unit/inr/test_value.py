"""A network is a JAX value: every transformation, as the first thing done to a fresh network."""

import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr.model import forward
from optiinr_jax.signals.kinds import get_kind
from tests.helpers import make_inr

WIDTH = 8
COORDS = np.random.default_rng(0).uniform(-1, 1, (16, 2)).astype(np.float32)
LAYERS = (inr.make_layer("finer", omega=4),) * 2  # a whole number, as people write them
CONFIGS = {
    "siren": inr.preset("siren", width=WIDTH, depth=2),
    "finer": inr.NetworkConfig(layers=LAYERS, width=WIDTH),
    "wire": inr.preset("wire", width=WIDTH, depth=2),
    "fourier": inr.preset("fourier", width=WIDTH, depth=2),
    "fr": inr.preset("fr", width=WIDTH, depth=2),
}


def fresh(name, seed=0, kind="image"):
    """A network of a kind that nothing has been done with, its ranges written out as by `fit`."""
    signal = oi.sample_signal(kind, size=8)
    row = get_kind(kind)
    config = replace(
        CONFIGS[name],
        coord_range=row.coord_range,
        value_range=row.value_range,
        natural_range=row.natural_range,
    )
    return make_inr(signal, config, seed=seed)


def total(network, coords):
    return jnp.sum(network(coords) ** 2)


def over_points(network):
    return jax.vmap(network)(COORDS)


def over_networks(network):
    pair = inr.stack([network, network])
    values = jax.vmap(lambda one: one(COORDS))(pair)
    np.testing.assert_array_equal(values[0], values[1])
    return values[0]


def by_scan(network):
    return jax.lax.scan(lambda carry, x: (carry, network(x)), 0, jnp.asarray(COORDS))[1]


def by_gradient(network):
    """One step down the gradient by the parameters must not raise the sum of squares."""
    gradient = jax.grad(lambda params: total(network.with_params(params), COORDS))(network.params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    moved = jax.tree.map(lambda p, g: p - 1e-4 * g, network.params, gradient)
    assert total(network.with_params(moved), COORDS) < total(network, COORDS)
    return network(COORDS)


def by_gradient_of_all(network):
    """The configuration's numbers have gradients too, which finite differences confirm."""
    gradient = jax.grad(total)(network, COORDS)
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()
    numbers = network.config.layers[0].numbers
    if "omega" in numbers:
        ends = []
        for step in (1e-2, -1e-2):
            moved = {**numbers, "omega": numbers["omega"] + step}
            first = replace(network.config.layers[0], numbers=moved)
            layers = (first, *network.config.layers[1:])
            ends.append(
                total(replace(network, config=replace(network.config, layers=layers)), COORDS)
            )
        slope = float(ends[0] - ends[1]) / 2e-2
        found = float(gradient.config.layers[0].numbers["omega"])
        assert found == pytest.approx(slope, rel=0.05, abs=2e-3)
    return network(COORDS)


def by_hessian(network):
    point = jnp.asarray(COORDS[0])
    hessian = jax.hessian(lambda x: network(x)[0])(point)
    assert hessian.shape == (2, 2)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), network)
        exact = np.asarray(jax.hessian(lambda x: wide(x)[0])(jnp.asarray(COORDS[0], jnp.float64)))
        slope = jax.grad(lambda x: wide(x)[0])
        ends = [slope(jnp.asarray(COORDS[0] + step)) for step in ([1e-6, 0.0], [-1e-6, 0.0])]
        along = np.asarray(ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose(hessian, exact, atol=1e-3 * abs(exact).max())
    np.testing.assert_allclose(along, exact[:, 0], atol=1e-4 * abs(exact).max())
    return network(COORDS)


def in_float64(network):
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), network)
        values = wide(COORDS.astype(np.float64))
        assert values.dtype == jnp.float64
        return np.asarray(values, np.float32)


TRANSFORMATIONS = {
    "nothing": lambda network: network(COORDS),
    "jit of apply": lambda network: jax.jit(network.apply)(COORDS),
    "an argument": lambda network: jax.jit(lambda one, x: one(x))(network, COORDS),
    "compiled vmap": lambda network: jax.jit(over_points)(network),
    "vmap over points": over_points,
    "vmap over networks": over_networks,
    "scan": by_scan,
    "gradient": by_gradient,
    "gradient of all": by_gradient_of_all,
    "hessian": by_hessian,
    "compiled hessian": lambda network: jax.jit(by_compiled_hessian)(network),
    "x64": in_float64,
    "pure": lambda network: inr.apply(network.variables, network.config, COORDS),
    "any shape": lambda network: network(COORDS.reshape(2, 2, 4, 2)).reshape(16, 3),
    "a list": lambda network: network(COORDS.tolist()),
}


def by_compiled_hessian(network):
    jax.vmap(jax.hessian(lambda x: network(x)[0]))(jnp.asarray(COORDS))
    return network(COORDS)


# Every transformation of a SIREN; of the others every third, another third for each.
PAIRS = [
    (transformation, name)
    for i, transformation in enumerate(TRANSFORMATIONS)
    for j, name in enumerate(CONFIGS)
    if j == 0 or (i + j) % 3 == 0
]


@pytest.mark.integration
@pytest.mark.parametrize(("transformation", "name"), PAIRS)
def test_transformations(transformation, name):
    """Values as of `predict` of another network of the same numbers; afterwards all works on."""
    network = fresh(name)
    values = TRANSFORMATIONS[transformation](network)
    expected = fresh(name).predict(COORDS)
    np.testing.assert_allclose(values, expected, rtol=0, atol=2e-5)
    np.testing.assert_array_equal(network.predict(COORDS), expected)
    assert network.render().shape == (8, 8, 3) and network.to_bytes()


@pytest.mark.integration
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_computes_and_is_saved(name, dtype, tmp_path):
    network = fresh(name)
    half = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), network)
    values = half(jnp.asarray(COORDS, dtype))
    if (name, dtype) == ("fr", "float16"):  # its official initial numbers reach 1e13
        with pytest.raises(ValueError, match="nan or infinite, so there is no network to save"):
            half.to_bytes()
        return
    assert (
        jnp.issubdtype(values.dtype, jnp.floating) and np.isfinite(np.asarray(values, "f4")).all()
    )
    again = oi.load_inr(half.save(tmp_path / "half.inr.safetensors"))
    np.testing.assert_allclose(again.predict(COORDS), half.predict(COORDS), rtol=0, atol=1e-3)


@pytest.mark.integration
def test_float64_is_not_saved_without_a_word():
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), fresh("siren"))
        with pytest.raises(ValueError, match=r"float64, but a model file holds float32; convert"):
            wide.to_bytes()


SEVERAL_DEVICES = """
import jax, jax.numpy as jnp, numpy as np, sys
from jax.sharding import Mesh, PartitionSpec as P
sys.path[:0] = ["."]
from tests.unit.inr.test_value import CONFIGS, COORDS, fresh
assert len(jax.devices()) == 4
mesh = Mesh(np.array(jax.devices()), ("points",))
for name in CONFIGS:
    expected = fresh(name).predict(COORDS)
    network = fresh(name)
    spread = jax.shard_map(network, mesh=mesh, in_specs=P("points"), out_specs=P("points"))
    np.testing.assert_allclose(jax.jit(spread)(COORDS), expected, atol=2e-5)
    by_four = jax.pmap(fresh(name))(COORDS.reshape(4, 4, 2))
    np.testing.assert_allclose(by_four.reshape(16, 3), expected, atol=2e-5)
    print(name)
"""


@pytest.mark.integration
def test_several_devices(pytestconfig, monkeypatch):
    """shard_map and pmap over four devices, in a process that has so many."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=4")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    command = [sys.executable, "-W", "ignore", "-c", SEVERAL_DEVICES]
    done = subprocess.run(
        command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == list(CONFIGS), done.stderr[-2000:]


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["image", "audio", "volume"])
def test_all_ways_give_the_signals_own_values(kind):
    """predict, render, the call and the pure function: one range, one convention of coordinates."""
    config = inr.preset("siren", modality=kind, width=8, depth=2)
    signal = oi.sample_signal(kind, size={"image": (6, 9), "audio": 64, "volume": 5}[kind])
    network = oi.fit(signal, config, num_steps=3, progress=False, warn=False)
    coords = np.stack(
        np.meshgrid(*(np.linspace(-1, 1, n) for n in signal.shape), indexing="ij"), axis=-1
    )
    expected = network.render()
    np.testing.assert_allclose(signal.grid_coords(), coords.reshape(-1, signal.num_dims), atol=1e-6)
    for values in (
        network.predict(coords),
        network(coords),
        inr.apply(network.variables, network.config, coords),
        inr.apply(network.params, network.config, coords),
    ):
        np.testing.assert_allclose(values, expected, rtol=0, atol=3e-4)
    assert signal.score(network.predict(coords)) == pytest.approx(network.scores.samples, abs=1e-3)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("kind", "units", "positions"),
    [
        ("image", "pixels", [[0.0, 0.0], [5.0, 8.0], [2.0, 3.0]]),
        ("audio", "samples", [[0.0], [63.0], [10.0]]),
        ("audio", "seconds", [[0.0], [63.0 / 8000], [10.0 / 8000]]),
        ("volume", "voxels", [[0.0, 0.0, 0.0], [4.0, 4.0, 1.0], [1.0, 2.0, 1.0]]),
    ],
)
def test_natural_units(kind, units, positions):
    """The samples are where their file has them."""
    signal = oi.sample_signal(kind, size={"image": (6, 9), "audio": 64, "volume": 5}[kind])
    network = make_inr(signal, inr.preset("siren", modality=kind, width=8, depth=2))
    scale = signal.attributes.get("sample_rate", 1.0) if units == "seconds" else 1.0
    places = np.rint(np.multiply(positions, scale)).astype(int)
    expected = network.render()[tuple(places.T)]
    np.testing.assert_allclose(network.predict(positions, units), expected, rtol=0, atol=1e-3)


@pytest.mark.integration
def test_units_of_a_solid_are_those_of_its_file():
    signal = oi.sample_signal("volume", size=9)
    network = make_inr(signal, inr.preset("siren", modality="volume", width=8, depth=2))
    low, high = (
        np.array([signal.attributes[f"{end}_{axis}"] for axis in "xyz"]) for end in ("low", "high")
    )
    ends = network.render()[[0, -1], [0, -1], [0, -1]]
    np.testing.assert_allclose(network.predict(np.stack([low, high]), "world"), ends, atol=1e-4)
    with pytest.raises(ValueError, match="units is 'pixels', but a signal of kind volume has vox"):
        network.predict(low, "pixels")


@pytest.mark.integration
@pytest.mark.parametrize("transform", [jax.jit, jax.vmap, jax.grad])
def test_predict_says_what_to_use_instead(transform):
    network = fresh("siren")
    wanted = lambda x: network.predict(x).sum()  # noqa: E731
    with pytest.raises(TypeError, match=r"predict gives NumPy arrays, .* call .* inr\(coords\)"):
        transform(wanted)(jnp.asarray(COORDS if transform is not jax.grad else COORDS[0]))


@pytest.mark.integration
@pytest.mark.parametrize("coords", [np.zeros(3), np.zeros((4, 1)), np.zeros(()), 0.0])
@pytest.mark.parametrize("name", CONFIGS)
def test_coordinates_of_another_number_of_dimensions(name, coords, no_type_checks):
    network = fresh(name)
    for use in (network, network.predict, jax.jit(network)):
        with pytest.raises(ValueError, match=r"coords has shape .* its last axis must be 2"):
            use(coords)


@pytest.mark.integration
def test_a_stack_is_mapped_over_and_says_so():
    pair = inr.stack([fresh("siren"), fresh("siren", seed=1)])
    with pytest.raises(ValueError, match=r"this is a stack of networks; map over it"):
        pair(COORDS)
    with pytest.raises(ValueError, match="stack of networks"):
        pair.predict(COORDS)
    second = jax.tree.map(lambda leaf: leaf[1], pair)
    expected = fresh("siren", seed=1).predict(COORDS)
    np.testing.assert_allclose(second.predict(COORDS), expected, atol=1e-6)


@pytest.mark.integration
def test_families_stack_in_the_wave_form():
    networks = [fresh("siren"), fresh("finer")]
    values = jax.vmap(lambda one: one(COORDS))(inr.stack(networks))
    for row, name in zip(values, ("siren", "finer"), strict=True):
        np.testing.assert_allclose(row, fresh(name).predict(COORDS), rtol=0, atol=2e-5)
    with pytest.raises(ValueError, match="all of one width"):
        inr.stack([fresh("siren"), fresh("fourier")])


def test_params_alone_do_where_nothing_is_drawn():
    network = fresh("fourier")
    with pytest.raises(ValueError, match=r"frequencies of their own; give the variables"):
        inr.apply(network.params, network.config, COORDS)


@pytest.mark.integration
@pytest.mark.parametrize("family", ["finer", "gf", "wf", "wf_complex"])
def test_derivatives_in_use_are_those_of_the_values(family):
    """And in training those of the authors, who hold FINER's factor constant; the values agree."""
    layers = (inr.make_layer(family), inr.make_layer(family))
    config = inr.NetworkConfig(layers=layers, width=WIDTH)
    with jax.enable_x64(True):
        network = make_inr(oi.sample_signal("image", size=8), config)
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), network)
        points = jnp.asarray(COORDS, jnp.float64)
        step = jnp.array([[1e-6, 0.0]])
        found = jax.vmap(jax.jacfwd(wide))(points)[..., 0]
        along = (wide(points + step) - wide(points - step)) / 2e-6
        np.testing.assert_allclose(found, along, rtol=1e-5, atol=1e-6 * abs(along).max())
        at_zero = jax.tree.map(jnp.zeros_like, wide.params)
        slopes = jax.grad(lambda params: wide.with_params(params)(points).sum())(at_zero)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))

        def trained(x):
            return forward(wide.variables, x, wide.config)

        np.testing.assert_allclose(trained(points), wide(points), atol=1e-12)
        held = jax.jvp(trained, (points,), (jnp.broadcast_to(step * 1e6, points.shape),))[1]
        assert abs(held - along).max() > 1e-2 * abs(along).max()
