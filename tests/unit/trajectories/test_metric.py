"""The metric: symmetric, of a fixed trace, its eigenvalues in range; speeds agree with it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.trajectories.metric import METRICS, matrix, squared_length


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_dims", [2, 4])
@pytest.mark.parametrize("name", METRICS)
def test_it_is_symmetric_of_fixed_trace_and_bounded(name, num_dims, dtype):
    with jax.enable_x64(dtype is np.float64):
        rng = np.random.default_rng(num_dims)
        outputs = 3 * rng.normal(size=METRICS[name].num_outputs(num_dims)).astype(dtype)
        v = rng.normal(size=num_dims).astype(dtype)
        both = jax.jit(lambda o, v: (matrix(name, o, num_dims), squared_length(name, o, v)))
        found, length = map(np.asarray, both(outputs, v))
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    assert found.dtype == dtype
    np.testing.assert_allclose(found, found.T, atol=tolerance)
    trace = num_dims if name == "euclidean" else 0.1 * num_dims + 0.9
    np.testing.assert_allclose(np.trace(found), trace, rtol=10 * tolerance)
    eigenvalues = np.linalg.eigvalsh(found)
    assert eigenvalues.min() >= 0.1 - tolerance and eigenvalues.max() <= 1 + tolerance
    np.testing.assert_allclose(length, v @ found @ v, rtol=10 * tolerance)


def test_two_dimensions_by_hand():
    angle, raw = 0.3, np.array([1.0, -0.5])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    eigenvalues = 0.1 + 0.9 * np.exp(raw) / np.exp(raw).sum()
    outputs = np.array([2 * np.sin(angle), 2 * np.cos(angle), *raw], np.float32)
    found = jax.jit(lambda o: matrix("learned", o, 2))(outputs)
    np.testing.assert_allclose(found, turn.T @ np.diag(eigenvalues) @ turn, atol=1e-6)


def test_gradients_are_finite_where_no_angle_is_said():
    grads = jax.jit(jax.grad(lambda o: squared_length("learned", o, jnp.ones(3))))(jnp.zeros(9))
    assert np.isfinite(grads).all()
