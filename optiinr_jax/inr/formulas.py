"""The activation functions, one pure function each; `activations.py` makes rows of them.

Letters: z pre-activation W h + b, omega angular frequency, sigma inverse width. FINER's factor
|z| + 1 is held constant in the derivative of a training, as in the official code, unless a name
says otherwise; `exact_derivatives` are those of a network in use.
All formulas keep the precision of z. The complex ones take complex z, or the real z of a first
layer, and give complex values; they compute with real and imaginary parts, which is faster.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from optiinr_jax.numerics import cosine, safe_sqrt, sine

Scalar = Float[Array, ""]
Z = Float[Array, "*s"]


_is_exact: ContextVar[bool] = ContextVar("is_exact", default=False)


@contextmanager
def exact_derivatives() -> Generator[None]:
    """Trace formulas whose derivatives are those of their values, for use and not for training."""
    token = _is_exact.set(True)
    try:
        yield
    finally:
        _is_exact.reset(token)


def _modulus(z: Z) -> Z:
    """|z|; in a training constant for the derivative, as in the official code."""
    if _is_exact.get():
        return safe_sqrt(jnp.square(z.real) + jnp.square(z.imag)) if z.dtype.kind == "c" else abs(z)
    return jax.lax.stop_gradient(jnp.abs(z))


def _stretch(z: Z) -> Z:
    """FINER's variable period, (|z| + 1) z. Liu et al. 2024, eq. 4."""
    return (_modulus(z) + 1.0) * z


def siren(z: Z, omega: Scalar) -> Z:
    """SIREN, sin(omega z). Sitzmann et al. 2020, with omega outside the bias as in their code."""
    return sine(omega * z)


def finer(z: Z, omega: Scalar) -> Z:
    """FINER, sin(omega (|z| + 1) z). Liu et al. 2024."""
    return sine(omega * _stretch(z))


def finer_attached(z: Z, omega: Scalar) -> Z:
    """FINER with the factor's own gradient, the official code's `scale_req_grad=True`."""
    return sine(omega * ((jnp.abs(z) + 1.0) * z))


def gauss(z: Z, sigma: Scalar) -> Z:
    """Gauss, exp(-(sigma z)^2). Ramasinghe and Lucey 2022, as WIRE's code writes it.

    Their own exp(-z^2 / (2 a^2)) is sigma = 1 / (a sqrt 2).
    """
    return jnp.exp(-jnp.square(sigma * z))


def wire(z: Z, omega: Scalar, sigma: Scalar) -> Z:
    """Real Gabor wavelet, cos(omega z) exp(-(sigma z)^2): WIRE as a layer of a real network."""
    return cosine(omega * z) * gauss(z, sigma)


def gf(z: Z, omega: Scalar, sigma: Scalar) -> Z:
    """FINER++ Gauss, exp(-(sigma sin(omega (|z| + 1) z))^2). Zhu et al. 2024, class GF."""
    return gauss(finer(z, omega), sigma)


def wf(z: Z, omega: Scalar, omega_wavelet: Scalar, sigma: Scalar) -> Z:
    """FINER++ wavelet as a layer of a real network: the real Gabor wavelet of FINER's sine.

    cos(omega_wavelet v) exp(-(sigma v)^2) with v = sin(omega (|z| + 1) z), as IGA's code has it.
    """
    return wire(finer(z, omega), omega_wavelet, sigma)


def real_gabor(z: Z, u: Z, omega: Scalar, sigma: Scalar) -> Z:
    """Real Gabor layer of two linear maps, cos(omega z) exp(-(sigma u)^2), as in WIRE's code."""
    return cosine(omega * z) * gauss(u, sigma)


def wire_complex(z: Inexact[Array, "*s"], omega: Scalar, sigma: Scalar) -> Complex[Array, "*s"]:
    """WIRE, exp(j omega z - |sigma z|^2). Saragadam et al. 2023, eq. 4."""
    return wire2d(z, jnp.zeros_like(z), omega, sigma)


def wire2d(
    z: Inexact[Array, "*s"], u: Inexact[Array, "*s"], omega: Scalar, sigma: Scalar
) -> Complex[Array, "*s"]:
    """WIRE-2D, exp(j omega z) exp(-sigma^2 (|z|^2 + |u|^2)), u a second linear map."""
    squares = jnp.square(z.real) + jnp.square(z.imag) + jnp.square(u.real) + jnp.square(u.imag)
    magnitude = jnp.exp(-omega * z.imag - jnp.square(sigma) * squares)
    angle = omega * z.real
    return _complex(magnitude * cosine(angle), magnitude * sine(angle))


def _complex(re: Float[Array, "*s"], im: Float[Array, "*s"]) -> Complex[Array, "*s"]:
    """A complex number, of at least 64 bits: there are none of half precision."""
    dtype = jnp.promote_types(re.dtype, jnp.float32)
    return jax.lax.complex(re.astype(dtype), im.astype(dtype))


def wf_complex(
    z: Inexact[Array, "*s"], omega: Scalar, omega_wavelet: Scalar, sigma: Scalar
) -> Complex[Array, "*s"]:
    """FINER++ wavelet: WIRE of the complex sine of FINER's argument. Zhu et al. 2024, class WF.

    Real and imaginary parts of z are stretched separately, as in the official code. Where |im| is
    above 20 the wavelet is 0 to any precision, and without the clip it would overflow to NaN.
    """
    re, im = omega * _stretch(z.real), jnp.clip(omega * _stretch(z.imag), -20.0, 20.0)
    v = jax.lax.complex(sine(re) * jnp.cosh(im), cosine(re) * jnp.sinh(im))
    return wire_complex(v, omega_wavelet, sigma)


def relu(z: Z) -> Z:
    """max(z, 0), for networks on encoded coordinates. Mildenhall et al. 2020."""
    return jax.nn.relu(z)


def laplacian(z: Z, sigma: Scalar) -> Z:
    """exp(-sigma |z|). Ramasinghe and Lucey 2022, table 1, with sigma = 1 / a."""
    return jnp.exp(-sigma * jnp.abs(z))


def super_gauss(z: Z, sigma: Scalar, power: Scalar) -> Z:
    """exp(-(sigma z)^2)^power. Ramasinghe and Lucey 2022, table 1, with sigma = 1 / (a sqrt 2)."""
    return jnp.exp(-power * jnp.square(sigma * z))


def quadratic(z: Z, sigma: Scalar) -> Z:
    """1 / (1 + (sigma z)^2). Ramasinghe and Lucey 2022, table 1."""
    return 1.0 / (1.0 + jnp.square(sigma * z))


def multi_quadratic(z: Z, sigma: Scalar) -> Z:
    """1 / sqrt(1 + (sigma z)^2). Ramasinghe and Lucey 2022, table 1."""
    return jax.lax.rsqrt(1.0 + jnp.square(sigma * z))


def exp_sin(z: Z, omega: Scalar) -> Z:
    """exp(-sin(omega z)). Ramasinghe and Lucey 2022, table 1."""
    return jnp.exp(-sine(omega * z))


def _sinc(x: Z) -> Z:
    """sin(pi x) / (pi x), smooth through 0 together with its derivatives."""
    y = jnp.pi * x
    is_small = jnp.abs(y) < 1e-2
    series = 1.0 - jnp.square(y) / 6.0 + jnp.square(jnp.square(y)) / 120.0
    return jnp.where(is_small, series, sine(y) / jnp.where(is_small, 1.0, y))


def sinc(z: Z, omega: Scalar) -> Z:
    """sin(omega z) / (omega z). Jayasundara et al. 2025 (MIRE), dictionary."""
    return _sinc(omega * z / jnp.pi)


def raised_cosine(z: Z, omega: Scalar, rolloff: Scalar) -> Z:
    """Raised-cosine pulse, sinc(t) cos(pi rolloff t) / (1 - (2 rolloff t)^2), t = omega z / pi.

    MIRE's dictionary names it and gives no formula; this is the textbook pulse (Proakis 2001, eq.
    9.2-27). The quotient is written as the sum of two sinc, which has no poles.
    """
    t = omega * z / jnp.pi
    x = rolloff * t
    return _sinc(t) * (jnp.pi / 4) * (_sinc(0.5 - x) + _sinc(0.5 + x))


def root_raised_cosine(z: Z, omega: Scalar, rolloff: Scalar) -> Z:
    """Root-raised-cosine pulse at t = omega z / pi, the transform of a square-rooted spectrum.

    MIRE's dictionary names it and gives no formula; this is the textbook pulse (Proakis 2001), its
    spectrum integrated piece by piece, which gives three sinc and no poles.
    """
    t = omega * z / jnp.pi
    x = rolloff * t
    flank = _sinc(0.25 + x) * cosine(jnp.pi * (0.25 + t))
    flank += _sinc(0.25 - x) * cosine(jnp.pi * (0.25 - t))
    return (1.0 - rolloff) * _sinc((1.0 - rolloff) * t) + rolloff * flank


_NODES = 32  # of the quadrature below: enough for |bandwidth omega z| up to about 20


def prolate(z: Z, omega: Scalar, bandwidth: Scalar) -> Z:
    """Prolate spheroidal wave function psi_0(bandwidth, omega z), scaled to 1 at 0.

    Among functions of that bandwidth the one with most of its energy in |omega z| < 1 (Slepian and
    Pollak 1961). MIRE's dictionary names it and gives no formula. It is the first eigenfunction of
    the finite cosine transform, solved on Gauss-Legendre nodes (Nystrom): accurate while
    |bandwidth omega z| < 20, and bounded, but no longer the same function, beyond.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = slice(_NODES // 2, None)  # the function is even
    s, w = jnp.asarray(nodes[half], z.dtype), jnp.asarray(2.0 * weights[half], z.dtype)
    root = jnp.sqrt(w)
    transform = root[:, None] * jnp.cos(bandwidth * s[:, None] * s[None, :]) * root[None, :]
    _, vectors = jnp.linalg.eigh(transform)
    # The largest eigenvalue is the last one in absolute value too: psi_0 has no zero.
    psi = vectors[:, -1] * root
    psi = psi / jnp.sum(psi)

    def add(total: Z, node: tuple[Array, Array]) -> tuple[Z, None]:
        return total + node[1] * cosine(bandwidth * node[0] * (omega * z)), None

    return jax.lax.scan(add, jnp.zeros_like(z), (s, psi))[0]


def wave(z: Z, omega: Scalar, sigma: Scalar, phase: Scalar, stretch: Scalar, nested: Scalar) -> Z:
    """SIREN, FINER, Gauss, real WIRE and GF as numbers of one formula: a name becomes a number.

    With a = 1 + stretch |z|, see `_modulus`, and g = sin(omega a z + phase): exp(-(sigma z)^2) g,
    or exp(-(sigma g)^2) where `nested` is 1. One sine and one exponential serve all five.
    """
    is_nested = jnp.asarray(nested) > 0
    factor = 1.0 + stretch * _modulus(z)
    g = sine(omega * (factor * z) + phase)
    return gauss(jnp.where(is_nested, g, z), sigma) * jnp.where(is_nested, 1.0, g)
