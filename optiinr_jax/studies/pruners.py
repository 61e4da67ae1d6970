"""Rules that stop hopeless trials, by name; any pruner of Optuna will do instead.

None is on unless asked for: `python -m experiments.early_stopping` measures what they save and what
they cost.
"""

from collections.abc import Callable

import optuna

# name -> rule, from (steps of a training, trials before the surrogate proposes)
PRUNERS: dict[str, Callable[[int, int], optuna.pruners.BasePruner]] = {
    # below the median of the finished trials at the same step
    "median": lambda num_steps, num_initial: optuna.pruners.MedianPruner(
        n_startup_trials=num_initial, n_warmup_steps=num_steps // 5
    ),
    # not among the best quarter at the same step: for searches that only want the best
    "quarter": lambda num_steps, num_initial: optuna.pruners.PercentilePruner(
        25.0, n_startup_trials=num_initial, n_warmup_steps=num_steps // 2
    ),
    # successive halving, asynchronous: only the better half goes on at 1/8, 1/4 and 1/2
    "halving": lambda num_steps, num_initial: optuna.pruners.SuccessiveHalvingPruner(
        min_resource=max(num_steps // 8, 1), reduction_factor=2
    ),
}


def make_pruner(
    pruner: str | optuna.pruners.BasePruner | None, num_steps: int, num_initial: int
) -> optuna.pruners.BasePruner | None:
    """The rule of a name, or the one given.

    Raises:
        ValueError: an unknown name.
    """
    if not isinstance(pruner, str):
        return pruner
    if pruner not in PRUNERS:
        raise ValueError(
            f"unknown pruner {pruner!r}; known are {', '.join(PRUNERS)}, and those of Optuna."
        )
    return PRUNERS[pruner](num_steps, num_initial)
