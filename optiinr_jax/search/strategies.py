"""Search strategies by name: each row makes an Optuna sampler for a space.

All share one loop, one storage and one way of training, so a comparison is of the strategies alone.
Ours gives all layers the same values at first, because few trials tell little of four layers of
different families: on solids it ends as well as the best family tuned by itself, and above what it
finds with every layer free from the beginning, which is "untied" (docs/experiments.md).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna

from optiinr_jax.bo.sampler import OptiINRSampler
from optiinr_jax.bo.space import Space
from optiinr_jax.search.spaces import layer_ties

TIED = 2.5  # times the initial trials: so many have the same values in all layers


def _trial_seed(seed: int, number: int) -> int:
    """A seed for one trial: Optuna's samplers would begin their stream again on every resume."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def tied_at_first(space: Space, num_initial: int) -> dict[str, Any]:
    """Options of `Optimizer` for a search that frees the layers after a while."""
    ties = layer_ties(space)
    return {"ties": ties, "num_tied": int(TIED * num_initial) if ties else 0}


# name -> sampler of one trial, from (space, seed, number of initial trials, number of the trial)
STRATEGIES: dict[str, Callable[[Space, int, int, int], optuna.samplers.BaseSampler]] = {
    "optiinr": lambda space, seed, num_initial, number: OptiINRSampler(
        seed=seed, num_initial=num_initial, space=space, **tied_at_first(space, num_initial)
    ),
    "untied": lambda space, seed, num_initial, number: OptiINRSampler(
        seed=seed, num_initial=num_initial, space=space
    ),
    "faithful": lambda space, seed, num_initial, number: OptiINRSampler(
        seed=seed, num_initial=num_initial, space=space, faithful=True
    ),
    "random": lambda space, seed, num_initial, number: optuna.samplers.RandomSampler(
        seed=_trial_seed(seed, number)
    ),
    "tpe": lambda space, seed, num_initial, number: optuna.samplers.TPESampler(
        seed=_trial_seed(seed, number), n_startup_trials=num_initial
    ),
}
