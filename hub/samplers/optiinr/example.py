"""A mixed and conditional space: how deep a network, and which activation with which frequency."""

import optuna
import optunahub


def objective(trial: optuna.Trial) -> float:
    """A made-up error with one valley in each branch."""
    depth = trial.suggest_int("depth", 1, 6)
    if trial.suggest_categorical("activation", ["sine", "relu"]) == "sine":
        omega = trial.suggest_float("omega", 1.0, 100.0, log=True)
        return abs(depth - 4) + abs(omega - 30.0) / 30.0
    return abs(depth - 3) + 0.7


sampler = optunahub.load_module("samplers/optiinr").OptiINRSampler(seed=0)
study = optuna.create_study(sampler=sampler)
study.optimize(objective, n_trials=30)
print(study.best_params, study.best_value)
