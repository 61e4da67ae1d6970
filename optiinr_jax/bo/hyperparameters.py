"""Maximum a posteriori fit of the GP's parameters.

The search runs in z, with parameter = mean + sd z and z ~ N(0, 1) a priori: no constraint, the
same scale for every entry, and the prior's median as the answer to no data. Loss and gradient are
one compiled program, which SciPy's L-BFGS calls some thirty times from the median. Where noise
explains what was seen, ripples may explain it better, which no descent from the median finds: a
second one begins at short length-scales and little noise. No number is random. Of many trials a
part tells the parameters as well, in a fraction of the time; the model itself is conditioned on all
of them.

Letters: n capacity, p continuous dims, k choices, z parameters.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from optiinr_jax.bo import gp
from optiinr_jax.bo.kernels import Kernel, Normal, get_kernel, split_kernel
from optiinr_jax.bo.programs import quick_jit
from optiinr_jax.bo.structure import Structure, embed

MAX_STEPS = 30
MUCH_NOISE = 0.1  # of the variance of the scores: more may be ripples
SHORT, QUIET = -2.5, -2.0  # z of length-scales and of the noise, where ripples are looked for
CLEAR = 5.0  # in nats: by so much ripples have to be likelier, for few points fit any
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
    """Fit z from the prior's median, which is the answer when the descent fails; and its loss.

    Where the fit has much noise, a second descent looks for ripples instead.
    """
    from scipy.optimize import minimize  # a fifth of a second, for those who propose

    data = _to_fit(data)
    start = np.zeros(_size(kernel, structure), data.y.dtype)

    def loss_fn(z: np.ndarray) -> Any:
        loss, grad = loss_and_grad(z, data, kernel=kernel, structure=structure, quick=quick)
        return float(loss), np.asarray(grad)

    def descend(start: np.ndarray) -> tuple[np.ndarray, float]:
        options = {"maxiter": MAX_STEPS}
        found = minimize(loss_fn, start, jac=True, method="L-BFGS-B", options=options)
        is_finite = np.isfinite(found.fun) and np.all(np.isfinite(found.x))
        return (found.x, float(found.fun)) if is_finite else (start, np.inf)

    best = descend(start)
    mean, sd = get_kernel(kernel).log_noise
    noise = mean + sd * best[0][-1]  # the last one of the parameters
    if noise < math.log(MUCH_NOISE):
        return best
    rippled = descend(_rippled(kernel, structure))
    return rippled if rippled[1] < best[1] - CLEAR else best


def _to_fit(data: Data) -> Data:
    """Of more than MAX_FITTED trials so many, at even distances in the order of their scores."""
    rows = np.flatnonzero(data.observed)
    if len(rows) <= MAX_FITTED:
        return data
    places = np.linspace(0, len(rows) - 1, MAX_FITTED).round().astype(int)
    kept = np.sort(rows[np.argsort(np.asarray(data.y)[rows], kind="stable")[places]])
    return jax.tree.map(lambda leaf: np.asarray(leaf)[kept], data)


def _rippled(kernel: str | Kernel, structure: Structure) -> np.ndarray:
    """Where a function with ripples has its z: short length-scales of the numbers, little noise."""
    prior = jax.eval_shape(partial(make_prior, kernel, structure)).mean
    leaves, _ = jax.tree_util.tree_flatten_with_path(prior)
    z = []
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path[-1:])
        level = SHORT if name.startswith(".log_lengthscale") else 0.0
        z += [QUIET if name == ".log_noise" else level] * leaf.size
    return np.array(z)


def _size(kernel: str | Kernel, structure: Structure) -> int:
    prior = jax.eval_shape(partial(make_prior, kernel, structure))  # computes nothing
    return sum(leaf.size for leaf in jax.tree.leaves(prior.mean))
