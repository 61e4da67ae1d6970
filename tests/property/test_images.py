"""Laws of pictures: sizes are kept, and what is written comes back."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optiinr_jax.signals import (
    load_signal,
    make_signal,
    read_image,
    resize_image,
    write_image,
)

sides = st.integers(2, 40)


@settings(max_examples=60, derandomize=True)
@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides), channels=st.sampled_from([1, 3]))
def test_resizing_gives_the_size_asked_for_and_keeps_a_constant(old, new, channels):
    pixels = np.full((*old, channels), 0.25, np.float32)
    resized = resize_image(pixels, new)
    assert resized.shape == (*new, channels)
    np.testing.assert_allclose(resized, 0.25, atol=1e-6)


@pytest.mark.integration
@settings(
    max_examples=40,
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
