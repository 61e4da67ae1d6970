"""Output warps: order is kept, failures do not decide the scale, nothing overflows."""

import numpy as np
import pytest
from scipy.stats import norm

from optiinr_jax.bo import WARPS

Y = np.array([3.0, -1.0, 40.0, 8.0, 8.0, 30.0, 7.0])


@pytest.mark.parametrize("name", WARPS)
def test_warps_keep_the_order(name):
    z = WARPS[name](Y)
    assert np.all(np.diff(z[np.argsort(Y, kind="stable")]) >= 0) and z[3] == z[4]
    assert z.argmax() == 2 and np.sum(np.diff(np.sort(z)) > 0) == 5


@pytest.mark.parametrize("name", ["half_rank", "standardise"])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12, 1e305])
def test_warps_have_unit_scale_and_ignore_units(name, scale):
    z = WARPS[name](Y * scale)
    np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=1e-12)
    np.testing.assert_allclose(z, WARPS[name](Y), atol=1e-9)


@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("y", [[], [5.0], [5.0, 5.0, 5.0], [0.0, 0.0]])
def test_no_information_is_no_accident(name, y):
    z = WARPS[name](np.array(y))
    assert z.shape == (len(y),) and np.all(np.isfinite(z))
    if name != "none":
        assert np.all(z == 0)


def test_half_rank_by_hand():
    """Median 3; the good half is 3, 4, 5 with spread sqrt(5/3); ranks 1 and 2 of 5 below."""
    y = np.array([-1e6, 2.0, 3.0, 4.0, 5.0])
    low = 3 + np.sqrt(5 / 3) * norm.ppf([0.1, 0.3])
    expected = np.array([*low, 3.0, 4.0, 5.0])
    expected = (expected - expected.mean()) / expected.std()
    np.testing.assert_allclose(WARPS["half_rank"](y), expected, atol=1e-6)


def test_half_rank_does_not_see_how_bad_a_failure_is():
    good = np.array([1.0, 2.0, 3.0, 4.0])
    near = WARPS["half_rank"](np.append(good, -1.0))
    for worst in (-1e4, -1e14, -1e18, -1e30, -np.finfo(float).max):
        far = WARPS["half_rank"](np.append(good, worst))
        np.testing.assert_allclose(near, far, atol=1e-9)
    assert np.ptp(WARPS["standardise"](np.append(good, -1e4))[:4]) < 1e-2


def test_one_huge_penalty_leaves_the_others_apart():
    """All below the median are told apart by their ranks, all above by their scores."""
    y = np.array([-1e15, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    near = WARPS["half_rank"](np.array([-1e3, *y[1:]]))
    for penalty in (-1e15, -1e18, -1e30, -np.finfo(float).max):
        warped = WARPS["half_rank"](np.array([penalty, *y[1:]]))
        np.testing.assert_allclose(warped, near, atol=1e-12)
    assert len(np.unique(near)) == 7
    equal = WARPS["half_rank"](np.array([-1e18, 0.5, 1.0, 1.0, 1.0]))  # a better half that is one
    assert np.all(np.diff(equal[:3]) > 0.1) and np.ptp(equal[2:]) == 0


@pytest.mark.parametrize("name", ["half_rank", "standardise"])
def test_a_far_offset_is_no_constant(name):
    near = WARPS[name](np.arange(4.0))
    np.testing.assert_allclose(WARPS[name](1e9 + 1e-4 * np.arange(4.0)), near, atol=3e-3)
    np.testing.assert_allclose(WARPS[name](-1e13 + np.arange(4.0)), near, atol=1e-12)
    assert np.all(WARPS[name](np.array([0.3, 0.1 + 0.2, 0.3])) == 0)  # rounding is no score
    largest = np.finfo(float).max
    assert np.all(np.isfinite(WARPS[name](largest * np.array([-1.0, -1.0, 0.5, 1.0, 1.0]))))
