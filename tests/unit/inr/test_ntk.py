"""The tangent kernel against a dense Jacobian; its spectrum; what a small step does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr.lowering import resolve_bounds
from optiinr_jax.inr.model import apply
from tests.helpers import draw_variables

COORDS = np.random.default_rng(0).uniform(-1, 1, (14, 2))
CONFIGS = {
    "siren": inr.NetworkConfig(layers=(inr.make_layer("siren"),) * 2, width=5),
    "complex": inr.NetworkConfig(
        layers=(inr.make_layer("siren"), inr.make_layer("wire2d")),
        width=3,
        encoding=inr.FourierFeatures(sigma=1.0, num_frequencies=3),
    ),
}


def dense(config):
    """Variables in float64, the Jacobian (n, c, P) and the function of flat parameters."""
    variables = draw_variables(config, 0, num_dims=2, num_channels=3)
    variables = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), variables)
    flat, unravel = ravel_pytree(variables["params"])
    resolved = resolve_bounds(config, 2)

    @jax.jit
    def values(flat):
        return apply({**variables, "params": unravel(flat)}, resolved, COORDS)

    return variables, np.asarray(jax.jit(jax.jacrev(values))(flat)), values, flat


@pytest.mark.integration
@pytest.mark.parametrize("name", CONFIGS)
def test_kernel_is_the_product_of_the_jacobian(name):
    config = CONFIGS[name]
    with jax.enable_x64(True):
        variables, jacobian, _, _ = dense(config)
        full = inr.full_tangent_kernel(variables, jnp.asarray(COORDS), config)
        trace = inr.tangent_kernel(variables, jnp.asarray(COORDS), config)
    expected = np.einsum("ncq,mdq->ncmd", jacobian, jacobian)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(full, expected, rtol=0, atol=1e-10 * scale)
    by_channel = np.einsum("ncq,mcq->cnm", jacobian, jacobian)
    np.testing.assert_allclose(trace, by_channel.mean(axis=0), rtol=0, atol=1e-10 * scale)


@pytest.mark.integration
def test_a_small_step_moves_the_values_by_the_kernel():
    config = CONFIGS["siren"]
    with jax.enable_x64(True):
        variables, jacobian, values, flat = dense(config)
        full = np.asarray(inr.full_tangent_kernel(variables, jnp.asarray(COORDS), config))
        rate = 1e-9
        residual = np.random.default_rng(1).normal(size=(14, 3))
        gradient = np.einsum("ncq,nc->q", jacobian, residual)  # of half the squared error
        moved = np.asarray(values(flat - rate * gradient) - values(flat)) / rate
    expected = -np.einsum("ncmd,md->nc", full, residual)
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.integration
def test_spectrum_and_energy():
    config = CONFIGS["siren"]
    with jax.enable_x64(True):
        variables, _, _, _ = dense(config)
        kernel = inr.tangent_kernel(variables, jnp.asarray(COORDS), config)
        found = inr.spectrum(kernel)
        vectors, eigenvalues = np.asarray(found.eigenvectors), np.asarray(found.eigenvalues)
        targets = np.random.default_rng(2).normal(size=(14, 3))
        coefficients = np.asarray(inr.project(found, targets))
        energy = np.asarray(inr.energy(found, targets))
        steepest = np.asarray(inr.energy(found, vectors[:, :1]))
    assert (np.diff(eigenvalues) <= 0).all() and eigenvalues[0] > 0
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(14), rtol=0, atol=1e-12)
    scale = eigenvalues[0]
    np.testing.assert_allclose((vectors * eigenvalues) @ vectors.T, kernel, atol=1e-12 * scale)
    np.testing.assert_allclose(vectors @ coefficients, targets, rtol=0, atol=1e-12)  # nothing lost
    assert (np.diff(energy) >= 0).all() and energy[-1] == pytest.approx(1.0)
    by_hand = np.sum(coefficients[:4] ** 2) / np.sum(targets**2)
    assert energy[3] == pytest.approx(by_hand, rel=1e-12)
    np.testing.assert_allclose(steepest, 1.0)


def test_alignment_is_a_cosine():
    rng = np.random.default_rng(3)
    targets = jnp.asarray(rng.normal(size=(9, 2)), jnp.float32)
    own = targets @ targets.T
    assert float(inr.alignment(own, targets)) == pytest.approx(1.0, abs=1e-6)
    factor = rng.normal(size=(9, 9))
    kernel = jnp.asarray(factor @ factor.T, jnp.float32)
    kernel, own = np.asarray(kernel), np.asarray(own)
    by_hand = float(np.sum(kernel * own) / (np.linalg.norm(kernel) * np.linalg.norm(own)))
    assert float(inr.alignment(jnp.asarray(kernel), targets)) == pytest.approx(by_hand, rel=1e-5)
    assert 0.0 < by_hand < 1.0
    orthogonal = jnp.asarray([[1.0], [0.0]]), jnp.asarray([[0.0, 0.0], [0.0, 1.0]])
    assert float(inr.alignment(orthogonal[1], orthogonal[0])) == 0.0


@pytest.mark.integration
def test_kernel_of_a_fitted_network():
    signal = oi.sample_signal("image", size=8)
    layer = inr.make_layer("siren", learning_rate=2e-3)
    config = inr.NetworkConfig(layers=(layer,) * 2, width=8)
    found = oi.fit(signal, config, num_steps=60, progress=False)
    coords = signal.grid_coords()
    kernel = inr.tangent_kernel(found.variables, coords, found.config)
    assert kernel.shape == (64, 64) and kernel.dtype == jnp.float32
    np.testing.assert_allclose(kernel, kernel.T, rtol=0, atol=1e-4 * np.abs(kernel).max())
    assert 0.0 < float(inr.alignment(kernel, signal.values)) < 1.0
    assert float(inr.energy(inr.spectrum(kernel), signal.values)[-1]) == pytest.approx(
        1.0, abs=1e-5
    )
