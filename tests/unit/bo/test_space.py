"""Spaces: what a point is, how it is encoded, and what errors say."""

import json
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from optiinr_jax.bo import Choice, Float, Int, Space, maximise
from optiinr_jax.bo.structure import activity, embed, snap

SPACE = Space(
    {
        "act": Choice(["siren", "gauss", None]),
        "omega": Float(1, 100, log=True, when={"act": "siren"}),
        "sigma": Float(0.5, 20, when={"act": ("gauss", "siren")}),
        "warm": Choice([False, True], when={"act": "gauss"}),
        "steps": Int(1, 8, log=True, when={"warm": True}),
        "depth": Int(2, 5),
    }
)


def test_encode_by_hand():
    point = {"act": "siren", "omega": 10.0, "sigma": 0.5, "depth": 2}
    #        omega sigma steps  depth           act      warm
    expected = [0.5, 0.0, 0.5, 0.5 / 4, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(SPACE.encode(point), expected, atol=1e-12)


def test_a_point_holds_the_active_names_in_order():
    assert SPACE.active({"act": None}) == ("act", "depth")
    assert SPACE.active({"act": "gauss", "warm": True}) == (
        "act",
        "sigma",
        "warm",
        "steps",
        "depth",
    )
    # `steps` hangs on `warm`, which hangs on `act`: a stale value of `warm` wakes nothing.
    assert SPACE.active({"act": "siren", "warm": True}) == ("act", "omega", "sigma", "depth")


@pytest.mark.integration
def test_equal_trainings_have_equal_vectors():
    u, c = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array([2, 1])  # act None: nothing else
    other = jnp.array([0.9, 0.8, 0.7, 0.4]), jnp.array([2, 0])
    np.testing.assert_array_equal(embed(SPACE.structure, u, c), embed(SPACE.structure, *other))


def test_host_and_compiled_code_agree_on_what_is_active():
    both = jax.jit(lambda u, c: (activity(SPACE.structure, u, c), embed(SPACE.structure, u, c)))
    for point in SPACE.sample(0, 50):
        (continuous, choice), x = both(*map(jnp.asarray, SPACE.split(point)))
        active = SPACE.active(point)
        numbers = ["omega", "sigma", "steps", "depth"]
        assert [name in active for name in numbers] == list(continuous)
        assert [name in active for name in ("act", "warm")] == list(choice)
        np.testing.assert_allclose(x, SPACE.encode(point), atol=1e-6)


@pytest.mark.parametrize("make", [SPACE.sample, SPACE.latin_hypercube])
def test_draws_are_valid_and_seeded(make):
    points = make(3, 40)
    assert all(SPACE.check_point(point) == point for point in points)
    assert points == make(3, 40) != make(4, 40)


@pytest.mark.parametrize(("num", "size"), [(1, 1), (2, 3), (10, 1), (33, 14)])
def test_latin_hypercube_is_scipys(num, size):
    """The same draws, so that designs of earlier versions stay, without two seconds of import."""
    space = Space({f"x{i}": Float(0.0, 1.0) for i in range(size)})
    for seed in (0, (1, 2)):
        points = [list(point.values()) for point in space.latin_hypercube(seed, num)]
        cube = qmc.LatinHypercube(d=size, rng=np.random.default_rng(seed)).random(num)
        np.testing.assert_array_equal(points, cube)
    assert space.latin_hypercube(0, 0) == []


def test_latin_hypercube_is_stratified():
    space = Space(
        {"x": Float(0, 1), "y": Float(1, 1000, log=True), "c": Choice("abcd"), "n": Int(1, 8)}
    )
    points = space.latin_hypercube(0, 16)
    for name in "xy":
        units = [space.dimensions[name].to_unit(point[name]) for point in points]
        assert sorted(int(16 * u) for u in units) == list(range(16))
    for name, options in (("c", "abcd"), ("n", range(1, 9))):
        values = [point[name] for point in points]
        assert [values.count(option) for option in options] == [16 // len(options)] * len(options)


@pytest.mark.parametrize("log", [False, True])
def test_ends_stay_in_range(log):
    for low, high in ((0.1, 0.3), (1e-5, 1e-1), (3, 7.7)):
        dimension = Float(low, high, log=log)
        assert dimension.from_unit(0.0) == low and dimension.from_unit(1.0) == high
        assert low <= dimension.from_unit(1 - 1e-16) <= high


def test_whole_numbers_share_the_interval():
    counts = np.bincount([Int(1, 4).from_unit(u) for u in (np.arange(400) + 0.5) / 400])
    assert list(counts) == [0, 100, 100, 100, 100]
    assert [Int(1, 64, log=True).from_unit(u) for u in (0.0, 1.0)] == [1, 64]


@pytest.mark.integration
def test_snapping_is_decoding():
    """What the model sees of a whole number is what will be tried; slopes pass through."""
    space = Space({"a": Int(1, 4), "x": Float(0, 1), "b": Int(1, 64, log=True), "c": Int(-3, 9)})
    no_choice = np.zeros(0, np.int32)
    with jax.enable_x64(True):
        rounded = jax.jit(partial(snap, space.structure))
        for u in np.random.default_rng(0).random((200, 4)):
            expected, _ = space.split(space.join(u, no_choice))
            np.testing.assert_allclose(rounded(u), expected, atol=1e-12)
        slope = jax.jacobian(partial(snap, space.structure))(jnp.full(4, 0.3))
    np.testing.assert_array_equal(slope, np.eye(4))


def test_json_round_trip():
    again = Space.from_json(SPACE.to_json())
    assert again == SPACE and again.structure == SPACE.structure
    assert list(json.loads(SPACE.to_json())) == list(SPACE.dimensions)


def test_numpy_values_become_plain_ones():
    point = Space({"x": Float(0, 1), "n": Int(1, 3)}).check_point(
        {"x": np.float64(0.5), "n": np.int64(2)}
    )
    assert json.dumps(point) == '{"x": 0.5, "n": 2}'


@pytest.mark.parametrize(
    ("dimensions", "text"),
    [
        ({}, "needs dimensions"),
        ({"x": Float(2, 1)}, "low <= high"),
        ({"x": Float(0, 1, log=True)}, "log=False"),
        ({"x": Float(0, float("inf"))}, "finite"),
        ({"x": Int(0.5, 2)}, "whole numbers"),
        ({"c": Choice([])}, "one or more"),
        ({"c": Choice(["a", "a"])}, "all different"),
        ({"c": Choice([(1, 2)])}, "use a string"),
        ({"x": (0, 1)}, "Float, Int or Choice"),
        ({"x": Float(0, 1, when={"c": "a"}), "c": Choice("ab")}, "move 'c' before"),
        ({"c": Choice("ab"), "x": Float(0, 1, when={"c": "z"})}, r"\['a', 'b'\]"),
    ],
)
def test_bad_spaces_are_refused(dimensions, text):
    with pytest.raises(ValueError, match=text):
        Space(dimensions)


@pytest.mark.parametrize(
    ("point", "text"),
    [
        ({"act": "tanh"}, r"point\['act'\] is 'tanh'; expected one of"),
        ({"act": None}, r"add \['depth'\]"),
        ({"act": None, "depth": 3, "omega": 2.0}, r"leave out \['omega'\]"),
        ({"act": None, "depth": 9}, "whole number from 2 to 5"),
        ({"act": None, "depth": 2.5}, "whole number"),
        ({"act": None, "depth": True}, "whole number"),
        ({"act": "siren", "omega": float("nan"), "sigma": 1.0, "depth": 2}, "from 1 to 100"),
        ([1], "expected a dict"),
    ],
)
def test_bad_points_are_refused(point, text):
    with pytest.raises(ValueError, match=text):
        SPACE.check_point(point)


def test_decode_refuses_a_wrong_shape():
    with pytest.raises(ValueError, match=r"expected \(9,\)"):
        SPACE.decode(np.zeros(3))


def test_a_constant_is_a_dimension_of_one_value():
    space = Space({"x": Float(2, 2), "n": Int(3, 3), "s": Float(1, 1, log=True), "y": Float(0, 1)})
    for point in (*space.sample(0, 3), *space.latin_hypercube(0, 3)):
        assert (point["x"], point["n"], point["s"]) == (2.0, 3, 1.0)
        assert space.decode(space.encode(point)) == point
    assert Space.from_json(space.to_json()) == space


def test_a_value_outside_by_a_rounding_is_the_end():
    space = Space({"rate": Float(1e-4, 1.0, log=True), "x": Float(-1e3, 1e3)})
    point = space.check_point({"rate": float(np.float32(1e-4)), "x": 1000.0001})
    assert point == {"rate": 1e-4, "x": 1000.0}
    for wrong in (
        {"rate": 0.99e-4, "x": 0.0},
        {"rate": 0.1, "x": 1000.1},
        {"rate": 0.1, "x": math.nan},
    ):
        with pytest.raises(ValueError, match="expected a number from"):
            space.check_point(wrong)


LISTED = Space(
    {
        "layers": Int(1, 4),
        "width": Int(values=[64, 16, 32]),
        "rate": Float(values=[0.1, 1.0, 0.3], when={"width": (32, 64)}),
        "w_3": Int(1, 8, when={"layers": (3, 4)}),
        "act": Choice("ab", when={"layers": range(2, 5)}),
        "omega": Float(1, 9, when={"act": "a", "w_3": (1, 2, 7)}),
    }
)


def test_listed_values_have_an_order():
    width = LISTED.dimensions["width"]
    assert width.values == (16, 32, 64) and (width.low, width.high) == (16, 64)
    assert [width.from_unit(u) for u in (0.0, 0.3, 0.4, 0.6, 0.7, 1.0)] == [16, 16, 32, 32, 64, 64]
    assert [width.to_unit(value) for value in width.values] == pytest.approx([1 / 6, 1 / 2, 5 / 6])
    rate = LISTED.dimensions["rate"]
    assert rate.check(np.float32(0.3)) == 0.3 and rate.check(1) == 1.0
    for wrong in (33, 32.0, True, "16"):
        with pytest.raises(ValueError, match="expected one of"):
            width.check(wrong)
    for wrong in (0.2, float("nan"), None):
        with pytest.raises(ValueError, match="expected one of"):
            rate.check(wrong)
    assert Space.from_json(LISTED.to_json()).to_json() == LISTED.to_json()


@pytest.mark.parametrize(
    ("dimension", "text"),
    [
        (Int(values=[]), "expected one or more different whole numbers"),
        (Int(values=[16, 16]), "one or more different"),
        (Int(values=[16, 0.5]), "different whole numbers"),
        (Float(values=[1, "a"]), "one or more different numbers"),
        (Float(values=[1, math.inf]), "expected finite values"),
        (Float(values=[1, 2], log=True), "and no log"),
        (Int(), "expected finite whole numbers"),
    ],
)
def test_wrong_lists_of_values(dimension, text):
    with pytest.raises(ValueError, match=text):
        Space({"x": dimension})


def test_whole_numbers_are_parents_too():
    """On the host and in compiled code alike: the names of a point, and the vector."""
    assert LISTED.active({"layers": 1, "width": 16}) == ("layers", "width")
    both = jax.jit(lambda u, c: (activity(LISTED.structure, u, c), embed(LISTED.structure, u, c)))
    numbers = ["layers", "width", "rate", "w_3", "omega"]
    seen = set()
    for point in LISTED.sample(0, 60):
        (is_number, is_choice), x = both(*map(jnp.asarray, LISTED.split(point)))
        assert [name in point for name in numbers] == list(is_number)
        assert ["act" in point] == list(is_choice)
        np.testing.assert_allclose(x, LISTED.encode(point), atol=1e-6)
        assert LISTED.check_point(point) == point
        seen |= {tuple(point)}
    assert len(seen) == 8
    with pytest.raises(ValueError, match=r"point\['layers'\] is 9"):
        LISTED.check_point({"layers": 9, "width": 16})
    with pytest.raises(ValueError, match=r"when=.*Choice, or of an Int of at most 1024"):
        Space({"n": Int(1, 5000), "x": Float(0, 1, when={"n": 3})})
    with pytest.raises(ValueError, match=r"when=.*Choice, or of an Int"):
        Space({"n": Float(0, 1), "x": Float(0, 1, when={"n": 0.5})})


@pytest.mark.integration
def test_a_search_over_depth_and_listed_values():
    """Best with three layers, 32 wide, where the third one has a width of its own."""

    def value(point):
        third = abs(point["w_3"] - 6) if "w_3" in point else 4
        return -abs(point["layers"] - 3) - third - abs(math.log2(point["width"] / 32))

    found = maximise(value, LISTED, 30, num_initial=10)
    assert found.best_value > -0.5
    names = {"layers": 3, "w_3": 6}
    assert (
        found.ask(fixed={"w_3": 6})["layers"] in (3, 4)
        and found.best_point.items() >= names.items()
    )
