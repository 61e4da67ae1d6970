"""The engine as an Optuna sampler, for any define-by-run study.

It keeps no state: a proposal is a function of the seed, the trial's number and the study's
trials, the same in whatever process it is made. The proposed point is written to the trial, so
that other workers know what is running before all of it has been suggested.
"""

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from optiinr_jax.bo.dimensions import Choice, Float
from optiinr_jax.bo.distributions import Bridge, infer_bridges, make_bridge, to_distribution
from optiinr_jax.bo.engine import (
    FAILED,
    NUM_INITIAL,
    Proposer,
    Trial,
    make_settings,
    plain,
)
from optiinr_jax.bo.held import Held, impose
from optiinr_jax.bo.optimizer import draw_seed
from optiinr_jax.bo.pareto import weighed
from optiinr_jax.bo.space import Point, Space
from optiinr_jax.bo.ties import tied
from optiinr_jax.checks import check_whole, checked_by_hand

PROPOSAL = "optiinr:proposal"  # system attribute of a trial that holds its proposed point
CONSTRAINTS = "constraints"  # where Optuna keeps them
NUM_TRIES = 5  # where workers that ask at one moment come to the same point
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class OptiINRSampler(BaseSampler):
    """Mixed-variable Bayesian optimisation with conditional parameters, by one objective or more.

    Constraints on outcomes, `trial.set_constraint(name, value)`, are met where they are 0 or less;
    what probably meets them is preferred. Values that a trial has been given, by `enqueue_trial`
    or a `PartialFixedSampler`, are held, and the best beside them is proposed.

    Args:
        seed: same seed and same trials give the same proposals; None: one is drawn, here and now.
        num_initial: trials before the model takes over, enqueued ones included.
        space: what is searched; None reads it off the trials so far.
        options: of `Optimizer`: kernel, acquisition, warp, num_paths, faithful, quick; with a
            space also prior, ties and num_tied.
    """

    @checked_by_hand
    def __init__(
        self,
        seed: int | None = 0,
        num_initial: int = NUM_INITIAL,
        space: Space | None = None,
        **options: Any,
    ) -> None:
        """Check the options."""
        for name in ("prior", "ties"):
            if space is None and options.get(name):
                raise ValueError(f"{name} names dimensions, but space is None; give the space too.")
        self.space = space
        seed = draw_seed() if seed is None else seed
        self.options: dict[str, Any] = {"num_initial": num_initial, "seed": seed, "quick": True}
        self.options |= options
        self._proposer(space or Space({"any": Float(0, 1)}))  # a wrong option fails here and now

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the distributions of everything that may be proposed for this trial."""
        if self.space is not None:
            return {n: to_distribution(d) for n, d in self.space.dimensions.items()}
        distributions: dict[str, BaseDistribution] = {}
        for other in _other_trials(study, trial):
            distributions |= {n: d for n, d in other.distributions.items() if not d.single()}
        return distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose the active parameters of one trial together, as far as they are asked for."""
        others = _other_trials(study, trial)
        is_initial = len(others) < self.options["num_initial"]
        if not search_space or (is_initial and self.space is None):
            return {}  # nothing is known of the space: each parameter is drawn by itself
        bridges = self._bridges(others)
        space = self.space or Space({name: b.dimension for name, b in bridges.items()})
        proposer = self._proposer(space)
        signs = [1.0 if d == StudyDirection.MAXIMIZE else -1.0 for d in study.directions]
        held = _read_held(study, trial, bridges)
        point: Point = {}
        num_ahead = 0
        for _ in range(NUM_TRIES):
            drawn = _initial_point(proposer, others, trial.number) if is_initial else None
            if drawn is None:
                told, pending = self._told(space, bridges, others, signs, trial.number)
                suggest = proposer.make_suggest(told)
                for _ in range(num_ahead):  # what they draw in their turn
                    pending.append(suggest(pending, trial.number, held))
                drawn = suggest(pending, trial.number, held)
            point = impose(space, held, drawn, (self.options["seed"], trial.number))
            # Written before others are read: of two that write at one moment one sees the other.
            study._storage.set_trial_system_attr(trial._trial_id, PROPOSAL, json.dumps(point))
            known = {other.number for other in others if _read_proposal(other) == point}
            others = _other_trials(study, trial)
            rivals = {other.number for other in others if _read_proposal(other) == point} - known
            if not rivals:
                break
            # They may have seen this one too, and draw anew, in the order of their numbers.
            num_ahead = sum(number < trial.number for number in rivals)
        values = {
            name: bridges[name].to_optuna(value)
            for name, value in point.items()
            if name in search_space  # another sampler may hold some of them
        }
        return values

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw a parameter that was not proposed: uniformly, from a key of its own."""
        del study
        bridge = make_bridge(param_distribution)
        seed = (self.options["seed"], trial.number, zlib.crc32(param_name.encode()))
        return bridge.to_optuna(bridge.dimension.from_unit(np.random.default_rng(seed).random()))

    def _told(
        self,
        space: Space,
        bridges: Mapping[str, Bridge],
        others: Sequence[FrozenTrial],
        signs: Sequence[float],
        number: int,
    ) -> tuple[list[Trial], list[Point]]:
        """Finished trials, of several objectives by the weights of this trial; running points."""
        told, pending, values = _read_trials(space, bridges, others, signs)
        if len(signs) > 1:
            told = weighed(told, values, self.options["seed"], number)
        return told, pending

    def _proposer(self, space: Space) -> Proposer:
        options = dict(self.options)
        names, num_tied = options.pop("ties", None), options.pop("num_tied", 0)
        check_whole("num_tied", num_tied, 0)
        settings = make_settings(space, **options)
        return tied(settings, names or {}, num_tied) if num_tied else plain(settings)

    def _bridges(self, trials: Sequence[FrozenTrial]) -> dict[str, Bridge]:
        if self.space is None:
            return infer_bridges(trials)
        same = lambda value: value  # noqa: E731
        return {name: Bridge(d, same, same) for name, d in self.space.dimensions.items()}


def _other_trials(study: Study, trial: FrozenTrial) -> list[FrozenTrial]:
    """Every trial that says something about the space: it has parameters, or a proposal."""
    states = (*FINISHED, TrialState.RUNNING)
    trials = study.get_trials(deepcopy=False, states=states)
    known = (t for t in trials if t.params or PROPOSAL in t.system_attrs)
    return [t for t in known if t.number != trial.number]


def _read_held(study: Study, trial: FrozenTrial, bridges: Mapping[str, Bridge]) -> Held:
    """What this trial has been given: by `enqueue_trial`, or by a PartialFixedSampler."""
    fixed = dict(trial.system_attrs.get("fixed_params", {}))
    sampler = study.sampler
    while isinstance(sampler, PartialFixedSampler):
        fixed = sampler._fixed_params | fixed
        sampler = sampler._base_sampler
    held = {}
    for name in bridges.keys() & fixed.keys():
        with suppress(ValueError):  # outside of the range, where Optuna warns and draws another
            bridge = bridges[name]
            held[name] = (bridge.dimension.check(bridge.to_space(fixed[name])),)
    return held


def _initial_point(proposer: Proposer, others: Sequence[FrozenTrial], number: int) -> Point | None:
    """Return the trial's row of a Latin hypercube of what enqueued trials leave to do.

    None when its number is beyond: other workers took the rows and have not suggested yet.
    """
    is_given = ["fixed_params" in other.system_attrs for other in others]
    num_before = is_given.index(False) if False in is_given else len(others)
    row, design = number - num_before, proposer.make_design(num_before)
    return design[row] if row < len(design) else None


def _read_trials(
    space: Space,
    bridges: Mapping[str, Bridge],
    trials: Sequence[FrozenTrial],
    signs: Sequence[float],
) -> tuple[list[Trial], list[Point], list[list[float]]]:
    """Finished trials with their first scores, the points of running ones, and all scores."""
    told, pending, values = [], [], []
    constraints = [_read_constraints(trial) for trial in trials]
    names = sorted({name for row in constraints for name in row})
    for trial, row in zip(trials, constraints, strict=True):
        point = _read_point(space, bridges, trial)
        if trial.state in FINISHED:
            limits = tuple(row.get(name, math.nan) for name in names) if row else ()
            found = [sign * v for sign, v in zip(signs, _read_values(trial, signs), strict=True)]
            told.append(Trial(point, found[0], asked=True, constraints=limits))
            values.append(found)
        else:
            pending.append(point)
    return told, pending, values


def _read_proposal(trial: FrozenTrial) -> Point:
    return json.loads(trial.system_attrs.get(PROPOSAL, "{}"))


def _read_constraints(trial: FrozenTrial) -> dict[str, float]:
    """What `Trial.set_constraint` or another sampler's `constraints_func` has left."""
    whole = trial.system_attrs.get(CONSTRAINTS) or ()
    found = {f"{i}": float(value) for i, value in enumerate(whole)}
    start = f"{CONSTRAINTS}:"
    for key, value in trial.system_attrs.items():
        if key.startswith(start):
            found[key.removeprefix(start)] = float(value)
    return found


def _read_values(trial: FrozenTrial, signs: Sequence[float]) -> list[float]:
    """Scores of a finished trial; a pruned one counts with the last value it reported."""
    values: Sequence[float | None] = [None] * len(signs)
    if trial.state == TrialState.COMPLETE:
        values = trial.values or values
    elif trial.state == TrialState.PRUNED and trial.last_step is not None:
        values = [trial.intermediate_values[trial.last_step]]  # one objective: others prune nothing
    return [float(v) if v is not None and math.isfinite(v) else FAILED for v in values]


def _read_point(space: Space, bridges: Mapping[str, Bridge], trial: FrozenTrial) -> Point:
    """Point of a trial in the space: what it was given over what was proposed, gaps neutral."""
    given = {n: b.to_space(trial.params[n]) for n, b in bridges.items() if n in trial.params}
    neutral = {name: _neutral(bridge) for name, bridge in bridges.items()}
    values = neutral | _read_proposal(trial) | given
    return {name: values[name] for name in space.active(values)}


def _neutral(bridge: Bridge) -> Any:
    dimension = bridge.dimension
    return dimension.options[0] if isinstance(dimension, Choice) else dimension.from_unit(0.5)
