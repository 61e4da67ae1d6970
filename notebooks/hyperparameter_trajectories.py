# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Between two trained networks
#
# A network was trained at three settings of a hyperparameter. What would it give at a setting in
# between? Training it there answers that. Where training is dear and the outputs are a
# *distribution*, such as the actions of a policy or the samples of a generator, there is another
# way: learn how the outputs move, and read the setting off the way (Amad and van der Schaar, ICLR
# 2026).

# %%
import matplotlib.pyplot as plt
import numpy as np

import optiinr_jax as oi
from optiinr_jax import trajectories

# %% [markdown]
# The outputs here are points whose true law is known, so that the answer can be checked: two
# classes, each on its own half circle, which it runs through as the setting goes from 0 to 1.

# %%
rng = np.random.default_rng(0)
classes = np.repeat([0, 1], 100)
centres, signs = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([1.0, -1.0])


def outputs_at(setting):
    """Outputs of the "network" at a setting, (200, 2)."""
    angle = signs[classes] * (np.pi * setting + rng.vonmises(0.0, 5.0, len(classes)))
    radius = np.exp(0.05 * rng.standard_normal(len(classes)))
    return centres[classes] + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


settings = [0.0, 0.5, 1.0]
known = [outputs_at(setting) for setting in settings]
anchors = trajectories.make_anchors(settings, known, [classes] * 3)

# %% [markdown]
# The surrogate carries outputs from anchor to anchor along curves of least cost. Moving costs, and
# leaving the region where outputs are dense costs too: `potential` says how much. With
# `metric="learned"`, the default, it also learns in which directions it is cheap to move.

# %%
surrogate = trajectories.fit(anchors, num_steps=1000, bandwidth=0.05, seed=0)
surrogate.save("half_circles.safetensors")

# %% [markdown]
# What it says at settings that it has never seen, beside the truth, and beside straight lines
# between random pairs of outputs.

# %%
figure, axes = plt.subplots(2, 3, figsize=(9, 5), sharex=True, sharey=True, layout="constrained")
for row, setting, (left, right) in zip(axes, (0.25, 0.75), ((0, 1), (1, 2)), strict=True):
    shown = {
        "truth": outputs_at(setting),
        "surrogate": surrogate.sample(setting),
        "straight lines": (known[left] + known[right]) / 2,
    }
    for axis, (title, y) in zip(row, shown.items(), strict=True):
        axis.scatter(*y.T, s=6, c=classes, cmap="coolwarm")
        axis.set(title=f"{title} at {setting}", aspect="equal")
plt.show()

# %% [markdown]
# Each output has its own way. The ellipses are the learned metric: long where moving is cheap.

# %%
times = np.linspace(0.0, 1.0, 41)
ways = surrogate.sample(times)[:, ::10]  # (settings, outputs, 2)
places, kinds = ways[::8].reshape(-1, 2), np.tile(classes[::10], 6)
metric = surrogate.metric(places, kinds)
turn = np.linspace(0, 2 * np.pi, 40)
circle = np.stack([np.cos(turn), np.sin(turn)])
figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
axis.plot(ways[..., 0], ways[..., 1], lw=0.6, color="#8a8f98")
for place, kind, matrix in zip(places, kinds, metric, strict=True):
    ellipse = np.linalg.inv(np.linalg.cholesky(matrix)).T @ circle
    axis.plot(*(place[:, None] + 0.05 * ellipse), lw=0.8, color=["#4e79a7", "#c0392b"][kind])
axis.set(aspect="equal", title="ways of outputs, and where it is cheap to go")
plt.show()

# %% [markdown]
# A saved surrogate is one file, checked when it is read.

# %%
again = trajectories.load("half_circles.safetensors")
print(np.array_equal(again.sample(0.3), surrogate.sample(0.3)))

# %% [markdown]
# ## When not to use it
#
# Where outputs are *paired*, as the pixels of two pictures are, there is nothing to transport. Two
# networks of one picture, smooth and sharp, and the setting in between:

# %%
signal = oi.sample_signal("image", size=32)


def picture_at(omega):
    """Pixels of SIREN with this omega in its first layer, trained for a second."""
    config = oi.preset("siren", width=24, depth=2)
    first = oi.inr.make_layer("siren", omega=omega, learning_rate=1e-3)
    config = oi.inr.NetworkConfig(layers=(first, *config.layers[1:]), width=24)
    inr = oi.fit(signal, config, num_steps=150, objective="samples", progress=False, warn=False)
    return inr.render()


smooth, sharp, truth = picture_at(4.0), picture_at(40.0), picture_at(12.65)
blend = (smooth + sharp) / 2  # 12.65 is half-way, on a logarithmic scale
psnr = -10 * np.log10(np.mean((blend - truth) ** 2))
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
titles = ["omega 4", "omega 40", "half of each", "trained at 12.65"]
for axis, title, picture in zip(axes, titles, [smooth, sharp, blend, truth], strict=True):
    axis.imshow(np.clip(picture, 0, 1))
    axis.set_title(title, fontsize=9)
    axis.axis("off")
figure.suptitle(f"the blend is {psnr:.1f} dB from the network trained in between")
plt.show()

# %% [markdown]
# That blend costs nothing, and training there takes a second. `docs/trajectories.md` has the
# measured comparison, and the tasks on which a surrogate does pay.
