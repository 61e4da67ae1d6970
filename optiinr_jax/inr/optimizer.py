"""The optimiser of a configuration: a direction, and a learning rate per layer.

One update is a chain of parts, each of which a configuration may leave out: the gradient scaled to
a norm, or down to one; the direction; decoupled weight decay; the learning rate of the layer, times
the schedule, the warm-up and the fall to 0.
"""

from collections.abc import Hashable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.directions import OPTIMIZERS
from optiinr_jax.inr.model import map_names
from optiinr_jax.inr.schedules import SCHEDULES


def make_optimizer(
    config: NetworkConfig, num_steps: ArrayLike
) -> optax.GradientTransformationExtraArgs:
    """Build the optimiser of a configuration for a run of `num_steps`.

    Update i (from 0), at p = i / num_steps of the run, uses learning_rate * schedule(p) *
    min(1, (i + 1) / (lr_warmup num_steps)) * min(1, (1 - p) / lr_cooldown): the published falls,
    a linear warm-up (Goyal et al. 2017), and the fall of warmup-stable-decay (Hu et al. 2024), any
    or all of them. Rates, numbers and `num_steps` may be traced, so build it inside the compiled
    program: a new number does not recompile. `update` takes the number of the step as `step`, see
    `scale_by_soap`.
    """

    def rate(step: ArrayLike) -> jax.Array:
        step = jnp.asarray(step, float)  # an integer would give float32
        part = step / num_steps
        cooldown, warmup = (jnp.asarray(n) for n in (config.lr_cooldown, config.lr_warmup))
        left = jnp.where(cooldown > 0, (1.0 - part) / jnp.where(cooldown > 0, cooldown, 1.0), 1.0)
        risen = jnp.where(
            warmup > 0, (step + 1.0) / jnp.where(warmup > 0, warmup * num_steps, 1.0), 1.0
        )
        factor = jnp.minimum(1.0, left) * jnp.minimum(1.0, risen)
        return jnp.asarray(SCHEDULES[config.schedule](part, config)) * factor

    def scaled(learning_rate: ArrayLike) -> optax.GradientTransformation:
        return optax.scale_by_schedule(lambda step: -rate(step) * learning_rate)

    rules: dict[Hashable, optax.GradientTransformation] = {
        name: scaled(layer.learning_rate)
        for i, layer in enumerate(config.layers)
        for name in map_names(i, get_activation(layer.activation).num_maps)
    }
    rules["output"] = scaled(config.layers[-1].learning_rate)
    parts = [
        OPTIMIZERS[config.optimizer](),
        optax.add_decayed_weights(jnp.asarray(config.weight_decay)),
        optax.partition(rules, label_params),
    ]
    if config.clip_norm is not None:
        parts.insert(0, optax.clip_by_global_norm(config.clip_norm))
    if config.gradient_norm is not None:
        parts.insert(0, scale_to_global_norm(config.gradient_norm))
    return optax.chain(*parts)


def scale_to_global_norm(norm: ArrayLike) -> optax.GradientTransformation:
    """Scale the gradient of all layers together, up or down, to one norm; 0 stays 0."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        length = optax.tree.norm(updates)
        factor = jnp.where(length > 0, norm / jnp.where(length > 0, length, 1.0), 0.0)
        return jax.tree.map(lambda u: factor.astype(u.dtype) * u, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def label_params(params: Any) -> Any:
    """Label every parameter with the name of its layer."""
    return {name: jax.tree.map(lambda _, name=name: name, params[name]) for name in params}
