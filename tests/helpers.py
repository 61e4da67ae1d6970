"""Shared by tests: what would be dozens of small programs, compiled as one."""

from typing import Any

import jax

from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.model import Variables, init_variables

_draw = jax.jit(init_variables, static_argnames=("num_dims", "num_channels"))


def draw_variables(
    config: NetworkConfig, seed: int = 0, *, num_dims: int = 2, num_channels: int = 3
) -> Variables:
    """What `init_variables` draws; networks of one structure share the program."""
    return _draw(jax.random.key(seed), config, num_dims=num_dims, num_channels=num_channels)


def draw_params(config: NetworkConfig, seed: int = 0, **sizes: int) -> Any:
    """The trained part of `draw_variables`."""
    return draw_variables(config, seed, **sizes)["params"]
