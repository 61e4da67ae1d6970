"""A signal between its samples against SciPy, Pillow and signals that are known everywhere."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh
from PIL import Image
from scipy.ndimage import map_coordinates

from optiinr_jax.signals import INTERPOLATIONS, load_signal, make_signal, sample_signal, write_image
from optiinr_jax.signals.continuous import SIMPLER, ContinuousSignal, lanczos_matrix, sinc_weights
from optiinr_jax.signals.targets import LEVELS, dense_targets, make_finer

RNG = np.random.default_rng(0)
EDGES = {1: 0.0, 2: -0.5, 3: -0.5}
at = jax.jit(ContinuousSignal.at)
on_grid = jax.jit(ContinuousSignal.on_grid)


def make(name, values, edge=None):
    """A continuous signal through the values of a grid, (*shape, C)."""
    shape = values.shape[:-1]
    edge = EDGES[len(shape)] if edge is None else edge
    rows = dense_targets(values.reshape(-1, values.shape[-1]))
    return INTERPOLATIONS[name](rows, shape, edge)


def grid_places(shape):
    axes = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    return np.stack(axes, axis=-1).reshape(-1, len(shape)).astype("f4")


def draw_places(shape, num, margin=0.0, edge=-0.5):
    """All over the cells of a grid, or `margin` samples away from its ends."""
    low, high = edge + margin, np.array(shape) - 1.0 - edge - margin
    return RNG.uniform(low, high, (num, len(shape))).astype("f4")


def values_at(signal, places):
    return np.asarray(at(signal, jnp.asarray(places, jnp.float32)), float)


@pytest.mark.integration
@pytest.mark.parametrize("shape", [(40,), (38, 45), (30, 29, 31)])
def test_cubic_is_scipys(shape):
    values = RNG.uniform(size=(*shape, 2))
    places = draw_places(shape, 200, margin=11.0)
    found = values_at(make("cubic", values), places)
    for c in range(2):
        exact = map_coordinates(values[..., c], places.T.astype(float), order=3, mode="mirror")
        np.testing.assert_allclose(found[:, c], exact, atol=5e-6)


@pytest.mark.parametrize("shape", [(7,), (6, 5), (4, 5, 6)])
def test_linear_and_nearest_are_scipys(shape):
    values = RNG.uniform(size=(*shape, 1))
    places = draw_places(shape, 300)
    for name, order in (("linear", 1), ("nearest", 0)):
        exact = map_coordinates(values[..., 0], places.T.astype(float), order=order, mode="nearest")
        found = values_at(make(name, values), places)[:, 0]
        np.testing.assert_allclose(found, exact, atol=3e-6, err_msg=name)


def rows_on(*shapes):
    """Every row on grids that it serves: sinc is of sounds alone."""
    return [(n, shape) for n in INTERPOLATIONS for shape in shapes if n != "sinc" or len(shape) < 2]


@pytest.mark.integration
@pytest.mark.parametrize(("name", "shape"), rows_on((9,), (2,), (6, 5), (3, 2, 4)))
def test_at_the_samples_it_is_the_sample(name, shape):
    """Also with as few as two on a side."""
    values = RNG.uniform(-1, 1, (*shape, 2))
    found = values_at(make(name, values), grid_places(shape))
    np.testing.assert_allclose(found, values.reshape(-1, 2), atol=3e-6)


def ramp(places):
    """A slope along every axis, and an offset."""
    return 0.3 + places @ np.array([0.02, -0.013, 0.007])[: places.shape[1]]


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "shape"),
    [("cubic", (8,)), ("cubic", (2, 9)), ("cubic", (5, 4, 3)), ("sinc", (50,)), ("sinc", (3,))],
)
def test_constants_and_ramps_go_on_to_the_ends_of_the_cells(name, shape):
    """Also in the outer half cell, where there is no sample on the other side."""
    edge = EDGES[len(shape)]
    grid = grid_places(shape).astype(float)
    places = draw_places(shape, 200, edge=edge)
    ends = np.array([[edge] * len(shape), np.array(shape) - 1.0 - edge], "f4")
    places = np.concatenate([places, ends])
    for function in (lambda x: np.full(len(x), 0.7), ramp):
        signal = make(name, function(grid).reshape(*shape, 1))
        np.testing.assert_allclose(
            values_at(signal, places)[:, 0], function(places.astype(float)), atol=4e-6
        )


def test_linear_and_nearest_repeat_the_outermost_sample():
    values = RNG.uniform(size=(5, 4, 1))
    places = np.array([[-0.5, -0.5], [4.5, 3.5], [-0.5, 3.5]], "f4")
    for name in ("linear", "nearest"):
        found = values_at(make(name, values), places)[:, 0]
        np.testing.assert_allclose(found, values[[0, -1, 0], [0, -1, -1], 0], atol=1e-6)


def sines(places, limit):
    """A sum of sines with frequencies up to `limit` times half a cycle a sample."""
    rng = np.random.default_rng(5)
    total = np.zeros(len(places))
    for _ in range(6):
        direction = rng.normal(size=places.shape[1])
        way = np.pi * limit * direction / np.abs(direction).sum() * rng.uniform(0.3, 1.0)
        total += 0.15 * np.sin(places @ way + rng.uniform(0, 6))
    return total


def test_a_band_limited_sound_is_known_between_its_samples():
    """By the sampling theorem: to -75 dB up to nine tenths of half the sample rate."""
    shape = (400,)
    signal = make("sinc", sines(grid_places(shape).astype(float), 0.88)[:, None])
    places = draw_places(shape, 1000, margin=40.0, edge=0.0)
    exact = sines(places.astype(float), 0.88)
    error = values_at(signal, places)[:, 0] - exact
    assert np.sqrt(np.mean(error**2)) < 10 ** (-75 / 20) * np.sqrt(np.mean(exact**2))
    linear = make("linear", sines(grid_places(shape).astype(float), 0.88)[:, None])
    worse = values_at(linear, places)[:, 0] - exact
    assert np.abs(error).max() < 1e-3 * np.abs(worse).max()


def test_a_long_sound_has_a_coarser_lattice_and_the_same_values(monkeypatch):
    values = sines(grid_places((300,)).astype(float), 0.5)[:, None]
    places = draw_places((300,), 300, margin=40.0, edge=0.0)
    fine = make("sinc", values)
    monkeypatch.setattr("optiinr_jax.signals.continuous._LONG_SOUND", 100)
    coarse = make("sinc", values)
    assert (fine.factor, coarse.factor) == (8, 4)
    np.testing.assert_allclose(values_at(coarse, places), values_at(fine, places), atol=2e-4)


@pytest.mark.parametrize(("limit", "bound"), [(0.25, 1e-3), (0.5, 2e-2)])
def test_a_smooth_picture_is_nearly_known_between_its_samples(limit, bound):
    shape = (40, 40)
    signal = make("cubic", sines(grid_places(shape).astype(float), limit).reshape(*shape, 1))
    places = draw_places(shape, 500, margin=6.0)
    error = values_at(signal, places)[:, 0] - sines(places.astype(float), limit)
    assert np.abs(error).max() < bound


def test_every_phase_of_the_windowed_sinc_has_sum_one():
    for phase in np.linspace(0, 1, 9):
        weights = sinc_weights(phase - np.arange(-31, 33))
        assert weights.sum() == pytest.approx(1.0)
    exact = np.zeros(64)
    exact[31] = 1.0
    np.testing.assert_allclose(sinc_weights(0.0 - np.arange(-31, 33)), exact, atol=1e-12)


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_moving_by_whole_cells_gives_the_samples(name):
    """A signal moved by a sample has the values of the next sample, between them too."""
    values = RNG.uniform(size=(70, 1))
    first, second = make(name, values[:-1]), make(name, values[1:])
    places = draw_places((69,), 100, margin=34.0, edge=0.0)
    moved = values_at(first, places + 1.0)
    np.testing.assert_allclose(moved, values_at(second, places), atol=1e-4)


@pytest.mark.integration
@pytest.mark.parametrize(("name", "shape"), rows_on((12,), (7, 5), (4, 3, 5)))
def test_a_moved_grid_is_the_values_at_its_places(name, shape):
    signal = make(name, RNG.uniform(size=(*shape, 2)))
    edge = EDGES[len(shape)]
    offsets = [*RNG.uniform(edge, edge + 1.0, (3, len(shape))), np.zeros(len(shape))]
    for offset in [*offsets, np.full(len(shape), edge), np.full(len(shape), edge + 0.9999)]:
        offset = jnp.asarray(offset, jnp.float32)
        expected = values_at(signal, grid_places(shape) + np.asarray(offset))
        np.testing.assert_allclose(on_grid(signal, offset), expected, atol=6e-6)


@pytest.mark.integration
def test_a_moved_grid_of_a_finer_lattice_is_the_values_at_its_places():
    fine = RNG.uniform(size=(18, 15, 1))
    signal = make_signal("image", fine[1::3, 1::3], finer=make_finer(3, fine)).continuous
    assert signal.factor == 3
    for offset in RNG.uniform(-0.5, 0.5, (5, 2)):
        expected = values_at(signal, grid_places((6, 5)) + offset.astype("f4"))
        np.testing.assert_allclose(
            on_grid(signal, jnp.asarray(offset, jnp.float32)), expected, atol=6e-6
        )


@pytest.mark.integration
@pytest.mark.parametrize("name", ["linear", "cubic", "sinc"])
def test_slopes_are_finite_everywhere_and_right(name):
    signal = make(name, RNG.uniform(size=(80, 1)))
    slope = jax.jit(jax.vmap(jax.grad(lambda x: signal.at(x[None, None])[0, 0])))
    special = jnp.asarray([0.0, 1.0, 40.0, 40.5, 79.0, 79.999, -0.25], jnp.float32)
    assert np.isfinite(slope(special)).all()
    places = draw_places((80,), 100, margin=3.0, edge=0.0)[:, 0]
    places = places[np.abs(places * 8 - np.round(places * 8)) > 0.1]  # away from the knots
    ends = [values_at(signal, (places + step)[:, None])[:, 0] for step in (0.004, -0.004)]
    numeric = (ends[0] - ends[1]) / 0.008
    np.testing.assert_allclose(slope(jnp.asarray(places)), numeric, atol=8e-3)


def test_float64_places_keep_their_precision():
    """Where float32 counts in steps of 1/64 of a sample."""
    count = 2**18
    values = np.sin(np.arange(count) / 3.0)[:, None]
    places = RNG.uniform(count - 400, count - 20, (50, 1))
    with jax.enable_x64(True):
        found = np.asarray(at(make("cubic", values), jnp.asarray(places)))
    exact = map_coordinates(values[-500:, 0], places.T - (count - 500), order=3, mode="mirror")
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[:, 0], exact, atol=1e-6)


def shifted_by_pillow(pixels, size, row, column):
    """The picture brought down by Pillow at places moved by parts of a new pixel.

    A frame is put around it, so that the moved box lies inside; it counts near the ends alone.
    """
    scale = len(pixels) // size
    framed = np.pad(pixels, ((scale, scale), (scale, scale), (0, 0)), mode="edge")
    left, top = scale * (1 + column), scale * (1 + row)
    box = (left, top, left + len(pixels), top + len(pixels))
    planes = [
        Image.fromarray(np.ascontiguousarray(framed[..., c], np.float32)).resize(
            (size, size), Image.Resampling.LANCZOS, box=box
        )
        for c in range(pixels.shape[-1])
    ]
    return np.clip(np.stack([np.asarray(plane) for plane in planes], axis=-1), 0, 1)


@pytest.mark.integration
def test_a_picture_brought_down_is_known_between_its_pixels(tmp_path):
    """At the samples the samples; a third of a pixel on what Pillow's filter gives there."""
    pixels = RNG.integers(40, 216, (84, 84, 3)) / 255.0
    path = write_image(tmp_path / "a.png", pixels)
    signal = load_signal(path, size=14)
    assert signal.reference == "file" and signal.control == "cubic"
    assert signal.continuous.factor == 3
    grid = grid_places((14, 14))
    natural = lambda v: np.asarray(signal.frame.to_natural(v)).reshape(14, 14, 3)  # noqa: E731
    np.testing.assert_allclose(
        natural(values_at(signal.continuous, grid)), signal.samples, atol=2e-5
    )
    inner = slice(4, 10)
    for row, column in [(1 / 3, 0.0), (-1 / 3, 1 / 3), (0.0, -1 / 3)]:
        moved = natural(values_at(signal.continuous, grid + np.array([row, column], "f4")))
        expected = shifted_by_pillow(pixels.astype("f4"), 14, row, column)
        np.testing.assert_allclose(moved[inner, inner], expected[inner, inner], atol=2e-5)
    spline = natural(values_at(signal.interpolated("cubic"), grid + np.float32(1 / 3)))
    known = shifted_by_pillow(pixels.astype("f4"), 14, 1 / 3, 1 / 3)
    assert np.abs(spline - known)[inner, inner].max() > 0.02  # which the pixels alone do not tell


@pytest.mark.parametrize("size", [84, 200, None])
def test_a_picture_at_its_own_size_or_larger_is_its_cubic(tmp_path, size):
    path = write_image(tmp_path / "a.png", RNG.uniform(size=(84, 84, 1)))
    signal = load_signal(path, size=size)
    assert signal.finer is None and signal.reference == "cubic" and signal.control == "linear"


def test_the_lanczos_matrix_is_pillows_filter():
    column = RNG.uniform(size=50)
    places = (np.arange(20) + 0.5) * 50 / 20
    found = lanczos_matrix(places, 50 / 20, 50) @ column
    plane = Image.fromarray(column[:, None].astype("f4"))
    expected = np.asarray(plane.resize((1, 20), Image.Resampling.LANCZOS))[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_solid_of_a_mesh_is_known_at_a_finer_lattice(tmp_path):
    """Its lattice is what the same mesh gives at as many times the voxels."""
    ball = trimesh.creation.icosphere(3)
    ball.apply_scale([1.0, 0.75, 0.5])
    path = tmp_path / "a.ply"
    ball.export(path)
    signal = load_signal(path, size=8)
    assert signal.shape == (8, 6, 4) and signal.finer.factor == 5
    fine = load_signal(path, size=40)
    np.testing.assert_array_equal(signal.finer.points, fine.stored)
    places = draw_places(signal.shape, 4000)
    found = values_at(signal.continuous, places)[:, 0] > 0.5
    radius = np.linalg.norm((places - (np.array([8, 6, 4]) - 1) / 2) / np.array([4, 3, 2]), axis=1)
    certain = np.abs(radius - 1.0) > 0.08  # half a point of the lattice, and the mesh's facets
    assert certain.mean() > 0.7
    np.testing.assert_array_equal(found[certain], radius[certain] < 1.0)


def test_a_solid_is_snapped_to_where_it_is_known():
    signal = sample_signal("volume", size=8).continuous
    offsets = RNG.uniform(-0.5, 0.4999, (200, 3)).astype("f4")
    snapped = np.asarray(signal.snap(jnp.asarray(offsets)))
    assert np.abs(snapped - offsets).max() <= 0.1 + 1e-6  # half a point of five to a voxel
    on_lattice = (snapped + 0.5) * 5 - 0.5
    np.testing.assert_allclose(on_lattice, np.round(on_lattice), atol=1e-4)
    cubic = make("cubic", RNG.uniform(size=(4, 4, 1)))
    np.testing.assert_array_equal(cubic.snap(jnp.asarray(offsets[:, :2])), offsets[:, :2])


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["image", "audio", "volume"])
def test_values_at_coordinates_are_natural_and_of_the_grid(kind):
    signal = sample_signal(kind, size=12)
    coords = np.asarray(signal.grid_coords()).reshape(*signal.shape, -1)
    np.testing.assert_allclose(signal.at(coords), signal.samples, atol=3e-5)
    assert signal.at(coords[0]).shape == (*signal.shape[1:], signal.num_channels)
    narrow = signal.with_value_range((-3.0, 5.0))
    again = narrow.at(np.asarray(narrow.grid_coords()).reshape(coords.shape))
    np.testing.assert_allclose(again, signal.samples, atol=3e-5)
    with pytest.raises(ValueError, match="but its last axis must be"):
        signal.at(np.zeros((3, 5)))


@pytest.mark.parametrize("interpolation", ["linear", "nearest", "cubic"])
def test_arrays_are_interpolated_as_asked(interpolation):
    values = RNG.uniform(size=(6, 6, 1))
    signal = make_signal("image", values, interpolation=interpolation)
    order = {"linear": 1, "nearest": 0, "cubic": 3}[interpolation]
    assert signal.continuous.order == order and signal.reference == interpolation
    assert signal.control == SIMPLER[interpolation]
    with pytest.raises(ValueError, match="interpolation is 'magic', but one of nearest, linear"):
        make_signal("image", values, interpolation="magic")


@pytest.mark.integration
def test_a_pytree_of_one_leaf_that_vmaps():
    pair = [make("cubic", RNG.uniform(size=(5, 4, 1))) for _ in range(2)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *pair)
    assert len(jax.tree.leaves(pair[0])) == 1
    places = jnp.asarray(draw_places((5, 4), 7))
    both = jax.vmap(partial(ContinuousSignal.at, places=places))(stacked)
    for found, signal in zip(both, pair, strict=True):
        np.testing.assert_allclose(found, at(signal, places), atol=1e-6)


def test_levels_of_a_finer_lattice_are_fractions():
    finer = make_finer(3, np.array([[[0.0], [1.0], [2.0]], [[-1.0], [0.5], [0.25]]]))
    assert finer.points.dtype == np.uint16
    np.testing.assert_allclose(
        finer.points[..., 0] / LEVELS, [[0, 1, 1], [0, 0.5, 0.25]], atol=1e-5
    )
    bits = make_finer(5, np.array([True, False, True]))
    np.testing.assert_array_equal(np.unpackbits(bits.points, count=3), [1, 0, 1])
