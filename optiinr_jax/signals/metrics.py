"""Quality of a reconstruction, one formula each; in jax.numpy, in the dtype they are given."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def mse(values: Float[ArrayLike, "*s"], targets: Float[ArrayLike, "*s"]) -> Float[Array, ""]:
    """Mean of the squared differences over all points and channels together."""
    values, targets = jnp.asarray(values), jnp.asarray(targets)
    if values.shape != targets.shape:
        raise ValueError(
            f"values has shape {values.shape} and targets {targets.shape}, but a metric compares "
            "arrays of one shape; reshape one of them."
        )
    if not jnp.issubdtype(jnp.result_type(values, targets), jnp.floating):
        raise ValueError(
            f"values has type {values.dtype} and targets {targets.dtype}, but differences of "
            "integers wrap around; convert them to float first."
        )
    return jnp.mean(jnp.square(values - targets))


def psnr(
    values: Float[ArrayLike, "*s"], targets: Float[ArrayLike, "*s"], data_range: float = 1.0
) -> Float[Array, ""]:
    """Peak signal-to-noise ratio in dB, 10 log10(data_range^2 / mse); not clipped.

    Equal arrays give inf. `data_range` is the distance from the least to the greatest value that
    a target can take.
    """
    error = mse(values, targets)
    return 10.0 * jnp.log10(jnp.square(jnp.asarray(data_range, error.dtype)) / error)
