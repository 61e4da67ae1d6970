"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner. Vyas et al. 2024, algorithm 3.

For the gradient G (m, n) of a matrix, L and R are running means of G G^T and G^T G. In the basis of
their eigenvectors Q_L and Q_R Adam's second moment is kept, and there its step is taken. The bases
are renewed now and then by one step of the power iteration with QR, which costs a fraction of an
eigendecomposition. As in the authors' code the first gradient only sets the bases up, and a basis
is renewed after the step that would have used it.

Matrices of one shape are stacked and worked on together; a vector, for which there is no basis,
gets plain Adam, and so does a side of a matrix that is too long for one. The real and the imaginary
parts of a complex layer's weights are two matrices.

Letters: g matrices of one shape (m, n).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from optiinr_jax.numerics import one_by_one

MAX_SIDE = 1024  # a longer side has no basis
RENEW_EVERY = 10  # steps
_eigenvectors = one_by_one(lambda matrix: jnp.linalg.eigh(matrix)[1])
_orthonormal = one_by_one(lambda matrix: jnp.linalg.qr(matrix)[0])

Left, Right = Float[Array, "g m m"] | None, Float[Array, "g n n"] | None
Sides = tuple[Left, Right]


class Stack(NamedTuple):
    """State of the matrices of one shape."""

    momentum: Float[Array, "g m n"]  # running mean of the gradient, not rotated
    second: Float[Array, "g m n"]  # running mean of the rotated gradient's squares
    covariances: Sides  # L and R
    bases: Sides  # Q_L and Q_R


class SoapState(NamedTuple):
    """State of the transformation; `stacks` by shape, in the order of the leaves."""

    count: Int[Array, ""]  # updates so far
    stacks: dict[str, Stack]


def scale_by_soap(
    b1: float = 0.95,
    b2: float = 0.95,
    eps: float = 1e-8,
    renew_every: int = RENEW_EVERY,
) -> optax.GradientTransformationExtraArgs:
    """The direction of SOAP's step, of about unit size as Adam's; multiply it by -learning rate.

    Args:
        b1: memory of the gradient's mean.
        b2: memory of the squares' mean and of L and R.
        eps: added to the root of the squares' mean.
        renew_every: steps from one renewal of the bases to the next.

    `update` takes the number of the step as `step`, if it is known outside: under `vmap` over
    networks one number for all of them keeps the renewal a branch; without it the state counts.
    """

    def init(params: Any) -> SoapState:
        stacks = {name: _empty(jnp.stack(matrices)) for name, matrices in _by_shape(params).items()}
        return SoapState(jnp.zeros((), jnp.int32), stacks)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, SoapState]:
        del params
        step = extra.get("step")
        step = state.count if step is None else jnp.asarray(step)
        directions, stacks = {}, {}
        for name, matrices in _by_shape(updates).items():
            direction, stacks[name] = _step(
                jnp.stack(matrices), state.stacks[name], step, b1, b2, eps, renew_every
            )
            directions[name] = list(direction)
        return _unstack(updates, directions), SoapState(state.count + 1, stacks)

    return optax.GradientTransformationExtraArgs(init, update)


def _by_shape(tree: Any) -> dict[str, list[Array]]:
    """All leaves as matrices, by shape; a vector is one row."""
    found: dict[str, list[Array]] = {}
    for leaf in jax.tree.leaves(tree):
        for matrix in leaf if leaf.ndim == 3 else [jnp.atleast_2d(leaf)]:
            name = "vector" if leaf.ndim < 2 else "matrix"
            found.setdefault(f"{name} {' x '.join(map(str, matrix.shape))}", []).append(matrix)
    return found


def _unstack(like: Any, directions: dict[str, list[Array]]) -> Any:
    """The reverse of `_by_shape`."""
    rows = {name: iter(matrices) for name, matrices in directions.items()}

    def take(leaf: Array) -> Array:
        name = "vector" if leaf.ndim < 2 else "matrix"
        sides = (1, *leaf.shape)[-2:] if leaf.ndim < 2 else leaf.shape[-2:]
        found = rows[f"{name} {' x '.join(map(str, sides))}"]
        parts = [next(found) for _ in range(len(leaf) if leaf.ndim == 3 else 1)]
        return jnp.stack(parts).reshape(leaf.shape)

    return jax.tree.map(take, like)


def _empty(matrices: Float[Array, "g m n"]) -> Stack:
    g, m, n = matrices.shape
    sides = [size if m > 1 and size <= MAX_SIDE else 0 for size in (m, n)]

    def square(size: int) -> Array | None:
        return jnp.zeros((g, size, size), matrices.dtype) if size else None

    zeros = jnp.zeros_like(matrices)
    covariances = square(sides[0]), square(sides[1])
    return Stack(zeros, zeros, covariances, covariances)


def _step(
    grads: Float[Array, "g m n"],
    stack: Stack,
    step: Int[Array, ""],
    b1: float,
    b2: float,
    eps: float,
    renew_every: int,
) -> tuple[Float[Array, "g m n"], Stack]:
    """The direction of one step and the state after it."""
    has_bases = any(basis is not None for basis in stack.bases)
    skipped = 1 if has_bases else 0  # the first gradient of a matrix takes no step
    is_step = step >= skipped
    rotated = _rotate(grads, stack.bases)
    momentum = jnp.where(is_step, b1 * stack.momentum + (1.0 - b1) * grads, stack.momentum)
    second = jnp.where(is_step, b2 * stack.second + (1.0 - b2) * jnp.square(rotated), stack.second)
    done = jnp.maximum(step + 1 - skipped, 1)
    scale = jnp.sqrt(1.0 - b2**done) / (1.0 - b1**done)
    direction = _rotate(momentum, stack.bases) / (jnp.sqrt(second) + eps)
    direction = scale * _rotate_back(direction, stack.bases)
    direction = jnp.where(is_step, direction, 0.0)
    if not has_bases:
        return direction, stack._replace(momentum=momentum, second=second)
    left, right = stack.covariances
    left = None if left is None else b2 * left + (1.0 - b2) * grads @ grads.mT
    right = None if right is None else b2 * right + (1.0 - b2) * grads.mT @ grads
    new = Stack(momentum, second, (left, right), stack.bases)
    which = jnp.where(step == 0, 2, (step % renew_every == 0).astype(jnp.int32))
    return direction, jax.lax.switch(which, [lambda stack: stack, _renew, _set_up], new)


def _rotate(x: Float[Array, "g m n"], bases: Sides) -> Float[Array, "g m n"]:
    left, right = bases
    x = x if left is None else left.mT @ x
    return x if right is None else x @ right


def _rotate_back(x: Float[Array, "g m n"], bases: Sides) -> Float[Array, "g m n"]:
    left, right = bases
    x = x if left is None else left @ x
    return x if right is None else x @ right.mT


def _set_up(stack: Stack) -> Stack:
    """Bases from an eigendecomposition, largest eigenvalue first."""

    def basis(covariance: Array | None) -> Array | None:
        return None if covariance is None else jax.vmap(_eigenvectors)(covariance)[..., ::-1]

    left, right = (basis(covariance) for covariance in stack.covariances)
    return stack._replace(bases=(left, right))


def _renew(stack: Stack) -> Stack:
    """One power iteration with QR; columns, and the second moment with them, by size first."""
    second, bases = stack.second, []
    for axis, (covariance, basis) in enumerate(zip(stack.covariances, stack.bases, strict=True)):
        if covariance is None or basis is None:
            bases.append(None)
            continue
        power = covariance @ basis
        order = jnp.argsort(-jnp.sum(basis * power, axis=-2), axis=-1)
        second = jnp.take_along_axis(
            second, order[..., :, None] if axis == 0 else order[..., None, :], axis=axis - 2
        )
        power = jnp.take_along_axis(power, order[..., None, :], axis=-1)
        bases.append(jax.vmap(_orthonormal)(power))
    return stack._replace(second=second, bases=(bases[0], bases[1]))
