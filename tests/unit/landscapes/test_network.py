"""The proxy network against numpy, and what its parts promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax import landscapes
from optiinr_jax.landscapes import ENCODERS, ProxyConfig

init = jax.jit(landscapes.init_proxy, static_argnums=(1, 2, 3))
encode = jax.jit(landscapes.encode_target, static_argnums=2)
OBSERVED = {"dense": (5,), "convolutional": (2, 8)}


def gelu(z):
    return 0.5 * z * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (z + 0.044715 * z**3)))


def make(encoder, **sizes):
    config = ProxyConfig(encoder=encoder, width=6, code_size=4, num_frequencies=3, **sizes)
    proxy = init(jax.random.key(1), config, OBSERVED[encoder], 2)
    target = jax.random.normal(jax.random.key(2), OBSERVED[encoder])
    return config, proxy, target


def test_every_encoder_is_tested():
    assert set(OBSERVED) == set(ENCODERS)


@pytest.mark.integration
@pytest.mark.parametrize("num_frequencies", [0, 3])
def test_estimate_is_that_of_numpy(num_frequencies):
    config = ProxyConfig(width=6, code_size=4, num_frequencies=num_frequencies)
    proxy = init(jax.random.key(1), config, (5,), 2)
    target, x = np.linspace(-1.0, 1.0, 5), np.array([0.2, 0.7])
    hidden = target
    for layer in proxy.encoder:
        hidden = gelu(hidden @ np.asarray(layer["w"]) + np.asarray(layer["b"]))
    phases = 2.0 * np.pi * np.asarray(proxy.frequencies) @ x
    seen = np.concatenate([hidden, x, np.sin(phases), np.cos(phases)])
    for layer in proxy.head[:-1]:
        new = gelu(seen @ np.asarray(layer["w"]) + np.asarray(layer["b"]))
        seen = np.concatenate([seen, new])
    last = proxy.head[-1]
    expected = (seen @ np.asarray(last["w"]) + np.asarray(last["b"]))[0]
    code = encode(proxy, jnp.asarray(target, jnp.float32), config)
    found = jax.jit(landscapes.estimate_loss)(proxy, code, jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.integration
def test_convolutions_go_around_the_circle():
    """Turning the field by a stride of both layers turns what the last layer sees."""
    _, proxy, target = make("convolutional")
    seen = [layer for layer in proxy.encoder[:-1]]
    size = target.shape[1] // 4 * 32
    flat = {"w": jnp.eye(size), "b": jnp.zeros(size)}
    apply = jax.jit(ENCODERS["convolutional"].apply)
    plain = apply([*seen, flat], target).reshape(-1, 32)
    turned = apply([*seen, flat], jnp.roll(target, 4, axis=1)).reshape(-1, 32)
    np.testing.assert_allclose(turned, jnp.roll(plain, 1, axis=0), atol=1e-6)


@pytest.mark.integration
@pytest.mark.parametrize("encoder", ENCODERS)
def test_slopes_are_those_of_differences(encoder):
    config, proxy, target = make(encoder)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), proxy)
        code = encode(wide, jnp.asarray(target, jnp.float64), config)
        x, h = jnp.array([0.3, 0.6]), 1e-6
        value = jax.jit(lambda x: landscapes.estimate_loss(wide, code, x))
        slope = jax.jit(jax.grad(value))(x)
        for i, unit in enumerate(jnp.eye(2)):
            np.testing.assert_allclose(
                slope[i], (value(x + h * unit) - value(x - h * unit)) / (2 * h), rtol=1e-6
            )


@pytest.mark.parametrize(
    ("config", "observed", "said"),
    [
        (ProxyConfig(encoder="attention"), (5,), "known are dense, convolutional"),
        (ProxyConfig(encoder="convolutional"), (5,), "multiple of 4"),
        (ProxyConfig(encoder="convolutional"), (2, 6), "multiple of 4"),
        (ProxyConfig(width=0), (5,), "width is 0"),
    ],
)
def test_what_cannot_be_made_is_said(config, observed, said):
    with pytest.raises(ValueError, match=said):
        landscapes.init_proxy(jax.random.key(0), config, observed, 2)
