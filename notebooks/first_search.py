# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A first search
#
# An implicit neural representation (INR) is a small network that stores one signal: it takes the
# coordinates of a pixel and gives its colour. How well it does so depends on the activation of each
# layer, its frequency and its learning rate. Here we let `optiinr_jax` find them.

# %%
import matplotlib.pyplot as plt
import numpy as np

import optiinr_jax as oi

SIZE, WIDTH, NUM_STEPS, NUM_TRIALS = 32, 16, 200, 24  # a small case: a minute on two cores

# %% [markdown]
# The signal: the embedded picture, or `oi.load_signal("photo.png", size=96)` for one of yours.

# %%
signal = oi.sample_signal("image", size=SIZE)
plt.imshow(signal.samples)
plt.axis("off")
plt.show()

# %% [markdown]
# A published network, trained as its authors do.

# %%
siren = oi.fit(signal, oi.preset("siren", width=WIDTH), num_steps=NUM_STEPS)
siren

# %% [markdown]
# The search. The first trials are networks that did well on other pictures, then the published
# ones; then the surrogate proposes. Most trials pause after a part of their steps, the best go on,
# and the last ones train the best configurations on further seeds. With
# `storage="sqlite:///study.db"` the same call would continue it later.

# %%
study = oi.search(
    signal, num_trials=NUM_TRIALS, num_steps=NUM_STEPS, width=WIDTH, seed=0, progress=False
)
study

# %% [markdown]
# Best score so far. And because the best of many is partly luck, a comparison on seeds that the
# search never saw.

# %%
scores = [trial.score for trial in study.trials if trial.score is not None]
plt.plot([max(scores[: i + 1]) for i in range(len(scores))], drawstyle="steps-post")
plt.plot(scores, ".")
plt.xlabel("trial")
plt.ylabel(signal.metric_name)
plt.show()

# %%
comparison = oi.compare(study, num_seeds=2, progress=False)
print(f"found {comparison.found.mean:.2f} dB, best preset {comparison.presets[0].mean:.2f} dB")

# %% [markdown]
# Two figures go with every network: how well it gives the samples, and how well it gives the
# signal between them, beside what interpolating the samples would have. The search counts both.

# %%
inr = study.best_inr
inr.scores

# %% [markdown]
# So the network is a function that is right between its samples, and renders at any size.

# %%
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
axes[0].imshow(signal.samples)
axes[0].set_title("pixels")
axes[1].imshow(inr.render(scale=4.0).clip(0, 1))
axes[1].set_title("network, 4 times as large")
error = np.abs(inr.render() - signal.samples).mean(axis=-1)
figure.colorbar(axes[2].imshow(error, cmap="magma"), ax=axes[2])
axes[2].set_title("error at the pixels")
for axis in axes:
    axis.axis("off")
plt.show()

# %%
path = inr.save("first.inr.safetensors")
again = oi.load_inr(path)
print(again, path.stat().st_size, "bytes")
