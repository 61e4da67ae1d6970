"""An exact zero-mean Gaussian process at a fixed capacity (GPML, Algorithm 2.1).

Arrays have n rows, of which `mask` says which are observed. A row that is not becomes an identity
row with target 0, which changes no answer: one compiled program serves a whole search.

Letters: n capacity, m queries, d dims. K, L, alpha as in GPML.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Bool, Float, PyTree

from optiinr_jax.bo.kernels import gram
from optiinr_jax.numerics import cholesky

Scalar = Float[Array, ""]

BATCH = 256  # pairs of points that the kernel sees at a time: they stay in the processor's cache


class GPParams(NamedTuple):
    """What is learnt from the data: the kernel's parameters and the log of the noise variance."""

    kernel: PyTree
    log_noise: Scalar


class Posterior(NamedTuple):
    """A conditioned process; rows where `mask` is False carry no information."""

    params: GPParams
    x: Float[Array, "n d"]
    mask: Bool[Array, " n"]
    L_inverse: Float[Array, "n n"]
    alpha: Float[Array, " n"]
    noise: Float[Array, "..."]  # variance, of all rows or of each


def noise_variance(
    params: GPParams, own_noise: Float[Array, " n"] | None = None
) -> Float[Array, "..."]:
    """Noise variance: learned, with a floor that keeps the factorisation accurate in the dtype.

    Args:
        own_noise: variance that each row has besides; None: none has.
    """
    floor = 1e-6 if params.log_noise.dtype == jnp.float64 else 1e-4
    learned = floor + jnp.exp(params.log_noise)
    return learned if own_noise is None else learned + own_noise


def noisy_gram(
    evaluate: Callable,
    params: GPParams,
    x: Float[Array, "n d"],
    mask: Bool[Array, " n"],
    own_noise: Float[Array, " n"] | None = None,
) -> Float[Array, "n n"]:
    """Covariance of the observations, K + noise I; identity where masked."""
    inside: Any = "promise_in_bounds"  # or XLA looks at every index, and says so from n = 1024 on

    @jax.checkpoint  # computed anew for the gradient: what all pairs pass through is large
    def of_pair(pair: tuple[Array, Array]) -> Scalar:
        a, b = (x.at[index].get(mode=inside) for index in pair)
        return evaluate(params.kernel, a, b)

    i, j = np.tril_indices(len(x))  # each pair once
    pairs = jax.lax.map(of_pair, (jnp.asarray(i), jnp.asarray(j)), batch_size=BATCH)
    lower = jnp.zeros((len(x), len(x)), x.dtype).at[i, j].set(pairs, mode=inside)
    eye = jnp.eye(len(x), dtype=x.dtype)
    noise = noise_variance(params, own_noise)
    noise = noise if own_noise is None else jnp.diag(noise)
    K = lower + jnp.tril(lower, -1).T + noise * eye
    return jnp.where(mask[:, None] & mask[None, :], K, eye)


def condition(
    evaluate: Callable,
    params: GPParams,
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    mask: Bool[Array, " n"],
    own_noise: Float[Array, " n"] | None = None,
) -> Posterior:
    """Condition on the rows of (x, y) where `mask` is True (GPML 2.25, 2.26)."""
    L = cholesky(noisy_gram(evaluate, params, x, mask, own_noise))
    L_inverse = solve_triangular(L, jnp.eye(len(L), dtype=L.dtype), lower=True)
    alpha = L_inverse.T @ (L_inverse @ jnp.where(mask, y, 0.0))
    return Posterior(params, x, mask, L_inverse, alpha, noise_variance(params, own_noise))


def cross(
    evaluate: Callable, posterior: Posterior, x_test: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    """Prior covariance of the observed rows with the queries; zero where masked."""
    K = gram(evaluate, posterior.params.kernel, posterior.x, x_test)
    return jnp.where(posterior.mask[:, None], K, 0.0)


def predict(
    evaluate: Callable, posterior: Posterior, x_test: Float[Array, "m d"]
) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
    """Mean and variance of the latent function, without the noise, at each query."""
    K = cross(evaluate, posterior, x_test)
    v = posterior.L_inverse @ K
    prior = jax.vmap(lambda a: evaluate(posterior.params.kernel, a, a))(x_test)
    variance = prior - jnp.sum(jnp.square(v), axis=0)
    return K.T @ posterior.alpha, jnp.maximum(variance, jnp.finfo(K.dtype).tiny)


def log_marginal_likelihood(
    evaluate: Callable,
    params: GPParams,
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    mask: Bool[Array, " n"],
    own_noise: Float[Array, " n"] | None = None,
) -> Scalar:
    """Log density of the observed rows (GPML 2.30); masked rows contribute exactly nothing."""
    K = noisy_gram(evaluate, params, x, mask, own_noise)
    constant = jnp.sum(mask).astype(K.dtype) * jnp.log(2 * jnp.pi).astype(K.dtype) / 2
    return _log_density(K, jnp.where(mask, y, 0.0)) - constant


@jax.custom_vjp
def _log_density(K: Float[Array, "n n"], y: Float[Array, " n"]) -> Scalar:
    """Log density of N(0, K) at y, without the constant."""
    return _log_density_forward(K, y)[0]


def _log_density_forward(K, y):
    L = jax.lax.linalg.cholesky(K)
    alpha = cho_solve((L, True), y)
    return -jnp.dot(y, alpha) / 2 - jnp.sum(jnp.log(jnp.diagonal(L))), (L, alpha)


def _log_density_backward(residuals, g):
    """GPML 5.9; several times cheaper than differentiating the factorisation."""
    L, alpha = residuals
    L_inverse = solve_triangular(L, jnp.eye(len(L), dtype=L.dtype), lower=True)
    return g * (jnp.outer(alpha, alpha) - L_inverse.T @ L_inverse) / 2, -g * alpha


_log_density.defvjp(_log_density_forward, _log_density_backward)
