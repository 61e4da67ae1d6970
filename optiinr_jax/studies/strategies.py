"""Search strategies by name: plain functions from what a trial may know to its point.

All share one loop, one storage and one way of training, so a comparison is of the strategies alone.
Ours gives all layers the same values at first, because few trials tell little of four layers of
different families (docs/experiments.md); the others are its controls.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import optuna

from optiinr_jax.bo import Optimizer
from optiinr_jax.bo.distributions import suggest, to_distribution
from optiinr_jax.bo.engine import Trial as Observation
from optiinr_jax.bo.engine import make_settings, plain
from optiinr_jax.bo.pareto import weighed
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.bo.ties import Ties, tied
from optiinr_jax.studies.objectives import values_of
from optiinr_jax.studies.points import layer_of, layer_ties
from optiinr_jax.studies.rungs import predict_final
from optiinr_jax.studies.settings import StudySettings
from optiinr_jax.studies.trials import Trial, score_of

TIED_FACTOR = 2.5  # times the initial trials: so many have the same values in all layers


class Known(NamedTuple):
    """What a trial may know when its point is chosen.

    Attributes:
        trials: those before it, in order; of those that still run, the points alone.
        number: of the trial.
        num_trials: budget of the search; None: not known.
    """

    trials: Sequence[Trial]
    number: int
    num_trials: int | None = None

    @property
    def observations(self) -> list[Observation]:
        """Trials that have ended, as the optimiser knows them; a failed one has the value nan.

        One that is paused has what it would probably reach.
        """
        expected = predict_final(self.trials)
        found = []
        for trial in self.trials:
            value = math.nan if trial.last_value is None else trial.last_value
            value, sd = expected.get(trial.number, (value, 0.0))
            if trial.is_ended:
                found.append(Observation(trial.point, value, asked=True, sd=sd))
        return found

    @property
    def pending(self) -> list[Point]:
        """Points of trials that still run."""
        return [trial.point for trial in self.trials if not trial.is_ended]


Propose = Callable[[Space, StudySettings, Known], Point]


class Strategy(NamedTuple):
    """One row: how a point is chosen, and what else it does.

    Attributes:
        propose: chooses the point of a trial.
        ties_layers: all layers share their values at first.
        has_objectives: it serves a search with several objectives.
    """

    propose: Propose
    ties_layers: bool = False
    has_objectives: bool = False


def num_tied(space: Space, settings: StudySettings) -> int:
    """First trials of a search in which all layers have the same values."""
    is_tied = STRATEGIES[settings.strategy].ties_layers and bool(layer_ties(space))
    return int(TIED_FACTOR * settings.num_initial) if is_tied else 0


def by_model(**options: Any) -> Propose:
    """Our optimiser with some of its options, after a Latin hypercube of `num_initial` points.

    Points that somebody brought first count as some of those.
    """

    def propose(space: Space, settings: StudySettings, known: Known) -> Point:
        count = num_tied(space, settings)
        engine = make_settings(
            space, num_initial=settings.num_initial, seed=settings.seed, **options
        )
        proposer = tied(engine, layer_ties(space), count) if count else plain(engine)
        if known.number < settings.num_initial:
            is_given = [trial.origin.is_given for trial in known.trials]
            num_before = is_given.index(False) if False in is_given else len(is_given)
            design, row = proposer.make_design(num_before), known.number - num_before
            if row < len(design):
                return design[row]
        known_scores = known.observations
        if settings.objectives:  # every proposal weighs them by other random weights
            values = [values_of(t, settings.objectives) for t in known.trials if t.is_ended]
            known_scores = weighed(known_scores, values, settings.seed, known.number)
        return proposer.make_suggest(known_scores)(known.pending, known.number)

    return propose


def from_optuna(
    make_sampler: Callable[[StudySettings, int], optuna.samplers.BaseSampler],
) -> Propose:
    """One of Optuna's samplers, made anew for every trial from (settings, a seed of its own).

    It sees a study in memory that holds what the trial may know.
    """

    def propose(space: Space, settings: StudySettings, known: Known) -> Point:
        seed = np.random.SeedSequence([settings.seed, known.number]).generate_state(1)[0]
        study = optuna.create_study(direction="maximize", sampler=make_sampler(settings, int(seed)))
        distributions = {n: to_distribution(d) for n, d in space.dimensions.items()}
        for trial in known.trials:
            study.add_trial(_as_optuna(trial, distributions))
        return suggest(study.ask(), space)

    return propose


def _as_optuna(
    trial: Trial, distributions: Mapping[str, optuna.distributions.BaseDistribution]
) -> optuna.trial.FrozenTrial:
    states = optuna.trial.TrialState
    state = {
        "complete": states.COMPLETE,
        "failed": states.FAIL,
        "pruned": states.PRUNED,
        "paused": states.PRUNED,
        "running": states.RUNNING,
    }[trial.state]
    return optuna.trial.create_trial(
        state=state,
        value=trial.last_value if state in (states.COMPLETE, states.PRUNED) else None,
        params=trial.point,
        distributions={name: distributions[name] for name in trial.point},
        intermediate_values=trial.rungs or trial.curve,
    )


def _tied_family(*, is_encoded: bool) -> Propose:
    """One family, its numbers and one learning rate for all layers, by our own optimiser."""

    def propose(space: Space, settings: StudySettings, known: Known) -> Point:
        ties = Ties(space, layer_ties(space))
        shared = ties.space.dimensions
        encoding = {name: shared[name] for name in shared if name.startswith("encoding")}
        rest = {name: shared[name] for name in shared if name not in encoding}
        first = {"activation": shared["activation"]} | (encoding if is_encoded else {})
        small = Space(first | rest)
        optimizer = Optimizer(small, num_initial=settings.num_initial, seed=settings.seed)
        for trial in known.trials:
            point = ties.contract(trial.point)
            if point is not None and trial.is_ended and (is_encoded or point["encoding"] == "none"):
                point = {name: point[name] for name in point if name in small.dimensions}
                optimizer.tell(point, math.nan if trial.score is None else trial.score)
        return ties.expand({"encoding": "none"} | optimizer.ask())

    return propose


def _layerwise(space: Space, settings: StudySettings, known: Known) -> Point:
    """Greedy, as MIRE fits one layer's atom after the other (Jayasundara et al., CVPR 2025).

    Each layer in turn gets an equal part of the trials, at random, with the others as in the best
    network so far.
    """
    num_given = sum(trial.origin.is_given for trial in known.trials)
    last = known.num_trials if known.num_trials is not None else 2 * settings.num_initial
    num_free = max(last - num_given, 1)
    layer = min(1 + (known.number - num_given) * settings.depth // num_free, settings.depth)
    drawn = space.sample((settings.seed, known.number), 1)[0]
    best = max(known.trials, key=score_of, default=None)
    if best is None or best.score is None:
        return drawn
    kept = {name: value for name, value in best.point.items() if layer_of(name) != layer}
    return kept | {name: value for name, value in drawn.items() if layer_of(name) == layer}


STRATEGIES: dict[str, Strategy] = {
    "optiinr": Strategy(by_model(), ties_layers=True, has_objectives=True),
    "untied": Strategy(by_model(), has_objectives=True),
    "faithful": Strategy(by_model(faithful=True)),
    "random": Strategy(
        from_optuna(lambda settings, seed: optuna.samplers.RandomSampler(seed=seed)),
        has_objectives=True,
    ),
    "tpe": Strategy(
        from_optuna(
            lambda settings, seed: optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=settings.num_initial
            )
        )
    ),
    "single_family": Strategy(_tied_family(is_encoded=False)),
    "encoded_family": Strategy(_tied_family(is_encoded=True)),
    "layerwise": Strategy(_layerwise),
}
