"""Find the best next points: one compiled program over numbers and choices together.

Candidates are uniform draws and mutations of the best points so far. The most promising are
refined by rounds of gradient steps on the active numbers followed by the best change of a single
choice. A number that a change of choice brings to life starts from the best known point that has
it (its donor), so that what is known of a configuration is not lost by passing through another.

Letters: n capacity, p continuous dims, k choices.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from optiinr_jax.bo.acquisition import Acquisition, Belief, get_acquisition
from optiinr_jax.bo.feasibility import Limits, add_feasibility, make_log_feasibility
from optiinr_jax.bo.held import Bounds, keep_within
from optiinr_jax.bo.hyperparameters import Arr, Data, to_params
from optiinr_jax.bo.kernels import Kernel, get_kernel
from optiinr_jax.bo.preference import STRENGTH, Preference, log_density
from optiinr_jax.bo.programs import quick_jit
from optiinr_jax.bo.structure import INACTIVE, Structure, activity, embed

NUM_CANDIDATES = 512  # of each kind, uniform and mutated
NUM_PARENTS = 8  # best points that are mutated
NUM_STARTS = 16
NUM_ROUNDS = 4
NUM_STEPS = 15  # gradient steps in a round
BATCH = 128  # candidates scored at a time: keeps the pairwise differences inside the cache
SIGMA_RANGE = (0.003, 0.3)  # of a mutation, log-uniform


class Proposals(NamedTuple):
    """Points in order of falling score, best first."""

    u: Float[Array, "m p"]
    c: Int[Array, "m k"]
    score: Float[Array, " m"]


class Draws(NamedTuple):
    """Random numbers of one proposal, drawn on the host: no generator has to be compiled."""

    seed: Int[Array, ""]  # of the posterior paths
    fresh: Float[Array, "f pk"]  # uniform: numbers and levels of candidates
    mutation: Float[Array, "m r"]  # uniform: decisions of mutations, and whose
    step: Float[Array, "m p"]  # normal


def make_draws(seed: Any, structure: Structure) -> Draws:
    """Draw what `propose` needs; `seed` is anything numpy's default_rng takes."""
    rng: Any = np.random.default_rng(seed)
    p, k = structure.num_continuous, len(structure.levels)
    return Draws(
        seed=rng.integers(2**31, dtype=np.int32),
        fresh=rng.random((NUM_CANDIDATES - NUM_PARENTS, p + k)),  # whole batches with the parents
        mutation=rng.random((NUM_CANDIDATES, p + 2 * k + 4)),
        step=rng.standard_normal((NUM_CANDIDATES, p)),
    )


@quick_jit("kernel", "acquisition", "num_paths", returns=Proposals._make)
def propose(
    draws: Draws,
    data: Data,
    z: Float[Arr, " z"],
    preference: Preference,
    *,
    kernel: str | Kernel,
    acquisition: str | Acquisition,
    structure: Structure,
    num_paths: int,
    bounds: Bounds | None = None,
    limits: Limits | None = None,
) -> Proposals:
    """Maximise an acquisition; many proposals come back because the first may be a duplicate.

    What `bounds` hold is held in every candidate, so that the others are the best beside it.
    `limits` add the log of the probability that a point is feasible.
    """
    belief = _believe(data, z, kernel, structure, limits)
    key = jax.random.key(draws.seed)
    fading = STRENGTH / jnp.maximum(jnp.sum(data.observed), 1)
    score_x = get_acquisition(acquisition)(key, get_kernel(kernel), belief, num_paths)
    if limits:
        log_feasibility = make_log_feasibility(kernel, structure, belief.x, limits)
        score_x = add_feasibility(score_x, log_feasibility, jnp.any(belief.may_be_best))

    def keep(u: Array, c: Array) -> tuple[Array, Array]:
        return keep_within(bounds, u, c) if bounds else (u, c)

    def score(u: Float[Array, " p"], c: Int[Array, " k"]) -> Float[Array, ""]:
        u, c = keep(u, c)
        return score_x(embed(structure, u, c)) + log_density(structure, preference, u, c) * fading

    donor = make_donor(structure, data)
    u, c = make_candidates(draws, structure, data, donor)
    held = jax.vmap(keep)(u, c)[1]
    u, c = jax.vmap(partial(_fill, structure, donor))(u, c, held) if bounds else u, held
    scores = jax.lax.map(lambda uc: score(*uc), (u, c), batch_size=BATCH)
    top_scores, top = jax.lax.top_k(scores, NUM_STARTS)
    u, c = u[top], c[top]
    refined = Proposals(*jax.vmap(partial(refine, structure, score, donor))(u, c))
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), refined, Proposals(u, c, top_scores))
    both = Proposals(*jax.vmap(keep)(both.u, both.c), both.score)
    order = jnp.argsort(-both.score)
    return jax.tree.map(lambda leaf: leaf[order], both)


def _believe(
    data: Data, z: Arr, kernel: Any, structure: Structure, limits: Limits | None
) -> Belief:
    """What the acquisition is told."""
    x = jax.vmap(partial(embed, structure))(data.u, data.c)
    known = data.y, data.observed, data.pending, data.own_noise
    is_feasible = None if limits is None else jnp.asarray(limits.is_feasible)
    return Belief(to_params(kernel, structure, z), x, *known, is_feasible)


def make_donor(structure: Structure, data: Data) -> Float[Array, " p"]:
    """Value of each continuous dimension in the best observed point where it is active."""
    active, _ = jax.vmap(partial(activity, structure))(data.u, data.c)
    y = jnp.where(active & data.observed[:, None], data.y[:, None], -jnp.inf)
    best = jnp.take_along_axis(data.u, jnp.argmax(y, axis=0)[None], axis=0)[0]
    return jnp.where(jnp.any(jnp.isfinite(y), axis=0), best, INACTIVE)


def make_candidates(
    draws: Draws, structure: Structure, data: Data, donor: Float[Array, " p"]
) -> tuple[Float[Array, "m p"], Int[Array, "m k"]]:
    """Uniform candidates, mutations of the best points, and those points themselves."""
    p = data.u.shape[1]
    parents = jnp.argsort(-jnp.where(data.observed, data.y, -jnp.inf))[:NUM_PARENTS]
    num_valid = jnp.clip(jnp.sum(data.observed), 1, NUM_PARENTS)
    # Half of the mutations are of the very best point, the others of any parent.
    rank = jnp.floor(draws.mutation[:, -1] * num_valid).astype(jnp.int32)
    parent = parents[jnp.where(jnp.arange(len(rank)) % 2, rank, 0)]
    mutated_u, mutated_c = jax.vmap(partial(mutate, structure, donor))(
        draws.mutation[:, :-1], draws.step, data.u[parent], data.c[parent]
    )
    fresh_c = jax.vmap(partial(_to_levels, structure))(draws.fresh[:, p:])
    return (
        jnp.concatenate([data.u[parents], mutated_u, draws.fresh[:, :p]]),
        jnp.concatenate([data.c[parents], mutated_c, fresh_c]),
    )


def mutate(
    structure: Structure,
    donor: Float[Array, " p"],
    draws: Float[Array, " r"],
    step: Float[Array, " p"],
    u: Float[Array, " p"],
    c: Int[Array, " k"],
) -> tuple[Float[Array, " p"], Int[Array, " k"]]:
    """Move some numbers by a normal step of random size; half the time change some choices too."""
    p, k = len(u), len(c)
    move, change, level, (is_flipping, rate, size) = jnp.split(draws, [p, p + k, p + 2 * k])
    is_flip = (change < 0.2) & (is_flipping < 0.5)
    flipped = jnp.where(is_flip, _to_levels(structure, level), c)
    u = _fill(structure, donor, u, c, flipped)
    low, high = SIGMA_RANGE
    step = low * (high / low) ** size * step
    return jnp.clip(jnp.where(move < rate, u + step, u), 0.0, 1.0), flipped


def refine(
    structure: Structure,
    score: Callable,
    donor: Float[Array, " p"],
    u: Float[Array, " p"],
    c: Int[Array, " k"],
) -> tuple[Float[Array, " p"], Int[Array, " k"], Float[Array, ""]]:
    """Climb from one start, in turns on numbers and choices; the score never falls."""

    def one_round(carry, learning_rate):
        u, c, _ = carry
        u, value = climb(lambda v: score(v, c), u, learning_rate)
        return flip(structure, score, donor, u, c, value), None

    rates = 0.05 * 0.5 ** jnp.arange(NUM_ROUNDS, dtype=u.dtype)
    carry = (u, c, jnp.asarray(-jnp.inf, u.dtype))
    return jax.lax.scan(one_round, carry, rates)[0]


def climb(
    score: Callable, u: Float[Array, " p"], learning_rate: Float[Array, ""]
) -> tuple[Float[Array, " p"], Float[Array, ""]]:
    """Return the best point met on a few Adam steps inside the unit cube, and its score.

    Inactive numbers have gradient zero, because `embed` cuts them off, and do not move.
    """
    tx = optax.adam(1.0)

    def update(carry, _):
        u, opt_state, best_u, best_score = carry
        value, grad = jax.value_and_grad(score)(u)
        is_better = value > best_score
        best_u, best_score = (
            jnp.where(is_better, u, best_u),
            jnp.where(is_better, value, best_score),
        )
        updates, opt_state = tx.update(-jnp.nan_to_num(grad), opt_state)
        u = jnp.clip(u + learning_rate * jnp.asarray(updates), 0.0, 1.0)
        return (u, opt_state, best_u, best_score), None

    carry = (u, tx.init(u), u, jnp.asarray(-jnp.inf, u.dtype))
    (_, _, best_u, best_score), _ = jax.lax.scan(update, carry, length=NUM_STEPS)
    return best_u, best_score


def flip(
    structure: Structure,
    score: Callable,
    donor: Float[Array, " p"],
    u: Float[Array, " p"],
    c: Int[Array, " k"],
    value: Float[Array, ""],
) -> tuple[Float[Array, " p"], Int[Array, " k"], Float[Array, ""]]:
    """Make the best change of one choice; changing a level to itself is among them."""
    if not structure.levels:
        return u, c, value
    index, level = (jnp.asarray(column) for column in zip(*structure.flips, strict=True))
    neighbours = jax.vmap(lambda j, v: c.at[j].set(v.astype(c.dtype)))(index, level)
    us = jax.vmap(lambda flipped: _fill(structure, donor, u, c, flipped))(neighbours)
    values = jax.vmap(score)(us, neighbours)
    best = jnp.argmax(values)
    return us[best], neighbours[best], values[best]


def _fill(structure, donor, u, before, after):
    """Give the numbers that the change of choices brings to life their donor's value."""
    was, _ = activity(structure, u, before)
    now, _ = activity(structure, u, after)
    return jnp.where(now & ~was, donor, u)


def _to_levels(structure: Structure, draws: Float[Array, "*m k"]) -> Int[Array, "*m k"]:
    """Turn uniform draws into uniform levels."""
    levels = jnp.broadcast_to(jnp.asarray(structure.levels, draws.dtype), draws.shape)
    return jnp.minimum(jnp.floor(draws * levels), levels - 1).astype(jnp.int32)
