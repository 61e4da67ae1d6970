"""What of a network is a leaf, and many networks as one value, for `jax.vmap`."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.lowering import as_wave
from optiinr_jax.inr.representation import INR
from optiinr_jax.signals import Frame


def _flatten(inr: INR) -> tuple[list[tuple[Any, Any]], Frame]:
    """Leaves by name, and the rest; whole numbers of a configuration become floats, for grad."""
    config = jax.tree.map(lambda x: float(x) if isinstance(x, int) else x, inr.config)
    parts = {"config": config, "variables": inr.variables, "attributes": inr.frame.attributes}
    keyed = [(jax.tree_util.GetAttrKey(name), part) for name, part in parts.items()]
    return keyed, inr.frame.bare


def _unflatten(frame: Frame, parts: Iterable[Any]) -> INR:
    config, variables, attributes = parts
    return INR(config, variables, replace(frame, attributes=attributes))


jax.tree_util.register_pytree_with_keys(INR, _flatten, _unflatten)


def stack(inrs: Sequence[INR]) -> INR:
    """Networks as one value for `jax.vmap`, every leaf with a new first axis.

    Families may differ where all of them have a wave form, and then what concerns the training is
    left out of the configurations; widths, depths, encodings and grids may not differ.
    `jax.tree.map(lambda leaf: leaf[i], stack)` is network i again.

    Raises:
        ValueError: no networks, or such as differ in more.

    >>> import optiinr_jax as oi
    >>> signals = [oi.sample_signal("image", size=8)] * 2
    >>> pair = oi.inr.stack(oi.fit_many(signals, oi.preset("siren", width=8), num_steps=2))
    >>> jax.vmap(lambda inr: inr(jnp.zeros((5, 2))))(pair).shape
    (2, 5, 3)
    """
    structures = [jax.tree.structure(inr) for inr in inrs]
    if len(set(structures)) > 1:
        inrs = [replace(inr, config=_as_evaluated(inr)) for inr in inrs]
        structures = [jax.tree.structure(inr) for inr in inrs]
    shapes = {tuple(map(jnp.shape, jax.tree.leaves(inr))) for inr in inrs}
    if len(set(structures)) != 1 or len(shapes) != 1:
        raise ValueError(
            f"{len(inrs)} networks were to be stacked, but at least one, and all of one width, "
            "depth, encoding and grid, were expected; stack those that are alike."
        )
    leaves = [map(partial(jnp.asarray, dtype=jnp.float32), jax.tree.leaves(inr)) for inr in inrs]
    stacked = [jnp.stack(parts) for parts in zip(*leaves, strict=True)]
    return jax.tree.unflatten(structures[0], stacked)


def _as_evaluated(inr: INR) -> NetworkConfig:
    """The configuration in the wave form, without what concerns the training alone."""
    names = ("layers", "width", "encoding", "reparameterization", "output_activation")
    ranges = ("coord_range", "value_range", "natural_range")
    config = NetworkConfig(**{name: getattr(inr.config, name) for name in (*names, *ranges)})
    return as_wave(config, inr.frame.num_dims)
