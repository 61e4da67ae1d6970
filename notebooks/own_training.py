# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A training loop of your own
#
# A network is a JAX value: call it inside `jax.jit`, `jax.grad`, `jax.vmap`, `jax.hessian`, pass it
# as an argument, stack many of them. Here a picture is found from its *gradients* alone, as in
# SIREN's paper (Sitzmann et al. 2020, section 4.1): no value of the picture is ever shown to the
# network.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import optiinr_jax as oi

# %% [markdown]
# The target is the slope of the picture at every pixel: `signal.at` gives its values anywhere.

# %%
signal = oi.sample_signal("image", size=48)
coords = signal.grid_coords()  # [-1, 1] over the picture, row first
half_a_pixel = np.eye(2) / 48
slopes = np.stack(
    [(signal.at(coords + e) - signal.at(coords - e)) * 24 for e in half_a_pixel], axis=-1
)  # (pixels, channels, axes)

# %% [markdown]
# An untrained network, a loss over its parameters, and optax: all of the loop.

# %%
start = oi.make_inr(signal, oi.preset("siren", width=48))
optimizer = optax.adam(1e-3)


def loss(params):
    """Mean squared error of the slopes of the network."""
    slope = jax.vmap(jax.jacfwd(start.with_params(params)))(coords)
    return jnp.mean((slope - slopes) ** 2)


@jax.jit
def train(params, state):
    """Run 500 steps in one program."""

    def step(carry, _):
        value, gradient = jax.value_and_grad(loss)(carry[0])
        updates, state = optimizer.update(gradient, carry[1])
        return (optax.apply_updates(carry[0], updates), state), value

    return jax.lax.scan(step, (params, state), length=500)


(params, _), losses = train(start.params, optimizer.init(start.params))
found = start.with_params(params)
found.save("from_slopes.inr.safetensors")
print(f"loss {losses[0]:.3g} -> {losses[-1]:.3g}")

# %% [markdown]
# Slopes say nothing of the mean brightness, which is added for the picture.

# %%
picture = found.render()
picture = picture + (signal.samples.mean(axis=(0, 1)) - picture.mean(axis=(0, 1)))
gradient = np.linalg.norm(slopes.mean(axis=1), axis=-1).reshape(signal.shape)
shown = {"what it was shown": gradient, "what it made of it": picture, "truth": signal.samples}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for axis, (title, image) in zip(axes, shown.items(), strict=True):
    axis.imshow(np.clip(image, 0, None) if image.ndim == 2 else np.clip(image, 0, 1), cmap="gray")
    axis.set_title(title)
    axis.axis("off")
score = -10 * np.log10(np.mean((picture - signal.samples) ** 2))
figure.suptitle(f"from gradients alone: PSNR {score:.1f} dB")
plt.show()

# %% [markdown]
# Many signals at once: one program trains them, another one evaluates them all.

# %%
pictures = [np.roll(signal.samples, 6 * i, axis=1) for i in range(4)]
networks = oi.fit_many(pictures, oi.preset("siren", width=32), num_steps=200, progress=False)
networks[0].plot(pictures[0])
plt.show()
stack = oi.inr.stack(networks)
values = jax.jit(jax.vmap(lambda inr: inr(coords)))(stack)
print("networks, pixels, channels:", values.shape)
