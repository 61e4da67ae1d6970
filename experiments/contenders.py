"""The controls that are no samplers: one family tuned as a whole, and one layer at a time.

Each is a function from a study to the next point of its space; the trials before it are all it
knows, so a search that was interrupted goes on the same.
"""

import math
from collections.abc import Callable

import optiinr_jax as oi
from optiinr_jax.bo import Choice, Float, Optimizer, Space
from optiinr_jax.bo.space import Point
from optiinr_jax.inr.activations import get_activation
from optiinr_jax.search.spaces import FAMILIES, LEARNING_RATES


def single_family(study: oi.Study) -> Point:
    """One family, its numbers and one learning rate for all layers, by our own optimiser."""
    return _next_of_family(study, {})


def encoded_family(study: oi.Study) -> Point:
    """The same with the choice of Fourier features: what remains is the gain of mixing layers."""
    names = study.space.dimensions
    return _next_of_family(study, {n: names[n] for n in names if n.startswith("encoding")})


def _next_of_family(study: oi.Study, encoding: dict[str, Choice | Float]) -> Point:
    depth, num_initial = study.settings["depth"], study.settings["num_initial"]
    families = FAMILIES[study.signal.kind]
    dimensions: dict[str, Choice | Float] = {"activation": Choice(families), **encoding}
    for family in families:
        for number, (low, high) in get_activation(family).bounds.items():
            when = {"activation": family}
            dimensions[f"{number}_{family}"] = Float(low, high, log=True, when=when)
    dimensions["learning_rate"] = Float(*LEARNING_RATES, log=True)
    space = Space(dimensions)
    optimizer = Optimizer(space, num_initial=num_initial, seed=study.settings["seed"])
    for trial in study.trials:
        names = {name: _in_layer(name, 1) for name in dimensions}
        shared = {n: trial.point[place] for n, place in names.items() if place in trial.point}
        if trial.point == _in_all_layers(shared, depth):
            optimizer.tell(shared, math.nan if trial.score is None else trial.score)
    return _in_all_layers(optimizer.ask(), depth)


def _in_all_layers(shared: Point, depth: int) -> Point:
    layers = range(1, depth + 1)
    return {"encoding": "none"} | {_in_layer(n, i): shared[n] for i in layers for n in shared}


def _in_layer(name: str, i: int) -> str:
    """A dimension that the layers share, as layer i has it: omega_siren is omega_1_siren there.

    An encoding is before all layers and keeps its name.
    """
    if name.startswith("encoding"):
        return name
    for kind in ("activation", "learning_rate"):
        if name == kind:
            return f"{kind}_{i}"
    number, _, family = name.partition("_")
    return f"{number}_{i}_{family}"


def layerwise(study: oi.Study) -> Point:
    """Greedy, as MIRE fits one layer's atom after the other (Jayasundara et al., CVPR 2025).

    Each layer in turn gets an equal part of the trials, at random, with the others as in the best
    network so far.
    """
    number, depth = len(study.trials), study.settings["depth"]
    num_presets = sum(bool(trial.preset) for trial in study.trials)
    num_free = study.optuna_study.user_attrs["num_trials"] - num_presets
    i = 1 + (number - num_presets) * depth // num_free
    drawn = study.space.sample((study.settings["seed"], number), 1)[0]
    best = study.best_trial.point
    kept = {name: best[name] for name in best if _layer_of(name) != i}
    return kept | {name: drawn[name] for name in drawn if _layer_of(name) == i}


def _layer_of(name: str) -> int:
    """Number of the layer that a dimension belongs to; 0: none."""
    return next((int(part) for part in name.split("_") if part.isdigit()), 0)


CONTENDERS: dict[str, Callable[[oi.Study], Point]] = {
    "single_family": single_family,
    "encoded_family": encoded_family,
    "layerwise": layerwise,
}
