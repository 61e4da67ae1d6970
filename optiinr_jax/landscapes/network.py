"""The proxy network: a target's observations and a guess in, an estimate of the guess's loss out.

Everything is written for one target and one guess; letters: d unknowns, f frequencies, c numbers
of a target's code. A guess lies in [0, 1] in every unknown. Goyal et al., arXiv 2501.16573, name
Fourier features, convolutional or dense layers and no sizes; the sizes here are our own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from optiinr_jax.numerics import cosine, sine

Layers = list[dict[str, Any]]  # weights and biases; under a vmap with more axes in front


@dataclass(frozen=True, kw_only=True)
class ProxyConfig:
    """Sizes of a proxy network.

    Attributes:
        encoder: name of a row of ENCODERS; "convolutional" is for fields on a circle, observed as
            (times, points), "dense" for anything.
        code_size: numbers that a target becomes.
        num_frequencies: of the random Fourier features of a guess; 0 leaves the guess alone.
        frequency_scale: their standard deviation in cycles per range.
        width: units of a layer of the head.
        depth: layers of the head; each sees the input and the outcomes of all before it.
    """

    encoder: str = "dense"
    code_size: int = 32
    num_frequencies: int = 32
    frequency_scale: float = 2.0
    width: int = 64
    depth: int = 3


class Proxy(NamedTuple):
    """Arrays of a proxy network: fixed frequencies, trained layers."""

    frequencies: Any
    encoder: Layers
    head: Layers


def _init_dense(key: PRNGKeyArray, num_in: int, num_out: int) -> dict[str, Array]:
    """He's initialisation."""
    weight = jax.random.normal(key, (num_in, num_out)) * np.sqrt(2.0 / num_in)
    return {"w": weight.astype(jnp.float32), "b": jnp.zeros(num_out, jnp.float32)}


def _init_layers(key: PRNGKeyArray, sizes: Sequence[tuple[int, int]]) -> Layers:
    keys = jax.random.split(key, len(sizes))
    return [_init_dense(k, *size) for k, size in zip(keys, sizes, strict=True)]


def _init_dense_encoder(key: PRNGKeyArray, observed: tuple[int, ...], code: int) -> Layers:
    return _init_layers(key, [(int(np.prod(observed)), 2 * code), (2 * code, code)])


def _dense_encoder(layers: Layers, target: Float[Array, "..."]) -> Float[Array, " c"]:
    hidden = target.ravel()
    for layer in layers:
        hidden = jax.nn.gelu(hidden @ layer["w"] + layer["b"])
    return hidden


def _init_convolutional_encoder(key: PRNGKeyArray, observed: tuple[int, int], code: int) -> Layers:
    times, points = observed
    sizes = [(4 * times, 16), (4 * 16, 32), (points // 4 * 32, code)]
    return _init_layers(key, sizes)


def _convolutional_encoder(
    layers: Layers, target: Float[Array, "times points"]
) -> Float[Array, " c"]:
    """Two convolutions on a circle with kernels of 4 and strides of 2, then a dense layer.

    As products with pairs of points, which are quick for many networks at once.
    """
    hidden = target.T
    for layer in layers[:-1]:
        pairs = hidden.reshape(len(hidden) // 2, -1)
        left, right = jnp.split(layer["w"], 2)
        z = pairs @ left + jnp.roll(pairs @ right, -1, axis=0)
        hidden = jax.nn.gelu(z + layer["b"][None])
    return jax.nn.gelu(hidden.ravel() @ layers[-1]["w"] + layers[-1]["b"])


class Encoder(NamedTuple):
    """How observations become a code."""

    init: Callable[..., Layers]  # (key, shape observed, code size) -> layers
    apply: Callable[..., Array]  # (layers, target) -> code


ENCODERS = {
    "dense": Encoder(_init_dense_encoder, _dense_encoder),
    "convolutional": Encoder(_init_convolutional_encoder, _convolutional_encoder),
}


def check_config(config: ProxyConfig, observed: tuple[int, ...]) -> None:
    """Raise ValueError where no network can be made."""
    if config.encoder not in ENCODERS:
        raise ValueError(f"got encoder {config.encoder!r}; known are {', '.join(ENCODERS)}.")
    if config.encoder == "convolutional" and (len(observed) != 2 or observed[1] % 4):
        raise ValueError(
            f"a convolutional encoder takes observations (times, points) with a multiple of 4 "
            f'points, got the shape {observed}; bring them to it, or set encoder="dense".'
        )
    for name in ("code_size", "width", "depth"):
        if getattr(config, name) < 1:
            raise ValueError(f"{name} is {getattr(config, name)}; it has to be 1 or more.")


def init_proxy(
    key: PRNGKeyArray, config: ProxyConfig, observed: tuple[int, ...], num_unknowns: int
) -> Proxy:
    """Draw an untrained network.

    Args:
        observed: shape of a target's observations.

    Raises:
        ValueError: the configuration names no encoder, or one that does not fit.

    >>> proxy = init_proxy(jax.random.key(0), ProxyConfig(width=8), (20,), 2)
    >>> proxy.frequencies.shape, proxy.head[0]["w"].shape
    ((32, 2), (98, 8))
    """
    check_config(config, observed)
    key_frequencies, key_encoder, key_head = jax.random.split(key, 3)
    frequencies = jax.random.normal(key_frequencies, (config.num_frequencies, num_unknowns))
    size = config.code_size + 2 * config.num_frequencies + num_unknowns
    sizes = [(size + i * config.width, config.width) for i in range(config.depth)]
    head = _init_layers(key_head, [*sizes, (size + config.depth * config.width, 1)])
    head[-1]["w"] = 0.1 * head[-1]["w"]
    return Proxy(
        (config.frequency_scale * frequencies).astype(jnp.float32),
        ENCODERS[config.encoder].init(key_encoder, observed, config.code_size),
        head,
    )


def encode_target(
    proxy: Proxy, target: Float[Array, "..."], config: ProxyConfig
) -> Float[Array, " c"]:
    """Code of a target's observations, which serves for all guesses."""
    return ENCODERS[config.encoder].apply(proxy.encoder, target)


def estimate_loss(
    proxy: Proxy, code: Float[Array, " c"], x: Float[Array, " d"]
) -> Float[Array, ""]:
    """Estimate the loss of a guess, in the units of the training's labels."""
    phases = 2.0 * jnp.pi * (jax.lax.stop_gradient(proxy.frequencies) @ x)
    parts = [code, jnp.concatenate([x, sine(phases), cosine(phases)])]
    for layer in proxy.head[:-1]:
        parts.append(jax.nn.gelu(_product(parts, layer)))
    return _product(parts, proxy.head[-1])[0]


def _product(parts: list[Array], layer: dict[str, Array]) -> Float[Array, " width"]:
    """A layer of several inputs, each with its rows: for many guesses, a code's product is one."""
    rows = np.cumsum([0, *(len(part) for part in parts)])
    weights = [layer["w"][a:b] for a, b in pairwise(rows)]
    return layer["b"] + sum(part @ w for part, w in zip(parts, weights, strict=True))
