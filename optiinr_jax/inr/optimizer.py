"""AdamW with a learning rate per layer."""

from collections.abc import Hashable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.config import SCHEDULES, NetworkConfig
from optiinr_jax.inr.model import map_names


def make_optimizer(config: NetworkConfig, num_steps: ArrayLike) -> optax.GradientTransformation:
    """AdamW per layer, all rates following one schedule, after clipping where it is asked for.

    Update i (from 0), at p = i / num_steps of the run, uses learning_rate * schedule(p) *
    min(1, (1 - p) / lr_cooldown): the published falls, and the warmup-stable-decay rule's cooldown
    (Hu et al. 2024), either or both. Rates, schedule's numbers and `num_steps` may be traced, so
    build it inside the compiled program: a new number does not recompile.
    """

    def adamw(learning_rate: ArrayLike) -> optax.GradientTransformation:
        def rate(step: ArrayLike) -> ArrayLike:
            part = jnp.asarray(step, float) / num_steps  # an integer would give float32
            has_cooldown = jnp.asarray(config.lr_cooldown) > 0
            cooldown = jnp.where(has_cooldown, config.lr_cooldown, 1.0)
            left = jnp.where(has_cooldown, jnp.minimum(1.0, (1.0 - part) / cooldown), 1.0)
            return learning_rate * SCHEDULES[config.schedule](part, config) * left

        return optax.adamw(rate, weight_decay=jnp.asarray(config.weight_decay))

    rules: dict[Hashable, optax.GradientTransformation] = {
        name: adamw(layer.learning_rate)
        for i, layer in enumerate(config.layers)
        for name in map_names(i, get_activation(layer.activation).num_maps)
    }
    rules["output"] = adamw(config.layers[-1].learning_rate)
    per_layer = optax.partition(rules, label_params)
    if config.clip_norm is None:
        return per_layer
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), per_layer)


def label_params(params: Any) -> Any:
    """Label every parameter with the name of its layer."""
    return {name: jax.tree.map(lambda _, name=name: name, params[name]) for name in params}
