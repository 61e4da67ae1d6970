"""Signals as plain text: there and back, and nothing else comes through."""

import base64
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optiinr_jax.signals import KINDS, Signal, make_signal, sample_signal
from optiinr_jax.signals.loading import read_record
from optiinr_jax.signals.targets import make_finer

RNG = np.random.default_rng(0)
FINE = RNG.uniform(size=(15, 12, 1))
SIGNALS = {
    **{kind: sample_signal(kind, size=8) for kind in KINDS},
    "bits": make_signal("image", RNG.random((5, 3, 1)) < 0.5, interpolation="nearest"),
    "finer": make_signal("image", FINE[1::3, 1::3], name="é", finer=make_finer(3, FINE)),
    "own ranges": sample_signal("audio", size=9).with_value_range((0.0, 2.0)),
}
REFUSED = (ValueError, KeyError, TypeError, zlib.error)


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_goes_to_text_and_back(name):
    signal = SIGNALS[name]
    again = read_record(json.loads(json.dumps(signal.to_record())))
    assert (again.name, again.frame) == (signal.name, signal.frame)
    assert again.interpolation == signal.interpolation
    np.testing.assert_array_equal(again.stored, signal.stored)
    assert again.stored.dtype == signal.stored.dtype
    assert (again.finer is None) == (signal.finer is None)
    if signal.finer is not None:
        assert again.finer.factor == signal.finer.factor
        np.testing.assert_array_equal(again.finer.points, signal.finer.points)
    coords = np.linspace(-1.0, 1.0, 7)[:, None].repeat(signal.num_dims, 1)
    np.testing.assert_array_equal(again.at(coords), signal.at(coords))


def bomb(size):
    return base64.b64encode(zlib.compress(bytes(size))).decode()


RECORD, FINER = SIGNALS["finer"].to_record(), SIGNALS["finer"].to_record()["finer"]
BAD = {
    "nothing": {},
    "no frame": {k: v for k, v in RECORD.items() if k != "frame"},
    "no interpolation": {k: v for k, v in RECORD.items() if k != "interpolation"},
    "a frame of another grid": RECORD | {"frame": RECORD["frame"] | {"shape": [6, 4]}},
    "a huge frame": RECORD | {"frame": RECORD["frame"] | {"shape": [10**6, 10**6]}},
    "another type": RECORD | {"dtype": "float64"},
    "no type": RECORD | {"dtype": "pickle"},
    "bits for numbers": RECORD | {"dtype": "uint8"},
    "no text": RECORD | {"stored": 3},
    "no letters": RECORD | {"stored": "é"},
    "not compressed": RECORD | {"stored": base64.b64encode(bytes(80)).decode()},
    "too little": RECORD | {"stored": bomb(79)},
    "a bomb": RECORD | {"stored": bomb(10**8)},
    "no numbers": RECORD | {"stored": base64.b64encode(zlib.compress(b"\xff" * 80)).decode()},
    "magic between": RECORD | {"interpolation": "magic"},
    "a list between": RECORD | {"interpolation": []},
    "a finer lattice of nothing": RECORD | {"finer": {}},
    "an even lattice": RECORD | {"finer": FINER | {"factor": 2}},
    "a huge lattice": RECORD | {"finer": FINER | {"factor": 10**9 + 1}},
    "another lattice": RECORD | {"finer": FINER | {"factor": 5}},
    "a lattice of floats": RECORD | {"finer": FINER | {"dtype": "float32"}},
    "a bomb of a lattice": RECORD | {"finer": FINER | {"points": bomb(10**8)}},
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_signal_is_refused(name, no_type_checks):
    with pytest.raises(REFUSED):
        Signal.from_record(BAD[name])


texts = st.sampled_from([None, "", "x", 3, -1.5, True, [], {}, [1, 2], "float32", "AAAA", 10**30])
paths = st.sampled_from(
    [(k,) for k in RECORD] + [("frame", k) for k in RECORD["frame"]] + [("finer", k) for k in FINER]
)


@pytest.mark.integration
@settings(max_examples=150, derandomize=True)
@given(path=paths, value=texts)
def test_any_change_gives_a_signal_or_one_of_four_errors(path, value):
    """Those that whoever opens a study turns into a sentence."""
    record = json.loads(json.dumps(RECORD))
    node = record
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxtyping.config.jaxtyping_disable", True)
        try:
            signal = Signal.from_record(record)
        except REFUSED:
            return
        assert signal.samples.shape == (*signal.shape, signal.num_channels)
