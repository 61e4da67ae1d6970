"""Small numerical helpers shared by every floor; pure, and true to the dtype they are given."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

JITTER_LADDER = (0.0, 1e-6, 1e-5, 1e-4)  # tried in this order, relative to the mean of the diagonal


def safe_sqrt(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Square root with value and gradient 0 at and below zero, where the plain gradient is NaN."""
    is_positive = x > 0
    return jnp.where(is_positive, jnp.sqrt(jnp.where(is_positive, x, 1.0)), 0.0)


def cholesky(K: Float[Array, "n n"]) -> Float[Array, "n n"]:  # noqa: N803
    """Lower Cholesky factor with the smallest jitter of `JITTER_LADDER` that gives finite numbers.

    The choice is a `where` over a fixed ladder, so the program is the same for every matrix.
    The result is all NaN when no rung is enough.
    """
    scale = jnp.mean(jnp.diagonal(K))
    eye = jnp.eye(len(K), dtype=K.dtype)
    L = jnp.full_like(K, jnp.nan)  # noqa: N806
    for jitter in reversed(JITTER_LADDER):
        attempt = jax.lax.linalg.cholesky(K + jitter * scale * eye)
        L = jnp.where(jnp.all(jnp.isfinite(attempt)), attempt, L)  # noqa: N806
    return L


def masked_mean(x: Float[Array, " n"], mask: Bool[Array, " n"]) -> Float[Array, ""]:
    """Mean of the entries where `mask` is True; 0 when there is none."""
    count = jnp.maximum(jnp.sum(mask), 1).astype(x.dtype)
    return jnp.sum(jnp.where(mask, x, 0.0)) / count


def masked_std(x: Float[Array, " n"], mask: Bool[Array, " n"]) -> Float[Array, ""]:
    """Population standard deviation of the entries where `mask` is True; 0 when there is none."""
    deviation = jnp.where(mask, x, 0.0) - masked_mean(x, mask)
    return safe_sqrt(masked_mean(jnp.square(deviation), mask))


# pi/2 as a sum of three float32 numbers, the first ones with few bits, so that k times them is
# exact or, where the processor fuses multiply and add, never rounded (Cody and Waite 1980, Cephes).
_HALF_PI = (1.5703125, 4.837512969970703125e-4, 7.549789948768648e-8)


def sincos(x: Float[Array, "*s"]) -> tuple[Float[Array, "*s"], Float[Array, "*s"]]:
    """Sine and cosine together: one reduction, two polynomials, no branch.

    XLA's sine on a CPU is scalar code and costs more than the matrix products of a small network;
    this one is vectorised. Only float32 on a CPU takes it, anything else the library functions.
    Absolute error below 2e-7 for |x| <= 1e6 with fused multiply-add, as all present CPUs have it
    (library: 4e-8); float32 arguments themselves are spaced 0.06 apart there.
    """
    if x.dtype != jnp.float32:
        return jnp.sin(x), jnp.cos(x)
    return jax.lax.platform_dependent(
        x, cpu=_sincos_float32, default=lambda x: (jnp.sin(x), jnp.cos(x))
    )


def _sincos_float32(x: Float[Array, "*s"]) -> tuple[Float[Array, "*s"], Float[Array, "*s"]]:
    k = jnp.round(x * (2.0 / jnp.pi))
    r = ((x - k * _HALF_PI[0]) - k * _HALF_PI[1]) - k * _HALF_PI[2]
    r2 = r * r
    # Minimax polynomials of Cephes sinf and cosf on [-pi/4, pi/4].
    sin_r = r + r * r2 * (-1.6666654611e-1 + r2 * (8.3321608736e-3 + r2 * -1.9515295891e-4))
    cos_r = 4.166664568298827e-2 + r2 * (-1.388731625493765e-3 + r2 * 2.443315711809948e-5)
    cos_r = 1.0 - 0.5 * r2 + r2 * r2 * cos_r
    quadrant = k.astype(jnp.int32)
    is_odd = (quadrant & 1) != 0
    sin_x = jnp.where(is_odd, cos_r, sin_r)
    cos_x = jnp.where(is_odd, sin_r, cos_r)
    sin_x = jnp.where((quadrant & 2) != 0, -sin_x, sin_x)
    cos_x = jnp.where(((quadrant + 1) & 2) != 0, -cos_x, cos_x)
    return sin_x, cos_x


@jax.custom_jvp
def sine(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Sine whose derivative is the cosine of the same `sincos` call, kept from the forward pass."""
    return sincos(x)[0]


@sine.defjvp
def _sine_jvp(primals, tangents):
    sin_x, cos_x = sincos(primals[0])
    return sin_x, cos_x * tangents[0]


@jax.custom_jvp
def cosine(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Cosine whose derivative is the sine of the same `sincos` call, kept from the forward pass."""
    return sincos(x)[1]


@cosine.defjvp
def _cosine_jvp(primals, tangents):
    sin_x, cos_x = sincos(primals[0])
    return cos_x, -sin_x * tangents[0]
