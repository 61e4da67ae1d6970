"""Claim to be tested: a surrogate of trajectories spares training an INR at another omega.

SIREN networks of one picture are trained at three omegas, from the same initial draw. Their pixels
at omegas in between are said by a surrogate, by a linear blend, by one network with omega as a
further input (fitted to the same three pictures), and by simply training there, which is the truth.

Command: python -m experiments.trajectories.pictures [--num-seeds 3]
Time: 5 minutes on one core.
Expected: experiments/results/trajectories/pictures/SEED.json, one file a seed.
"""

import json
import resource
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tyro
from jaxtyping import Array, Float, Key

import optiinr_jax as oi
from experiments.protocol import fresh_key
from experiments.records import RESULTS
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import apply, init

FOLDER = RESULTS / "trajectories" / "pictures"
ANCHORS, HELD_OUT = (5.0, 15.0, 45.0), (7.0, 10.0, 22.0, 32.0)
SHOWN = 22.0  # omega of the page's figure
SIZE, WIDTH, NUM_STEPS = 48, 32, 300
SURROGATES: dict[str, dict[str, Any]] = {
    "surrogate": {"has_potential": False, "metric": "euclidean"},
    "surrogate, learned metric, potential": {"bandwidth": 0.5, "potential": 0.1},
}
OPTIONS = {"num_kernels": 128}
_NUM_METHODS = 4 + len(SURROGATES)
Predict = Callable[[float], np.ndarray]


@dataclass(frozen=True)
class Arguments:
    """How many initial draws."""

    num_seeds: int = 3


def config_of(omega: float) -> oi.inr.NetworkConfig:
    """SIREN with one omega in all layers, trained as its authors do."""
    config = oi.preset("siren", width=WIDTH)
    layers = tuple(replace(layer, numbers={"omega": omega}) for layer in config.layers)
    return replace(config, layers=layers)


def train(signal: oi.Signal, omega: float, seed: int) -> np.ndarray:
    """Pixels of a network, (SIZE^2, 3)."""
    config, key = config_of(omega), fresh_key(0, seed)
    options = {"num_steps": NUM_STEPS, "progress": False, "warn": False, "share_program": True}
    inr = oi.fit(signal, config, key=key, objective="samples", **options)
    return inr.render().reshape(-1, 3)


def blend(pictures: dict[float, np.ndarray]) -> Predict:
    """Linear in log omega, from the two nearest anchors."""

    def predict(omega: float) -> np.ndarray:
        right = min(o for o in ANCHORS if o >= omega)
        left = max(o for o in ANCHORS if o <= omega)
        s = np.log(omega / left) / np.log(right / left) if right > left else 0.0
        return (1.0 - s) * pictures[left] + s * pictures[right]

    return predict


def fit_surrogate(
    pictures: dict[float, np.ndarray], coords: np.ndarray, seed: int, options: dict[str, Any]
) -> Predict:
    """A surrogate over log omega; outputs are pixels, conditions their coordinates."""
    anchors = oi.trajectories.make_anchors(
        np.log(ANCHORS), [pictures[omega] for omega in ANCHORS], [coords] * len(ANCHORS)
    )
    found = oi.trajectories.fit(anchors, seed=seed, progress=False, **OPTIONS, **options)
    return lambda omega: found.sample(np.log(omega), coords, pictures[ANCHORS[0]])


def fit_conditional(pictures: dict[float, np.ndarray], coords: np.ndarray, seed: int) -> Predict:
    """One SIREN of coordinates and log omega, for as many steps as the anchors took together."""
    place = np.log(np.array(ANCHORS))
    middle, half = (place[0] + place[-1]) / 2, (place[-1] - place[0]) / 2

    def inputs(omega: float) -> np.ndarray:
        time = np.full((len(coords), 1), _FURTHER_INPUT * (np.log(omega) - middle) / half)
        return np.concatenate([coords, time], axis=1).astype(np.float32)

    rows = np.concatenate([inputs(omega) for omega in ANCHORS])
    values = np.concatenate([pictures[omega] for omega in ANCHORS]).astype(np.float32)
    variables = jax.block_until_ready(_fit_conditional(jax.random.key(seed), rows, values))
    return lambda omega: np.asarray(_evaluate(variables, inputs(omega)))


_CONFIG = config_of(30.0)
_FURTHER_INPUT = 0.1  # half its range: three settings say nothing of high frequencies in omega


@jax.jit
def _fit_conditional(key: Key[Array, ""], rows: Float[Array, "n 3"], values: Float[Array, "n 3"]):
    begin = init(key, _CONFIG, num_dims=3, num_channels=3)
    num_steps = len(ANCHORS) * NUM_STEPS
    optimizer = optax.adam(optax.cosine_decay_schedule(5e-4, num_steps))

    def loss(params: Any) -> Array:
        return jnp.mean((apply({**begin, "params": params}, _CONFIG, rows) - values) ** 2)

    def step(carry: Any, _: None) -> Any:
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state)
        return (optax.apply_updates(params, updates), state), None

    start = (begin["params"], optimizer.init(begin["params"]))
    (params, _), _ = jax.lax.scan(step, start, length=num_steps)
    return {**begin, "params": params}


@jax.jit
def _evaluate(variables: Any, rows: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    return apply(variables, _CONFIG, rows)


def psnr(found: np.ndarray, target: np.ndarray) -> float:
    """In dB, values in [0, 1]."""
    return float(-10 * np.log10(np.mean((found - target) ** 2)))


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the processor time it takes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = function()
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found, round(used, 2)


def run(seed: int, record: dict[str, Any]) -> dict[str, Any]:
    """The methods that a record lacks, on one initial draw: figures, and pixels for the page."""
    signal = oi.sample_signal("image", SIZE)
    coords, original = signal.grid_coords(), signal.samples.reshape(-1, 3)
    train(signal, ANCHORS[0], seed)  # compiles
    trained = {omega: timed(partial(train, signal, omega, seed)) for omega in ANCHORS + HELD_OUT}
    pictures = {omega: trained[omega][0] for omega in ANCHORS}
    truth = {omega: trained[omega][0] for omega in HELD_OUT}
    methods = {
        "nearest anchor": lambda: partial(nearest, pictures),
        "linear blend": partial(blend, pictures),
        "conditional INR": partial(fit_conditional, pictures, coords, seed),
    }
    for name, options in SURROGATES.items():
        methods[name] = partial(fit_surrogate, pictures, coords, seed, options)
    found, shown = dict(record.get("methods", {})), dict(record.get("shown", {}))
    found["training there"] = {
        "cpu_seconds": float(np.mean([trained[omega][1] for omega in HELD_OUT])),
        "to the original": {str(o): psnr(y, original) for o, y in truth.items()},
    }
    shown["training there"] = as_hex(truth[SHOWN])
    for name, fit in methods.items():
        if name in found:
            continue
        predict, seconds = timed(fit)
        said = {omega: predict(omega) for omega in HELD_OUT}
        found[name] = {
            "cpu_seconds": seconds,
            "to the network": {str(o): psnr(said[o], y) for o, y in truth.items()},
            "to the original": {str(o): psnr(said[o], original) for o in HELD_OUT},
        }
        shown[name] = as_hex(said[SHOWN])
        print(f"seed {seed}, {name}: {found[name]}", flush=True)
    return {"methods": found, "shown": shown}


def nearest(pictures: dict[float, np.ndarray], omega: float) -> np.ndarray:
    """The picture of the anchor whose logarithm is nearest."""
    return pictures[min(ANCHORS, key=lambda anchor: abs(np.log(anchor / omega)))]


def as_hex(picture: np.ndarray) -> str:
    """Pixels as bytes, two digits each."""
    return np.clip(np.rint(255 * picture), 0, 255).astype(np.uint8).tobytes().hex()


def from_hex(text: str) -> np.ndarray:
    """What `as_hex` wrote, (SIZE, SIZE, 3)."""
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(SIZE, SIZE, 3)


def main(arguments: Arguments) -> None:
    """Run what is missing."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.num_seeds):
        path = FOLDER / f"{seed}.json"
        record = json.loads(path.read_text()) if path.is_file() else {}
        if len(record.get("methods", {})) < _NUM_METHODS:
            write_atomic(path, (json.dumps(run(seed, record), indent=1) + "\n").encode())


if __name__ == "__main__":
    main(tyro.cli(Arguments))
