"""Trained arrays in fewer bits for the model file: float16, or int8 with a scale for every unit.

In int8 only the kernels of `_MIN_INPUTS` inputs and more are rounded: the others, those of plain
coordinates, the biases and drawn frequencies, are few and matter most.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from optiinr_jax.checks import check_name

Arrays = dict[str, np.ndarray]
BASIS = "constants/fourier_basis"  # FR's: follows from the configuration, so it is not stored
DTYPES = ("float32", "float16", "int8")
SCALE = "/scale"  # the name of a scale is that of its array with this behind
_MIN_INPUTS = 8
_LEVELS = 127


def encode_arrays(arrays: Arrays, dtype: str) -> Arrays:
    """float32 arrays as the file holds them; what was decoded is encoded as it was.

    Raises:
        ValueError: an unknown type, or a number that it cannot hold.
    """
    check_name("dtype", dtype, DTYPES)
    if dtype == "float32":
        return arrays
    encoded: Arrays = {}
    for name, array in arrays.items():
        if dtype == "float16":
            encoded[name] = _as_float16(name, array)
        elif name.endswith("/kernel") and array.shape[-2] >= _MIN_INPUTS:
            scale = _scales(array)
            encoded[name] = np.rint(array / scale).astype(np.int8)
            encoded[name + SCALE] = scale
        else:
            encoded[name] = array
    return encoded


def decode_arrays(arrays: Arrays) -> Arrays:
    """What `encode_arrays` has made, in float32."""
    return {
        name: array.astype(np.float32) * arrays.get(name + SCALE, np.float32(1.0))
        for name, array in arrays.items()
        if not name.endswith(SCALE)
    }


def round_variables(variables: Any, dtype: str) -> Any:
    """A network's arrays as a file of that type gives them back.

    Raises:
        ValueError: an unknown type, or a number that it cannot hold.
    """
    flat = {
        name: np.asarray(array, np.float32)
        for name, array in flatten_dict(variables, sep="/").items()
        if name != BASIS
    }
    rounded = unflatten_dict(decode_arrays(encode_arrays(flat, dtype)), sep="/")
    return jax.tree.map_with_path(lambda path, old: _at(rounded, path, old), variables)


def _at(rounded: Any, path: Any, old: Any) -> Any:
    """The new array at a place of the tree, or the old one where there is none."""
    for key in path:
        if key.key not in rounded:
            return old
        rounded = rounded[key.key]
    return jnp.asarray(rounded)


def _as_float16(name: str, array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(
            f"{name} has numbers up to {np.abs(array).max():.3g}, but float16 ends at 65504; save "
            'with dtype="int8" or "float32".'
        )
    return half


def _scales(kernel: np.ndarray) -> np.ndarray:
    """One for each unit, with so few bits that its products with the levels are exact."""
    largest = np.abs(kernel).max(axis=-2, keepdims=True)
    scale = np.where(largest > 0, largest, 1.0).astype(np.float32) / np.float32(_LEVELS)
    bits = scale.view(np.uint32) + np.uint32(255)  # rounded up, so that 127 levels reach
    return (bits & np.uint32(0xFFFFFF00)).view(np.float32)
