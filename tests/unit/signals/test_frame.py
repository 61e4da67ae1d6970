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
        ({"shape": [10**9, 10**9]}, "at most 64000000 points"),
        ({"num_channels": 2}, "one of"),
        ({"num_channels": None}, "one of"),
        ({"coord_range": [1, -1]}, "the lower first"),
        ({"coord_range": [0.0, float("inf")]}, "finite"),
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
    np.testing.assert_array_equal(FRAME.scaled(2.0).grid_coords(), grid_coords((12, 8)))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e200, 1e6])
def test_refuses_an_absurd_scale(scale):
    with pytest.raises(SignalError, match=r"scale|limit"):
        FRAME.scaled(scale)


def test_output_becomes_a_picture():
    values = np.linspace(-1, 1, 72).reshape(24, 3)
    samples = FRAME.to_samples(values)
    assert samples.shape == (6, 4, 3)
    np.testing.assert_allclose(samples.reshape(24, 3), values / 2 + 0.5, atol=1e-6)
    with pytest.raises(SignalError, match=r"grid_coords\(\)"):
        FRAME.to_samples(values[:-1])
