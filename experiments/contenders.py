"""The controls that are no samplers: one family tuned as a whole, and one layer at a time.

Each is a function from a study to the next point of its space; the trials before it are all it
knows, so a search that was interrupted goes on the same.
"""

import math
from collections.abc import Callable

import optiinr_jax as oi
from optiinr_jax.bo import Optimizer, Space
from optiinr_jax.bo.space import Point
from optiinr_jax.bo.ties import Ties
from optiinr_jax.studies.points import layer_ties


def single_family(study: oi.Study) -> Point:
    """One family, its numbers and one learning rate for all layers, by our own optimiser."""
    return _next_tied(study, is_encoded=False)


def encoded_family(study: oi.Study) -> Point:
    """The same with the choice of Fourier features: what remains is the gain of mixing layers."""
    return _next_tied(study, is_encoded=True)


def _next_tied(study: oi.Study, is_encoded: bool) -> Point:
    ties = Ties(study.space, layer_ties(study.space))
    shared = ties.space.dimensions
    encoding = {name: shared[name] for name in shared if name.startswith("encoding")}
    rest = {name: shared[name] for name in shared if name not in encoding}
    first = {"activation": shared["activation"]} | (encoding if is_encoded else {})
    space, settings = Space(first | rest), study.settings
    optimizer = Optimizer(space, num_initial=settings["num_initial"], seed=settings["seed"])
    for trial in study.trials:
        point = ties.contract(trial.point)
        if point is not None and (is_encoded or point["encoding"] == "none"):
            point = {name: point[name] for name in point if name in space.dimensions}
            optimizer.tell(point, math.nan if trial.score is None else trial.score)
    return ties.expand({"encoding": "none"} | optimizer.ask())


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
