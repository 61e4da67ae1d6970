"""How learning rates fall over a run: factors at a part of it, from 0 to 1; one row each.

The numbers of a schedule are fields of a NetworkConfig: `lr_decay` and `lr_step_at`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def _exponential(part: jax.Array, config: Any) -> ArrayLike:
    """lr_decay^part: FINER's and WIRE's codes."""
    return config.lr_decay**part


def _step(part: jax.Array, config: Any) -> ArrayLike:
    """1, then lr_decay from lr_step_at on: FR's and IGA's codes."""
    return jnp.where(part < config.lr_step_at, 1.0, config.lr_decay)


def _cosine(part: jax.Array, config: Any) -> ArrayLike:
    """Half a cosine from 1 to lr_decay: Coordinate-MLPs' code."""
    return config.lr_decay + (1.0 - config.lr_decay) * (1.0 + jnp.cos(jnp.pi * part)) / 2.0


# name -> factor on the learning rates, from (part of the run, configuration)
SCHEDULES: dict[str, Callable[[jax.Array, Any], ArrayLike]] = {
    "exponential": _exponential,
    "step": _step,
    "cosine": _cosine,
}
