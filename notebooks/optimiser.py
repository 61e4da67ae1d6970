# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # The optimiser alone, and inside Optuna
#
# `optiinr_jax.bo` knows nothing of networks. It searches any space of numbers, whole numbers and
# choices, in which some names exist only under a choice. Here it tunes a classifier of two moons:
# a kernel, and the numbers of that kernel.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optuna

import optiinr_jax as oi

NUM_TRIALS = 30  # half a minute on two cores
optuna.logging.set_verbosity(optuna.logging.WARNING)

# %% [markdown]
# The problem: kernel ridge regression in ten lines of NumPy. The score is the error on points that
# were not trained.

# %%
draw = np.random.default_rng(0)
angle, side = draw.uniform(0, np.pi, 240), np.arange(240) % 2
sign = 1 - 2 * side
places = np.stack([sign * np.cos(angle) + side, sign * np.sin(angle) + 0.5 * side], axis=1)
places += draw.normal(scale=0.25, size=places.shape)
labels = -1.0 * sign
train, test = slice(0, 160), slice(160, 240)


def kernel(point, a, b):
    """The kernel that a point of the space stands for."""
    if point["kernel"] == "poly":
        return (a @ b.T + 1.0) ** point["degree"]
    return np.exp(-point["gamma"] * np.sum((a[:, None] - b[None]) ** 2, axis=-1))


def classify(point, where):
    """Scores of places, above 0 for the one moon."""
    gram = kernel(point, places[train], places[train])
    ridge = point["ridge"] * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram + ridge, labels[train])
    return kernel(point, where, places[train]) @ weights


def error(point):
    """Mean squared error on the points that were not trained."""
    return float(np.mean((classify(point, places[test]) - labels[test]) ** 2))


# %% [markdown]
# ## The loop in your hands
#
# `when` says under which choice a name exists. `ask` gives the next point, `tell` its score.

# %%
space = oi.bo.Space(
    {
        "kernel": oi.bo.Choice(["rbf", "poly"]),
        "gamma": oi.bo.Float(1e-3, 1e3, log=True, when={"kernel": "rbf"}),
        "degree": oi.bo.Int(1, 9, when={"kernel": "poly"}),
        "ridge": oi.bo.Float(1e-8, 1.0, log=True),
    }
)
optimizer = oi.bo.Optimizer(space, direction="minimize", num_initial=8, seed=0)
for _ in range(NUM_TRIALS):
    point = optimizer.ask()
    optimizer.tell(point, error(point))
print(optimizer.best_point, f"{optimizer.best_value:.4f}")
_ = Path("optimizer.json").write_text(optimizer.to_json())  # oi.bo.Optimizer.from_json goes on

# %%
lattice = np.stack(np.meshgrid(np.linspace(-2, 3, 80), np.linspace(-1.7, 1.7, 60)), axis=-1)
scores = classify(optimizer.best_point, lattice.reshape(-1, 2)).reshape(60, 80)
plt.figure(figsize=(5, 3.2), layout="constrained")
plt.contourf(lattice[..., 0], lattice[..., 1], scores, levels=[-1e9, 0, 1e9], alpha=0.3)
plt.scatter(*places[test].T, c=labels[test], s=12)
plt.title(f"points that were not trained: error {optimizer.best_value:.3f}")
plt.show()

# %% [markdown]
# ## The same inside Optuna
#
# The sampler takes define-by-run spaces: it reads the conditions off the trials. Beside it is
# Optuna's own TPE on the same function. One run of each is no comparison;
# `docs/search_benchmarks.md` has the measured ones.


# %%
def objective(trial):
    """The error of a trial."""
    point = {"kernel": trial.suggest_categorical("kernel", ["rbf", "poly"])}
    if point["kernel"] == "rbf":
        point["gamma"] = trial.suggest_float("gamma", 1e-3, 1e3, log=True)
    else:
        point["degree"] = trial.suggest_int("degree", 1, 9)
    return error(point | {"ridge": trial.suggest_float("ridge", 1e-8, 1.0, log=True)})


samplers = {
    "OptiINRSampler": oi.OptiINRSampler(seed=0, num_initial=8),
    "TPESampler": optuna.samplers.TPESampler(seed=0, n_startup_trials=8),
}
plt.figure(figsize=(6, 3), layout="constrained")
for name, sampler in samplers.items():
    study = optuna.create_study(sampler=sampler, direction="minimize")
    study.optimize(objective, n_trials=NUM_TRIALS)
    best = np.minimum.accumulate([trial.value for trial in study.trials])
    plt.plot(best, drawstyle="steps-post", label=f"{name}, {best[-1]:.4f}")
plt.xlabel("trial")
plt.ylabel("least error so far")
plt.legend()
plt.show()
