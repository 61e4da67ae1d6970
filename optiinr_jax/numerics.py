"""Small numerical helpers shared by every floor; pure, and true to the dtype they are given."""

import math
from collections.abc import Callable
from typing import Any

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

    The result is all NaN when no rung is enough.
    """
    scale = jnp.mean(jnp.diagonal(K))
    eye = jnp.eye(len(K), dtype=K.dtype)
    ladder = jnp.asarray(JITTER_LADDER, K.dtype)

    def is_open(carry: tuple[Array, Array]) -> Array:
        rung, L = carry  # noqa: N806
        return (rung < len(ladder)) & ~jnp.all(jnp.isfinite(L))

    def climb(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        rung, _ = carry
        return rung + 1, jax.lax.linalg.cholesky(K + ladder[rung] * scale * eye)

    start = jnp.asarray(0), jnp.full_like(K, jnp.nan)
    L = jax.lax.while_loop(is_open, climb, start)[1]  # noqa: N806
    return jnp.where(jnp.all(jnp.isfinite(L)), L, jnp.nan)


def one_by_one(function: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """A function of a matrix that calls LAPACK, which under `vmap` takes each in its turn on a CPU.

    jaxlib (0.10) hands the matrices of a stack to the threads of XLA's pool, and waits for them in
    a thread of that pool. With as many such calls at once as there are threads all wait for ever,
    as in a training on two cores that factorises two stacks in a step. A single matrix is never
    handed on. Other devices take the whole stack. Its result is a constant for derivatives.
    """
    alone = jax.custom_batching.sequential_vmap(function)

    def call(matrix: Array) -> Any:
        matrix = jax.lax.stop_gradient(matrix)
        return jax.lax.platform_dependent(matrix, cpu=alone, default=function)

    return call


def rescale(values: Any, old: tuple[Any, Any], new: tuple[Any, Any]) -> Any:
    """Map the range `old` linearly onto `new`, not clipped; plain operators keep the array type."""
    gain = (new[1] - new[0]) / (old[1] - old[0])
    return values * gain + (new[0] - old[0] * gain)  # equal ranges: gain 1, offset 0, exact


def masked_mean(x: Float[Array, " n"], mask: Bool[Array, " n"]) -> Float[Array, ""]:
    """Mean of the entries where `mask` is True; 0 when there is none."""
    count = jnp.maximum(jnp.sum(mask), 1).astype(x.dtype)
    return jnp.sum(jnp.where(mask, x, 0.0)) / count


def masked_std(x: Float[Array, " n"], mask: Bool[Array, " n"]) -> Float[Array, ""]:
    """Population standard deviation of the entries where `mask` is True; 0 when there is none."""
    deviation = jnp.where(mask, x, 0.0) - masked_mean(x, mask)
    return safe_sqrt(masked_mean(jnp.square(deviation), mask))


# Sine and cosine for training. XLA's on a CPU are scalar code and cost more than the
# matrix products of a small network; these are vectorised, without a branch. Only float32 on a CPU
# takes them, anything else the library functions. XLA computes a derivative from the argument, in
# the loop that needs it: with 0.2 ns an element that is cheaper than to write it to memory in the
# forward pass and to read it back. XLA's exponential is as fast as one of our own.

# Vectors of 512 bits, where the processor has them; XLA's rule is 256, and a sine takes half the
# time with 512. For `jax.jit(compiler_options=...)`; other processors and devices ignore it.
COMPILER_OPTIONS = {"xla_cpu_prefer_vector_width": 512}
# A program that stays on the thread that calls it.
ONE_THREAD = {"xla_cpu_multi_thread_eigen": False}

# pi as a sum of three float32 numbers, the first ones with few bits, so that k times them is exact
# or, where the processor fuses multiply and add, never rounded (Cody and Waite 1980, Cephes).
_PI = (3.140625, 9.67502593994140625e-4, 1.509957990e-7)
_REACH = 1.66  # what a remainder of |x| <= 1e6 may be: pi/2 and the rounding of x / pi
# Minimax polynomial of (sin r - r) / r^3 in r^2 for |r| <= _REACH, error 1.1e-8.
_SIN = (-1.6666655242443085e-1, 8.33295937627554e-3, -1.9801688904408365e-4, 2.5883218768285587e-6)


def _horner(coefficients: tuple[float, ...], x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    total = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def _sine_from(x: Float[Array, "*s"], quarter: float) -> Float[Array, "*s"]:
    """sin(x + quarter * pi): x + quarter * pi = r + k pi, and the sign is the parity of k."""
    k = jnp.round(x * (1.0 / math.pi) + quarter)
    h = k - quarter
    r = ((x - h * _PI[0]) - h * _PI[1]) - h * _PI[2]
    r = jnp.clip(r, -_REACH, _REACH)  # beyond 1e6: meaningless, but still a sine's size
    r2 = r * r
    sin_r = r + r * r2 * _horner(_SIN, r2)
    sign = k.astype(jnp.int32) << 31
    bits = jax.lax.bitcast_convert_type(sin_r, jnp.int32) ^ sign
    return jax.lax.bitcast_convert_type(bits, jnp.float32)


def _vectorised(fast: Callable[[Array], Array], library: Callable[[Array], Array], x: Array):
    if x.dtype != jnp.float32:
        return library(x)
    return jax.lax.platform_dependent(x, cpu=fast, default=library)


@jax.custom_jvp
def sine(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Sine. In float32 on a CPU the absolute error is below 2e-7 for |x| <= 1e6.

    The library's is 4e-8; float32 arguments themselves are spaced 0.06 apart at 1e6. Beyond it the
    error grows, to that of a random number of [-1, 1] where the arguments' spacing passes pi. The
    bound needs fused multiply-add, which all present CPUs have.
    """
    return _vectorised(lambda x: _sine_from(x, 0.0), jnp.sin, x)


@jax.custom_jvp
def cosine(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Cosine, as accurate as `sine`."""
    return _vectorised(lambda x: _sine_from(x, 0.5), jnp.cos, x)


@sine.defjvp
def _sine_jvp(primals, tangents):
    (x,) = primals
    return sine(x), cosine(x) * tangents[0]


@cosine.defjvp
def _cosine_jvp(primals, tangents):
    (x,) = primals
    return cosine(x), -sine(x) * tangents[0]
