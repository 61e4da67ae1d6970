"""Scattered points and masks: what is trained, kept apart, hidden, and how each is scored."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.inr.task import points_of, resolve
from optiinr_jax.signals import ScatteredSignal, SignalError, load_signal, write_samples
from optiinr_jax.signals.interpolation import interpolator
from optiinr_jax.signals.kinds import kind_of_file
from optiinr_jax.signals.loading import read_record
from optiinr_jax.signals.scattered import APART, HIDDEN, TRAINED, UNKNOWN

RNG = np.random.default_rng(0)
PICTURE = oi.sample_signal("image", (10, 12))
IS_HIDDEN = RNG.uniform(size=PICTURE.shape) < 0.3
MASKED = oi.mask(PICTURE, IS_HIDDEN)
POSITIONS = RNG.uniform([-5.0, 100.0], [5.0, 101.0], (60, 2))
HEAT = 20.0 + POSITIONS @ np.array([0.5, 3.0])
POINTS = oi.make_points(POSITIONS, HEAT)


def numbers(signal):
    return [int(np.sum(signal.roles == role)) for role in (TRAINED, APART, HIDDEN, UNKNOWN)]


def test_a_tenth_of_what_is_seen_is_kept_apart():
    seen = int((~IS_HIDDEN).sum())
    apart = round(0.1 * seen)
    assert numbers(MASKED) == [seen - apart, apart, IS_HIDDEN.sum(), 0]
    assert numbers(POINTS) == [54, 6, 0, 0] and POINTS.num_points == 54
    assert numbers(POINTS.all_trained()) == [60, 0, 0, 0]
    again = oi.make_points(POSITIONS, HEAT)
    np.testing.assert_array_equal(again.roles, POINTS.roles)


@pytest.mark.parametrize("signal", [MASKED, POINTS], ids=["mask", "points"])
def test_only_the_trained_ones_are_trained(signal):
    """Whatever the hidden values are, and those kept apart, training gets the same."""
    spoilt = signal.stored.copy()
    spoilt[signal.roles != TRAINED] = 7.0
    config = oi.preset("siren", width=4, depth=1)
    for one in (signal, replace(signal, stored=spoilt)):
        resolved, config, objective = resolve(one, config, None)
        assert (config.sampling, objective) == ("grid", "continuous")
        coords, targets = points_of(resolved, config.sampling).all()
        np.testing.assert_array_equal(coords, signal.coords[signal.roles == TRAINED])
        np.testing.assert_array_equal(targets, signal.stored[signal.roles == TRAINED])


def test_what_a_masked_array_hides_is_never_looked_at():
    """It was trained on, or the array was refused."""
    for hidden_value in (0.3, np.nan):
        pixels = PICTURE.samples.copy()
        pixels[IS_HIDDEN] = hidden_value
        mask = np.repeat(IS_HIDDEN[..., None], 3, axis=-1)
        signal = oi.as_signal(np.ma.array(pixels, mask=mask))
        assert isinstance(signal, ScatteredSignal) and numbers(signal)[2:] == [0, IS_HIDDEN.sum()]
        np.testing.assert_array_equal(signal.roles == UNKNOWN, IS_HIDDEN.reshape(-1))
        assert signal.other_scores(lambda coords: jnp.zeros((len(coords), 3))) == {}
        assert np.isfinite(signal.samples).all()
    assert not oi.as_signal(np.ma.array(PICTURE.samples)).is_scattered


def test_scores_are_those_of_the_formula():
    for signal in (MASKED, POINTS):
        low, high = signal.frame.natural_range
        values = np.full((len(signal.coords), signal.num_channels), low + 0.4 * (high - low))
        found = signal.scores(lambda coords, v=values: jnp.asarray(v[: len(coords)]))
        natural = np.asarray(signal.frame.to_natural(signal.stored))
        errors = ((values - natural) / (high - low)) ** 2
        levels = [-10 * np.log10(errors[signal.roles == role].mean()) for role in (TRAINED, APART)]
        assert found.samples == pytest.approx(levels[0], abs=1e-3)
        assert found.between == pytest.approx(levels[1], abs=1e-3)
        both = np.mean([errors[signal.roles == role].mean() for role in (TRAINED, APART)])
        assert found.both == pytest.approx(-10 * np.log10(both), abs=1e-3)
        assert signal.score(values) == pytest.approx(levels[0], abs=1e-3)


def test_the_hidden_have_their_own_score():
    truth = {
        tuple(c): v
        for c, v in zip(MASKED.coords.tolist(), PICTURE.samples.reshape(-1, 3), strict=True)
    }
    exact = lambda coords: np.stack([truth[tuple(c)] for c in coords.tolist()])  # noqa: E731
    scores = MASKED.other_scores(lambda coords: exact(np.asarray(coords)))
    assert list(scores) == [
        "PSNR (dB) at hidden samples",
        "PSNR (dB) at hidden samples, linear interpolation",
    ]
    found, control = scores.values()
    assert found > 80.0 and 10.0 < control < 60.0
    assert POINTS.other_scores(exact) == {}


def test_the_control_of_a_plane_is_exact():
    """Thin-plate splines and triangles both give a linear function back."""
    assert POINTS.control == "rbf" and POINTS.control_score > 60.0
    ramp = oi.mask(
        oi.make_signal("field", np.add.outer(np.arange(8.0), np.arange(9.0))[..., None]),
        RNG.uniform(size=(8, 9)) < 0.2,
    )
    assert ramp.control == "linear"
    inside = np.array([[0.1, -0.3], [0.4, 0.2]])
    np.testing.assert_allclose(ramp.at(inside)[:, 0], 7.5 + inside @ [3.5, 4.0], atol=1e-4)


@pytest.mark.parametrize(("name", "num_dims"), [("linear", 1), ("linear", 3), ("rbf", 4)])
def test_interpolation_gives_the_known_values(name, num_dims):
    coords, values = RNG.uniform(-1, 1, (40, num_dims)), RNG.normal(size=(40, 2))
    found = interpolator(name, coords, values)(coords)
    np.testing.assert_allclose(found, values, atol=1e-6)
    outside = interpolator(name, coords, values)(np.full((1, num_dims), 3.0))
    assert np.isfinite(outside).all()


@pytest.mark.parametrize("signal", [MASKED, POINTS], ids=["mask", "points"])
def test_a_record_gives_the_same_signal(signal):
    again = read_record(signal.to_record())
    assert again.content() == signal.content() and again.frame == signal.frame
    assert again.scores(_zeros) == signal.scores(_zeros)
    for change in ({"count": 10**9}, {"roles": signal.to_record()["coords"]}):
        with pytest.raises(ValueError):
            read_record(signal.to_record() | change)


def _zeros(coords):
    return jnp.zeros((len(coords), 3 if coords.shape[1] == 2 and len(coords) != 54 else 1))


def test_other_points_are_placed_by_their_positions():
    moved = POSITIONS[:30] + np.array([0.0, 0.2])
    other = oi.make_points(moved, HEAT[:30], apart=0.0)
    placed = other.placed_in(POINTS.frame)
    shift = np.asarray(POINTS.frame.coords_in("world", moved))
    np.testing.assert_allclose(placed.coords, shift, atol=1e-4)
    natural = placed.frame.to_natural(placed.stored)
    np.testing.assert_allclose(natural[:, 0], HEAT[:30], atol=1e-3)


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_points_of_a_file(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        table = np.column_stack([POSITIONS, HEAT])
        np.savetxt(path, table, delimiter=",", header="x,y,heat", comments="")
    else:
        np.savez(path, coords=POSITIONS, values=HEAT)
    signal = load_signal(path)
    assert kind_of_file(path) == signal.kind == "points"
    np.testing.assert_allclose(signal.coords, POINTS.coords, atol=1e-5)
    np.testing.assert_allclose(signal.stored, POINTS.stored, atol=1e-5)


def test_what_is_rendered_is_written_where_it_lies(tmp_path):
    samples = POINTS.samples
    table = np.loadtxt(
        write_samples(tmp_path / "a.csv", samples, POINTS.frame), delimiter=",", skiprows=1
    )
    np.testing.assert_allclose(table[:, 2], 20.0 + table[:, :2] @ [0.5, 3.0], atol=0.2)


def test_refusals(tmp_path, check_refusal, no_type_checks):
    check_refusal("the mask has shape", lambda: oi.mask(PICTURE, np.zeros((3, 3), bool)))
    check_refusal("at least 2 were", lambda: oi.mask(PICTURE, np.ones(PICTURE.shape, bool)))
    check_refusal("a share", lambda: oi.make_points(POSITIONS, HEAT, apart=1.0))
    check_refusal("leave that column out", lambda: oi.make_points(POSITIONS * [1.0, 0.0], HEAT))
    check_refusal("rows of 1 to 12", lambda: oi.make_points(POSITIONS[:9], HEAT))
    check_refusal("leave those points out", lambda: oi.make_points(POSITIONS, HEAT * np.nan))
    (tmp_path / "a.csv").write_text("x,y\n1,2\nthree,4\n")
    check_refusal("no table", lambda: load_signal(tmp_path / "a.csv"))
    with pytest.raises(SignalError, match="masked everywhere"):
        oi.as_signal(np.ma.array(np.ones((4, 4)), mask=True))


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore::optiinr_jax.inr.FloorWarning")
@pytest.mark.parametrize("signal", [MASKED, POINTS], ids=["mask", "points"])
def test_it_is_fitted_stored_and_measured(signal, tmp_path):
    config = oi.preset("siren", width=6, depth=1)
    inr = oi.fit(signal, config, num_steps=5, progress=False)
    assert inr.objective == "continuous" and inr.scores.control_name == signal.control
    again = oi.load_inr(inr.save(tmp_path / "a.inr.safetensors"))
    scores = again.evaluate(signal)
    assert scores["PSNR (dB) at samples kept apart"] == pytest.approx(inr.scores.between, abs=1e-3)
    assert ("PSNR (dB) at hidden samples" in scores) == (signal is MASKED)
    assert np.isfinite(again.render()).all()
    config = replace(config, sampling="shifted")  # as the rule of a search has it
    with pytest.raises(ValueError, match="is kept apart"):
        oi.fit(signal.all_trained(), config, num_steps=2, objective="continuous", progress=False)
