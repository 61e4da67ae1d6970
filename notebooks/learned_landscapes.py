# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # From a chaotic loss to its learned landscape
#
# The logistic map is the simplest chaos there is: every step doubles an error, more or less. From
# its first steps we want its two numbers back. The squared distance to what was observed is full of
# local minima. Here a small network learns that loss from stored runs, with noise on the guess, so
# that it learns a *blurred* loss; its minima are good places to start from. This is "Optimization
# Landscapes Learned" (Goyal et al., arXiv 2501.16573) in a few lines.

# %%
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from optiinr_jax import landscapes

NUM_OBSERVED = 8
NUM_RUNS, NUM_STEPS, NUM_STARTS = 2048, 3000, 100

# %% [markdown]
# ## The problem
#
# Any function that JAX can differentiate will do. The two unknowns, the growth rate and the state
# at the start, are scaled to [0, 1].


# %%
def run(x):
    """The first steps of the logistic map, u -> r u (1 - u)."""
    rate, u = 3.6 + 0.4 * x[0], 0.1 + 0.35 * x[1]
    states = []
    for _ in range(NUM_OBSERVED):
        u = rate * u * (1.0 - u)
        states.append(u)
    return jnp.stack(states)


def loss(x, target):
    """Squared distance to what was observed."""
    return jnp.sum((run(x) - target) ** 2)


truth = np.array([0.37, 0.66])
target = run(jnp.asarray(truth))
guesses = landscapes.make_grid(64, 2)
losses = jax.jit(jax.vmap(loss, (0, None)))(jnp.asarray(guesses), target).reshape(64, 64)

# %% [markdown]
# ## Stored runs, and networks
#
# Any two stored runs are an example: one is the target, the other the guess, and their distance
# the label. The noise goes on the guess *after* the label was taken, that is what blurs. Three
# noise scales train at once.

# %%
x = np.random.default_rng(0).uniform(size=(NUM_RUNS, 2))
runs = landscapes.Runs(x, np.asarray(jax.jit(jax.vmap(run))(jnp.asarray(x))))
config = landscapes.ProxyConfig()
scales = [0.0, 0.03, 0.1]
trained = landscapes.train_proxies(
    runs, scales, config=config, training=landscapes.ProxyTraining(num_steps=NUM_STEPS)
)

# %% [markdown]
# What they learned, for a target they have not seen, beside the true loss and its exact blur.


# %%
def learned(proxy):
    """A network's landscape of the target on the grid."""
    code = landscapes.encode_target(proxy, target, config)
    estimate = jax.jit(jax.vmap(partial(landscapes.estimate_loss, proxy, code)))
    return trained.label_scale * estimate(jnp.asarray(guesses, jnp.float32)).reshape(64, 64)


blur = jax.jit(jax.vmap(landscapes.grid_blur, (0, None, None)))
shown = {"true": losses} | {
    f"blurred, {s:g}": blur(jnp.asarray(guesses), losses, s).reshape(64, 64) for s in scales[1:]
}
shown |= {f"learned, {s:g}": learned(landscapes.pick(trained, i)) for i, s in enumerate(scales)}
figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
high = np.quantile(losses, 0.95)
for axis, (title, values) in zip(axes.ravel(), shown.items(), strict=True):
    axis.imshow(values.T, origin="lower", extent=(0, 1, 0, 1), vmin=0.0, vmax=high)
    axis.plot(*truth, "x", color="#ff5544", markersize=9, markeredgewidth=2)
    axis.set_title(title)
plt.show()

# %% [markdown]
# ## Two stages
#
# From the same starts: BFGS on the true loss, and BFGS on a learned landscape and then on the true
# loss. All starts run at once.

# %%
starts = np.random.default_rng(1).uniform(size=(NUM_STARTS, 2))
targets = np.tile(target, (NUM_STARTS, 1))


def estimate(x, code, proxy):
    """A network's landscape of the target with this code."""
    return landscapes.estimate_loss(proxy, code, x)


def share(found):
    """Share of the starts that reach the truth, with its interval."""
    return landscapes.share_of(np.max(np.abs(found.x - truth), axis=1) < 0.02)


shares = {"BFGS alone": share(landscapes.minimise(loss, starts, targets, mode="forward"))}
for i, scale in enumerate(scales):
    proxy = landscapes.pick(trained, i)
    codes = np.tile(landscapes.encode_target(proxy, target, config), (NUM_STARTS, 1))
    found = landscapes.two_stage(
        estimate, (codes,), loss, (targets,), starts, shared=(proxy,), loss_mode="forward"
    )
    shares[f"learned, {scale:g}"] = share(found.second)

# %%
means = np.array([s.mean for s in shares.values()])
ends = np.array([[s.mean - s.low, s.high - s.mean] for s in shares.values()]).T
plt.figure(figsize=(6, 2.4), layout="constrained")
plt.barh(list(shares), 100 * means, xerr=100 * ends, color="#4e79a7")
plt.gca().invert_yaxis()
plt.xlabel("% of the starts that reach the truth")
plt.show()

# %% [markdown]
# A fair question is what the stored runs give without a network: BFGS from the nearest of them.

# %%
best = x[np.argmin(np.sum((runs.y - np.asarray(target)) ** 2, axis=1))]
found = landscapes.minimise(loss, best[None], targets[:1], mode="forward")
print("from the best stored run:", found.x[0], "truth:", truth)
np.savez("landscapes.npz", **{name.replace(", ", "_"): values for name, values in shown.items()})
