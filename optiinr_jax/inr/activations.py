"""The activation families: one row of ACTIVATIONS each; the functions are in `formulas.py`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Inexact

from optiinr_jax.inr import formulas as f

Numbers = Mapping[str, ArrayLike]


@dataclass(frozen=True, eq=False, kw_only=True)  # hashable, so that jit takes a row as a function
class Activation:
    """One family: its formula, its numbers and their ranges, its initialiser, its wave form.

    Attributes:
        formula: the pure function (z, **numbers), or (z, u, **numbers) with two linear maps.
        defaults: number -> the authors' value; its keys are exactly the family's numbers.
        bounds: number -> (low, high) of its log-uniform search range (our choice: the paper gives
            none; each contains every official value with room on both sides).
        all_bounds: the same where tied numbers are searched too; by default `bounds`.
        initializer: row of INITIALIZERS for the weights.
        init_omega: what that law divides by, from the family's numbers.
        ties: number -> formula from the other numbers, used where it is not given.
        first_bias: bias bound of a first layer; None: PyTorch's default.
        num_maps: linear maps of the layer's input, each with weights of its own.
        is_complex: values are complex, and so are the weights of the layer after it.
        to_wave: the family's numbers -> the numbers of `wave`; None: not a wave.
    """

    formula: Callable[..., Array]
    defaults: Mapping[str, float]
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    all_bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    initializer: str = "default"
    init_omega: Callable[[Numbers], ArrayLike] = lambda numbers: numbers.get("omega", 1.0)
    ties: Mapping[str, Callable[[Numbers], ArrayLike]] = field(default_factory=dict)
    first_bias: float | None = None
    num_maps: int = 1
    is_complex: bool = False
    to_wave: Callable[[Numbers], dict[str, ArrayLike]] | None = None

    def __call__(
        self, z: ArrayLike, *maps: ArrayLike, **numbers: ArrayLike
    ) -> Inexact[Array, "*s"]:
        """Apply the formula to z of any shape, in the precision of z; missing numbers are filled.

        Numbers that only other families have are ignored, so that all rows can be called alike.

        >>> round(float(ACTIVATIONS["siren"](jnp.array(0.1), omega=30.0)), 4)  # sin(3)
        0.1411
        """
        z = jnp.asarray(z)
        others = set().union(*(row.defaults for row in ACTIVATIONS.values())) - set(self.defaults)
        filled = self.fill({name: numbers[name] for name in numbers if name not in others})
        dtype = z.real.dtype
        numbers = {name: jnp.asarray(filled[name], dtype) for name in filled}
        return self.formula(z, *map(jnp.asarray, maps), **numbers)

    def fill(self, numbers: Numbers) -> dict[str, ArrayLike]:
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


_TURN = math.pi / 2  # the phase that makes a sine a cosine
_GABOR = {"omega": (4.0, 60.0), "sigma": (2.0, 60.0)}
_WF = {"omega": (1.0, 20.0), "omega_wavelet": (1.0, 20.0), "sigma": (0.5, 20.0)}
_PULSE = {"omega": (5.0, 120.0), "rolloff": (0.05, 1.0)}

_FINER = Activation(
    formula=f.finer,
    defaults={"omega": 30.0},
    bounds={"omega": (5.0, 120.0)},
    initializer="sine",
    to_wave=lambda n: {"omega": n["omega"], "stretch": 1.0},
)

ACTIVATIONS: dict[str, Activation] = {
    "siren": Activation(
        formula=f.siren,
        defaults={"omega": 30.0},
        bounds={"omega": (5.0, 120.0)},
        initializer="sine",
        to_wave=lambda n: {"omega": n["omega"]},
    ),
    "finer": _FINER,
    "finer_attached": Activation(
        formula=f.finer_attached,
        defaults=_FINER.defaults,
        bounds=_FINER.bounds,
        initializer="sine",
    ),
    "gauss": Activation(
        formula=f.gauss,
        defaults={"sigma": 30.0},
        bounds={"sigma": (2.0, 60.0)},
        to_wave=lambda n: {"sigma": n["sigma"], "phase": _TURN},
    ),
    "wire": Activation(
        formula=f.wire,
        defaults={"omega": 20.0, "sigma": 10.0},
        bounds={"omega": _GABOR["omega"]},
        all_bounds=_GABOR,
        ties={"sigma": lambda n: n["omega"] / 2.0},  # the published pair (20, 10)
        to_wave=lambda n: {"omega": n["omega"], "sigma": n["sigma"], "phase": _TURN},
    ),
    "gf": Activation(
        formula=f.gf,
        defaults={"omega": 10.0, "sigma": 3.0},
        bounds={"omega": (2.0, 40.0)},
        all_bounds={"omega": (2.0, 40.0), "sigma": (0.5, 20.0)},
        initializer="sine",
        ties={"sigma": lambda n: 30.0 / n["omega"]},  # as the authors tie them
        first_bias=1.0,
        to_wave=lambda n: {**n, "stretch": 1.0, "nested": 1.0},
    ),
    "wf": Activation(
        formula=f.wf,
        defaults={"omega": 5.0, "omega_wavelet": 4.0, "sigma": 2.0},
        bounds={"omega": _WF["omega"]},
        all_bounds=_WF,
        initializer="sine",
        init_omega=lambda n: n["omega"] * n["omega_wavelet"],
        ties={  # as the authors tie them, (20, 10) / omega
            "omega_wavelet": lambda n: 20.0 / n["omega"],
            "sigma": lambda n: 10.0 / n["omega"],
        },
        first_bias=1.0,
    ),
    "real_gabor": Activation(
        formula=f.real_gabor,
        defaults={"omega": 10.0, "sigma": 10.0},
        bounds=_GABOR,
        num_maps=2,
    ),
    "wire_complex": Activation(
        formula=f.wire_complex,
        defaults={"omega": 20.0, "sigma": 10.0},
        bounds=_GABOR,
        is_complex=True,
    ),
    "wire2d": Activation(
        formula=f.wire2d,
        defaults={"omega": 10.0, "sigma": 10.0},
        bounds=_GABOR,
        num_maps=2,
        is_complex=True,
    ),
    "wf_complex": Activation(
        formula=f.wf_complex,
        defaults={"omega": 5.0, "omega_wavelet": 4.0, "sigma": 2.0},
        bounds=_WF,
        initializer="sine",
        init_omega=lambda n: n["omega"] * n["omega_wavelet"],
        first_bias=1.0,
        is_complex=True,
    ),
    "relu": Activation(formula=f.relu, defaults={}),
    "laplacian": Activation(
        formula=f.laplacian, defaults={"sigma": 10.0}, bounds={"sigma": (2.0, 60.0)}
    ),
    "super_gauss": Activation(
        formula=f.super_gauss,
        defaults={"sigma": 7.0, "power": 2.0},
        bounds={"sigma": (2.0, 60.0), "power": (0.5, 4.0)},
    ),
    "quadratic": Activation(
        formula=f.quadratic, defaults={"sigma": 10.0}, bounds={"sigma": (2.0, 60.0)}
    ),
    "multi_quadratic": Activation(
        formula=f.multi_quadratic, defaults={"sigma": 10.0}, bounds={"sigma": (2.0, 60.0)}
    ),
    "exp_sin": Activation(
        formula=f.exp_sin,
        defaults={"omega": 30.0},
        bounds={"omega": (5.0, 120.0)},
        initializer="sine",
    ),
    "sinc": Activation(
        formula=f.sinc,
        defaults={"omega": 30.0},
        bounds={"omega": (5.0, 120.0)},
        initializer="sine",
    ),
    "raised_cosine": Activation(
        formula=f.raised_cosine,
        defaults={"omega": 30.0, "rolloff": 0.5},
        bounds=_PULSE,
        initializer="sine",
    ),
    "root_raised_cosine": Activation(
        formula=f.root_raised_cosine,
        defaults={"omega": 30.0, "rolloff": 0.5},
        bounds=_PULSE,
        initializer="sine",
    ),
    "prolate": Activation(
        formula=f.prolate,
        defaults={"omega": 5.0, "bandwidth": 4.0},
        bounds={"omega": (1.0, 20.0), "bandwidth": (1.0, 10.0)},
        initializer="sine",
    ),
    "wave": Activation(
        formula=f.wave,
        defaults={"omega": 0.0, "sigma": 0.0, "phase": 0.0, "stretch": 0.0, "nested": 0.0},
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
