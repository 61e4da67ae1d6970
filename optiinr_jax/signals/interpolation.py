"""Scattered values at any other place, by SciPy: what a network of such values has to beat.

Letters: n known places, m places, D dimensions, C channels.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

_NEIGHBOURS = 32  # nearest points of which a thin-plate spline is made

Rows = Float[np.ndarray, "n C"]
Interpolate = Callable[[np.ndarray], np.ndarray]


def interpolator(name: str, coords: Float[np.ndarray, "n D"], values: Rows) -> Interpolate:
    """A function from places (m, D) to values (m, C).

    Args:
        name: "linear", between neighbours along a line, in triangles or in tetrahedra, and the
            nearest value outside of all; or "rbf".
    """
    coords, values = coords.astype(np.float64), values.astype(np.float64)
    num_dims = coords.shape[1]
    if len(coords) < num_dims + 2:
        return _nearest(coords, values)
    if name == "rbf":
        return _radial(coords, values)
    return _line(coords, values) if num_dims == 1 else _triangles(coords, values)


def _nearest(coords: np.ndarray, values: np.ndarray) -> Interpolate:
    from scipy.spatial import KDTree

    tree = KDTree(coords)
    return lambda places: values[tree.query(places)[1]]


def _line(coords: np.ndarray, values: np.ndarray) -> Interpolate:
    order = np.argsort(coords[:, 0])
    known = coords[order, 0]

    def at(places: np.ndarray) -> np.ndarray:
        columns = [np.interp(places[:, 0], known, column) for column in values[order].T]
        return np.stack(columns, axis=-1)

    return at


def _triangles(coords: np.ndarray, values: np.ndarray) -> Interpolate:
    from scipy.interpolate import LinearNDInterpolator

    inside, outside = LinearNDInterpolator(coords, values), _nearest(coords, values)

    def at(places: np.ndarray) -> np.ndarray:
        found = inside(places.astype(np.float64))
        is_outside = np.isnan(found).any(axis=-1)
        found[is_outside] = outside(places[is_outside])
        return found

    return at


def _radial(coords: np.ndarray, values: np.ndarray) -> Interpolate:
    from scipy.interpolate import RBFInterpolator

    coords, first = np.unique(coords, axis=0, return_index=True)  # a place twice is singular
    neighbours = min(_NEIGHBOURS, len(coords))
    return RBFInterpolator(coords, values[first], neighbors=neighbours)
