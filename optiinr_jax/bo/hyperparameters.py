"""Maximum a posteriori fit of the GP's parameters.

The search runs in z, with parameter = mean + sd z and z ~ N(0, 1) a priori: no constraint, the
same scale for every entry, and the prior's median as the answer to no data. Loss and gradient are
one compiled program, which SciPy's L-BFGS calls some thirty times from the median. More starts
find nothing better (benchmarks/bench_suggestion.py), so there is one, and no random number. Of
many trials a part tells the parameters as well, in a fraction of the time; the model itself is
conditioned on all of them.

Letters: n capacity, p continuous dims, k choices, z parameters.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from optiinr_jax.bo import gp
from optiinr_jax.bo.host import quick_jit
from optiinr_jax.bo.kernels import Kernel, Normal, get_kernel, split_kernel
from optiinr_jax.bo.structure import Structure, embed

MAX_STEPS = 30
MAX_FITTED = 384  # trials that the parameters are fitted to

Arr = Array | np.ndarray


class Data(NamedTuple):
    """What was tried, at a fixed capacity: numbers, levels, warped scores and their mask.

    Outside compiled code the arrays are NumPy's, so that making them compiles nothing.
    """

    u: Float[Array, "n p"]
    c: Int[Array, "n k"]
    y: Float[Array, " n"]
    observed: Bool[Array, " n"]
    pending: Bool[Array, " n"]
    own_noise: Float[Array, " n"] | None = None  # variance of each y besides the common one


def make_prior(kernel: str | Kernel, structure: Structure) -> Normal:
    """Prior of the kernel's parameters and of the noise."""
    row = get_kernel(kernel)
    prior, (mean, sd) = row.prior(structure), (jnp.asarray(value) for value in row.log_noise)
    return Normal(gp.GPParams(prior.mean, mean), gp.GPParams(prior.sd, sd))


def to_params(kernel: str | Kernel, structure: Structure, z: Float[Arr, " z"]) -> gp.GPParams:
    """Parameters at z standard deviations from the prior's median."""
    prior = make_prior(kernel, structure)
    prior = jax.tree.map(lambda leaf: jnp.asarray(leaf, z.dtype), prior)
    mean, unravel = ravel_pytree(prior.mean)
    return unravel(mean + ravel_pytree(prior.sd)[0] * z)


@quick_jit("kernel")
def loss_and_grad(
    z: Float[Arr, " z"], data: Data, *, kernel: str | Kernel, structure: Structure
) -> tuple[Float[Array, ""], Float[Array, " z"]]:
    """Minus the log posterior density of z, up to a constant, and its gradient."""
    x = jax.vmap(partial(embed, structure))(data.u, data.c)

    def loss_fn(z: Float[Array, " z"]) -> Float[Array, ""]:
        params = to_params(kernel, structure, z)
        evaluate = get_kernel(kernel).evaluate
        rows = x, data.y, data.observed, data.own_noise
        likelihood = gp.log_marginal_likelihood(evaluate, params, *rows)
        return jnp.dot(z, z) / 2 - likelihood

    return jax.value_and_grad(loss_fn)(z)


def fit_best(
    data: Data, *, kernel: str | Kernel, structure: Structure, quick: bool = False
) -> tuple[str | Kernel, Float[np.ndarray, " z"]]:
    """Of several kernels, "a|b", the one with the higher posterior density, and its z."""
    rows: Any = {"structure": structure, "quick": quick}
    fits = [(k, *fit(data, kernel=k, **rows)) for k in split_kernel(kernel)]
    best, z, _ = min(fits, key=lambda row: row[2])
    return best, z


def fit(
    data: Data, *, kernel: str | Kernel, structure: Structure, quick: bool = False
) -> tuple[Float[np.ndarray, " z"], float]:
    """Fit z from the prior's median, which is the answer when the descent fails; and its loss."""
    from scipy.optimize import minimize  # a fifth of a second, for those who propose

    data = _to_fit(data)
    start = np.zeros(_size(kernel, structure), data.y.dtype)

    def loss_fn(z: np.ndarray) -> Any:
        loss, grad = loss_and_grad(z, data, kernel=kernel, structure=structure, quick=quick)
        return float(loss), np.asarray(grad)

    found = minimize(loss_fn, start, jac=True, method="L-BFGS-B", options={"maxiter": MAX_STEPS})
    if np.isfinite(found.fun) and np.all(np.isfinite(found.x)):
        return found.x, float(found.fun)
    return start, np.inf


def _to_fit(data: Data) -> Data:
    """Of more than MAX_FITTED trials so many, at even distances in the order of their scores."""
    rows = np.flatnonzero(data.observed)
    if len(rows) <= MAX_FITTED:
        return data
    places = np.linspace(0, len(rows) - 1, MAX_FITTED).round().astype(int)
    kept = np.sort(rows[np.argsort(np.asarray(data.y)[rows], kind="stable")[places]])
    return jax.tree.map(lambda leaf: np.asarray(leaf)[kept], data)


def _size(kernel: str | Kernel, structure: Structure) -> int:
    prior = jax.eval_shape(partial(make_prior, kernel, structure))  # computes nothing
    return sum(leaf.size for leaf in jax.tree.leaves(prior.mean))
