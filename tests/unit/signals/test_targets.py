"""Targets on the device: bits and numbers give the same values; scores by streaming are exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.signals import KINDS, SignalError, Targets, coords_at, make_signal, sample_signal


def bits(num_points: int, num_channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).random((num_points, num_channels)) < 0.4


def packed(bits: np.ndarray, value_range: tuple[float, float]) -> Targets:
    return Targets(
        data=jnp.asarray(np.packbits(bits)),
        num_points=bits.shape[0],
        num_channels=bits.shape[1],
        is_packed=True,
        value_range=value_range,
    )


@pytest.mark.integration
@pytest.mark.parametrize(("num_points", "num_channels"), [(1, 1), (8, 1), (29, 1), (13, 3)])
@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_bits_are_the_values_they_stand_for(num_points, num_channels, value_range):
    inside = bits(num_points, num_channels)
    expected = np.where(inside, value_range[1], value_range[0]).astype(np.float32)
    targets = packed(inside, value_range)
    index = jnp.array([num_points - 1, 0, num_points // 2])
    np.testing.assert_array_equal(targets.dense(), expected)
    np.testing.assert_array_equal(targets.at(index), expected[np.asarray(index)])
    np.testing.assert_array_equal(jax.jit(Targets.at)(targets, index), expected[np.asarray(index)])
    assert targets.dense().dtype == targets.at(index).dtype == jnp.float32


def test_bits_stay_bits_on_the_device():
    signal = make_signal("volume", bits(16 * 16 * 16).reshape(16, 16, 16, 1))
    assert signal.stored.nbytes == signal.targets().data.nbytes == 512
    assert signal.targets().data.dtype == jnp.uint8
    assert signal.values.nbytes == 512 * 32


def test_a_pytree_of_one_leaf_that_stacks_and_maps():
    pair = [packed(bits(12)[shift:], (0.0, 1.0)) for shift in (0, 4)]
    pair = [t for t in pair if t.num_points == 12] + [packed(~bits(12), (0.0, 1.0))]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *pair)
    values = jax.vmap(lambda targets: targets.dense())(stacked)
    np.testing.assert_array_equal(values, [bits(12), ~bits(12)])


def test_the_last_points_of_the_largest_grid():
    """Places in a grid of 2^31 - 1 points fit in int32; a closed form stands for the bits."""
    shape = (1290, 1290, 1290)  # 0.04 % below the limit
    index = jnp.array([0, 1290**3 - 1, 1290**2 + 1290 + 1])
    np.testing.assert_allclose(coords_at(index, shape)[1], [1, 1, 1])
    np.testing.assert_allclose(coords_at(index, shape)[2], [2 / 1289 - 1] * 3, atol=1e-7)
    targets = Targets(
        data=jnp.asarray(np.packbits(np.arange(64) % 3 == 0)),
        num_points=2**31 - 1,
        num_channels=1,
        is_packed=True,
        value_range=(0.0, 1.0),
    )
    first = targets.at(jnp.array([0, 1, 63]))
    np.testing.assert_array_equal(first[:, 0], [1, 0, 1])


def wave(coords: jax.Array, num_channels: int) -> jax.Array:
    return jnp.stack([jnp.sin(3 * coords.sum(-1) + i) for i in range(num_channels)], axis=-1)


@pytest.mark.integration
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "points"])  # has no grid
@pytest.mark.parametrize("chunk", [1, 100, 2**20])
def test_streaming_equals_dense(kind, chunk):
    if chunk == 1:
        signal = sample_signal(kind, size=2 if len(KINDS[kind].axes) > 1 else 8)
    else:
        signal = sample_signal(kind, size=17)
    expected = signal.score(wave(signal.grid_coords(), signal.num_channels))
    streamed = signal.score_stream(lambda coords: wave(coords, signal.num_channels), chunk)
    assert streamed == pytest.approx(expected, rel=1e-5)


def test_streaming_asks_for_one_shape_only():
    signal, shapes = sample_signal("volume", size=9), []

    @jax.jit
    def predict(coords):
        shapes.append(coords.shape)  # as often as it is compiled
        return coords[:, :1]

    signal.score_stream(predict, chunk=50)
    assert signal.num_points % 50
    assert shapes == [(50, 3)]


def test_streaming_refuses_another_shape():
    with pytest.raises(SignalError, match="one row for each row"):
        sample_signal("image", size=4).score_stream(lambda coords: coords, 8)


def test_a_score_is_added_up_in_float64():
    """Two million equal errors: float32 sums of them all would drift."""
    signal = make_signal("image", np.full((1024, 2048, 1), 0.5))
    values = signal.samples + np.float32(0.1)
    exact = np.mean((values.astype(np.float64) - signal.samples) ** 2)
    assert signal.score(values) == pytest.approx(-10 * np.log10(exact), abs=1e-5)


def test_bits_where_a_kind_has_another_range():
    inside = bits(12 * 9).reshape(12, 9, 1)
    signal = make_signal("image", inside)
    assert signal.is_packed
    np.testing.assert_array_equal(signal.values, np.where(inside, 1, -1).reshape(-1, 1))
    np.testing.assert_array_equal(signal.samples, inside)
    assert signal.score(signal.samples) == np.inf
