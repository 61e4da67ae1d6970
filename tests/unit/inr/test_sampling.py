"""Where the points of a step lie: every row against the signal's value there."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.inr.sampling import SAMPLINGS, sampling_of
from optiinr_jax.inr.task import floor_of, points_of
from optiinr_jax.signals import KINDS, make_signal
from optiinr_jax.signals.coordinates import places_of_coords
from optiinr_jax.signals.targets import make_finer

RNG = np.random.default_rng(0)
FINE = RNG.uniform(size=(21, 15, 1))


def make_ball(shape):
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    return np.linalg.norm(np.stack(axes), axis=0)[..., None] < 0.7


SIGNALS = {
    "picture": lambda: make_signal("image", RNG.uniform(size=(7, 5, 3))),
    "picture of a file": lambda: make_signal("image", FINE[1::3, 1::3], finer=make_finer(3, FINE)),
    "sound": lambda: make_signal(
        "audio", RNG.uniform(-1, 1, (40, 1)), attributes={"sample_rate": 8000.0}
    ),
    "voxels": lambda: make_signal("volume", make_ball((6, 5, 7))),
    "solid of a mesh": lambda: oi.sample_signal("volume", size=8),
}
CASES = [(name, row) for name in SIGNALS for row in SAMPLINGS]
CASES = [(n, row) for n, row in CASES if row != "surface" or n in ("voxels", "solid of a mesh")]


@pytest.fixture(scope="module")
def signals():
    return {name: make() for name, make in SIGNALS.items()}


@partial(jax.jit, static_argnames="row")
def draw(key, points, index, grid_share, row):
    return SAMPLINGS[row](key, points, index, grid_share)


def sample(signal, row, *, seed=0, index=None, grid_share=0.0):
    """Places, counted in samples, the coordinates, and natural values of a step's points."""
    index = None if index is None else jnp.asarray(index)
    rows = draw(jax.random.key(seed), points_of(signal, row), index, grid_share, row)
    coords, targets = map(np.asarray, rows)
    places = places_of_coords(coords.astype(float), signal.shape)
    return places, coords, np.asarray(signal.frame.to_natural(targets))


@pytest.mark.integration
@pytest.mark.parametrize(("name", "row"), CASES)
@pytest.mark.parametrize("is_batch", [False, True])
def test_a_target_is_the_signals_value_at_its_coordinates(signals, name, row, is_batch):
    """Of all points and of some; all inside the cells."""
    signal = signals[name]
    index = RNG.permutation(signal.num_points)[:11] if is_batch else None
    places, coords, values = sample(signal, row, index=index)
    assert len(values) == (11 if is_batch else signal.num_points)
    np.testing.assert_allclose(values, signal.at(coords), atol=3e-5)
    edge = signal.frame.edge
    assert (places >= edge - 1e-4).all()
    assert (places <= np.array(signal.shape) - 1 - edge + 1.0 * (edge == 0.0) + 1e-4).all()


@pytest.mark.parametrize("name", SIGNALS)
def test_the_grid_is_the_samples(signals, name):
    signal = signals[name]
    _, coords, values = sample(signal, "grid")
    np.testing.assert_array_equal(coords, signal.grid_coords())
    np.testing.assert_allclose(values.reshape(signal.samples.shape), signal.samples, atol=1e-6)


@pytest.mark.integration
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("row", ["shifted", "jittered"])
def test_a_share_of_one_is_the_samples_too(signals, name, row):
    signal = signals[name]
    _, coords, values = sample(signal, row, grid_share=1.0)
    np.testing.assert_allclose(coords, signal.grid_coords(), atol=1e-6)
    np.testing.assert_allclose(values.reshape(signal.samples.shape), signal.samples, atol=3e-5)


def cell_offsets(signal, places):
    grid = np.stack(np.unravel_index(np.arange(signal.num_points), signal.shape), axis=-1)
    return places - grid


@pytest.mark.parametrize("name", SIGNALS)
def test_a_shift_is_one_and_another_in_every_step(signals, name):
    signal, edge = signals[name], signals[name].frame.edge
    shifts = []
    for seed in range(30):
        offsets = cell_offsets(signal, sample(signal, "shifted", seed=seed)[0])
        np.testing.assert_allclose(offsets, np.broadcast_to(offsets[0], offsets.shape), atol=1e-4)
        shifts.append(offsets[0])
    shifts = np.array(shifts) - edge
    assert (-1e-4 <= shifts).all() and (shifts <= 1 + 1e-4).all()
    assert len(np.unique(shifts.round(4), axis=0)) > 15  # few places where a lattice snaps
    assert (shifts.min(axis=0) < 0.2).all() and (shifts.max(axis=0) > 0.8).all()
    again = cell_offsets(signal, sample(signal, "shifted", seed=0)[0])[0] - edge
    np.testing.assert_allclose(again, shifts[0], atol=1e-6)


def test_jittered_points_fill_their_own_cells(signals):
    signal = signals["picture"]
    offsets = np.concatenate(
        [cell_offsets(signal, sample(signal, "jittered", seed=s)[0]) for s in range(60)]
    )
    assert np.abs(offsets).max() <= 0.5 + 1e-4
    counts, _, _ = np.histogram2d(*offsets.T, bins=4, range=[[-0.5, 0.5]] * 2)
    expected = len(offsets) / 16
    assert np.sum((counts - expected) ** 2 / expected) < 45  # chi-square of 15: 0.9999 quantile


@pytest.mark.parametrize("row", ["shifted", "jittered"])
def test_a_share_of_the_steps_or_points_stays_at_the_samples(signals, row):
    signal = signals["picture"]
    still = [
        np.all(np.abs(cell_offsets(signal, sample(signal, row, seed=s, grid_share=0.3)[0])) < 1e-4)
        if row == "shifted"
        else np.mean(
            np.abs(cell_offsets(signal, sample(signal, row, seed=s, grid_share=0.3)[0])).max(axis=1)
            < 1e-4
        )
        for s in range(150 if row == "shifted" else 20)
    ]
    assert np.mean(still) == pytest.approx(0.3, abs=0.12 if row == "shifted" else 0.08)


@pytest.mark.integration
@pytest.mark.parametrize("name", ["voxels", "solid of a mesh"])
def test_half_of_the_surfaces_points_lie_beside_it(signals, name):
    signal = signals[name]
    places, _, values = sample(signal, "surface")
    near = places[-(signal.num_points // 2) :]
    occupied = signal.samples[..., 0] > 0.5
    border = np.stack(np.nonzero(brute_force_border(occupied)), axis=-1)
    np.testing.assert_array_equal(np.unravel_index(signal.surface, signal.shape), border.T)
    distance = np.abs(near[:, None] - border[None]).max(axis=-1).min(axis=1)
    assert distance.max() <= 1.5 + 0.5 / 5 + 1e-4  # snapped by up to half a point of the lattice
    assert distance.max() > 1.0
    share = (values > 0.5).mean()
    assert 0.1 < share < 0.6


def brute_force_border(occupied):
    """Voxels with one of six neighbours of the other kind."""
    border = np.zeros_like(occupied)
    for place in np.ndindex(*occupied.shape):
        for axis in range(3):
            for step in (-1, 1):
                other = list(place)
                other[axis] += step
                if 0 <= other[axis] < occupied.shape[axis]:
                    border[place] |= occupied[place] != occupied[tuple(other)]
    return border


@pytest.mark.integration
def test_a_solid_without_a_surface_is_near_everywhere():
    full = make_signal("volume", np.ones((4, 4, 4, 1), bool))
    np.testing.assert_array_equal(full.surface, np.arange(64))
    _, _, values = sample(full, "surface")
    np.testing.assert_allclose(values, 1.0, atol=1e-6)


@pytest.mark.integration
@pytest.mark.parametrize(("name", "row"), CASES)
def test_the_floor_is_the_error_of_the_best_constant(signals, name, row):
    """Against many steps: what is smooth between noisy samples varies less, a surface more."""
    signal = signals[name]
    (low, high), natural = signal.frame.value_range, KINDS[signal.kind].natural_range
    gain = (high - low) / (natural[1] - natural[0])
    steps = [sample(signal, row, seed=s)[2] for s in range(1 if row == "grid" else 200)]
    expected = gain**2 * np.var(np.concatenate(steps), axis=0).mean()
    assert floor_of(signal, row) == pytest.approx(expected, rel=1e-5 if row == "grid" else 0.12)


def test_the_objective_chooses_the_row():
    rows = {kind: sampling_of(kind, "continuous") for kind in KINDS}
    assert rows == dict.fromkeys(KINDS, "shifted") | {"volume": "surface"}
    assert {sampling_of(kind, "samples") for kind in KINDS} == {"grid"}


def test_what_has_no_surface_says_so(signals):
    with pytest.raises(ValueError, match="has no surface; choose 'shifted' or 'jittered'"):
        points_of(signals["picture"], "surface")
