"""The network: complex layers as pairs, two maps of a layer, mixed stacks, sizes."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import inr
from optiinr_jax.inr.lowering import LoweredConfig, resolve_bounds
from optiinr_jax.inr.model import apply, init, map_names, product
from optiinr_jax.inr.optimizer import make_optimizer
from tests.helpers import draw_params, draw_variables

COORDS = np.random.default_rng(0).uniform(-1, 1, (9, 2))


def network(*activations, width=5, **fields):
    layers = tuple(inr.make_layer(activation) for activation in activations)
    return resolve_bounds(inr.NetworkConfig(layers=layers, width=width, **fields), 2)


def start(config, seed=0):
    """Variables in float64; call it and use them under `jax.enable_x64`."""
    variables = draw_variables(config, seed, num_dims=2, num_channels=3)
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float64), variables)


def joined(leaf, is_complex):
    """A pair as numpy's complex numbers."""
    leaf = np.asarray(leaf)
    return leaf[0] + 1j * leaf[1] if is_complex else leaf


def affine(h, params):
    is_complex = np.iscomplexobj(h)
    return h @ joined(params["kernel"], is_complex) + joined(params["bias"], is_complex)


def wire(z, u=0.0):
    return np.exp(20j * z - 100.0 * (np.abs(z) ** 2 + np.abs(u) ** 2))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_the_product_has_the_derivatives_of_what_it_computes(dtype):
    """Forward, reverse, mapped and of second order, with respect to one or both of its factors."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(1)
        a, b, da, db = (
            jnp.asarray(rng.normal(size=s), dtype) for s in ((4, 3), (4, 5), (4, 3), (4, 5))
        )
        tolerance = {"rtol": 1e-5 if dtype == jnp.float32 else 1e-12}

        def both(f):
            loss = lambda a, b: jnp.sum(jnp.sin(f(a, b)))  # noqa: E731
            second = jax.grad(lambda a, b: jnp.sum(jax.grad(loss)(a, b) * da))
            return (
                jax.jvp(f, (a, b), (da, db)),
                jax.jvp(partial(f, a), (b,), (db,)),
                jax.grad(loss, argnums=(0, 1))(a, b),
                jax.grad(loss)(a, b),
                second(a, b),
                jax.vmap(f)(jnp.stack([a, da]), jnp.stack([b, db])),
            )

        expected = both(lambda a, b: jnp.einsum("fu,fn->un", a, b))
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, **tolerance), both(product), expected
        )


@pytest.mark.integration
def test_a_complex_network_is_numpys_complex_arithmetic():
    with jax.enable_x64(True):
        config = network("wire_complex", "wire_complex", "wire_complex")
        variables = start(config)
        got = apply(variables, config, COORDS)
    params = variables["params"]
    assert params["hidden_0"]["kernel"].shape == (2, 5)  # real: the coordinates are
    assert params["hidden_1"]["kernel"].shape == (2, 5, 5)
    assert params["output"]["kernel"].shape == (2, 5, 3) and got.dtype == jnp.float64
    h = COORDS
    for i in range(3):
        h = wire(affine(h, params[f"hidden_{i}"]))
    np.testing.assert_allclose(got, affine(h, params["output"]).real, rtol=0, atol=1e-13)


@pytest.mark.integration
def test_where_complex_meets_real_its_real_part_is_taken():
    with jax.enable_x64(True):
        config = network("siren", "wire_complex", "siren", "siren")
        variables = start(config)
        got = apply(variables, config, COORDS)
    params = variables["params"]
    kernels = [params[name]["kernel"] for name in ("hidden_1", "hidden_2", "hidden_3", "output")]
    assert [kernel.ndim for kernel in kernels] == [2, 3, 2, 2]
    h = np.sin(30 * affine(COORDS, params["hidden_0"]))
    h = affine(wire(affine(h, params["hidden_1"])), params["hidden_2"]).real
    h = np.sin(30 * affine(np.sin(30 * h), params["hidden_3"]))
    np.testing.assert_allclose(got, affine(h, params["output"]), rtol=0, atol=1e-13)


@pytest.mark.integration
def test_layers_of_two_maps():
    with jax.enable_x64(True):
        config = network("wire2d", "wire2d", "real_gabor", width=4)
        layers = (*(inr.make_layer("wire2d", omega=20.0),) * 2, config.layers[2])
        config = replace(config, layers=layers)
        variables = start(config := resolve_bounds(config, 2))
        got = apply(variables, config, COORDS)
    params = variables["params"]
    maps = [map_names(i, 2) for i in range(3)]
    assert set(params) == {*maps[0], *maps[1], *maps[2], "output"}
    assert maps[1] == ["hidden_1", "hidden_1_orthogonal"]
    first, second = params["hidden_1"]["kernel"], params["hidden_1_orthogonal"]["kernel"]
    assert first.shape == second.shape == (2, 4, 4) and not np.allclose(first, second)
    h = COORDS
    for names in maps[:2]:
        h = wire(*(affine(h, params[name]) for name in names))
    z, u = (affine(h, params[name]).real for name in maps[2])
    h = np.cos(10 * z) * np.exp(-((10 * u) ** 2))
    np.testing.assert_allclose(got, affine(h, params["output"]), rtol=0, atol=1e-13)


@pytest.mark.integration
def test_gradients_of_pairs_are_those_of_the_real_numbers():
    with jax.enable_x64(True):
        config = network("wire_complex", "wf_complex", "wire2d", width=3)
        variables = start(config, seed=1)
        coords = jnp.asarray(COORDS)

        @jax.jit
        def loss(params):
            return jnp.mean(jnp.square(apply({**variables, "params": params}, config, coords)))

        params = variables["params"]
        gradient = jax.jit(jax.grad(loss))(params)
        rng = np.random.default_rng(2)
        for _ in range(5):  # directions
            way = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), params)
            moved = [jax.tree.map(lambda p, d, e=e: p + e * d, params, way) for e in (1e-6, -1e-6)]
            numeric = (loss(moved[0]) - loss(moved[1])) / 2e-6
            pairs = zip(jax.tree.leaves(gradient), jax.tree.leaves(way), strict=True)
            exact = sum(float(jnp.sum(g * d)) for g, d in pairs)
            # FINER's factor has no derivative by choice, and none is in reach of this network:
            assert exact == pytest.approx(float(numeric), rel=1e-4)


@pytest.mark.integration
def test_a_layers_rate_moves_both_of_its_maps():
    rates = [1e-3, 3e-3]
    layers = tuple(inr.make_layer("wire2d", learning_rate=rate) for rate in rates)
    config = resolve_bounds(inr.NetworkConfig(layers=layers, width=2, weight_decay=0.0), 2)
    params = draw_params(config, 0, num_dims=2, num_channels=1)
    optimizer = make_optimizer(config, 10)
    grads = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    expected = dict(zip(("hidden_0", "hidden_1", "output"), (1e-3, 3e-3, 3e-3), strict=True))
    for name, update in updates.items():
        rate = expected[name.removesuffix("_orthogonal")]
        for leaf in jax.tree.leaves(update):  # Adam's first step is the rate itself
            np.testing.assert_allclose(leaf, -rate, rtol=1e-5)
    assert len(updates) == 5


@pytest.mark.parametrize(
    ("name", "count"),
    [  # of real numbers, 2 -> 3: counted by hand from the layers
        ("siren", 3 * 256 + 3 * 257 * 256 + 257 * 3),
        ("wire", 3 * 181 + 2 * (3 * 182 * 181 + 182 * 3)),
        ("wire2d", 2 * 3 * 128 + 2 * (2 * 2 * 129 * 128 + 129 * 3)),
        ("fr", 3 * 256 + 3 * (8192 + 1) * 256 + 257 * 3),
        ("pemlp", 43 * 256 + 3 * 257 * 256 + 257 * 3),
    ],
)
def test_numbers_of_parameters(name, count):
    shapes = jax.eval_shape(
        lambda key: init(key, inr.preset(name), num_dims=2, num_channels=3),
        jax.random.key(0),
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == count
    if name == "wire":
        assert count == 199287  # as counted on the official network


KINDS = {"image": (2, 3, 1.0), "audio": (1, 1, 100.0), "volume": (3, 1, 1.0)}
KINDS |= {"field": (3, 1, 1.0), "video": (3, 3, 1.0), "points": (2, 2, 1.0)}


@pytest.mark.integration
def test_every_preset_gives_finite_values():
    key = jax.random.key(0, impl="unsafe_rbg")  # any draw will do, and this one compiles fast
    for modality, rows in inr.PRESETS.items():
        num_dims, num_channels, side = KINDS[modality]
        coords = jnp.asarray(np.random.default_rng(0).uniform(-side, side, (9, num_dims)), "f4")
        for name in rows:
            config = inr.preset(name, modality=modality, width=8, depth=2)
            config = resolve_bounds(config, num_dims)
            variables = init(key, config, num_dims=num_dims, num_channels=num_channels)
            values = apply(variables, config, coords)
            assert values.shape == (9, num_channels) and values.dtype == jnp.float32, name
            assert np.isfinite(values).all(), name


@pytest.mark.integration
def test_a_configuration_may_be_lowered_or_not():
    """`apply` lowers it; the bare module says what it needs where there is no bound."""
    config = inr.NetworkConfig(layers=(inr.make_layer("siren"),), width=2)
    variables = draw_variables(config, num_channels=1)
    values = [apply(variables, c, jnp.ones((1, 2))) for c in (config, resolve_bounds(config, 2))]
    np.testing.assert_array_equal(*values)
    bare = LoweredConfig(layers=config.layers, width=2)
    with pytest.raises(ValueError, match="an initial bound is None; call resolve_bounds"):
        inr.MLP(1).init(jax.random.key(0), jnp.ones((1, 2)), bare, {})
