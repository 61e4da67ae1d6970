"""Checkpoints: an interrupted fit goes on where it was, with the same result.

One safetensors file holds the leaves of the training state and the losses so far, with a
fingerprint of the fit: a file of another fit, or a damaged one, is not used.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32

from optiinr_jax.files import write_atomic
from optiinr_jax.sealed import seal, unseal

_FINGERPRINT = "fingerprint"


class Checkpoint(NamedTuple):
    """Where a fit keeps its state, and which fit it is."""

    path: Path
    fingerprint: str


def make_fingerprint(*parts: Any) -> str:
    """A digest of what makes a fit what it is: plain data and bytes."""
    digest = hashlib.sha256()
    for part in parts:
        is_bytes = isinstance(part, bytes)
        digest.update(part if is_bytes else json.dumps(part, sort_keys=True).encode())
    return digest.hexdigest()


def save_state(checkpoint: Checkpoint, state: Any, history: list[np.ndarray]) -> None:
    """Write the state and the losses, atomically."""
    tensors = {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    tensors["history"] = np.concatenate([np.zeros(0, np.float32), *history])
    write_atomic(checkpoint.path, seal(tensors, {_FINGERPRINT: checkpoint.fingerprint}))


def load_state(checkpoint: Checkpoint, like: Any) -> tuple[Any, Float32[np.ndarray, " steps"]]:
    """The state and losses of this very fit; `like` and none where there are none to trust."""
    nothing = like, np.zeros(0, np.float32)
    try:
        fingerprint, tensors = unseal(
            checkpoint.path, "checkpoint", ValueError, lambda metadata, _: metadata[_FINGERPRINT]
        )
    except (FileNotFoundError, ValueError):
        return nothing
    if fingerprint != checkpoint.fingerprint:
        return nothing
    leaves, structure = jax.tree.flatten(like)
    found = [tensors.get(str(i)) for i in range(len(leaves))]
    if any(
        new is None or new.shape != old.shape or new.dtype != old.dtype
        for new, old in zip(found, leaves, strict=True)
    ):
        return nothing
    return jax.tree.unflatten(structure, map(jnp.asarray, found)), tensors["history"]
