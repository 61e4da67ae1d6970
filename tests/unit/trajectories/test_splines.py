"""Splines: the ends, the smoothness, and every cubic spline among them."""

import jax
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from optiinr_jax.trajectories.splines import evaluate_basis, evaluate_curve, spline_basis

NUM_NODES = 15


@jax.jit
def basis_at(times):
    basis = spline_basis(NUM_NODES)
    return jax.vmap(lambda s: evaluate_basis(basis, s))(times)


def test_curves_begin_and_end_where_they_should():
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=shape).astype(np.float32) for shape in (3, 3, (NUM_NODES, 3))]
    times = np.array([0.0, 1.0], np.float32)
    points, _ = jax.jit(evaluate_curve)(*parts, times, *basis_at(times))
    np.testing.assert_allclose(points, parts[:2], atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_value_slope_and_curvature_are_continuous(dtype):
    """Told by the values around each node: those of a spline from its own side and the other."""
    pieces, gap = NUM_NODES - 1, 1e-2 / NUM_NODES
    nodes = np.arange(1, pieces) / pieces
    with jax.enable_x64(dtype is np.float64):
        before, behind = (basis_at((nodes + h).astype(dtype)) for h in (-gap, gap))
    values, slopes = (np.asarray(b - a) for a, b in zip(before, behind, strict=True))
    middle = (np.asarray(before[1]) + np.asarray(behind[1])) / 2
    np.testing.assert_allclose(
        values, 2 * gap * middle, atol=3e-5
    )  # no jump, the slope explains it
    assert np.abs(slopes).max() < 2 * gap * 6 * pieces**2  # as the curvature allows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_cubic_spline_that_vanishes_at_the_ends_is_among_them(dtype):
    rng = np.random.default_rng(1)
    nodes, inner = np.linspace(0, 1, NUM_NODES), rng.normal(size=NUM_NODES - 2)
    spline = CubicSpline(nodes, [0.0, *inner, 0.0], bc_type=((1, 2.0), (1, -3.0)))
    times = np.linspace(0, 1, 200, dtype=dtype)
    with jax.enable_x64(dtype is np.float64):
        values, slopes = map(np.asarray, basis_at(times))
    weights, *_ = np.linalg.lstsq(values, spline(times), rcond=None)
    tolerance = 1e-4 if dtype is np.float32 else 1e-10
    np.testing.assert_allclose(values @ weights, spline(times), atol=tolerance)
    np.testing.assert_allclose(slopes @ weights, spline(times, 1), atol=100 * tolerance)
    assert values.shape[1] == NUM_NODES == np.linalg.matrix_rank(values)
