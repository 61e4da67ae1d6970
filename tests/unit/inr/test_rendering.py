"""Rendering at any size: what is where, what a coarser point is the mean of, what is doubted."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr import model, representation
from optiinr_jax.signals import Scores, make_signal, mesh_of, psnr
from optiinr_jax.signals.mesh import volume_of
from tests.helpers import draw_variables

SHAPES = {"image": (6, 10), "audio": (24,), "volume": (5, 4, 6)}
SLOPES = {"image": (0.05, -0.03), "audio": (0.02,), "volume": (0.0611, 0.0317, -0.0503)}
KINDS = list(SHAPES)


def frame_of(kind):
    """Of a signal whose values are a ramp over the places of its samples."""
    places = np.stack(np.meshgrid(*map(np.arange, SHAPES[kind]), indexing="ij"), axis=-1)
    attributes = {"sample_rate": 8000.0} if kind == "audio" else {}
    samples = ramp(kind, places)[..., None]
    samples = samples >= 0.5 if kind == "volume" else samples
    return make_signal(kind, samples, attributes=attributes).frame


def ramp(kind, places):
    """Natural values at places, counted in samples; within the range of the kind."""
    return 0.4 + np.asarray(places, float) @ np.array(SLOPES[kind])


def ramp_network(kind):
    """A network that is this ramp everywhere: one unit for each axis, always on its linear side."""
    frame = frame_of(kind)
    num_dims = frame.num_dims
    low, high = -1.0, 1.0
    steps = np.array([(high - low) / (n - 1) for n in frame.shape])
    lift = 2.0 * high
    slopes = np.array(SLOPES[kind]) / steps
    offset = ramp(kind, -low / steps)
    params = {
        "hidden_0": {"kernel": np.eye(num_dims), "bias": np.full(num_dims, lift)},
        "output": {"kernel": slopes[:, None], "bias": np.array([offset - lift * slopes.sum()])},
    }
    params = {
        layer: {name: jnp.asarray(x, jnp.float32) for name, x in leaves.items()}
        for layer, leaves in params.items()
    }
    config = inr.NetworkConfig(layers=(inr.make_layer("relu"),), width=num_dims)
    variables = {"params": params, "constants": {}}
    return inr.INR(config=config, variables=variables, frame=frame, score=0.0, num_steps=1)


def places_of(kind, shape):
    """Where the points of a render lie, written out: cells cover what the own cells cover."""
    axes = []
    for count, n in zip(shape, SHAPES[kind], strict=True):
        k, scale = np.arange(count), count / n
        axes.append(k / scale if kind == "audio" else (k + 0.5) / scale - 0.5)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1.0, 2.0, 3.0, 0.5, 0.3])
def test_a_ramp_is_rendered_at_the_right_places(kind, scale):
    """Also on coarser grids, because the mean of a ramp over a cell is its middle."""
    found = ramp_network(kind).render(scale)
    shape = tuple(max(1, round(n * scale)) for n in SHAPES[kind])
    assert found.shape == (*shape, 1)
    np.testing.assert_allclose(found[..., 0], ramp(kind, places_of(kind, shape)), atol=2e-6)


def test_a_picture_is_not_shifted_against_other_programs():
    """Twice as large, the mean of 2 x 2 pixels is the pixel: ends included would stretch it."""
    network = ramp_network("image")
    large = network.render(2.0)[..., 0]
    blocks = large.reshape(6, 2, 10, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(blocks, network.render()[..., 0], atol=1e-6)


def test_a_sound_keeps_its_time():
    network = ramp_network("audio")
    rendered = network.render(sample_rate=16000.0)
    np.testing.assert_array_equal(rendered, network.render(2.0))
    np.testing.assert_allclose(rendered[::2], network.render(), atol=1e-6)  # second k stays k
    third = network.render(shape=(8,))
    np.testing.assert_allclose(third[:, 0], ramp("audio", np.arange(8)[:, None] * 3), atol=1e-6)


@pytest.fixture(scope="module")
def wavy():
    """A network that is no ramp, of a picture of 6 x 10."""
    layers = (inr.make_layer("siren", omega=6.0),) * 2
    ranges = {"value_range": (-1.0, 1.0), "natural_range": (0.0, 1.0)}
    config = inr.NetworkConfig(layers=layers, width=6, **ranges)
    variables = draw_variables(config, 3, num_channels=1)
    frame = frame_of("image")
    return inr.INR(config=config, variables=variables, frame=frame, score=0.0, num_steps=1)


def values_at(network, axes):
    """Natural values at places, counted in samples, of every axis."""
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return network.predict(2.0 * places / (np.array(network.frame.shape) - 1) - 1.0)


@pytest.mark.integration
def test_half_the_size_is_the_mean_of_blocks(wavy):
    whole, half = wavy.render(), wavy.render(0.5)
    blocks = whole.reshape(3, 2, 5, 2, 1).mean(axis=(1, 3))
    np.testing.assert_allclose(half, blocks, atol=1e-6)
    middles = values_at(wavy, [np.arange(3) * 2 + 0.5, np.arange(5) * 2 + 0.5])
    assert np.abs(half - middles).max() > 1e-3


@pytest.mark.integration
@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (1, 1), (6, 3)])
def test_a_coarser_point_is_the_mean_over_its_cell(wavy, shape):
    """Against 40 points an axis; an axis that is no coarser has the point itself."""
    many = [40 if n < m else 1 for n, m in zip(shape, (6, 10), strict=True)]
    fine = [
        (np.arange(k * n) + 0.5) / (k * n) * m - 0.5
        for k, n, m in zip(many, shape, (6, 10), strict=True)
    ]
    mean = values_at(wavy, fine).reshape(shape[0], many[0], shape[1], many[1], 1).mean(axis=(1, 3))
    found = wavy.render(shape=shape)
    spread = np.ptp(wavy.render())
    np.testing.assert_allclose(found, mean, atol=0.02 * spread)


def test_a_region_is_cells_of_a_part(wavy):
    """As many points as fall into it, or as asked for, where they lie in the whole."""
    whole = wavy.render(2.0)
    part = wavy.render(2.0, region=[(0.0, 0.5), (0.25, 1.0)])
    assert part.shape == (6, 15, 1)
    np.testing.assert_allclose(part, whole[:6, 5:], atol=1e-6)
    part = wavy.render(shape=(9, 4), region=[(0.1, 0.3), (0.5, 0.6)])
    rows = (0.1 + (np.arange(9) + 0.5) / 9 * 0.2) * 6 - 0.5
    columns = (0.5 + (np.arange(4) + 0.5) / 4 * 0.1) * 10 - 0.5
    np.testing.assert_allclose(part, values_at(wavy, [rows, columns]), atol=1e-5)
    everything = wavy.render(region=[(0.0, 1.0), (0.0, 1.0)])
    np.testing.assert_array_equal(everything, wavy.render())


def test_rendering_in_chunks_changes_nothing(wavy, monkeypatch):
    whole = [wavy.render(scale) for scale in (3.0, 0.4)]
    monkeypatch.setattr(representation, "_PREDICT_POINTS", 32)
    for scale, expected in zip((3.0, 0.4), whole, strict=True):
        np.testing.assert_allclose(wavy.render(scale), expected, atol=1e-5)


@pytest.mark.parametrize("num_points", [1, 7, 10, 11, 32])
def test_parts_of_any_number_of_points_are_the_whole(wavy, monkeypatch, num_points):
    """The last one may be filled up; they are of ten points, or nearly."""
    network = wavy.network()
    monkeypatch.setattr(model, "part_size", lambda width, num: -(-num // -(-num // 10)))
    coords = jnp.linspace(-1.0, 1.0, 2 * num_points).reshape(num_points, 2)
    values = network(coords)
    assert values.shape == (num_points, 1)
    np.testing.assert_allclose(values, jnp.stack([wavy(c) for c in coords]), atol=1e-5)


@pytest.mark.parametrize(
    "region",
    [
        [(0.0, 1.0)],
        [(0.0, 1.0)] * 3,
        [(0.5, 0.5), (0.0, 1.0)],
        [(0.8, 0.2), (0.0, 1.0)],
        [(-0.1, 0.5), (0.0, 1.0)],
        [(0.0, 1.1), (0.0, 1.0)],
        [(0.0, float("nan")), (0.0, 1.0)],
    ],
)
def test_regions_that_are_none(wavy, region):
    with pytest.raises(ValueError, match=r"region is .*, but 2 pairs \(start, stop\)") as refused:
        wavy.render(region=region)
    assert "\n" not in str(refused.value)


def test_sizes_that_are_none(wavy):
    with pytest.raises(
        ValueError, match="a sample_rate was given, but this signal's kind is image"
    ):
        wavy.render(sample_rate=44100.0)
    with pytest.raises(ValueError, match="scale is -1"):
        wavy.render(-1.0)
    with pytest.raises(ValueError, match="shape is"):
        wavy.render(shape=(0, 3))


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0, 3.0])
def test_a_solid_lies_where_it_lies_at_any_scale(scale):
    """A ball about (1, 2, 3) of radius 0.5, on the grid of its box."""
    frame = oi.sample_signal("volume", size=12).frame
    box = {f"low_{a}": i - 0.4 for i, a in enumerate("xyz", 1)}
    box |= {f"high_{a}": i + 0.4 for i, a in enumerate("xyz", 1)}
    frame = replace(frame, shape=(9, 9, 9), attributes=box)
    grid = frame.scaled(scale)
    # Voxels are 0.1 wide, centres from -0.4 to 0.4, so the box of the cells reaches to 0.45.
    x = np.asarray(grid.grid_coords(), float) * 0.4
    inside = (0.5 + 5.0 * (0.35 - np.linalg.norm(x, axis=1))).astype(np.float32)
    mesh = mesh_of(inside[:, None], grid)
    distance = np.linalg.norm(mesh.vertices - np.array([1.0, 2.0, 3.0]), axis=1)
    np.testing.assert_allclose(distance, 0.35, atol=0.012 / scale)
    assert volume_of(mesh) == pytest.approx(4 / 3 * np.pi * 0.35**3, rel=0.05 / scale)


@pytest.mark.integration
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [2, 3])
def test_evaluating_on_a_larger_signal_looks_at_its_places(kind, factor):
    network = ramp_network(kind)
    shape = tuple(factor * n for n in SHAPES[kind])
    samples = ramp(kind, places_of(kind, shape))
    attributes = {"sample_rate": 8000.0 * factor} if kind == "audio" else {}
    if kind == "volume":  # its metric counts which voxels are full
        samples = samples >= 0.5
    signal = make_signal(kind, samples[..., None], attributes=attributes)
    scores = network.evaluate(signal)
    metric = signal.metric_name
    assert scores[metric] > (0.999 if kind == "volume" else 90.0)
    assert f"{metric} between samples" in scores


@pytest.mark.integration
def test_evaluating_on_a_smaller_picture_compares_means_over_its_cells(wavy):
    small = make_signal("image", np.clip(wavy.render(0.5), 0, 1))
    scores = wavy.evaluate(small)
    assert scores["PSNR (dB)"] > 90.0
    assert scores["PSNR of clipped values (dB)"] > 90.0  # of the render, which averages too
    other = make_signal("image", np.random.default_rng(0).uniform(size=(4, 7, 1)))
    expected = psnr(wavy.render(shape=(4, 7)), other.samples)
    assert wavy.evaluate(other)["PSNR (dB)"] == pytest.approx(float(expected), abs=1e-3)


def test_a_signal_of_another_kind_is_refused(wavy):
    with pytest.raises(ValueError, match="the model is of kind image with 1 channels, but"):
        wavy.evaluate(oi.sample_signal("audio", size=20))
    with pytest.raises(ValueError, match="is of kind image with 3"):
        wavy.evaluate(oi.sample_signal("image", size=4))


@pytest.mark.parametrize(
    ("between", "control", "is_doubted"),
    [(30.0, 34.0, True), (30.0, 30.9, False), (30.0, 31.1, True), (36.0, 34.0, False)],
)
def test_a_network_that_interpolates_worse_than_its_samples_is_doubted(
    wavy, between, control, is_doubted
):
    """By more than the metric's margin, 1 dB; in one sentence with both numbers."""
    scores = Scores(40.0, between, 35.0, control, "cubic")
    network = replace(wavy, scores=scores, objective="samples")
    assert bool(network.doubt) == is_doubted
    if is_doubted:
        assert f"{between:g}" in network.doubt and f"{control:.4g}" in network.doubt
        assert "the cubic spline of the samples" in network.doubt
        assert 'objective="continuous"' in network.doubt and "\n" not in network.doubt
        again = replace(network, objective="continuous")
        assert "objective" not in again.doubt and "longer" in again.doubt
    assert replace(wavy, scores=None).doubt == ""


def test_a_repr_looks_at_no_weights(wavy, monkeypatch):
    """It once packed and hashed the whole model for its size in KiB."""
    monkeypatch.setattr(representation, "pack", lambda content: pytest.fail("packed"))
    assert "6 x 10" in repr(wavy) and "siren-siren" in wavy._repr_html_()
    assert f"parameters={wavy.num_params}" in repr(wavy)
