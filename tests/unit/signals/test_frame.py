"""A frame goes to JSON and back, and refuses what a damaged or hostile file could hold."""

import json

import numpy as np
import pytest

from optiinr_jax.signals import KINDS, Frame, SignalError, grid_coords, sample_signal

FRAME = sample_signal("image", size=(6, 4)).frame


@pytest.mark.parametrize("kind", KINDS)
def test_json_round_trip(kind):
    frame = sample_signal(kind, size=8).frame
    assert Frame.from_json(json.loads(json.dumps(frame.to_json()))) == frame
    assert hash(frame) == hash(Frame.from_json(frame.to_json()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "smell"}, "one of"),
        ({"kind": ["image"]}, "a name was expected"),
        ({"shape": [6]}, "height x width"),
        ({"shape": "64"}, "as a list"),
        ({"shape": [6, 0]}, "whole numbers from 1"),
        ({"shape": [6, -4]}, "whole numbers from 1"),
        ({"shape": [6, 4.0]}, "whole numbers from 1"),
        ({"shape": [6, True]}, "whole numbers from 1"),
        ({"shape": [10**9, 10**9]}, "at most 160000000 points"),
        ({"num_channels": 2}, "one of"),
        ({"num_channels": None}, "one of"),
        ({"value_range": [1, -1]}, "the lower first"),
        ({"value_range": [0.0, float("inf")]}, "finite"),
        ({"value_range": [float("nan"), 1.0]}, "finite"),
        ({"value_range": [0.0, 10**400]}, "finite"),
        ({"value_range": ["0", "1"]}, "finite"),
        ({"attributes": {"a": "b"}}, "named finite numbers"),
        ({"attributes": None}, "named finite numbers"),
        ({"attributes": {str(i): 0.0 for i in range(99)}}, "at most"),
        ({"surprise": 1}, "exactly"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refuses(change, words):
    with pytest.raises(SignalError, match=words):
        Frame.from_json(FRAME.to_json() | change)


@pytest.mark.parametrize("record", [None, [], "image", 3, {}])
def test_refuses_what_is_no_record(record):
    with pytest.raises(SignalError, match="exactly"):
        Frame.from_json(record)


def test_scaled_to_any_size():
    assert FRAME.scaled(2.0).shape == (12, 8)
    assert FRAME.scaled(0.5).shape == (3, 2)
    assert FRAME.scaled(0.01).shape == (1, 1)
    assert FRAME.with_shape((5, 7)).grid_coords().shape == (35, 2)


def expected_coords(shape, source, edge, low, high):
    """Points whose cells cover what the cells of the source cover, written out."""
    axes = []
    for count, n in zip(shape, source, strict=True):
        k, factor = np.arange(count), count / n
        places = k / factor if edge == 0.0 else (k + 0.5) / factor - 0.5
        axes.append(low + places * (high - low) / (n - 1))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))


@pytest.mark.parametrize(("kind", "edge"), [("image", -0.5), ("audio", 0.0), ("volume", -0.5)])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_a_scaled_grid_covers_what_the_own_one_covers(kind, edge, scale):
    """Not its centres: a picture is not shifted, a sound keeps its time."""
    frame = sample_signal(kind, size=8).frame
    scaled = frame.scaled(scale)
    expected = expected_coords(scaled.shape, frame.shape, edge, -1.0, 1.0)
    np.testing.assert_allclose(scaled.grid_coords(), expected, rtol=0, atol=2e-7)
    if scale == 1.0:
        np.testing.assert_array_equal(scaled.grid_coords(), grid_coords(frame.shape))


@pytest.mark.parametrize("kind", KINDS)
def test_scaling_there_and_back_is_the_frame_itself(kind):
    frame = sample_signal(kind, size=8).frame
    again = frame.scaled(3.0).scaled(1 / 3)
    assert again.shape == frame.shape and again.source_shape is None
    assert again.attributes == pytest.approx(frame.attributes)
    chain = frame.scaled(2.0).scaled(2.0)
    np.testing.assert_array_equal(chain.grid_coords(), frame.scaled(4.0).grid_coords())


def test_a_solids_box_and_a_sounds_duration_stay():
    """The box of the cells, which is half a voxel larger than that of the centres."""
    solid, found = sample_signal("volume", size=8).frame, []
    for frame in (solid, solid.scaled(2.0), solid.scaled(0.5)):
        low, high = (
            np.array([frame.attributes[f"{end}_{a}"] for a in "xyz"]) for end in ("low", "high")
        )
        half = (high - low) / (np.array(frame.shape) - 1) / 2
        found.append([low - half, high + half])
    np.testing.assert_allclose(found, [found[0]] * 3, atol=1e-12)
    sound = sample_signal("audio", size=300).frame
    for scale in (0.5, 1.0, 2.0):
        frame = sound.scaled(scale)
        seconds = frame.shape[0] / frame.attributes["sample_rate"]
        assert seconds == pytest.approx(300 / sound.attributes["sample_rate"])


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e200, 1e6])
def test_refuses_an_absurd_scale(scale):
    with pytest.raises(SignalError, match=r"scale|limit"):
        FRAME.scaled(scale)


def test_values_become_a_picture():
    values = np.linspace(0, 1, 72).reshape(24, 3)
    samples = FRAME.to_samples(values)
    assert samples.shape == (6, 4, 3)
    np.testing.assert_array_equal(samples.reshape(24, 3), values)
    np.testing.assert_array_equal(FRAME.to_samples(samples), samples)
    with pytest.raises(SignalError, match=r"grid_coords\(\)"):
        FRAME.to_samples(values[:-1])
