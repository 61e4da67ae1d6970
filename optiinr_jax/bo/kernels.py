"""Kernels on mixed vectors: each is a function of ONE pair of points; `gram` puts the vmaps.

A point is the vector of `structure.embed`: p continuous numbers, then the one-hot columns.
A row of `KERNELS` holds everything that is known about a kernel: its value, the prior of its
parameters, and its spectrum as random Fourier features. All parameters are logarithms or logits.

Letters: d dims, p continuous, o one-hot columns, n and m points, f features.
"""

from collections.abc import Callable
from functools import partial
from math import inf, log
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from optiinr_jax.bo.structure import Structure
from optiinr_jax.numerics import safe_sqrt

Scalar = Float[Array, ""]


class Normal(NamedTuple):
    """Independent normal priors on the entries of a pytree of parameters."""

    mean: PyTree
    sd: PyTree


class Features(NamedTuple):
    """Random Fourier features: k(a, b) is close to sum_f phi_f(a) phi_f(b)."""

    frequency: Float[Array, "f d"]
    phase: Float[Array, " f"]
    scale: Float[Array, " f"]


class Kernel(NamedTuple):
    """A kernel as a value: a row of `KERNELS`, or one of your own.

    Attributes:
        evaluate: (parameters, a, b) -> the covariance of one pair of points.
        prior: the structure of a space -> means and standard deviations of the parameters.
        draw_features: (key, parameters, dims, features) -> random Fourier features, which only the
            acquisitions over paths need ("eei", "thompson"); None: there are none.
        log_noise: mean and standard deviation of the log noise variance, scores having variance 1.
    """

    evaluate: Callable[[Any, Array, Array], Array]
    prior: Callable[[Structure], Normal]
    draw_features: Callable[[Array, Any, int, int], Features] | None = None
    log_noise: tuple[float, float] = (-6.0, 2.0)


class ProductParams(NamedTuple):
    """Parameters of the paper's kernel."""

    log_amplitude: Scalar  # of the variance
    log_lengthscale: Scalar  # one for all continuous dimensions, as printed
    log_onehot_lengthscale: Float[Array, " o"]


class SumProductParams(NamedTuple):
    """Parameters of the sum-and-product kernel; the primed ones belong to the product term."""

    log_amplitude: Scalar
    logits: Float[Array, " 3"]  # of the shares of k_x, k_c and k_x' k_c'
    log_lengthscale: Float[Array, " p"]
    log_onehot_lengthscale: Float[Array, " o"]
    log_lengthscale_product: Float[Array, " p"]
    log_onehot_lengthscale_product: Float[Array, " o"]


class AnovaParams(NamedTuple):
    """Parameters of the kernel of all interactions; each dimension varies about a common value."""

    log_amplitude: Scalar
    log_lengthscale: Scalar
    logit_share: Scalar  # of a dimension in what it takes part in
    log_onehot_lengthscale: Scalar
    lengthscale_offset: Float[Array, " p"]
    share_offset: Float[Array, " p"]
    onehot_offset: Float[Array, " o"]


class LowOrdersParams(NamedTuple):
    """Parameters of the kernel of all interactions with weights of its low orders."""

    anova: AnovaParams
    logits: Float[Array, " 3"]  # of the shares of single dimensions, of pairs and of all orders


def squared_distance(
    log_lengthscale: Float[Array, "*p"], a: Float[Array, " p"], b: Float[Array, " p"]
) -> Scalar:
    """Sum of squared differences in units of the length-scale.

    Written as a dot product: over many pairs and many parameters it becomes one matrix product.
    """
    weight = jnp.broadcast_to(jnp.exp(-2 * log_lengthscale), a.shape)
    return jnp.dot(jnp.square(a - b), weight)


def matern(nu: float, sq: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Matern correlation at squared scaled distance `sq`, nu of 1/2, 3/2, 5/2, inf (GPML 4.17)."""
    if nu == inf:
        return jnp.exp(-sq / 2)
    r = safe_sqrt(2 * nu * sq)  # gradient 0 at distance 0, not NaN
    polynomial = {0.5: 1.0, 1.5: 1 + r, 2.5: 1 + r + r * r / 3}[nu]
    return polynomial * jnp.exp(-r)


def evaluate_product(nu: float, params: ProductParams, a: Array, b: Array) -> Scalar:
    """Matern on the numbers times squared exponential ARD on the one-hot columns (paper, 3.2)."""
    p = a.shape[0] - params.log_onehot_lengthscale.shape[0]
    continuous = matern(nu, squared_distance(params.log_lengthscale, a[:p], b[:p]))
    onehot = matern(inf, squared_distance(params.log_onehot_lengthscale, a[p:], b[p:]))
    return jnp.exp(params.log_amplitude) * continuous * onehot


def evaluate_sum_product(nu: float, params: SumProductParams, a: Array, b: Array) -> Scalar:
    """w0 k_x + w1 k_c + w2 k_x' k_c' with one amplitude (CoCaBO, Ru et al. 2020, eq. 6)."""
    p = params.log_lengthscale.shape[0]
    k_x = matern(nu, squared_distance(params.log_lengthscale, a[:p], b[:p]))
    k_c = matern(inf, squared_distance(params.log_onehot_lengthscale, a[p:], b[p:]))
    both_x = matern(nu, squared_distance(params.log_lengthscale_product, a[:p], b[:p]))
    both_c = matern(inf, squared_distance(params.log_onehot_lengthscale_product, a[p:], b[p:]))
    shares = jax.nn.softmax(params.logits)
    terms = jnp.stack([k_x, k_c, both_x * both_c])
    return jnp.exp(params.log_amplitude) * jnp.dot(shares, terms)


def evaluate_anova(nu: float, params: AnovaParams, a: Array, b: Array) -> Scalar:
    """Product over numbers of (1 - share + share k_i), times SE-ARD on the one-hot columns.

    Multiplied out it is a sum over all subsets of dimensions, that is, of interactions of every
    order (Duvenaud et al. 2011; Durrande et al. 2013): small shares make it nearly additive, shares
    of 1 a product. The SE of two different levels is 1 - share + share [c = c'] already.
    """
    numbers, onehot = _correlations(nu, params, a, b)
    share = jax.nn.sigmoid(params.logit_share + params.share_offset)
    factors = jnp.log1p(share * (numbers - 1))
    return jnp.exp(params.log_amplitude + jnp.sum(factors) - jnp.sum(onehot) / 2)


def evaluate_low_orders(nu: float, params: LowOrdersParams, a: Array, b: Array) -> Scalar:
    """Mean over single dimensions, mean over pairs of them, and all interactions, weighted.

    A dimension is a number or a one-hot column. In the kernel of all interactions the orders cannot
    be weighed one by one; the means do that for the two lowest (Duvenaud et al. 2011, eq. 8).
    """
    numbers, onehot = _correlations(nu, params.anova, a, b)
    k = jnp.concatenate([numbers, matern(inf, onehot)])
    d, total = len(k), jnp.sum(k)
    pairs = (total * total - jnp.dot(k, k)) / (d * d - d) if d > 1 else k[0]
    share = jax.nn.softmax(params.logits)
    low = jnp.exp(params.anova.log_amplitude) * (share[0] * total / d + share[1] * pairs)
    return low + share[2] * evaluate_anova(nu, params.anova, a, b)


def _correlations(nu: float, params: AnovaParams, a: Array, b: Array) -> tuple[Array, Array]:
    """Correlation in each number; squared scaled distance in each one-hot column."""
    p = params.lengthscale_offset.shape[0]
    inverse = jnp.exp(-params.log_lengthscale - params.lengthscale_offset)
    numbers = matern(nu, jnp.square((a[:p] - b[:p]) * inverse))
    inverse = jnp.exp(-params.log_onehot_lengthscale - params.onehot_offset)
    return numbers, jnp.square((a[p:] - b[p:]) * inverse)


def product_prior(structure: Structure) -> Normal:
    """Length-scales that grow like sqrt(number of dimensions) (Hvarfner et al. 2024)."""
    x, c = _log_lengthscales(structure)
    onehot = jnp.ones(structure.num_onehot)
    mean = ProductParams(jnp.zeros(()), jnp.asarray(x), c * onehot)
    return Normal(mean, ProductParams(jnp.ones(()), jnp.ones(()), onehot))


def sum_product_prior(structure: Structure) -> Normal:
    """Length-scales as in `product_prior`, for both terms; equal shares."""
    x, c = _log_lengthscales(structure)
    ones, onehot = jnp.ones(structure.num_continuous), jnp.ones(structure.num_onehot)
    zero, logits = jnp.zeros(()), jnp.ones(3)
    mean = SumProductParams(zero, 0 * logits, x * ones, c * onehot, x * ones, c * onehot)
    return Normal(mean, SumProductParams(zero + 1, logits, ones, onehot, ones, onehot))


def anova_prior(structure: Structure) -> Normal:
    """Length-scale 0.5 and share 0.5 in every number, and how far single ones may be from that."""
    _, c = _log_lengthscales(structure)
    one, p, o = jnp.ones(()), jnp.ones(structure.num_continuous), jnp.ones(structure.num_onehot)
    mean = AnovaParams(0 * one, log(0.5) * one, 0 * one, c * one, 0 * p, 0 * p, 0 * o)
    return Normal(mean, AnovaParams(one, one, 1.5 * one, one, 0.4 * p, 0.6 * p, 0.7 * o))


def low_orders_prior(structure: Structure) -> Normal:
    """Priors of the kernel of all interactions, and equal weights."""
    mean, sd = anova_prior(structure)
    return Normal(LowOrdersParams(mean, jnp.zeros(3)), LowOrdersParams(sd, jnp.full(3, 1.5)))


def _log_lengthscales(structure: Structure) -> tuple[Scalar, float]:
    """Prior medians: a typical pair of points has correlation near 0.6 in each factor."""
    continuous = jnp.maximum(jnp.asarray(structure.typical_active), 1.0)
    return log(0.5) + jnp.log(continuous) / 2, log(max(len(structure.levels), 1)) / 2


def product_features(
    nu: float, key: Key[Array, ""], params: ProductParams, num_dims: int, num_features: int
) -> Features:
    """Features of the product kernel: its spectrum is the product of two independent ones."""
    o = params.log_onehot_lengthscale.shape[0]
    log_lengthscale = jnp.broadcast_to(params.log_lengthscale, (num_dims - o,))
    return _draw_features(
        key,
        jnp.exp(params.log_amplitude),
        jnp.concatenate([log_lengthscale, params.log_onehot_lengthscale]),
        (nu, num_dims - o),
        num_features,
    )


def sum_product_features(
    nu: float, key: Key[Array, ""], params: SumProductParams, num_dims: int, num_features: int
) -> Features:
    """Features of a sum of kernels: the blocks of its terms, one after the other."""
    p, o = params.log_lengthscale.shape[0], params.log_onehot_lengthscale.shape[0]
    flat_x, flat_c = jnp.full(p, inf), jnp.full(o, inf)  # infinite length-scale: frequency 0
    terms = [
        (params.log_lengthscale, flat_c),
        (flat_x, params.log_onehot_lengthscale),
        (params.log_lengthscale_product, params.log_onehot_lengthscale_product),
    ]
    variances = jnp.exp(params.log_amplitude) * jax.nn.softmax(params.logits)
    sizes = [num_features // 4, num_features // 4, num_features - 2 * (num_features // 4)]
    blocks = [
        _draw_features(key_term, variance, jnp.concatenate(term), (nu, p), size)
        for key_term, variance, term, size in zip(
            jax.random.split(key, 3), variances, terms, sizes, strict=True
        )
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *blocks)


def anova_features(
    nu: float, key: Key[Array, ""], params: AnovaParams, num_dims: int, num_features: int
) -> Features:
    """Features of the kernel of all interactions: a feature sees each number with its share."""
    logits = jnp.asarray([-inf, -inf, 0.0], params.log_amplitude.dtype)
    return low_orders_features(nu, key, LowOrdersParams(params, logits), num_dims, num_features)


def low_orders_features(
    nu: float, key: Key[Array, ""], params: LowOrdersParams, num_dims: int, num_features: int
) -> Features:
    """Features that see one dimension, or two, or each number with its share and all columns."""
    anova, logits = params
    key_normal, key_chi, key_term, key_seen = jax.random.split(key, 4)
    p = anova.lengthscale_offset.shape[0]
    lengthscales = [
        anova.log_lengthscale + anova.lengthscale_offset,
        anova.log_onehot_lengthscale + anova.onehot_offset,
    ]
    frequency, phase, scale = _draw_features(
        key_normal,
        jnp.exp(anova.log_amplitude),
        jnp.concatenate(lengthscales),
        (inf, p),
        num_features,
    )
    if nu != inf:  # the factors are independent here, and so are their chi-square draws
        chi = jax.random.normal(key_chi, (num_features, p, round(2 * nu)), scale.dtype)
        frequency = frequency.at[:, :p].divide(jnp.sqrt(jnp.mean(jnp.square(chi), axis=2)))
    term = jax.random.categorical(key_term, logits, shape=(num_features,))[:, None]
    draw = jax.random.uniform(key_seen, (num_features, num_dims), scale.dtype)
    rank = jnp.argsort(jnp.argsort(draw, axis=1), axis=1)
    share = jax.nn.sigmoid(anova.logit_share + anova.share_offset)
    share = jnp.concatenate([share, jnp.ones(num_dims - p, share.dtype)])
    is_seen = jnp.where(term == 2, draw < share[None], rank <= term)
    return Features(jnp.where(is_seen, frequency, 0.0), phase, scale)


def _draw_features(
    key: Key[Array, ""],
    variance: Scalar,
    log_lengthscale: Float[Array, " d"],
    matern_block: tuple[float, int],
    num_features: int,
) -> Features:
    """Draw from the spectrum: Student-t with 2 nu degrees of freedom, then normal.

    One chi-square draw is shared by all continuous entries of a feature: the spectrum is isotropic
    in scaled space, not a product over dimensions.
    """
    nu, p = matern_block
    key_normal, key_chi, key_phase = jax.random.split(key, 3)
    d, dtype = log_lengthscale.shape[0], log_lengthscale.dtype
    frequency = jax.random.normal(key_normal, (num_features, d), dtype)
    if nu != inf:
        chi = jax.random.normal(key_chi, (num_features, round(2 * nu)), dtype)
        radius = jnp.sqrt(jnp.mean(jnp.square(chi), axis=1, keepdims=True))
        frequency = jnp.where((jnp.arange(d) < p)[None], frequency / radius, frequency)
    phase = jax.random.uniform(key_phase, (num_features,), dtype, maxval=2 * jnp.pi)
    scale = jnp.broadcast_to(jnp.sqrt(2 * variance / num_features), (num_features,))
    return Features(frequency * jnp.exp(-log_lengthscale)[None], phase, scale)


def gram(
    evaluate: Callable, params: PyTree, xa: Float[Array, "n d"], xb: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    """Kernel matrix of every row of `xa` with every row of `xb`."""
    return jax.vmap(lambda a: jax.vmap(lambda b: evaluate(params, a, b))(xb))(xa)


def product(nu: float) -> Kernel:
    """Make the row of the paper's kernel, Matern-nu x SE-ARD."""
    return Kernel(partial(evaluate_product, nu), product_prior, partial(product_features, nu))


def sum_product(nu: float) -> Kernel:
    """Make the row of the sum-and-product kernel with a Matern-nu continuous part."""
    return Kernel(
        partial(evaluate_sum_product, nu), sum_product_prior, partial(sum_product_features, nu)
    )


def anova(nu: float) -> Kernel:
    """Make the row of the kernel of all interactions with Matern-nu factors."""
    return Kernel(partial(evaluate_anova, nu), anova_prior, partial(anova_features, nu))


def low_orders(nu: float) -> Kernel:
    """Make the row of the kernel with weights of the low orders; its prior allows more noise."""
    return Kernel(
        partial(evaluate_low_orders, nu),
        low_orders_prior,
        partial(low_orders_features, nu),
        log_noise=(-4.0, 1.0),
    )


KERNELS: dict[str, Kernel] = {
    "anova": anova(inf),
    "anova_matern52": anova(2.5),
    "low_orders": low_orders(inf),
    "product": product(2.5),
    "product_matern12": product(0.5),
    "product_matern32": product(1.5),
    "product_se": product(inf),
    "sum_product": sum_product(2.5),
    "sum_product_se": sum_product(inf),
}


def get_kernel(kernel: str | Kernel) -> Kernel:
    """The row of a name; a kernel is itself."""
    return KERNELS[kernel] if isinstance(kernel, str) else kernel


def split_kernel(kernel: str | Kernel) -> list[str | Kernel]:
    """The kernels among which a fit chooses: "a|b" names several."""
    return [*kernel.split("|")] if isinstance(kernel, str) else [kernel]
