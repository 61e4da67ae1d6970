"""Maximum a posteriori fit of the GP's parameters, from several starts at once.

The search runs in z, with parameter = mean + sd z and z ~ N(0, 1) a priori: no constraint, the
same step size for every entry, and the prior's median as the answer to no data.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Key

from optiinr_jax.bo import gp
from optiinr_jax.bo.kernels import KERNELS, Normal
from optiinr_jax.bo.structure import Structure, embed

LOG_NOISE_PRIOR = (-4.0, 1.5)  # variance relative to the data's: median 0.018, a third above 0.035


class Data(NamedTuple):
    """What was tried, at a fixed capacity: numbers, levels, warped scores and their mask."""

    u: Float[Array, "n p"]
    c: Int[Array, "n k"]
    y: Float[Array, " n"]
    observed: Bool[Array, " n"]
    pending: Bool[Array, " n"]


class Fit(NamedTuple):
    """The best parameters, and the log posterior density they reach."""

    params: gp.GPParams
    log_density: Float[Array, ""]


def make_prior(kernel: str, structure: Structure) -> Normal:
    """Prior of the kernel's parameters and of the noise."""
    row = KERNELS[kernel].prior(structure)
    mean, sd = (jnp.asarray(value) for value in LOG_NOISE_PRIOR)
    return Normal(gp.GPParams(row.mean, mean), gp.GPParams(row.sd, sd))


@partial(jax.jit, static_argnames=("kernel", "structure", "num_starts", "num_steps"))
def fit(
    key: Key[Array, ""],
    data: Data,
    start: gp.GPParams | None = None,
    *,
    kernel: str,
    structure: Structure,
    num_starts: int = 4,
    num_steps: int = 80,
) -> Fit:
    """Fit by Adam from the prior's median, from `start` if given, and from random draws.

    The starts are independent under vmap. A start that meets a matrix which cannot be factorised
    stops counting; if all do, the prior's median is returned.
    """
    evaluate = KERNELS[kernel].evaluate
    x = jax.vmap(partial(embed, structure))(data.u, data.c)
    prior = jax.tree.map(lambda leaf: leaf.astype(x.dtype), make_prior(kernel, structure))
    mean, unravel = ravel_pytree(prior.mean)
    sd, _ = ravel_pytree(prior.sd)

    def loss_fn(z: Float[Array, " z"]) -> Float[Array, ""]:
        likelihood = gp.log_marginal_likelihood(
            evaluate, unravel(mean + sd * z), x, data.y, data.observed
        )
        return jnp.dot(z, z) / 2 - likelihood

    tx = optax.adam(optax.cosine_decay_schedule(0.15, num_steps))

    def update(carry, _):
        z, opt_state, best_z, best_loss = carry
        loss, grad = jax.value_and_grad(loss_fn)(z)
        is_better = loss < best_loss  # False for NaN
        best_z, best_loss = jnp.where(is_better, z, best_z), jnp.where(is_better, loss, best_loss)
        updates, opt_state = tx.update(jnp.nan_to_num(grad), opt_state)
        return (optax.apply_updates(z, updates), opt_state, best_z, best_loss), None

    def descend(z: Float[Array, " z"]) -> tuple[Float[Array, " z"], Float[Array, ""]]:
        carry = (z, tx.init(z), jnp.zeros_like(z), jnp.asarray(jnp.inf, z.dtype))
        (_, _, best_z, best_loss), _ = jax.lax.scan(update, carry, length=num_steps)
        return best_z, best_loss

    starts = jax.random.normal(key, (num_starts, len(mean)), x.dtype).at[0].set(0.0)
    if start is not None:
        starts = starts.at[1].set((ravel_pytree(start)[0] - mean) / sd)
    zs, losses = jax.vmap(descend)(starts)
    best = jnp.argmin(losses)
    return Fit(unravel(mean + sd * zs[best]), -losses[best])
