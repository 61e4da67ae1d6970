# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Pictures, sounds, solids, and the published networks
#
# Everything here is the public interface: a signal goes in, a published network is fitted to it as
# its authors did, and it comes out again as a file.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import optiinr_jax as oi
from optiinr_jax.inr import (
    NetworkConfig,
    energy,
    init,
    make_layer,
    spectrum,
    tangent_kernel,
    training_rule,
)
from optiinr_jax.signals import mesh_of, render_mesh, stft_db, write_mesh

# %% [markdown]
# ## A sound
#
# `oi.load_signal("speech.wav", duration=1.0)` reads one of yours. SIREN's own script lays the time
# over [-100, 100]; the preset knows.

# %%
sound = oi.sample_signal("audio", size=4096)
siren = oi.fit(sound, oi.preset("siren", modality="audio", width=32), num_steps=300)
siren.evaluate(sound)

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
shown = {"signal": sound.samples, "SIREN": siren.render()}
for axis, (title, samples) in zip(axes, shown.items(), strict=True):
    picture = stft_db(samples, sound.attributes["sample_rate"])
    axis.pcolormesh(picture.times, picture.freqs, picture.db, vmin=-90, vmax=0, cmap="magma")
    axis.set(title=title, xlabel="s")
plt.show()

# %% [markdown]
# ## A solid
#
# A mesh (`.ply`, `.obj`, `.stl`) or a voxel grid (`.npz`, `.npy`, `.mat`) becomes bits on a grid;
# the network learns 0 outside and 1 inside, and its surface is a closed mesh again, at any
# resolution: it is trained at points near the surface too, where a grid has none. With
# `objective="samples"` it would learn these 24 voxels a side by heart, and noise between them.

# %%
solid = oi.sample_signal("volume", size=24)
layer = make_layer("siren", omega=8.0, learning_rate=2e-3)
config = NetworkConfig(layers=(layer,) * 3, width=32, **training_rule("volume"))
knot = oi.fit(solid, config, num_steps=300)
frame = knot.frame.scaled(2.0)  # at twice the resolution
mesh = mesh_of(knot.predict(frame.grid_coords()), frame)
write_mesh("knot.ply", mesh)
plt.imshow(render_mesh(mesh.vertices, mesh.faces, 256))
plt.title(f"IoU {knot.score:.3f}")
plt.axis("off")
plt.show()

# %% [markdown]
# ## What a configuration can learn
#
# The tangent kernel at the start says which patterns a network learns fast. The sooner the energy
# of the signal rises over its eigenvectors, the better the two suit each other.

# %%
signal = oi.sample_signal("image", size=16)
for name in ("siren", "finer", "gauss", "wire_real"):
    config = oi.preset(name, width=64)
    variables = init(jax.random.key(0), config, num_dims=2, num_channels=3)
    kernel = tangent_kernel(variables, signal.grid_coords(), config)
    plt.plot(np.asarray(energy(spectrum(kernel), signal.values)), label=name)
plt.xlabel("eigenvectors")
plt.ylabel("part of the signal's energy")
plt.legend()
plt.show()
