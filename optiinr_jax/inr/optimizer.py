"""AdamW with a learning rate per layer."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.model import hidden_name


def make_optimizer(config: NetworkConfig, num_steps: ArrayLike) -> optax.GradientTransformation:
    """AdamW per layer, all rates falling exponentially to `lr_decay` of their start.

    Rates, decay and `num_steps` may be traced, so build it inside the compiled program: a new
    number does not recompile. The update before step i (from 0) uses
    learning_rate * lr_decay ** (i / num_steps), as FINER's code does.
    """

    def adamw(learning_rate: ArrayLike) -> optax.GradientTransformation:
        def rate(step: ArrayLike) -> ArrayLike:
            progress = jnp.asarray(step, float) / num_steps  # an integer would give float32
            return learning_rate * config.lr_decay**progress

        return optax.adamw(rate, weight_decay=config.weight_decay)

    rules = {hidden_name(i): adamw(layer.learning_rate) for i, layer in enumerate(config.layers)}
    rules["output"] = adamw(config.layers[-1].learning_rate)
    return optax.partition(rules, label_params)


def label_params(params: Any) -> Any:
    """Label every parameter with the name of its layer."""
    return {name: jax.tree.map(lambda _, name=name: name, params[name]) for name in params}
