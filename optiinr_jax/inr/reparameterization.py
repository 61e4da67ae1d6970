"""Fourier reparameterised training (FR): hidden weights as trained mixtures of fixed cosines.

Shi, Zhou and Gu, CVPR 2024: W = Lambda B with B fixed and Lambda trained, in every square layer.

Letters: m basis rows, n inputs of the layer.
"""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class FourierReparameterization:
    """The basis of FR.

    Attributes:
        num_low: frequencies 1/num_low, 2/num_low, ..., 1.
        num_high: frequencies 1, 2, ..., num_high (1 appears twice, as in the official code).
        num_phases: phases of every frequency, evenly over a turn.
        alpha: factor on the basis. It leaves the initial weights as they are and scales their
            steps under Adam.
    """

    num_low: int = field(default=128, metadata={"static": True})
    num_high: int = field(default=128, metadata={"static": True})
    num_phases: int = field(default=32, metadata={"static": True})
    alpha: ArrayLike = 0.01

    @property
    def num_rows(self) -> int:
        """m, rows of the basis."""
        return (self.num_low + self.num_high) * self.num_phases


def fourier_basis(record: FourierReparameterization, num_inputs: int) -> Float[Array, "m n"]:
    """alpha cos(f z + phi): low frequencies first, the phase innermost, z over num_low periods."""
    low = np.arange(1, record.num_low + 1) / record.num_low
    frequencies = np.concatenate([low, np.arange(1, record.num_high + 1)])
    phases = 2.0 * np.pi * np.arange(record.num_phases) / record.num_phases
    half = np.pi * record.num_low
    z = np.linspace(-half, half, num_inputs)
    rows = np.cos(frequencies[:, None, None] * z + phases[:, None])  # float64, rounded once
    basis = jnp.asarray(rows.reshape(record.num_rows, num_inputs), jnp.float32)
    return jnp.asarray(record.alpha) * basis
