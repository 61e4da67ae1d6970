"""Cubic splines between two points: the curves along which outputs move.

A curve runs over s in [0, 1]; it is the straight line between its ends plus a combination of
functions that vanish at both.
Letters: b functions of the basis, n times, D dimensions of an output.
"""

from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@cache
def spline_basis(num_nodes: int) -> Float[np.ndarray, "pieces 4 b"]:
    """An orthonormal basis of the cubic splines that vanish at both ends, twice differentiable.

    The null space, by a singular value decomposition, of what makes pieces a spline: equal values,
    slopes and curvatures at the inner nodes, zero at the ends.

    Args:
        num_nodes: equally spaced over [0, 1], from 2 on; there are as many functions.

    Returns:
        Coefficients of 1, u, u^2, u^3 in each piece, u in [0, 1] along the piece.
    """
    pieces = num_nodes - 1
    at_start = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 2, 0]])  # value, slope, curvature
    at_end = np.array([[1, 1, 1, 1], [0, 1, 2, 3], [0, 0, 2, 6]])
    rows = np.zeros((3 * (pieces - 1) + 2, pieces, 4))
    for i in range(pieces - 1):
        rows[3 * i : 3 * i + 3, i], rows[3 * i : 3 * i + 3, i + 1] = at_end, -at_start
    rows[-2, 0], rows[-1, -1] = at_start[0], at_end[0]
    rows = rows.reshape(len(rows), -1)
    _, _, directions = np.linalg.svd(rows)
    basis = directions[len(rows) :].T.reshape(pieces, 4, -1)
    basis.setflags(write=False)  # it is cached
    return basis


def evaluate_basis(
    basis: Float[np.ndarray, "pieces 4 b"], s: Float[Array, ""]
) -> tuple[Float[Array, " b"], Float[Array, " b"]]:
    """Values of the basis at a time in [0, 1], and their derivatives with respect to it."""
    pieces = len(basis)
    place = s * pieces
    piece = jnp.clip(jnp.floor(place), 0, pieces - 1).astype(int)
    u, one, zero = place - piece, jnp.ones_like(s), jnp.zeros_like(s)
    coefficients = jnp.asarray(basis, s.dtype)[piece]
    values = jnp.stack([one, u, u**2, u**3]) @ coefficients
    slopes = jnp.stack([zero, one, 2 * u, 3 * u**2]) @ coefficients
    return values, pieces * slopes


def evaluate_curve(
    start: Float[Array, " D"],
    end: Float[Array, " D"],
    bend: Float[Array, "b D"],
    times: Float[Array, " n"],
    values: Float[Array, "n b"],
    slopes: Float[Array, "n b"],
) -> tuple[Float[Array, "n D"], Float[Array, "n D"]]:
    """Points and velocities of the curve from `start` to `end` at some times.

    Args:
        bend: coefficients of the basis; 0 is the straight line at constant speed.
        values, slopes: those of the basis at the times, as of `evaluate_basis`.
    """
    line = start[None] + times[:, None] * (end - start)[None]
    return line + values @ bend, (end - start)[None] + slopes @ bend
