"""The activation families: one formula and one row of ACTIVATIONS each.

Letters: z pre-activation W h + b, omega angular frequency, sigma inverse width, |z| + 1 FINER's
factor, always without gradient as in the official code. All formulas keep the dtype of z.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from optiinr_jax.numerics import sine

Scalar = Float[ArrayLike, ""]


def _stretch(z: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """FINER's variable period, (|z| + 1) z, the factor held constant. Liu et al. 2024, eq. 4."""
    return (jax.lax.stop_gradient(jnp.abs(z)) + 1.0) * z


def siren(z: Float[Array, "*s"], omega: Scalar) -> Float[Array, "*s"]:
    """SIREN, sin(omega z). Sitzmann et al. 2020, with omega outside the bias as in their code."""
    return sine(omega * z)


def finer(z: Float[Array, "*s"], omega: Scalar) -> Float[Array, "*s"]:
    """FINER, sin(omega (|z| + 1) z). Liu et al. 2024."""
    return sine(omega * _stretch(z))


def gauss(z: Float[Array, "*s"], sigma: Scalar) -> Float[Array, "*s"]:
    """Gauss, exp(-(sigma z)^2). Ramasinghe and Lucey 2022, as WIRE's code writes it."""
    return jnp.exp(-jnp.square(sigma * z))


def wire(z: Float[Array, "*s"], omega: Scalar, sigma: Scalar) -> Float[Array, "*s"]:
    """Real Gabor wavelet, cos(omega z) exp(-(sigma z)^2). Saragadam et al. 2023, real form."""
    return sine(omega * z + math.pi / 2) * gauss(z, sigma)


def gf(z: Float[Array, "*s"], omega: Scalar, sigma: Scalar) -> Float[Array, "*s"]:
    """FINER++ Gauss, exp(-(sigma sin(omega (|z| + 1) z))^2). Zhu et al. 2024, class GF."""
    return gauss(finer(z, omega), sigma)


def wave(
    z: Float[Array, "*s"],
    omega: Scalar,
    sigma: Scalar,
    phase: Scalar,
    stretch: Scalar,
    nested: Scalar,
) -> Float[Array, "*s"]:
    """Every real family above as numbers of one formula, so that a name becomes a number.

    With a = 1 + stretch |z| (detached) and g = sin(omega a z + phase): exp(-(sigma z)^2) g, or
    exp(-(sigma g)^2) where `nested` is 1. One sine and one exponential serve all families.
    """
    is_nested = jnp.asarray(nested) > 0
    factor = 1.0 + stretch * jax.lax.stop_gradient(jnp.abs(z))
    g = sine(omega * (factor * z) + phase)
    return gauss(jnp.where(is_nested, g, z), sigma) * jnp.where(is_nested, 1.0, g)


@dataclass(frozen=True, eq=False)  # hashable, so that jit takes a row as a function
class Activation:
    """One family: its formula, its numbers and their ranges, its initialiser, its wave form.

    Attributes:
        formula: the pure function (z, **numbers).
        defaults: number -> the authors' value; its keys are exactly the family's numbers.
        bounds: number -> (low, high) of its log-uniform search range (our choice: the paper gives
            none; each contains every official value with room on both sides).
        initializer: row of INITIALIZERS for the weights.
        ties: number -> formula from the other numbers, used where it is not given.
        first_bias: bias bound of a first layer; None: PyTorch's default.
        to_wave: the family's numbers -> the numbers of `wave`; None: not a wave.
        searchable: False for rows that are not a family of their own.
    """

    formula: Callable[..., Array]
    defaults: Mapping[str, float]
    bounds: Mapping[str, tuple[float, float]]
    initializer: str
    ties: Mapping[str, Callable[[Mapping[str, ArrayLike]], ArrayLike]] = field(default_factory=dict)
    first_bias: float | None = None
    to_wave: Callable[[Mapping[str, ArrayLike]], dict[str, ArrayLike]] | None = None
    searchable: bool = True

    def __call__(self, z: Float[Array, "*s"], **numbers: ArrayLike) -> Float[Array, "*s"]:
        """Apply the formula to z of any shape, in the dtype of z; missing numbers are filled in.

        Numbers that only other families have are ignored, so that all rows can be called alike.

        >>> round(float(ACTIVATIONS["siren"](jnp.array(0.1), omega=30.0)), 4)  # sin(3)
        0.1411
        """
        z = jnp.asarray(z)
        others = set().union(*(row.defaults for row in ACTIVATIONS.values())) - set(self.defaults)
        filled = self.fill({name: numbers[name] for name in numbers if name not in others})
        return self.formula(z, **{name: jnp.asarray(filled[name], z.dtype) for name in filled})

    def fill(self, numbers: Mapping[str, ArrayLike]) -> dict[str, ArrayLike]:
        """Complete `numbers` with ties and defaults, in the row's order.

        Raises:
            ValueError: a number that this family does not have.
        """
        unknown = sorted(set(numbers) - set(self.defaults))
        if unknown:
            raise ValueError(
                f"got numbers {unknown}, but this activation takes {sorted(self.defaults)}; "
                "leave the others out."
            )
        filled: dict[str, ArrayLike] = {}
        for name, default in self.defaults.items():
            tie = self.ties.get(name, lambda _, default=default: default)
            filled[name] = numbers[name] if name in numbers else tie(filled)
        return filled


ACTIVATIONS: dict[str, Activation] = {
    "siren": Activation(
        siren,
        defaults={"omega": 30.0},
        bounds={"omega": (5.0, 120.0)},
        initializer="sine",
        to_wave=lambda n: {"omega": n["omega"]},
    ),
    "finer": Activation(
        finer,
        defaults={"omega": 30.0},
        bounds={"omega": (5.0, 120.0)},
        initializer="sine",
        to_wave=lambda n: {"omega": n["omega"], "stretch": 1.0},
    ),
    "gauss": Activation(
        gauss,
        defaults={"sigma": 30.0},
        bounds={"sigma": (2.0, 60.0)},
        initializer="default",
        to_wave=lambda n: {"sigma": n["sigma"], "phase": math.pi / 2},
    ),
    "wire": Activation(
        wire,
        defaults={"omega": 20.0, "sigma": 10.0},
        bounds={"omega": (4.0, 60.0)},
        initializer="default",
        ties={"sigma": lambda n: n["omega"] / 2.0},  # the published pair (20, 10)
        to_wave=lambda n: {"omega": n["omega"], "sigma": n["sigma"], "phase": math.pi / 2},
    ),
    "gf": Activation(
        gf,
        defaults={"omega": 10.0, "sigma": 3.0},
        bounds={"omega": (2.0, 40.0)},
        initializer="sine",
        ties={"sigma": lambda n: 30.0 / n["omega"]},  # as the authors tie them
        first_bias=1.0,
        to_wave=lambda n: {**n, "stretch": 1.0, "nested": 1.0},
    ),
    "wave": Activation(
        wave,
        defaults={"omega": 0.0, "sigma": 0.0, "phase": 0.0, "stretch": 0.0, "nested": 0.0},
        bounds={},
        initializer="default",
        searchable=False,
    ),
}


def get_activation(name: str) -> Activation:
    """Look up a row of ACTIVATIONS.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; known are {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name]
