"""Laws of mini-batches, of groups of points and of IGA's mixing matrix, for any size."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optiinr_jax.inr.batches import batch_index, permute
from optiinr_jax.inr.gradient_adjustment import group_points, leveling

# Each size compiles a program of its own, so few sizes, and many keys for each.
near_powers = st.sampled_from([2**k + d for k in (1, 2, 5, 8, 10) for d in (-1, 0, 1)])
sizes = near_powers | st.integers(1, 1500)
seeds = st.integers(0, 2**32 - 1)
permuted = jax.jit(permute, static_argnums=2)


@pytest.mark.integration
@settings(max_examples=15, derandomize=True)
@given(size=sizes, seed=seeds)
def test_every_key_gives_a_permutation(size, seed):
    index = jnp.arange(size, dtype=jnp.uint32)
    for offset in range(4):
        keys = jax.random.bits(jax.random.key(seed ^ offset), (4,), jnp.uint32)
        assert sorted(permuted(index, keys, size).tolist()) == list(range(size))


@partial(jax.jit, static_argnums=(1, 2))
def epoch_of(key, num_points, batch_size, epoch):
    batches = -(-num_points // batch_size)
    steps = epoch * batches + jnp.arange(batches)
    return jax.vmap(lambda step: batch_index(key, step, num_points, batch_size))(steps)


@pytest.mark.integration
@settings(max_examples=80, derandomize=True)
@given(
    shape=st.sampled_from([(1, 1), (256, 16), (300, 7), (100, 33), (65, 65)]),
    epoch=st.integers(0, 1000),
    seed=seeds,
)
def test_an_epoch_visits_every_point_once(shape, epoch, seed):
    """Its last batch, where there is no whole one, is filled up from its beginning."""
    num_points, batch_size = shape
    index = epoch_of(jax.random.key(seed), num_points, batch_size, epoch)
    assert index.shape == (-(-num_points // batch_size), batch_size) and index.dtype == jnp.int32
    index = np.ravel(index)
    assert sorted(index[:num_points].tolist()) == list(range(num_points))
    np.testing.assert_array_equal(index[num_points:], index[: len(index) - num_points])


sides = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=3)


@settings(max_examples=100, derandomize=True)
@given(sides=sides)
def test_groups_are_blocks_that_hold_every_point_once(sides):
    shape = tuple(n * b for n, b in sides)
    group = tuple(b for _, b in sides)
    groups = group_points(shape, group)
    assert sorted(groups.reshape(-1).tolist()) == list(range(np.prod(shape)))
    for rows in groups if len(shape) > 1 else ():
        places = np.stack(np.unravel_index(rows, shape), axis=1)
        assert (places.max(axis=0) - places.min(axis=0) == np.array(group) - 1).all()
        assert (places.min(axis=0) % group == 0).all()
        assert (np.diff(rows) > 0).all()


mixed = jax.jit(leveling, static_argnums=1)


@settings(max_examples=60, derandomize=True)
@given(end=st.sampled_from([0, 1, 3, 7, 20]), rank=st.integers(1, 8), seed=seeds)
def test_leveling_brings_the_leading_eigenvalues_down_to_the_next(end, rank, seed):
    """Of a kernel K = V diag(lambda) V^T, S K has lambda_end in the first `end` places."""
    rng = np.random.default_rng(seed)
    vectors, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    eigenvalues = np.zeros(8)
    eigenvalues[:rank] = np.sort(rng.uniform(0.1, 10.0, rank) + np.arange(rank))[::-1]
    kernel = (vectors * eigenvalues) @ vectors.T
    with jax.enable_x64(True):
        mixing = np.asarray(mixed(jnp.asarray(kernel), end))
    leveled = eigenvalues.copy()
    leveled[: min(end, rank)] = eigenvalues[min(end, 7)]
    np.testing.assert_allclose(mixing @ kernel, (vectors * leveled) @ vectors.T, atol=1e-10)
    np.testing.assert_allclose(mixing, mixing.T, atol=1e-12)
