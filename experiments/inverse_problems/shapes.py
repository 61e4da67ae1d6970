"""The landscapes themselves: how well the learned ones match the exact blur, and how they look."""

import json
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.inverse_problems import study
from experiments.inverse_problems.sums import RESULTS, best_setting, read
from optiinr_jax import landscapes
from optiinr_jax.files import write_atomic

NUM_POINTS, NUM_LINES, LINE = 1024, 32, 65
SIDE = {1: 400, 2: 56, 4: 40}  # points a side of a picture


def true_values(bench: Any, x: np.ndarray) -> np.ndarray:
    """True loss of guesses for every target in units of its random guess's excess."""
    observed = study.observe_all(bench.problem, x)
    return np.stack(
        [
            study.losses_of(bench.problem, y, observed) / excess
            for y, excess in zip(bench.targets.y, bench.targets.excess, strict=True)
        ]
    )


@partial(jax.jit, static_argnames="function")
def _many(function: Any, x: Any, which: Any, scale: Any, shared: Any) -> Any:
    """A blur at points for targets."""
    blur = jax.vmap(lambda w: jax.lax.map(lambda z: function(z, w, scale, *shared), x))
    return blur(which)


def blurred_values(bench: Any, x: np.ndarray, scale: float, targets: np.ndarray) -> np.ndarray:
    """The exact blur, (targets, points); of scale 0 the true loss."""
    if scale == 0.0:
        return true_values(bench, x)[targets]
    with jax.enable_x64(True):
        if bench.problem.num_unknowns in study.GRID:
            shared = (jnp.asarray(study.true_grid(bench)),)
            values = _many(study.blurred, jnp.asarray(x), jnp.asarray(targets), scale, shared)
            return np.asarray(values)
    draws = study.make_draws(bench.problem)
    values = np.zeros((len(targets), len(x)))
    weights = np.zeros(len(x))
    for draw in draws:
        points = x + scale * draw
        inside = np.all((points >= 0.0) & (points <= 1.0), axis=1)
        weights += inside
        values += inside * true_values(bench, points.clip(0.0, 1.0))[targets]
    return values / np.maximum(weights, 1.0)


@jax.jit
def _estimates(proxy: Any, codes: Any, x: Any) -> Any:
    estimate = partial(landscapes.estimate_loss, proxy)
    return jax.vmap(jax.vmap(estimate, (None, 0)), (0, None))(codes, x)


def learned_values(bench: Any, proxy: Any, x: np.ndarray) -> np.ndarray:
    """A network's landscape, (targets, points), in the same units."""
    codes = study.encode_all(proxy, bench)
    values = np.asarray(_estimates(proxy, codes, jnp.asarray(x, jnp.float32)))
    return values * study.label_scale(bench.name) / bench.targets.excess[:, None]


def fit_rows(bench: Any) -> dict[str, Any]:
    """By noise scale: share of the blur's variance that networks explain, and how rough they are.

    Both on targets that no network has seen. The variation is that along lines through the box.
    """
    begin, rng = time.process_time(), np.random.default_rng(8)
    d = bench.problem.num_unknowns
    num = NUM_POINTS if d <= 2 else NUM_POINTS // 4
    x = rng.uniform(size=(num, d))
    lines = np.repeat(rng.uniform(size=(NUM_LINES, 1, d)), LINE, axis=1)
    for i, line in enumerate(lines):
        line[:, i % d] = np.linspace(0.0, 1.0, LINE)
    everyone = np.arange(bench.num_targets)
    rows: dict[str, Any] = {"r_squared": {}, "variation": {}, "variation_blur": {}}
    for scale in study.SCALES:
        blur = blurred_values(bench, x, scale, everyone)
        spread = np.mean((blur - blur.mean(axis=1, keepdims=True)) ** 2)
        learned = [learned_values(bench, proxy, x) for proxy in study.networks(bench.name)[scale]]
        rows["r_squared"][scale] = [float(1.0 - np.mean((v - blur) ** 2) / spread) for v in learned]
        along = [
            learned_values(bench, proxy, lines.reshape(-1, d))
            for proxy in study.networks(bench.name)[scale]
        ]
        rows["variation"][scale] = _variation(np.mean([_steps(a) for a in along]))
        if d <= 2:
            exact = blurred_values(bench, lines.reshape(-1, d), scale, everyone)
            rows["variation_blur"][scale] = _variation(_steps(exact))
    return rows | {"seconds": time.process_time() - begin}


def _steps(values: np.ndarray) -> float:
    """Mean over lines of the sum of absolute differences along them."""
    lines = values.reshape(len(values), NUM_LINES, LINE)
    return float(np.abs(np.diff(lines, axis=-1)).sum(axis=-1).mean())


def _variation(value: Any) -> float:
    return round(float(value), 4)


def picture_points(bench: Any, target: int) -> np.ndarray:
    """A grid; beyond two unknowns that of the first two, the others at their true values."""
    d = bench.problem.num_unknowns
    x = landscapes.make_grid(SIDE[d], min(d, 2))
    if d <= 2:
        return x
    rest = np.tile(bench.targets.x[target][2:], (len(x), 1))
    return np.concatenate([x, rest], axis=1)


def write_shapes(bench: Any) -> None:
    """What is missing of the fit and the pictures."""
    name = bench.name
    study.networks(name)
    if "fit" not in read(name):
        study.write_row(name, "fit", fit_rows(bench))
    path = RESULTS / f"{name}_pictures.json"
    if path.is_file():
        return
    target, scale = 0, float(best_setting(name, "proxy")[0])
    shown = scale or 0.05  # a blur of nothing is no picture
    x = picture_points(bench, target)
    proxy = study.networks(name)[shown][0]
    values = {
        "true": true_values(bench, x)[target],
        "blurred": blurred_values(bench, x, shown, np.array([target]))[0],
        "learned": learned_values(bench, proxy, x)[target],
    }
    side, d = SIDE[bench.problem.num_unknowns], min(bench.problem.num_unknowns, 2)
    shown_values = {
        kind: np.reshape([float(f"{v:.3g}") for v in part], [side] * d).tolist()
        for kind, part in values.items()
    }
    optimum = bench.targets.x[target].tolist()
    record = {"scale": shown, "optimum": optimum, "landscapes": shown_values}
    write_atomic(path, (json.dumps(record) + "\n").encode())
