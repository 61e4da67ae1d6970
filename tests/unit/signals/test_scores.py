"""Scores at the samples and between them: where the places lie, what the figures are made of."""

import json
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from optiinr_jax.signals import KINDS, OBJECTIVES, Scores, make_signal, sample_signal
from optiinr_jax.signals.continuous import SIMPLER, ContinuousSignal
from optiinr_jax.signals.coordinates import places_of_coords
from optiinr_jax.signals.scores import between_places, check_objective, read_scores

RNG = np.random.default_rng(0)
at = jax.jit(ContinuousSignal.at)


@pytest.mark.parametrize(("shape", "edge"), [((300,), 0.0), ((40, 30), -0.5), ((9, 7, 8), -0.5)])
def test_places_lie_evenly_over_all_cells(shape, edge):
    """Far more so than random ones: on every axis, in every cell, and by their discrepancy."""
    places = between_places(shape, edge)
    count, num_dims = places.shape
    assert num_dims == len(shape) and count >= max(1024, 2 * math.prod(shape))
    unit = (places.astype(float) - edge) / np.array(shape)
    assert (unit >= 0).all() and (unit < 1).all()
    for axis in range(num_dims):  # the Kolmogorov distance from uniform; a random one's is 1/sqrt n
        steps = (np.arange(count) + 0.5) / count
        distance = np.abs(np.sort(unit[:, axis]) - steps).max()
        assert distance < 0.3 / np.sqrt(count)
    cells = np.floor(unit * np.array(shape)).astype(int)
    filled = np.zeros(shape, int)
    np.add.at(filled, tuple(cells.T), 1)
    spread = filled.std() / np.sqrt(count / filled.size)  # 1 for random places
    assert spread < 0.75
    few = unit[:1500]
    ours, theirs = (qmc.discrepancy(u, method="CD") for u in (few, RNG.random(few.shape)))
    assert ours < theirs / 3
    # Neither at the samples nor at one and the same offset from them.
    offsets = (places - edge) % 1.0
    assert len(np.unique(offsets.round(3), axis=0)) > 0.3 * count or num_dims == 1


@pytest.mark.integration
def test_places_follow_from_the_shape_alone():
    seen = []

    def predict(coords):
        seen[-1].append(np.asarray(coords))
        return jnp.zeros((len(coords), 1))

    for values in (RNG.uniform(size=(9, 8, 1)), RNG.uniform(size=(9, 8, 1))):
        seen.append([])
        make_signal("image", values).scores(predict)
    first, second = (np.concatenate(chunks) for chunks in seen)
    np.testing.assert_array_equal(first, second)
    places = places_of_coords(first.astype(float), (9, 8))
    expected = np.concatenate([np.stack(np.unravel_index(np.arange(72), (9, 8)), -1)])
    np.testing.assert_allclose(places[:72], expected, atol=1e-5)
    np.testing.assert_allclose(places[72:], between_places((9, 8), -0.5), atol=1e-5)


GRIDS = [kind for kind in KINDS if kind != "points"]


@partial(jax.jit, static_argnums=1)
def wave(coords, num_channels):
    """A network that is none."""
    return jnp.stack([0.7 * jnp.sin(2.0 * coords.sum(-1) + i) for i in range(num_channels)], -1)


def natural(signal, values):
    return np.asarray(signal.frame.to_natural(np.asarray(values, float)))


def direct(signal, values, targets):
    """The kind's metric, written out in float64."""
    if signal.kind != "volume":
        return -10 * np.log10(np.mean((values - targets) ** 2) / signal.frame.unit**2)
    inside, target = values >= 0.5, targets >= 0.5
    return (inside & target).sum() / (inside | target).sum()


@pytest.mark.integration
@pytest.mark.parametrize("kind", GRIDS)
def test_figures_are_those_of_the_formula(kind):
    """Between the samples against `Signal.at`; the control by interpolating the samples alone."""
    signal = sample_signal(kind, size={"image": (9, 11), "audio": 150}.get(kind, 7))
    num_channels = signal.num_channels
    found = signal.scores(lambda coords: wave(coords, num_channels))
    values = np.asarray(wave(signal.grid_coords(), num_channels), float)
    samples = signal.samples.reshape(values.shape)
    assert found.samples == pytest.approx(direct(signal, values, samples), rel=1e-5)
    # The very places at which a solid is known are those of its lattice.
    places = np.asarray(
        signal.continuous.snap(jnp.asarray(between_places(signal.shape, KINDS[kind].edge)))
    )
    sides = np.array(signal.shape) - 1
    coords = (2.0 * places / sides - 1.0).astype("f4")
    there, target = np.asarray(wave(coords, num_channels), float), signal.at(coords)
    assert found.between == pytest.approx(direct(signal, there, target), rel=2e-4)
    guess = natural(signal, at(signal.interpolated(signal.control), jnp.asarray(places)))
    assert found.control == pytest.approx(direct(signal, guess, target), rel=2e-4)
    assert found.control_name == signal.control
    if kind == "volume":
        pairs = [(values >= 0.5, samples >= 0.5), (there >= 0.5, target >= 0.5)]
        shared, either = (
            sum(np.mean(operation(*pair)) for pair in pairs)
            for operation in (np.logical_and, np.logical_or)
        )
        assert found.both == pytest.approx(shared / either, rel=1e-6)
    else:
        errors = [10 ** (-figure / 10) for figure in (found.samples, found.between)]
        assert found.both == pytest.approx(-10 * np.log10(np.mean(errors)), rel=1e-9)
    assert min(found[:2]) <= found.both <= max(found[:2])


@pytest.mark.integration
@pytest.mark.parametrize("kind", GRIDS)
def test_a_network_that_is_the_signal_beats_its_control(kind):
    """And one that is right at the samples alone has a good figure there alone."""
    signal = sample_signal(kind, size=16)
    found = signal.scores(
        lambda coords: signal.frame.to_natural(at(signal.continuous, places_of(signal, coords)))
    )
    best = 1.0 if kind == "volume" else 90.0
    assert min(found.samples, found.between, found.both) >= best
    assert found.control < found.between
    if kind != "image":
        return

    def at_samples_alone(coords):
        places = places_of(signal, coords)
        bump = jnp.prod(jnp.sin(jnp.pi * places), axis=1, keepdims=True)  # 0 at every sample
        return signal.frame.to_natural(at(signal.continuous, places) + 0.5 * bump)

    found = signal.scores(at_samples_alone)
    assert found.samples > 90.0 and found.between < 25.0
    assert OBJECTIVES["samples"](found) == found.samples
    assert OBJECTIVES["continuous"](found) == found.both < found.between + 3.1


def places_of(signal, coords):
    return jnp.asarray(places_of_coords(coords, signal.shape))


@pytest.mark.integration
def test_the_control_is_the_next_simpler_row_where_the_usual_one_is_the_reference():
    """A cubic spline cannot be measured against itself."""
    picture = make_signal("image", RNG.uniform(size=(12, 12, 1)))
    assert (picture.reference, picture.control) == ("cubic", "linear")
    assert math.isfinite(picture.control_score)
    solid = sample_signal("volume", size=8)  # made by formula, so it is known between its voxels
    assert (solid.reference, solid.control) == ("file", "linear")
    sound = sample_signal("audio", size=64)
    assert (sound.reference, sound.control) == ("sinc", "linear")
    assert set(SIMPLER) >= {row.interpolation for row in KINDS.values()}


def test_scores_go_through_json_and_strangers_do_not():
    scores = Scores(40.0, 30.5, 33.0, 31.0, "cubic")
    assert read_scores(json.loads(json.dumps(scores._asdict()))) == scores
    assert scores.control_label == "the cubic spline"
    assert scores._replace(control_name="new").control_label == "new"
    record = scores._asdict()
    for broken in (
        None,
        3,
        [],
        {},
        record | {"extra": 1.0},
        record | {"samples": "40"},
        record | {"control": None},
        record | {"control_name": 7},
        {name: value for name, value in record.items() if name != "between"},
    ):
        assert read_scores(broken) is None, broken


def test_unknown_objectives_are_named():
    check_objective("continuous")
    with pytest.raises(ValueError, match="unknown objective 'best'; known are continuous, samples"):
        check_objective("best")
