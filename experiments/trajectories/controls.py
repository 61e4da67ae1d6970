"""What a surrogate has to beat: five ways to say something of a setting in between.

A row of CONTROLS is a function from data and a seed to a prediction.
"""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key
from scipy.optimize import linear_sum_assignment

from experiments.trajectories.tasks import Data, Predict
from optiinr_jax.trajectories import Anchors
from optiinr_jax.trajectories.anchors import scale_of, scaled_conditions, scaled_outputs
from optiinr_jax.trajectories.networks import init_mlp, mlp

_WIDTH, _NUM_UPDATES, _BATCH, _RATE, _NUM_EULER = 64, 2000, 128, 2e-3, 50


def starts_of(data: Data) -> np.ndarray:
    """Rows of the first anchor, from which predictions begin: those of the test where there are."""
    return data.more["ends"][0] if "ends" in data.more else data.anchors.outputs[0]


def conditions_of(data: Data) -> np.ndarray:
    """Conditions of those rows."""
    return data.more["windows"] if "windows" in data.more else data.anchors.conditions[0]


def ends_of(data: Data) -> list[np.ndarray]:
    """Outputs of every anchor for the rows that are asked for."""
    return data.more.get("ends") or list(data.anchors.outputs)


def _interval(anchors: Anchors, setting: float) -> tuple[int, float]:
    """The anchor on the left, and the part of the way to the next."""
    k = int(np.searchsorted(anchors.settings, setting, side="right")) - 1
    k = min(max(k, 0), len(anchors.settings) - 2)
    left, right = anchors.settings[k : k + 2]
    return k, (setting - left) / (right - left)


def hold_left(data: Data, seed: int) -> Predict:
    """The outputs of the anchor on the left, whatever the setting."""
    del seed
    return lambda setting: ends_of(data)[_interval(data.anchors, setting)[0]]


def blend_rows(data: Data, seed: int) -> Predict:
    """Row i of one anchor with row i of the next, linear in the setting.

    Rows belong together where outputs are paired by their condition; else they are random pairs.
    """
    del seed

    def predict(setting: float) -> np.ndarray:
        k, s = _interval(data.anchors, setting)
        left, right = ends_of(data)[k : k + 2]
        return (1.0 - s) * left + s * right

    return predict


def blend_matched(data: Data, seed: int) -> Predict:
    """Exact optimal transport from anchor to anchor, within each class, along straight lines."""
    del seed
    ends, order = ends_of(data), {}
    for k in range(len(ends) - 1):
        order[k] = matched(ends[k], ends[k + 1], data.classes)

    def predict(setting: float) -> np.ndarray:
        k, s = _interval(data.anchors, setting)
        return (1.0 - s) * ends[k] + s * ends[k + 1][order[k]]

    return predict


def matched(a: np.ndarray, b: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Of each row of `a` the row of `b`, of the same class, that exact transport sends it to."""
    order = np.empty(len(a), int)
    for k in np.unique(classes):
        rows = np.flatnonzero(classes == k)
        squares = ((a[rows][:, None] - b[rows][None]) ** 2).sum(axis=-1)
        order[rows] = rows[linear_sum_assignment(squares)[1]]
    return order


def regress(data: Data, seed: int) -> Predict:
    """A network of condition and setting, fitted to all anchors by squared errors."""
    scale, parts = _parts(data)
    y = np.concatenate([part[1] for part in parts])
    inputs = np.concatenate([_with_time(x, time) for time, _, x in parts])
    params = _fit(jax.random.key(seed), inputs, y)
    x = scaled_conditions(scale, conditions_of(data), len(starts_of(data)))

    def predict(setting: float) -> np.ndarray:
        found = np.asarray(_apply(params, _with_time(x, _time(data, setting))))
        return found * scale.length + scale.centre

    return predict


def match_flow(data: Data, seed: int) -> Predict:
    """Conditional flow matching (Tong et al. 2024): a velocity field along lines between anchors.

    Anchors are matched by exact transport within a class, or by their common conditions.
    """
    scale, parts = _parts(data)
    lines = []
    for (t0, y0, x0), (t1, y1, _) in itertools.pairwise(parts):
        is_paired = "windows" in data.more
        order = np.arange(len(y0)) if is_paired else matched(y0, y1, data.classes)
        lines.append((np.full(len(y0), t0), np.full(len(y0), t1), y0, y1[order], x0))
    stacked = [np.concatenate(part).astype(np.float32) for part in zip(*lines, strict=True)]
    params = _fit_flow(jax.random.key(seed), *stacked)
    start = scaled_outputs(scale, starts_of(data))
    x = scaled_conditions(scale, conditions_of(data), len(start))

    def predict(setting: float) -> np.ndarray:
        found = np.asarray(_flow(params, start, x, jnp.float32(_time(data, setting))))
        return found * scale.length + scale.centre

    return predict


def _time(data: Data, setting: float) -> float:
    """The setting in [0, 1]."""
    low, high = data.anchors.settings[[0, -1]]
    return float((setting - low) / (high - low))


def _parts(data: Data) -> tuple[Any, list[tuple[float, np.ndarray, np.ndarray]]]:
    """Of each anchor its time, its scaled outputs and conditions."""
    anchors, scale = data.anchors, scale_of(data.anchors)
    assert anchors.conditions is not None
    return scale, [
        (_time(data, setting), scaled_outputs(scale, y), scaled_conditions(scale, x, len(y)))
        for setting, y, x in zip(anchors.settings, anchors.outputs, anchors.conditions, strict=True)
    ]


def _with_time(x: np.ndarray, time: float) -> np.ndarray:
    return np.concatenate([x, np.full((len(x), 1), time, np.float32)], axis=1)


def _apply(params: Any, inputs: Float[Array, "n i"]) -> Float[Array, "n o"]:
    return jax.vmap(lambda row: mlp(params, row, jnp.zeros(0)))(inputs)


def _minimise(key: Key[Array, ""], params: Any, loss: Callable[[Any, Array], Array]) -> Any:
    """Adam on random batches, its rate falling to zero."""
    optimizer = optax.adam(optax.cosine_decay_schedule(_RATE, _NUM_UPDATES))

    def step(carry: Any, i: Array) -> Any:
        params, state = carry
        grads = jax.grad(loss)(params, jax.random.fold_in(key, i))
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, updates), state), None

    begin = (params, optimizer.init(params))
    return jax.lax.scan(step, begin, jnp.arange(_NUM_UPDATES))[0][0]


@jax.jit
def _fit(key: Key[Array, ""], inputs: Float[Array, "n i"], y: Float[Array, "n o"]) -> Any:
    sizes = (inputs.shape[1], *(_WIDTH,) * 3, y.shape[1])

    def loss(params: Any, key: Array) -> Array:
        rows = jax.random.randint(key, (_BATCH,), 0, len(y))
        return jnp.mean((_apply(params, inputs[rows]) - y[rows]) ** 2)

    return _minimise(key, init_mlp(key, sizes, 0), loss)


@jax.jit
def _fit_flow(
    key: Key[Array, ""],
    t0: Float[Array, " n"],
    t1: Float[Array, " n"],
    y0: Float[Array, "n o"],
    y1: Float[Array, "n o"],
    x: Float[Array, "n c"],
) -> Any:
    """The velocity at points of the lines, by squared errors."""
    sizes = (y0.shape[1] + x.shape[1] + 1, *(_WIDTH,) * 3, y0.shape[1])

    def loss(params: Any, key: Array) -> Array:
        key_rows, key_times = jax.random.split(key)
        i = jax.random.randint(key_rows, (_BATCH,), 0, len(y0))
        s = jax.random.uniform(key_times, (_BATCH, 1))
        time = t0[i][:, None] + s * (t1 - t0)[i][:, None]
        y = (1.0 - s) * y0[i] + s * y1[i]
        velocity = (y1 - y0)[i] / (t1 - t0)[i][:, None]
        found = _apply(params, jnp.concatenate([y, x[i], time], axis=1))
        return jnp.mean((found - velocity) ** 2)

    return _minimise(key, init_mlp(key, sizes, 0), loss)


@jax.jit
def _flow(
    params: Any, start: Float[Array, "n o"], x: Float[Array, "n c"], end: Float[Array, ""]
) -> Float[Array, "n o"]:
    """Euler's method from time 0 to `end`."""

    def step(y: Array, i: Array) -> Any:
        time = jnp.full((len(y), 1), end * i / _NUM_EULER)
        velocity = _apply(params, jnp.concatenate([y, x, time], axis=1))
        return y + end / _NUM_EULER * velocity, None

    return jax.lax.scan(step, start, jnp.arange(_NUM_EULER))[0]


def truth_again(data: Data, seed: int) -> Predict:
    """Fresh samples of the truth: what remains is the noise of sampling."""
    del seed
    floor = data.more.get("floor") or data.truth
    return lambda setting: floor[setting]


Control = Callable[[Data, int], Predict]
CONTROLS: dict[str, Control] = {
    "left anchor held": hold_left,
    "linear in the setting": blend_rows,
    "exact OT, straight lines": blend_matched,
    "direct regression": regress,
    "conditional flow matching": match_flow,
}
FLOOR: dict[str, Control] = {"the truth again": truth_again}


def _warped(warp: Callable[[float], float]) -> Control:
    """Paired rows blended linearly on another scale of the setting."""

    def control(data: Data, seed: int) -> Predict:
        del seed
        left, right = ends_of(data)
        low, high = (warp(end) for end in data.anchors.settings)

        def predict(setting: float) -> np.ndarray:
            s = (warp(setting) - low) / (high - low)
            return (1.0 - s) * left + s * right

        return predict

    return control


def laplace(q: float) -> float:
    """Quantile of the standard Laplace law."""
    return float(np.log(2 * q) if q < 0.5 else -np.log(2 * (1 - q)))


# Of the quantiles, which are paired: whoever knows that the setting is a level may say more.
SCALES: dict[str, Control] = {
    "linear on the logit scale": _warped(lambda q: float(np.log(q / (1 - q)))),
    "linear on the Laplace scale": _warped(laplace),
}
ALL = CONTROLS | FLOOR
controls_of = {"quantiles": ALL | SCALES}
