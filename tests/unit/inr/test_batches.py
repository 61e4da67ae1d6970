"""Mini-batches: the order is random, and training with them is as good as with all points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr.batches import Points, batch_index
from optiinr_jax.signals import grid_coords


@jax.jit
def five_epochs(key):
    """16 batches of 16 points of 256, five times."""
    steps = jnp.arange(5 * 16)
    index = jax.vmap(lambda step: batch_index(key, step, 256, 16))(steps)
    return index.reshape(5, 16, 16)


def test_order_follows_the_key_and_changes_with_the_epoch():
    one, same, other = (np.asarray(five_epochs(jax.random.key(seed))) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert len({epoch.tobytes() for epoch in [*one, *other]}) == 10
    # Two random orders agree in one place on average.
    agreements = [np.sum(a == b) for i, a in enumerate(one) for b in one[:i]]
    assert np.mean(agreements) < 5
    assert np.sum(one[0].reshape(-1) == np.arange(256)) < 10


def test_every_point_comes_equally_often_to_every_batch():
    """Chi-square of batch against quarter of the grid, over many keys."""
    keys = jax.random.split(jax.random.key(7), 200)
    index = np.asarray(jax.jit(jax.vmap(five_epochs))(keys))  # keys, epochs, batches, points
    counts = np.array([[np.sum(index[:, :, b] // 64 == q) for q in range(4)] for b in range(16)])
    expected = 200 * 5 * 16 / 4
    chi_square = np.sum((counts - expected) ** 2 / expected)
    assert 10 < chi_square < 100  # mean 45, standard deviation below 9.5
    # Neighbours on the grid are no neighbours in a batch: a step between them is as wide as chance.
    steps = np.abs(np.diff(index.reshape(-1, 16), axis=1))
    assert steps.mean() == pytest.approx(256 / 3, rel=0.02)


def test_points_of_a_grid_are_its_coordinates_and_values():
    signal = oi.sample_signal("image", size=(6, 9))
    points = Points(targets=signal.targets(), shape=signal.shape)
    index = jnp.array([53, 0, 20])
    coords, targets = points.at(index)
    np.testing.assert_array_equal(coords, grid_coords((6, 9))[index])
    np.testing.assert_array_equal(targets, signal.values[np.asarray(index)])
    everything = points.all()
    np.testing.assert_array_equal(everything[0], grid_coords((6, 9)))
    np.testing.assert_array_equal(everything[1], signal.values)
    assert (points.num_points, points.num_dims) == (54, 2)


def fit(signal, batch_size, num_steps):
    layer = inr.make_layer("siren", learning_rate=2e-3)
    config = inr.NetworkConfig(
        layers=(layer,) * 2, width=24, batch_size=batch_size, lr_cooldown=0.5, weight_decay=0.0
    )
    return oi.fit(signal, config, num_steps=num_steps, progress=False)


@pytest.mark.integration
def test_mini_batches_reach_the_full_batch():
    """As many points seen: nearly as good, though the batch does not divide the 256 points."""
    signal = oi.sample_signal("image", size=16)
    full, small = fit(signal, None, 300), fit(signal, 100, 900)
    assert small.score > full.score - 1.0
    assert full.score > 20.0


@pytest.mark.integration
def test_a_batch_of_more_than_all_points_is_the_full_batch():
    """Its points come in another order, which changes sums by rounding alone."""
    signal = oi.sample_signal("image", size=16)
    full, larger = (fit(signal, size, 10) for size in (None, 10_000))
    np.testing.assert_allclose(larger.history, full.history, rtol=1e-4)
