# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A first fit, of an array of your own
#
# An implicit neural representation (INR) is a small network that stores one signal: it takes the
# coordinates of a place and gives the value there. Here is one for the embedded picture, and then
# one for an array that we make ourselves.

# %%
import matplotlib.pyplot as plt
import numpy as np

import optiinr_jax as oi

NUM_STEPS = 300  # a small case: half a minute on two cores

# %% [markdown]
# ## One call
#
# Without a named network, `fit` trains the one that did best on other pictures, scaled to this one.
# Its score has two figures: at the samples, and between them. The second one tells whether an
# enlargement will look right.

# %%
signal = oi.sample_signal("image", size=32)  # or oi.load_signal("photo.png", size=96)
inr = oi.fit(signal, num_steps=NUM_STEPS, progress=False)
inr.scores

# %%
inr.plot(signal)
plt.show()

# %% [markdown]
# ## An array
#
# Every function that takes a signal takes an array too. One with two axes of floats in [0, 1] is a
# grey picture. Ask for a field where the numbers have units of their own: the network then gives
# what the array holds, and its PSNR is over the range of the array. This one is a height in metres.

# %%
y, x = np.meshgrid(np.linspace(-2, 2, 40), np.linspace(-2, 2, 40), indexing="ij")
height = 300 * np.exp(-(x**2) - (y - 0.5) ** 2) - 120 * np.exp(-((x - 1) ** 2) - (y + 1) ** 2)
terrain = oi.as_signal(height, kind="field")
network = oi.fit(terrain, num_steps=NUM_STEPS, progress=False)
print(terrain)
print(network.evaluate(terrain))

# %% [markdown]
# The network is a function. `predict` takes places, here counted in samples; `render` gives any
# number of points.

# %%
between = network.predict([[19.5, 24.25]], units="samples")[0, 0]
print(f"{between:.1f} m half-way between rows 19 and 20")
finer = network.render(shape=(160, 160))[..., 0]
figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
shown = {"target": height, "network, 4 times as fine": finer}
for axis, (title, values) in zip(axes, shown.items(), strict=False):
    figure.colorbar(axis.imshow(values, vmin=height.min(), vmax=height.max()), ax=axis)
    axis.set_title(title)
error = np.abs(network.render()[..., 0] - height)
figure.colorbar(axes[2].imshow(error, cmap="magma"), ax=axes[2])
axes[2].set_title("error at the samples, m")
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# A file holds the network and all that is needed to use it again.

# %%
path = network.save("terrain.inr.safetensors")
print(oi.load_inr(path), path.stat().st_size, "bytes")
