"""Networks that forecast one quantile each, of a series whose conditional quantiles are known.

The next value of the series depends on two of the last twelve, none nearer than three steps:
y_t = 20 + 0.5 (y_{t-12} - 20) + 0.3 (y_{t-3} - 20) + s_t e_t, s_t = 0.5 + 0.2 |y_{t-3} - 20|, with
e of a Gumbel law. So all quantiles of three steps ahead are known exactly. Where OPTIINR_DATA has
the file ETTm2.csv, its oil temperature is another series, of which nothing is known.
"""

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from optiinr_jax.signals.datasets import data_folder
from optiinr_jax.trajectories.networks import init_mlp, mlp

LEVELS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
NUM_TRAIN, NUM_TEST, LENGTH, AHEAD = 1200, 180, 12, 3
_SIZES = (LENGTH, 128, 64, AHEAD)
_NUM_UPDATES, _BATCH, _RATE = 800, 256, 1e-3
_MEAN = 20.0  # degrees


class Forecasts(NamedTuple):
    """What the networks of a seed say of all windows, those of the test behind the others."""

    windows: Float[np.ndarray, "n 12"]
    forecasts: Float[np.ndarray, "levels n 3"]
    exact: Float[np.ndarray, "levels n 3"]  # nan where nothing is known


def make_series(rng: np.random.Generator, count: int) -> np.ndarray:
    """Values in degrees."""
    burn = 200
    y = np.full(burn + count, _MEAN)
    noise = rng.gumbel(size=len(y)) - np.euler_gamma
    for t in range(LENGTH, len(y)):
        mean, scale = _law(y[t - LENGTH], y[t - AHEAD])
        y[t] = mean + scale * noise[t]
    return y[burn:]


def _law(far: Any, near: Any) -> tuple[Any, Any]:
    """Mean and scale, given the values twelve and three steps before."""
    return _MEAN + 0.5 * (far - _MEAN) + 0.3 * (near - _MEAN), 0.5 + 0.2 * np.abs(near - _MEAN)


def exact_quantiles(windows: np.ndarray) -> np.ndarray:
    """Conditional quantiles of the next three values, (levels, n, 3)."""
    ahead = range(AHEAD)
    laws = [_law(windows[:, h], windows[:, LENGTH - AHEAD + h]) for h in ahead]
    mean, scale = (np.stack(part, axis=1) for part in zip(*laws, strict=True))
    gumbel = -np.log(-np.log(np.array(LEVELS))) - np.euler_gamma
    return mean[None] + gumbel[:, None, None] * scale[None]


@cache
def forecasts_of(seed: int, name: str = "synthetic") -> Forecasts:
    """Train one network a level on the first windows, and let them forecast all."""
    count = NUM_TRAIN + NUM_TEST + LENGTH + AHEAD - 1
    if name == "synthetic":
        series = make_series(np.random.default_rng(seed), count)
    else:
        path = data_folder() / "ETTm2.csv"
        series = np.genfromtxt(path, delimiter=",", skip_header=1, usecols=-1)[:count]
    rows = np.lib.stride_tricks.sliding_window_view(series, LENGTH + AHEAD).astype(np.float32)
    windows, targets = rows[:, :LENGTH], rows[:, LENGTH:]
    centre, spread = series[:NUM_TRAIN].mean(), series[:NUM_TRAIN].std()
    scaled = ((part - centre) / spread for part in (windows, targets))
    found = _train(jax.random.key(seed), *map(jnp.asarray, scaled)) * spread + centre
    exact = exact_quantiles(windows) if name == "synthetic" else np.full(found.shape, np.nan)
    return Forecasts(windows, np.asarray(found), exact)


@jax.jit
def _train(
    key: Key[Array, ""], windows: Float[Array, "n 12"], targets: Float[Array, "n 3"]
) -> Float[Array, "levels n 3"]:
    """Forecasts of networks that begin alike and differ in their level."""
    levels = jnp.array(LEVELS)
    nothing = jnp.zeros(0)
    params = jax.vmap(lambda _: init_mlp(key, _SIZES, 0))(levels)
    optimizer = optax.adamw(optax.cosine_decay_schedule(_RATE, _NUM_UPDATES), weight_decay=1e-2)

    def forecast(params: Any, windows: Array) -> Array:
        return jax.vmap(lambda window: mlp(params, window, nothing))(windows)

    def loss(params: Any, level: Array, rows: Array) -> Array:
        missing = targets[rows] - forecast(params, windows[rows])
        return jnp.mean(jnp.maximum(level * missing, (level - 1.0) * missing))

    def step(carry: Any, i: Array) -> Any:
        params, state = carry
        rows = jax.random.randint(jax.random.fold_in(key, i), (_BATCH,), 0, NUM_TRAIN)
        grads = jax.vmap(jax.grad(loss), in_axes=(0, 0, None))(params, levels, rows)
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(_NUM_UPDATES))
    return jax.vmap(partial(forecast, windows=windows))(params)
