"""Search strategies by name: each row makes an Optuna sampler for a space.

All share one loop, one storage and one way of training, so a comparison is of the strategies alone.
"""

from collections.abc import Callable

import numpy as np
import optuna

from optiinr_jax.bo.sampler import OptiINRSampler
from optiinr_jax.bo.space import Space


def _trial_seed(seed: int, number: int) -> int:
    """A seed for one trial: Optuna's samplers would begin their stream again on every resume."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


# name -> sampler of one trial, from (space, seed, number of initial trials, number of the trial)
STRATEGIES: dict[str, Callable[[Space, int, int, int], optuna.samplers.BaseSampler]] = {
    "optiinr": lambda space, seed, num_initial, number: OptiINRSampler(
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
