"""SMAC3 as a strategy of `bench_search.py`. Needs `pip install smac` (extra "bench")."""

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from mixed_problems import Problem

from optiinr_jax.bo import Choice, Float, Space

Record = list[tuple[dict[str, Any], float]]


def smac(problem: Problem, seed: int) -> Any:
    """Start SMAC's facade for hyperparameters: a random forest, fitted anew for every eighth point.

    It models the logarithm of a cost above zero, so that it is told exp(-score), in units of the
    spread of the scores it is told first.
    """
    from ConfigSpace import Configuration
    from smac import HyperparameterOptimizationFacade as Facade
    from smac import Scenario
    from smac.runhistory import TrialInfo, TrialValue

    space = to_configuration_space(problem.space, seed)
    folder = tempfile.TemporaryDirectory()
    scenario = Scenario(
        space, output_directory=Path(folder.name), deterministic=True, n_trials=10**6, seed=seed
    )
    optimizer = Facade(
        scenario,
        lambda config, seed: 0.0,  # not called: points are asked for and told
        initial_design=Facade.get_initial_design(scenario, n_configs=0),
        logging_level=False,
        overwrite=True,
    )
    start: list[float] = []  # median and spread of the first scores
    num_told = 0

    def ask(record: Record, num: int) -> list[dict[str, Any]]:
        nonlocal num_told
        if not start:
            scores = [score for _, score in record]
            start.extend((float(np.median(scores)), float(np.std(scores)) or 1.0))
        for point, score in record[num_told:]:
            cost = math.exp(min((start[0] - score) / start[1], 700.0))
            info = TrialInfo(Configuration(space, point), seed=0)
            optimizer.tell(info, TrialValue(cost=cost), save=False)
        num_told = len(record)
        asked = [dict(optimizer.ask().config) for _ in range(num)]
        return [problem.space.check_point(from_numpy(point)) for point in asked]

    return ask


def from_numpy(point: dict[str, Any]) -> dict[str, Any]:
    """Take the plain Python value of each of NumPy's."""
    return {n: v.item() if isinstance(v, np.generic) else v for n, v in point.items()}


def to_configuration_space(space: Space, seed: int) -> Any:
    """Say the same in ConfigSpace's words."""
    import ConfigSpace

    found = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, dimension in space.dimensions.items():
        match dimension:
            case Choice(options=options):
                found.add(ConfigSpace.CategoricalHyperparameter(name, list(options)))
            case Float(values=None, low=low, high=high, log=log):
                found.add(ConfigSpace.UniformFloatHyperparameter(name, low, high, log=log))
            case _ if dimension.values or dimension.step != 1:
                raise ValueError(
                    f"{name} is {dimension!r}, which this benchmark does not need yet."
                )
            case _:
                ends = int(dimension.low), int(dimension.high)
                found.add(ConfigSpace.UniformIntegerHyperparameter(name, *ends, log=dimension.log))
    for name, parents in space.conditions.items():
        held = [ConfigSpace.InCondition(found[name], found[p], ok) for p, ok in parents.items()]
        if held:
            found.add(held[0] if len(held) == 1 else ConfigSpace.AndConjunction(*held))
    return found
