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
    from safetensors.numpy import save

    leaves = jax.tree.leaves(state)
    tensors = {str(i): np.array(leaf, order="C") for i, leaf in enumerate(leaves)}
    tensors["history"] = np.concatenate([np.zeros(0, np.float32), *history])
    metadata = {"fingerprint": checkpoint.fingerprint, "sha256": _digest(tensors)}
    write_atomic(checkpoint.path, save(tensors, metadata=metadata))


def load_state(checkpoint: Checkpoint, like: Any) -> tuple[Any, Float32[np.ndarray, " steps"]]:
    """The state and losses of this very fit; `like` and none where there are none to trust."""
    from safetensors import SafetensorError, safe_open

    nothing = like, np.zeros(0, np.float32)
    if not checkpoint.path.is_file():
        return nothing
    try:
        with safe_open(checkpoint.path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError:
        return nothing
    is_ours = metadata.get("fingerprint") == checkpoint.fingerprint
    if not is_ours or metadata.get("sha256") != _digest(tensors):
        return nothing
    leaves, structure = jax.tree.flatten(like)
    found = [tensors.get(str(i)) for i in range(len(leaves))]
    if any(
        new is None or new.shape != old.shape or new.dtype != old.dtype
        for new, old in zip(found, leaves, strict=True)
    ):
        return nothing
    return jax.tree.unflatten(structure, map(jnp.asarray, found)), tensors["history"]


def _digest(tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape} ".encode())
        digest.update(tensors[name].tobytes())
    return digest.hexdigest()
