"""Laws of pictures: damaged bytes give a signal or one sentence; sizes are kept."""

import io
import warnings

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from optiinr_jax.signals import (
    Signal,
    SignalError,
    load_signal,
    make_signal,
    picture,
    read_image,
    resize_image,
    write_image,
)


def encode(file_format: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((picture(9, 12) * 255).astype(np.uint8)).save(buffer, file_format)
    return buffer.getvalue()


WHOLE = {"png": encode("PNG"), "jpg": encode("JPEG"), "tif": encode("TIFF")}


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), suffix=st.sampled_from(sorted(WHOLE)))
def test_damaged_bytes_give_a_signal_or_a_signal_error(tmp_path, data, suffix):
    content = bytearray(WHOLE[suffix])
    places = st.integers(0, len(content) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        content[place] = byte
    start, stop = data.draw(st.tuples(places, places))
    if data.draw(st.booleans()):
        del content[start:stop]
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(bytes(content))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*16 bits per colour")
        try:
            signal = load_signal(path, max_points=100_000)
        except SignalError as error:
            assert str(error)
        else:
            assert isinstance(signal, Signal)
            assert np.isfinite(signal.values).all()


sides = st.integers(2, 40)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides), channels=st.sampled_from([1, 3]))
def test_resizing_gives_the_size_asked_for_and_keeps_a_constant(old, new, channels):
    pixels = np.full((*old, channels), 0.25, np.float32)
    resized = resize_image(pixels, new)
    assert resized.shape == (*new, channels)
    np.testing.assert_allclose(resized, 0.25, atol=1e-6)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(shape=st.tuples(sides, sides, st.sampled_from([1, 3])), seed=st.integers(0, 99))
def test_a_png_returns_what_was_written(tmp_path, shape, seed):
    levels = np.random.default_rng(seed).integers(0, 256, shape) / 255
    path = write_image(tmp_path / "a.png", levels)
    np.testing.assert_allclose(read_image(path), levels, atol=1e-6)
    np.testing.assert_allclose(
        load_signal(path).values, make_signal("image", levels).values, atol=1e-6
    )
