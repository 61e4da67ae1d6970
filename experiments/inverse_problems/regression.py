"""A network that names the unknowns of what was observed, as in Holl and Thuerey, 2408.08119."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.inverse_problems.problems import (
    Problem,
    losses_of,
    make_phases,
    make_runs,
    observe_all,
)
from optiinr_jax.landscapes import ENCODERS, minimise, squared_distance

NUM_STEPS, BATCH, CODE = 3000, 128, 64


def examples(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Observations and unknowns: the stored runs, or the functions a network is trained on."""
    runs = make_runs(problem)
    if problem.loss is squared_distance:
        return runs.y, runs.x
    y, grid = make_phases(512, seed=7), np.linspace(0.0, 1.0, 2001)[:, None]
    observed = observe_all(problem, grid)
    starts = np.stack([grid[np.argmin(losses_of(problem, target, observed))] for target in y])
    return y, minimise(problem.true_loss, starts, y, np.ones(len(y)), first_step=1e-5).x


def answer(problem: Problem, targets: np.ndarray, num_networks: int) -> np.ndarray:
    """Guesses in the unit box for some targets, (networks, targets, unknowns)."""
    names = train(problem, num_networks)
    guess = jax.vmap(jax.vmap(partial(_name, problem.encoder), (None, 0)), (0, None))
    return np.asarray(guess(names, jnp.asarray(targets, jnp.float32)), np.float64)


@cache
def train(problem: Problem, num_networks: int) -> Any:
    """Networks that name a problem's unknowns."""
    y, x = (jnp.asarray(part, jnp.float32) for part in examples(problem))
    return _train(jax.random.split(jax.random.key(3), num_networks), y, x, problem.encoder)


def _name(encoder: str, layers: Any, target: Any) -> Any:
    code = ENCODERS[encoder].apply(layers[0], target)
    hidden = jax.nn.gelu(code @ layers[1] + layers[2])
    return jax.nn.sigmoid(hidden @ layers[3] + layers[4])


@partial(jax.jit, static_argnames="encoder")
def _train(keys: Any, y: Any, x: Any, encoder: str) -> Any:
    """All networks in one scan."""
    optimizer = optax.adam(optax.cosine_decay_schedule(2e-3, NUM_STEPS))

    def begin(key: Any) -> Any:
        first, second, third = jax.random.split(key, 3)
        layers = (
            ENCODERS[encoder].init(first, y.shape[1:], CODE),
            jax.random.normal(second, (CODE, CODE)) * np.sqrt(2.0 / CODE),
            jnp.zeros(CODE),
            jax.random.normal(third, (CODE, x.shape[1])) * np.sqrt(1.0 / CODE),
            jnp.zeros(x.shape[1]),
        )
        return layers, optimizer.init(layers)

    def one(layers: Any, state: Any, key: Any, i: Any) -> Any:
        batch = jax.random.randint(jax.random.fold_in(key, i), (BATCH,), 0, len(x))

        def error(layers: Any) -> Any:
            found = jax.vmap(partial(_name, encoder, layers))(y[batch])
            return jnp.mean((found - x[batch]) ** 2)

        updates, state = optimizer.update(jax.grad(error)(layers), state)
        return optax.apply_updates(layers, updates), state

    def step(carry: Any, i: Any) -> Any:
        return jax.vmap(one, (0, 0, 0, None))(*carry, keys, i), None

    return jax.lax.scan(step, jax.vmap(begin)(keys), jnp.arange(NUM_STEPS))[0][0]
