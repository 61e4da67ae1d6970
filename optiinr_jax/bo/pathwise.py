"""Functions drawn from the posterior by Matheron's rule (Wilson et al. 2020; paper, 3.2.1).

    (f | y)(.) = f(.) + k(., X) (K + noise I)^-1 (y - f(X) - eps),    eps ~ N(0, noise I)

f is a draw from the prior. As printed (paper, Algorithm 2) eps is left out, and the variance at
observed points is far too small. On a finite set the prior draw is exact (a Cholesky factor of
the joint prior); as a function of x it is a sum of random Fourier features, hence approximate,
with a kernel error that falls like 1 / sqrt(number of features). The data term is exact in both.

Letters: n capacity, m queries, d dims, s paths, f features.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from optiinr_jax.bo import gp
from optiinr_jax.bo.kernels import Features, Kernel, gram
from optiinr_jax.numerics import cholesky


class Paths(NamedTuple):
    """s posterior functions as data."""

    features: Features
    weights: Float[Array, "s f"]
    posterior: gp.Posterior
    correction: Float[Array, "s n"]


def draw_paths(
    key: Key[Array, ""],
    kernel: Kernel,
    posterior: gp.Posterior,
    y: Float[Array, " n"],
    num_paths: int,
    num_features: int = 1024,
) -> Paths:
    """Draw posterior functions with a random-feature prior."""
    key_features, key_weights, key_noise = jax.random.split(key, 3)
    num_dims = posterior.x.shape[1]
    if kernel.draw_features is None:
        raise ValueError(
            "the kernel has no draw_features, but an acquisition over posterior paths draws them; "
            'give the kernel some, or take acquisition="log_ei".'
        )
    features = kernel.draw_features(key_features, posterior.params.kernel, num_dims, num_features)
    weights = jax.random.normal(key_weights, (num_paths, num_features), posterior.x.dtype)
    prior = weights @ jax.vmap(lambda a: evaluate_features(features, a))(posterior.x).T
    correction = _correct(key_noise, posterior, y, prior)
    return Paths(features, weights, posterior, correction)


def evaluate_features(features: Features, a: Float[Array, " d"]) -> Float[Array, " f"]:
    """Random Fourier features of one point (Rahimi and Recht 2007)."""
    return features.scale * jnp.cos(features.frequency @ a + features.phase)


def evaluate_paths(kernel: Kernel, paths: Paths, x: Float[Array, "m d"]) -> Float[Array, "s m"]:
    """Values of every path at every query; differentiable in x."""
    prior = paths.weights @ jax.vmap(lambda a: evaluate_features(paths.features, a))(x).T
    return prior + paths.correction @ gp.cross(kernel.evaluate, paths.posterior, x)


def draw_at(
    key: Key[Array, ""],
    kernel: Kernel,
    posterior: gp.Posterior,
    y: Float[Array, " n"],
    x: Float[Array, "m d"],
    num_paths: int,
) -> Float[Array, "s m"]:
    """Draw exact joint posterior values at a finite set of queries."""
    key_prior, key_noise = jax.random.split(key)
    n = len(posterior.x)
    both = jnp.concatenate([posterior.x, x])
    L = cholesky(gram(kernel.evaluate, posterior.params.kernel, both, both))
    prior = jax.random.normal(key_prior, (num_paths, len(both)), x.dtype) @ L.T
    correction = _correct(key_noise, posterior, y, prior[:, :n])
    return prior[:, n:] + correction @ gp.cross(kernel.evaluate, posterior, x)


def _correct(
    key: Key[Array, ""], posterior: gp.Posterior, y: Float[Array, " n"], prior: Float[Array, "s n"]
) -> Float[Array, "s n"]:
    """Weights (K + noise I)^-1 (y - f(X) - eps) of the data term, zero where masked."""
    eps = jnp.sqrt(jnp.broadcast_to(posterior.noise, prior.shape)) * jax.random.normal(
        key, prior.shape, prior.dtype
    )
    residual = jnp.where(posterior.mask[None], y[None] - prior - eps, 0.0)
    return (residual @ posterior.L_inverse.T) @ posterior.L_inverse
