"""Inductive gradient adjustment (IGA): residuals reweighted by the network's own tangent kernel.

Shi, Chen, Zhang and Gu, ICML 2025. The points are split into groups; K is the tangent kernel
between groups. Its largest eigenvalues, which make some patterns learn much faster than others, are
brought down to one level: gradient = J^T S r instead of J^T r, with the residuals r of every place
in a group mixed across groups by S.

Letters: g groups, p points of a group, k points that stand for a group, c channels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from optiinr_jax.numerics import one_by_one

_eigen = one_by_one(lambda kernel: tuple(jnp.linalg.eigh(kernel)))


def _official_sum(error: Float[Array, "g p"]) -> Int[Array, "g g"]:
    """The places of the largest error of all groups, in every group: what the image code runs."""
    g = error.shape[0]
    return jnp.broadcast_to(jnp.argmax(error, axis=1)[None, :], (g, g))


def _max_error(error: Float[Array, "g p"]) -> Int[Array, "g 1"]:
    """The place of a group's own largest error: what the paper describes."""
    return jnp.argmax(error, axis=1)[:, None]


def _middle(error: Float[Array, "g p"]) -> Int[Array, "g 1"]:
    """The middle of the group: what the 3-D code runs."""
    g, p = error.shape
    return jnp.full((g, 1), p // 2)


# name -> places in each group whose summed gradient stands for the group
GROUP_SAMPLINGS: dict[str, Callable[[Float[Array, "g p"]], Int[Array, "g k"]]] = {
    "official_sum": _official_sum,
    "max_error": _max_error,
    "middle": _middle,
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class GradientAdjustment:
    """How IGA groups the points and how many eigenvalues it levels.

    Attributes:
        group: sides of a block of grid points, (32, 32) in the image code; a single number is a run
            of consecutive points, (256,) in the 3-D code.
        end: number of leading eigenvalues brought down to the next one.
        sampling: row of GROUP_SAMPLINGS.
    """

    group: tuple[int, ...] = field(default=(32, 32), metadata={"static": True})
    end: int = field(default=20, metadata={"static": True})
    sampling: str = field(default="official_sum", metadata={"static": True})


def group_points(shape: tuple[int, ...], group: tuple[int, ...]) -> Int[np.ndarray, "g p"]:
    """Rows of a grid's points by group, in row-major order inside and outside.

    Raises:
        ValueError: the grid is not a whole number of groups.
    """
    sides = (math.prod(shape),) if len(group) == 1 else shape
    if len(sides) != len(group) or any(n % b for n, b in zip(sides, group, strict=True)):
        raise ValueError(
            f"a grid of {shape} does not divide into groups of {group}; choose a size that is a "
            "multiple of the group, or another group."
        )
    split = [part for n, b in zip(sides, group, strict=True) for part in (n // b, b)]
    order = [*range(0, 2 * len(group), 2), *range(1, 2 * len(group), 2)]  # outer axes, then inner
    index = np.arange(math.prod(sides)).reshape(split).transpose(order)
    return index.reshape(-1, math.prod(group))


def adjusted_gradient(
    predict: Callable[[Any, Array], Array],
    params: Any,
    features: Float[Array, "g p f"],
    targets: Float[Array, "g p c"],
    adjustment: GradientAdjustment,
) -> tuple[Float[Array, ""], Any]:
    """The plain mean squared error, and the adjusted gradient of the parameters."""
    g, p, c = targets.shape

    def predict_all(params: Any) -> Float[Array, "g p c"]:
        return predict(params, features.reshape(g * p, -1)).reshape(g, p, c)

    values, pull_back = jax.vjp(predict_all, params)
    residual = values - targets
    kernel = group_kernel(predict, params, features, residual, adjustment)
    mixed = jnp.einsum("gh,hpc->gpc", leveling(kernel, adjustment.end), residual)
    return jnp.mean(jnp.square(residual)), pull_back(2.0 / residual.size * mixed)[0]


def group_kernel(
    predict: Callable[[Any, Array], Array],
    params: Any,
    features: Float[Array, "g p f"],
    residual: Float[Array, "g p c"],
    adjustment: GradientAdjustment,
) -> Float[Array, "g g"]:
    """Tangent kernel between groups, channels summed with weight 1/sqrt(c)."""
    places = GROUP_SAMPLINGS[adjustment.sampling](jnp.sum(jnp.abs(residual), axis=-1))
    picked = jnp.take_along_axis(features, places[:, :, None], axis=1)  # (g, k, f)
    weight = residual.shape[-1] ** -0.5

    def stand_in(params: Any, rows: Float[Array, "k f"]) -> Float[Array, ""]:
        return weight * jnp.sum(predict(params, rows))

    def gradient(rows: Float[Array, "k f"]) -> Float[Array, " num_params"]:
        return ravel_pytree(jax.grad(stand_in)(params, rows))[0]

    jacobian = jax.lax.map(gradient, picked, batch_size=16)
    return jacobian @ jacobian.T


def leveling(kernel: Float[Array, "g g"], end: int) -> Float[Array, "g g"]:
    """S = I - sum over i < end of (1 - lambda_end / lambda_i) v_i v_i^T, eigenvalues descending.

    The sum stops at the first eigenvalue that is not positive.
    """
    eigenvalues, vectors = _eigen(kernel)
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    end = min(end, len(kernel) - 1)
    top = eigenvalues[:end]
    is_positive = jnp.cumprod(top > 0).astype(bool)
    excess = jnp.where(is_positive, 1.0 - eigenvalues[end] / jnp.where(top > 0, top, 1.0), 0.0)
    leading = vectors[:, :end]
    return jnp.eye(len(kernel), dtype=kernel.dtype) - (leading * excess[None, :]) @ leading.T
