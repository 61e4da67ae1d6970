"""What makes a step of a gradient: one row each, rates apart."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from optiinr_jax.inr.soap import scale_by_soap


def _scale_by_muon() -> optax.GradientTransformation:
    """Muon for the square matrices, Adam with Nesterov's momentum for all else.

    McGinnis et al. 2026 (arXiv 2512.14366).
    """

    def dimensions(params: Any) -> Any:
        square = optax.contrib.MuonDimensionNumbers()
        return jax.tree.map(lambda p: square if _is_square(p) else None, params)

    return optax.contrib.muon(-1.0, muon_weight_dimension_numbers=dimensions)


def _is_square(leaf: jax.Array) -> bool:
    return leaf.ndim == 2 and leaf.shape[0] == leaf.shape[1]


# name -> direction of a step, of about unit size, from a gradient
OPTIMIZERS: dict[str, Callable[[], optax.GradientTransformation]] = {
    "adamw": optax.scale_by_adam,
    "soap": scale_by_soap,
    "muon": _scale_by_muon,
}
