"""The optimiser of a configuration against AdamW written out in NumPy, part by part."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import inr
from optiinr_jax.inr.optimizer import make_optimizer, scale_to_global_norm
from tests.helpers import draw_params

NUM_STEPS = 10


def network(*rates, **fields):
    """Layers of plain waves, for which one program serves all of these tests."""
    layers = tuple(inr.make_layer("siren", learning_rate=rate) for rate in rates)
    return inr.NetworkConfig(layers=layers, width=3, **{"weight_decay": 0.0} | fields)


@partial(jax.jit, static_argnames="num_steps")
def run(config, params, grads, num_steps=NUM_STEPS):
    """Updates from gradients that do not depend on the parameters; what each one adds."""
    optimizer = make_optimizer(config, num_steps)

    def step(carry, grad):
        params, state = carry
        updates, state = optimizer.update(grad, state, params)
        return (jax.tree.map(jnp.add, params, updates), state), updates

    return jax.lax.scan(step, (params, optimizer.init(params)), grads)[1]


def constant(params, sizes):
    """A gradient of the same number everywhere, another one in every step."""
    return jax.tree.map(
        lambda p: jnp.broadcast_to(
            jnp.reshape(jnp.asarray(sizes, p.dtype), (-1, *[1] * p.ndim)), (len(sizes), *p.shape)
        ),
        params,
    )


def steps_of_output(config, sizes):
    params = draw_params(config, num_dims=1, num_channels=1)
    return -np.asarray(run(config, params, constant(params, sizes))["output"]["bias"])[:, 0]


@pytest.mark.integration
def test_each_layer_moves_by_its_own_rate():
    """Adam's first step moves every number by its learning rate, whatever the gradient."""
    params = draw_params(config := network(1e-3, 3e-3))
    updates = run(config, params, constant(params, [1.0]))
    assert set(updates) == {"hidden_0", "hidden_1", "output"}
    for name, rate in {"hidden_0": 1e-3, "hidden_1": 3e-3, "output": 3e-3}.items():
        for leaf in updates[name].values():
            np.testing.assert_allclose(leaf, -rate, rtol=1e-5)


T = np.arange(NUM_STEPS)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("schedule", "decay", "cooldown", "warmup", "expected"),
    [
        ("exponential", 1.0, 0.0, 0.0, np.ones(10)),
        ("exponential", 0.1, 0.0, 0.0, 0.1 ** (T / 10)),
        ("exponential", 1.0, 0.3, 0.0, np.minimum(1.0, (10 - T) / 3)),
        ("exponential", 0.1, 0.5, 0.0, 0.1 ** (T / 10) * np.minimum(1.0, (10 - T) / 5)),
        ("step", 0.2, 0.0, 0.0, [1, 1, 1, *[0.2] * 7]),
        ("step", 0.2, 0.3, 0.0, [1, 1, 1, *[0.2] * 5, 0.2 * 2 / 3, 0.2 / 3]),
        ("cosine", 0.01, 0.0, 0.0, 0.01 + 0.99 * np.cos(np.pi * T / 20) ** 2),
        ("exponential", 1.0, 0.0, 0.4, np.minimum(1.0, (T + 1) / 4)),
        ("exponential", 1.0, 0.0, 0.1, np.ones(10)),  # it is over with the first step
        ("exponential", 1.0, 1.0, 0.0, (10 - T) / 10),
        (
            "cosine",
            0.01,
            0.5,
            0.25,
            (0.01 + 0.99 * np.cos(np.pi * T / 20) ** 2)
            * np.minimum(1.0, (10 - T) / 5)
            * np.minimum(1.0, (T + 1) / 2.5),
        ),
    ],
)
def test_schedule(schedule, decay, cooldown, warmup, expected):
    """Of a constant gradient Adam's step is the rate itself."""
    config = network(1.0, schedule=schedule, lr_decay=decay, lr_cooldown=cooldown, lr_warmup=warmup)
    np.testing.assert_allclose(steps_of_output(config, [1.0] * 10), expected, rtol=1e-4)


def adam(gradients):
    """Directions of Kingma and Ba 2015, algorithm 1."""
    m = v = 0.0
    for i, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        yield (m / (1 - 0.9**i)) / (np.sqrt(v / (1 - 0.999**i)) + 1e-8)


def global_norm(tree):
    return np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(tree)))


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "limit"), [("clip_norm", lambda n: min(n, 2.0)), ("gradient_norm", lambda n: 2.0)]
)
def test_gradients_are_brought_to_a_norm(name, limit):
    """A large gradient is scaled down; a small one up, or not at all where it is clipped."""
    config = network(0.5, **{name: 2.0})
    params = draw_params(config, num_dims=1, num_channels=1)
    one = global_norm(jax.tree.map(jnp.ones_like, params))
    sizes = [100.0, 0.1, 3e-6]
    scaled = [limit(size * one) / one for size in sizes]
    expected = 0.5 * np.array(list(adam(scaled)))
    np.testing.assert_allclose(steps_of_output(config, sizes), expected, rtol=3e-5)


@pytest.mark.integration
def test_a_norm_is_of_all_layers_together_and_zero_stays_zero():
    rng = np.random.default_rng(0)
    tree = {"a": jnp.asarray(rng.normal(size=(3, 4)), "f4"), "b": jnp.asarray([5.0, -2.0])}
    scale = scale_to_global_norm(1.5)
    found, _ = scale.update(tree, scale.init(tree))
    for got, leaf in zip(found.values(), tree.values(), strict=True):
        np.testing.assert_allclose(got, leaf * 1.5 / global_norm(tree), rtol=1e-6)
    nothing = jax.tree.map(jnp.zeros_like, tree)
    for leaf in jax.tree.leaves(scale.update(nothing, scale.init(tree))[0]):
        np.testing.assert_array_equal(leaf, 0.0)


@pytest.mark.integration
def test_a_whole_run_is_that_of_numpy():
    """Random gradients, all parts at once, float64: gradient norm, decay, warm-up, fall, rates."""
    fields = {
        "weight_decay": 0.3,
        "gradient_norm": 0.7,
        "lr_warmup": 0.3,
        "lr_cooldown": 0.4,
        "schedule": "cosine",
        "lr_decay": 0.2,
    }
    rates = {"hidden_0": 1e-2, "hidden_1": 3e-2, "output": 3e-2}
    rng = np.random.default_rng(1)
    with jax.enable_x64(True):
        config = network(1e-2, 3e-2, **fields)
        params = jax.tree.map(lambda p: np.asarray(p, np.float64), draw_params(config))
        grads = jax.tree.map(lambda p: rng.normal(size=(10, *p.shape)), params)
        found = run(config, params, jax.tree.map(jnp.asarray, grads))
    part = T / 10
    factor = 0.2 + 0.8 * (1 + np.cos(np.pi * part)) / 2
    factor *= np.minimum(1, (1 - part) / 0.4) * np.minimum(1, (T + 1) / 3)
    norms = [global_norm(jax.tree.map(lambda g, t=t: g[t], grads)) for t in T]
    for name, rate in rates.items():
        for kind in ("kernel", "bias"):
            value = params[name][kind]
            scaled = [grads[name][kind][t] * 0.7 / norms[t] for t in T]
            for t, direction in enumerate(adam(scaled)):
                update = -rate * factor[t] * (direction + 0.3 * value)
                np.testing.assert_allclose(found[name][kind][t], update, rtol=1e-9, atol=1e-15)
                value = value + update


@pytest.mark.integration
@pytest.mark.parametrize("optimizer", inr.OPTIMIZERS)
def test_every_direction_is_of_about_unit_size_and_vmaps(optimizer):
    """Whatever the size of the gradient; of two networks at once as of each alone."""
    config = network(1.0, 1.0, optimizer=optimizer)
    members = [draw_params(config, seed) for seed in range(2)]
    rng = np.random.default_rng(2)
    grads = [
        jax.tree.map(lambda p, s=s: jnp.asarray(s * rng.normal(size=(4, *p.shape)), "f4"), p)
        for p, s in zip(members, (1e-4, 1e3), strict=True)
    ]
    alone = [run(config, p, g) for p, g in zip(members, grads, strict=True)]
    stack = partial(jax.tree.map, lambda *leaves: jnp.stack(leaves))
    together = jax.vmap(run, in_axes=(None, 0, 0))(config, stack(*members), stack(*grads))
    for i, updates in enumerate(alone):
        kernel = np.asarray(updates["hidden_1"]["kernel"])[1:]  # SOAP's first gradient takes none
        assert 0.2 < np.sqrt(np.mean(kernel**2)) < 2.0
        for got, leaf in zip(jax.tree.leaves(together), jax.tree.leaves(updates), strict=True):
            np.testing.assert_allclose(got[i], leaf, rtol=1e-4, atol=1e-5)


@pytest.mark.integration
def test_muon_makes_square_matrices_orthogonal_and_leaves_the_rest_to_adam():
    """Adam with Nesterov's momentum (Dozat 2016), whose first step is 1 + 0.9 (1 - 0.9) / 0.19."""
    config = network(0.1, 0.1, optimizer="muon")
    params = draw_params(config, num_channels=2)
    rng = np.random.default_rng(3)
    grads = jax.tree.map(lambda p: jnp.asarray(rng.normal(size=(1, *p.shape)), "f4"), params)
    updates = run(config, params, grads)
    sizes = np.linalg.svd(np.asarray(updates["hidden_1"]["kernel"][0]) / 0.1)[1]
    assert 0.6 < sizes.min() and sizes.max() < 1.3  # Newton and Schulz in five steps
    for name, kind in (("hidden_0", "kernel"), ("hidden_1", "bias"), ("output", "kernel")):
        signs = -0.1 * (1 + 0.09 / 0.19) * np.sign(grads[name][kind])
        np.testing.assert_allclose(updates[name][kind], signs, rtol=1e-4)
