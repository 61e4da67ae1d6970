"""Small diffusion models of two moons, one for each rate of dropout, and what they draw.

DDPM (Ho et al. 2020) with 100 steps and the betas of the paper's task, 1e-4 to 0.02; all rates are
trained side by side. Dropout acts while training; samples are drawn without it.
"""

from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from experiments.protocol import RUNS
from optiinr_jax.files import write_atomic
from optiinr_jax.trajectories.networks import init_mlp

RATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
NUM_SAMPLES, NUM_POINTS = 1000, 2000
CLASSES = np.repeat([0, 1], NUM_SAMPLES // 2)
_NUM_TIMES, _WIDTH, _NUM_UPDATES, _BATCH, _RATE = 100, 256, 3900, 128, 1e-3
_BETAS = np.linspace(1e-4, 0.02, _NUM_TIMES, dtype=np.float32)
_KEPT = np.cumprod(1.0 - _BETAS)


def two_moons(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of two interleaved half circles with a little noise, and which one each belongs to."""
    moon = np.arange(count) % 2
    angle = np.pi * rng.random(count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.where(moon[:, None] == 0, upper, lower) + 0.1 * rng.standard_normal((count, 2))
    return points.astype(np.float32), moon


@cache
def samples_of(seed: int, again: bool = False) -> Float[np.ndarray, "rates n 2"]:
    """Samples of the models of a seed, trained where nobody has done so yet.

    Args:
        again: an independent draw of the same models, for the floor.
    """
    path = RUNS / "trajectories" / f"dropout_{seed}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        both = np.asarray(_train_and_draw(seed))
        write_atomic(path, lambda file: np.save(file, both, allow_pickle=False))
    return np.load(Path(path), allow_pickle=False)[int(again)]


def _train_and_draw(seed: int) -> Array:
    points, moon = two_moons(np.random.default_rng(seed), NUM_POINTS)
    x = np.eye(2, dtype=np.float32)[moon]
    keys = jax.random.split(jax.random.key(seed), 3)
    rates = jnp.array(RATES)
    params = jax.vmap(lambda key: _train(key, rates, points, x))(keys[:1])
    params = jax.tree.map(lambda leaf: leaf[0], params)
    conditions = np.eye(2, dtype=np.float32)[CLASSES]
    return jnp.stack([_draw(key, params, conditions) for key in keys[1:]])


def _noise_of(params: Any, y: Array, x: Array, time: Array, masks: Any = None) -> Array:
    """The noise that the network sees in a point: an MLP of point, class and time."""
    part = time / _NUM_TIMES
    h = jnp.concatenate([y, x, jnp.stack([part, jnp.sin(6.3 * part), jnp.cos(6.3 * part)])])
    for i in range(3):
        layer = params[f"layer_{i}"]
        h = h @ layer["weights"] + layer["bias"]
        if i < 2:
            h = jax.nn.relu(h)
            h = h if masks is None else h * masks[i]
    return h


@jax.jit
def _train(
    key: Key[Array, ""],
    rates: Float[Array, " r"],
    points: Float[Array, "n 2"],
    x: Float[Array, "n 2"],
) -> Any:
    """Parameters of all rates, as rows; they see the same batches."""
    params = jax.vmap(lambda _: init_mlp(key, (7, _WIDTH, _WIDTH, 2), 0))(rates)
    optimizer = optax.adam(_RATE)

    def loss(params: Any, rate: Array, key: Array) -> Array:
        keys = jax.random.split(key, 4)
        rows = jax.random.randint(keys[0], (_BATCH,), 0, len(points))
        times = jax.random.randint(keys[1], (_BATCH,), 0, _NUM_TIMES)
        noise = jax.random.normal(keys[2], (_BATCH, 2))
        kept = jnp.asarray(_KEPT)[times][:, None]
        seen = jnp.sqrt(kept) * points[rows] + jnp.sqrt(1.0 - kept) * noise
        is_on = jax.random.uniform(keys[3], (_BATCH, 2, _WIDTH)) >= rate
        masks = is_on / (1.0 - rate)
        found = jax.vmap(partial(_noise_of, params))(seen, x[rows], times, masks)
        return jnp.mean((found - noise) ** 2)

    def step(carry: Any, i: Array) -> Any:
        params, state = carry
        grads = jax.vmap(jax.grad(loss), in_axes=(0, 0, None))(
            params, rates, jax.random.fold_in(key, i)
        )
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(_NUM_UPDATES))
    return params


@jax.jit
def _draw(key: Key[Array, ""], params: Any, x: Float[Array, "n 2"]) -> Float[Array, "r n 2"]:
    """Samples of all rates, from the same noise."""
    key_start, key_steps = jax.random.split(key)
    start = jax.random.normal(key_start, (len(x), 2))

    def draw(params: Any) -> Array:
        def step(y: Array, time: Array) -> Any:
            found = jax.vmap(partial(_noise_of, params), in_axes=(0, 0, None))(y, x, time)
            beta, kept = jnp.asarray(_BETAS)[time], jnp.asarray(_KEPT)[time]
            mean = (y - beta / jnp.sqrt(1.0 - kept) * found) / jnp.sqrt(1.0 - beta)
            noise = jax.random.normal(jax.random.fold_in(key_steps, time), y.shape)
            return mean + jnp.where(time > 0, jnp.sqrt(beta), 0.0) * noise, None

        return jax.lax.scan(step, start, jnp.arange(_NUM_TIMES)[::-1])[0]

    return jax.vmap(draw)(params)
