"""How far it is in each direction: the metric G of the kinetic term, v^T G v / 2.

G = R^T diag(e) R, with R a product of Givens rotations, one for each pair of D axes, and
eigenvalues e that are at least 0.1 and sum to 0.1 D + 0.9: a metric may make directions cheap, but
never all of them.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_LOWEST, _SHARED = 0.1, 0.9  # what every direction has, and what they share


class Metric(NamedTuple):
    """One form of the metric.

    Attributes:
        num_outputs: numbers at a point, as a function of D; none: the same metric everywhere.
        eigenvalues: from those numbers that are no angles, and D.
    """

    num_outputs: Callable[[int], int]
    eigenvalues: Callable[[Array, int], Array]


def num_angles(num_dims: int) -> int:
    """Numbers that say the rotation: two for each pair of axes."""
    return num_dims * (num_dims - 1)


def rotate(outputs: Float[Array, " angles"], v: Float[Array, " D"]) -> Float[Array, " D"]:
    """R v: one Givens rotation for each pair of axes, its angle atan2 of two numbers."""
    parts = list(v)
    for i, (a, b) in enumerate(itertools.combinations(range(len(v)), 2)):
        sine, cosine = outputs[2 * i], outputs[2 * i + 1]
        length = jnp.sqrt(sine**2 + cosine**2 + 1e-12)  # finite gradients where both are 0
        sine, cosine = sine / length, cosine / length
        parts[a], parts[b] = (
            cosine * parts[a] - sine * parts[b],
            sine * parts[a] + cosine * parts[b],
        )
    return jnp.stack(parts)


def learned_eigenvalues(raw: Float[Array, " D"], num_dims: int) -> Float[Array, " D"]:
    """0.1 + 0.9 softmax: at least 0.1, at most 1, of a fixed sum."""
    del num_dims
    return _LOWEST + _SHARED * jax.nn.softmax(raw)


def fixed_eigenvalues(raw: Float[Array, " 0"], num_dims: int) -> Float[Array, " D"]:
    """1 in one direction, 0.1 in the others (Pooladian et al. 2024)."""
    return jnp.full(num_dims, _LOWEST, raw.dtype).at[0].set(_LOWEST + _SHARED)


def unit_eigenvalues(raw: Float[Array, " 0"], num_dims: int) -> Float[Array, " D"]:
    """1 in every direction."""
    return jnp.ones(num_dims, raw.dtype)


METRICS = {
    "euclidean": Metric(lambda num_dims: 0, unit_eigenvalues),
    "rotated": Metric(num_angles, fixed_eigenvalues),
    "learned": Metric(lambda num_dims: num_angles(num_dims) + num_dims, learned_eigenvalues),
}


def squared_length(
    metric: str, outputs: Float[Array, " p"], v: Float[Array, " D"]
) -> Float[Array, ""]:
    """v^T G v at a point.

    Args:
        metric: name of METRICS.
        outputs: what the network says of the point; none for "euclidean".
    """
    form, num_dims = METRICS[metric], len(v)
    if not form.num_outputs(num_dims):
        return jnp.sum(v**2)
    count = num_angles(num_dims)
    eigenvalues = form.eigenvalues(outputs[count:], num_dims)
    return jnp.sum(eigenvalues * rotate(outputs[:count], v) ** 2)


def matrix(metric: str, outputs: Float[Array, " p"], num_dims: int) -> Float[Array, "D D"]:
    """G itself, for those who want to look at it."""
    form, count = METRICS[metric], num_angles(num_dims)
    eye = jnp.eye(num_dims, dtype=outputs.dtype)
    if not form.num_outputs(num_dims):
        return eye
    rotation = jax.vmap(lambda v: rotate(outputs[:count], v), out_axes=1)(eye)
    return rotation.T @ (form.eigenvalues(outputs[count:], num_dims)[:, None] * rotation)
