"""Acquisition functions; all are maximised.

EEI is the paper's empirical expected improvement: the average over posterior paths of
max(0, f_s(x) - best). With one point at a time and many paths it tends to the closed form, which
is here in a numerically stable logarithm. A row of `ACQUISITIONS` makes, from what is believed, a
function that scores one point; points that wait for their score enter there.

Letters: n capacity, m queries, d dims, s paths.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float, Key

from optiinr_jax.bo import gp, pathwise
from optiinr_jax.bo.kernels import Kernel

Scalar = Float[Array, ""]
Score = Callable[[Float[Array, " d"]], Scalar]

TEMPERATURE = 1e-2  # of the smoothed improvement, in units of the standard deviation of y


class Belief(NamedTuple):
    """All that is known when a point is chosen, at a fixed capacity; y is warped."""

    params: gp.GPParams
    x: Float[Array, "n d"]
    y: Float[Array, " n"]
    observed: Bool[Array, " n"]
    pending: Bool[Array, " n"]
    own_noise: Float[Array, " n"] | None = None  # variance of each y besides the common one
    is_feasible: Bool[Array, " n"] | None = None  # meets its constraints; None: there are none

    @property
    def may_be_best(self) -> Bool[Array, " n"]:
        """Rows that an improvement is counted from."""
        return self.observed if self.is_feasible is None else self.observed & self.is_feasible


def condition(kernel: Kernel, belief: Belief) -> gp.Posterior:
    """The process given what was observed."""
    own = belief.params, belief.x, belief.y, belief.observed, belief.own_noise
    return gp.condition(kernel.evaluate, *own)


def eei(values: Float[Array, "s m"], best_y: Float[Array, "..."]) -> Float[Array, " m"]:
    """Empirical expected improvement of path values (paper, section 3.2.1 and Algorithm 2).

    `best_y` is one number, or one for each path as (s, 1).
    """
    return jnp.mean(jax.nn.relu(values - best_y), axis=0)


def log_eei(values: Float[Array, "s m"], best_y: Float[Array, "..."]) -> Float[Array, " m"]:
    """Logarithm of EEI with relu smoothed to softplus, so that its gradient never vanishes."""
    t = (values - best_y) / TEMPERATURE
    is_low = t < -20.0  # there log softplus(t) = t to the last digit of either precision
    log_softplus = jnp.where(is_low, t, jnp.log(jax.nn.softplus(jnp.where(is_low, 0.0, t))))
    return logsumexp(log_softplus, axis=0) + jnp.log(TEMPERATURE / len(values))


def expected_improvement(
    mean: Float[Array, "*m"], variance: Float[Array, "*m"], best_y: Scalar
) -> Float[Array, "*m"]:
    """Closed-form EI, sigma [phi(z) + z Phi(z)]; the paper prints the bracket wrongly."""
    sigma = jnp.sqrt(variance)
    z = (mean - best_y) / sigma
    return sigma * (norm.pdf(z) + z * norm.cdf(z))


def log_expected_improvement(
    mean: Float[Array, "*m"], variance: Float[Array, "*m"], best_y: Scalar
) -> Float[Array, "*m"]:
    """Logarithm of closed-form EI, accurate however unlikely the improvement is.

    Below z = -10 by the asymptotic series of Mills' ratio, relative error 1e-6 there and less
    further out; above, the plain formula loses at most two digits (Ament et al. 2023).
    """
    z = (mean - best_y) / jnp.sqrt(variance)
    is_far = z < -10.0
    near = jnp.where(is_far, 0.0, z)
    far = jnp.where(is_far, z, -10.0)
    w = 1 / jnp.square(far)
    series = -w * (3 - w * (15 - w * (105 - w * 945)))
    log_far = norm.logpdf(far) - 2 * jnp.log(-far) + jnp.log1p(series)
    log_near = jnp.log(norm.pdf(near) + near * norm.cdf(near))
    return jnp.where(is_far, log_far, log_near) + jnp.log(variance) / 2


def make_log_ei(
    key: Key[Array, ""], kernel: Kernel, belief: Belief, num_paths: int, doubt: float = 1.0
) -> Score:
    """Closed-form log EI over the best fitted score.

    A pending point counts as observed at its posterior mean. `doubt` is a factor on the standard
    deviation; above 1 explores, which on average neither helps nor hurts
    (docs/search_benchmarks.md).
    """
    del key, num_paths

    def learn(y: Float[Array, " n"], known: Bool[Array, " n"]) -> tuple[Array, tuple]:
        posterior = condition(kernel, belief._replace(y=y, observed=known))
        fitted, _ = gp.predict(kernel.evaluate, posterior, belief.x)
        return jnp.where(belief.pending, fitted, y), (posterior, fitted)

    known = belief.observed | belief.pending
    # A loop, so that all this is compiled once.
    _, both = jax.lax.scan(learn, belief.y, jnp.stack([belief.observed, known]))
    posterior, fitted = jax.tree.map(lambda leaf: leaf[-1], both)
    may_be_best = known if belief.is_feasible is None else belief.may_be_best
    best_y = _best(jnp.where(may_be_best, fitted, -jnp.inf))

    def score(a: Float[Array, " d"]) -> Scalar:
        mean, variance = gp.predict(kernel.evaluate, posterior, a[None])
        return log_expected_improvement(mean[0], variance[0] * doubt**2, best_y)

    return score


def make_eei(key: Key[Array, ""], kernel: Kernel, belief: Belief, num_paths: int) -> Score:
    """Log EEI over random-feature paths; each path's best includes its own pending values.

    That is the joint improvement of a batch, chosen one point after the other.
    """
    posterior = condition(kernel, belief)
    paths = pathwise.draw_paths(key, kernel, posterior, belief.y, num_paths)
    best_y = _best(jnp.where(belief.may_be_best, belief.y, -jnp.inf))
    waiting = pathwise.evaluate_paths(kernel, paths, belief.x)
    waiting = jnp.max(jnp.where(belief.pending, waiting, -jnp.inf), axis=1, keepdims=True)
    best_y = jnp.maximum(best_y, waiting)

    def score(a: Float[Array, " d"]) -> Scalar:
        return log_eei(pathwise.evaluate_paths(kernel, paths, a[None]), best_y)[0]

    return score


def make_thompson(key: Key[Array, ""], kernel: Kernel, belief: Belief, num_paths: int) -> Score:
    """One function drawn from the posterior (Thompson 1933); a pending point lowers none.

    Every proposal draws its own function, which is what keeps a batch apart.
    """
    del num_paths
    posterior = condition(kernel, belief)
    paths = pathwise.draw_paths(key, kernel, posterior, belief.y, 1)
    return lambda a: pathwise.evaluate_paths(kernel, paths, a[None])[0, 0]


def _best(y: Float[Array, " n"]) -> Scalar:
    best_y = jnp.max(y)
    return jnp.where(jnp.isfinite(best_y), best_y, 0.0)  # nothing observed: the prior mean


# (key, kernel, what is believed, number of paths) -> the score of one point
Acquisition = Callable[[Array, Kernel, Belief, int], Score]
ACQUISITIONS: dict[str, Acquisition] = {
    "log_ei": make_log_ei,
    "eei": make_eei,
    "thompson": make_thompson,
}


def get_acquisition(acquisition: str | Acquisition) -> Acquisition:
    """The row of a name; a function is itself."""
    return ACQUISITIONS[acquisition] if isinstance(acquisition, str) else acquisition
