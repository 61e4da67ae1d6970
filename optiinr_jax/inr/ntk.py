"""The empirical neural tangent kernel of a configuration, its spectrum, and a signal on it.

OptiINR's Claim 1: a configuration is as good as its tangent kernel at the start suits the signal.
Here the kernel is computed and not estimated: with J the Jacobian of all values by all parameters,
K = J J^T, one column at a time by a vector-Jacobian and a Jacobian-vector product, so that J itself
is never stored. Jacot et al. 2018, eq. 3.

Letters: n coordinates, c channels, d dimensions.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.lowering import lower
from optiinr_jax.inr.model import Variables, forward

_COLUMNS = 32  # computed at once


class Spectrum(NamedTuple):
    """Eigenvalues of a tangent kernel, largest first: patterns are learned at rates like them."""

    eigenvalues: Float[Array, " n"]
    eigenvectors: Float[Array, "n n"]  # one per column


def tangent_kernel(
    variables: Variables, coords: Float[Array, "n d"], config: NetworkConfig
) -> Float[Array, "n n"]:
    """The mean over channels of every channel's own kernel: trace form of the full kernel.

    Args:
        variables: of the network, at the start (`init`) or trained (`INR.variables`).
        coords: a subset of the signal's coordinates; time and memory grow with its square.
        config: of the network.
    """
    full = full_tangent_kernel(variables, coords, config)
    return jnp.trace(full, axis1=1, axis2=3) / full.shape[1]


def full_tangent_kernel(
    variables: Variables, coords: Float[Array, "n d"], config: NetworkConfig
) -> Float[Array, "n c n c"]:
    """The whole kernel: how a step on one channel at one point moves another one elsewhere."""
    return _full_kernel(variables, coords, lower(config, coords.shape[1]))


@jax.jit
def _full_kernel(variables: Variables, coords: Array, config: NetworkConfig) -> Array:
    def predict(params):
        return forward({**variables, "params": params}, coords, config)

    values, pull_back = jax.vjp(predict, variables["params"])

    def column(i: Array) -> Float[Array, "n c"]:
        unit = jnp.zeros(values.size, values.dtype).at[i].set(1.0).reshape(values.shape)
        (gradient,) = pull_back(unit)
        return jax.jvp(predict, (variables["params"],), (gradient,))[1]

    columns = jax.lax.map(column, jnp.arange(values.size), batch_size=_COLUMNS)
    return columns.reshape(*values.shape, *values.shape)


@jax.jit
def spectrum(kernel: Float[Array, "n n"]) -> Spectrum:
    """Eigenvalues and eigenvectors of a kernel in trace form."""
    eigenvalues, vectors = jnp.linalg.eigh((kernel + kernel.T) / 2)
    return Spectrum(eigenvalues[::-1], vectors[:, ::-1])


def project(spectrum: Spectrum, values: Float[ArrayLike, "n c"]) -> Float[Array, "n c"]:
    """Coefficients of a signal on the eigenvectors, in their order."""
    return spectrum.eigenvectors.T @ jnp.asarray(values)


def energy(spectrum: Spectrum, values: Float[ArrayLike, "n c"]) -> Float[Array, " n"]:
    """Part of a signal's energy in the first 1, 2, ..., n eigenvectors; the last one is 1.

    The sooner it rises, the more of the signal the network learns fast.
    """
    squares = jnp.sum(jnp.square(project(spectrum, values)), axis=1)
    return jnp.cumsum(squares) / jnp.sum(squares)


def alignment(kernel: Float[Array, "n n"], values: Float[ArrayLike, "n c"]) -> Float[Array, ""]:
    """Kernel-target alignment <K, y y^T> / (|K| |y y^T|), from 0 to 1. Cristianini et al. 2001."""
    y = jnp.asarray(values)
    return jnp.sum(y * (kernel @ y)) / (jnp.linalg.norm(kernel) * jnp.linalg.norm(y @ y.T))
