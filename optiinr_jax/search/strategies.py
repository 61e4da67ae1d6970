"""Search strategies by name: each row makes an Optuna sampler for a space.

All share one loop, one storage and one way of training, so a comparison is of the strategies alone.
"""

from collections.abc import Callable

import optuna

from optiinr_jax.bo.sampler import OptiINRSampler
from optiinr_jax.bo.space import Space

# name -> sampler, from (space, seed, number of initial trials)
STRATEGIES: dict[str, Callable[[Space, int, int], optuna.samplers.BaseSampler]] = {
    "optiinr": lambda space, seed, num_initial: OptiINRSampler(
        seed=seed, num_initial=num_initial, space=space
    ),
    "random": lambda space, seed, num_initial: optuna.samplers.RandomSampler(seed=seed),
    "tpe": lambda space, seed, num_initial: optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=num_initial
    ),
}
