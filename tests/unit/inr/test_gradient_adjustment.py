"""IGA: the adjusted gradient against a dense Jacobian; groups, mini-batches of them, fits."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import optiinr_jax as oi
from optiinr_jax import inr
from optiinr_jax.inr import training
from optiinr_jax.inr.batches import list_points
from optiinr_jax.inr.gradient_adjustment import GROUP_SAMPLINGS, adjusted_gradient, group_points
from optiinr_jax.inr.lowering import resolve_bounds
from optiinr_jax.inr.model import apply_features
from optiinr_jax.signals import grid_coords
from tests.helpers import draw_variables

CONFIG = resolve_bounds(inr.NetworkConfig(layers=(inr.make_layer("siren"),) * 2, width=6), 2)
NUM_GROUPS, GROUP_SIZE, NUM_CHANNELS = 5, 6, 3
ADJUSTMENT = inr.GradientAdjustment(group=(GROUP_SIZE,), end=3)


def predict(params, rows):
    return apply_features(params, {}, rows, CONFIG)


@pytest.fixture(scope="module")
def case():
    """A tiny network in float64 with its Jacobian (g, p, c, P), points and residuals."""
    with jax.enable_x64(True):
        variables = draw_variables(CONFIG, 1, num_dims=2, num_channels=3)
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), variables["params"])
        rng = np.random.default_rng(0)
        features = jnp.asarray(rng.uniform(-1, 1, (NUM_GROUPS, GROUP_SIZE, 2)))
        targets = jnp.asarray(rng.uniform(-1, 1, (NUM_GROUPS, GROUP_SIZE, NUM_CHANNELS)))
        flat, unravel = ravel_pytree(params)
        values = lambda flat: predict(unravel(flat), features.reshape(-1, 2))  # noqa: E731
        jacobian = np.asarray(jax.jit(jax.jacrev(values))(flat)).reshape(*targets.shape, -1)
        residual = np.asarray(values(flat)).reshape(targets.shape) - np.asarray(targets)
    return params, features, targets, jacobian, residual


def picked_places(sampling, residual):
    """The places of every group that stand for it, in words of plain numpy."""
    worst = np.argmax(np.abs(residual).sum(axis=2), axis=1)
    return {
        "official_sum": [list(worst)] * NUM_GROUPS,  # a place picked twice counts twice
        "max_error": [[place] for place in worst],
        "middle": [[GROUP_SIZE // 2]] * NUM_GROUPS,
    }[sampling]


def mixing(kernel, end):
    """S by numpy's eigendecomposition, one eigenvector after the other."""
    eigenvalues, vectors = np.linalg.eigh(kernel)
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    s = np.eye(len(kernel))
    for i in range(end):
        v = vectors[:, i]
        s -= (1 - eigenvalues[end] / eigenvalues[i]) * np.outer(v, v)
    return s


@pytest.mark.integration
@pytest.mark.parametrize("sampling", GROUP_SAMPLINGS)
def test_adjusted_gradient_is_the_dense_product(case, sampling):
    params, features, targets, jacobian, residual = case
    rows = np.stack(
        [
            sum(jacobian[group, place].sum(axis=0) for place in places) / np.sqrt(NUM_CHANNELS)
            for group, places in enumerate(picked_places(sampling, residual))
        ]
    )
    mixed = np.einsum("gh,hpc->gpc", mixing(rows @ rows.T, 3), residual)
    expected = 2 / residual.size * np.einsum("gpcq,gpc->q", jacobian, mixed)
    with jax.enable_x64(True):
        adjustment = replace(ADJUSTMENT, sampling=sampling)
        loss, gradient = adjusted_gradient(predict, params, features, targets, adjustment)
        gradient = np.asarray(ravel_pytree(gradient)[0])
    assert float(loss) == pytest.approx(np.mean(residual**2), rel=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
    plain = 2 / residual.size * np.einsum("gpcq,gpc->q", jacobian, residual)
    assert np.abs(expected - plain).max() > 0.01 * np.abs(plain).max()


@pytest.mark.integration
def test_without_levels_it_is_the_plain_gradient(case):
    params, features, targets, _, _ = case
    rows = features.reshape(-1, 2), targets.reshape(-1, NUM_CHANNELS)
    with jax.enable_x64(True):
        loss, gradient = adjusted_gradient(
            predict, params, features, targets, replace(ADJUSTMENT, end=0)
        )
        plain_loss, plain = training.loss_and_grads(params, {}, rows, CONFIG)
        got, expected = (np.asarray(ravel_pytree(tree)[0]) for tree in (gradient, plain))
    assert float(loss) == pytest.approx(float(plain_loss), rel=1e-12)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_blocks_of_a_picture_by_hand():
    groups = group_points((4, 6), (2, 3))
    assert groups[0].tolist() == [0, 1, 2, 6, 7, 8]
    assert groups[1].tolist() == [3, 4, 5, 9, 10, 11]
    assert groups[2].tolist() == [12, 13, 14, 18, 19, 20]
    assert group_points((2, 2, 3), (4,)).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    coords = np.asarray(grid_coords((4, 6)))[group_points((4, 6), (2, 3))]
    assert (coords.max(axis=1) - coords.min(axis=1)).std(axis=0).max() < 1e-6  # blocks alike


@pytest.mark.parametrize(
    ("group", "batch_size", "message"),
    [
        ((5, 8), None, r"a grid of \(32, 32\) does not divide into groups of \(5, 8\)"),
        ((4, 4, 4), None, "does not divide into groups"),
        ((7,), None, "does not divide into groups"),
        ((8, 8), 256, "mini-batches take runs of consecutive points"),
        ((512,), 256, "shorter than the batch"),
        ((2048,), 4096, "mini-batches take runs"),
    ],
)
def test_groups_that_do_not_suit_the_points(group, batch_size, message):
    adjustment = inr.GradientAdjustment(group=group, end=2)
    layers = (inr.make_layer("siren"),) * 2
    config = inr.NetworkConfig(layers=layers, width=4, adjustment=adjustment, batch_size=batch_size)
    with pytest.raises(ValueError, match=message) as refused:
        oi.fit(oi.sample_signal("image", size=32), config, num_steps=1)
    assert "\n" not in str(refused.value)


def fit(signal, group, batch_size=None, sampling="official_sum", **options):
    layer = inr.make_layer("siren", learning_rate=1e-3)
    config = inr.NetworkConfig(
        layers=(layer,) * 2,
        width=16,
        adjustment=inr.GradientAdjustment(group=group, end=4, sampling=sampling),
        batch_size=batch_size,
    )
    return oi.fit(signal, config, num_steps=60, progress=False, **options)


@pytest.mark.integration
def test_a_picture_in_blocks():
    signal = oi.sample_signal("image", size=32)
    found = fit(signal, (8, 8))
    assert found.history[-1] < 0.5 * signal.variance()
    shared = fit(signal, (8, 8), share_program=True)
    np.testing.assert_allclose(shared.history[:5], found.history[:5], rtol=1e-4)


@pytest.mark.integration
def test_runs_in_mini_batches():
    signal = oi.sample_signal("volume", size=8)
    found = fit(signal, (32,), batch_size=256, sampling="middle", keep_best=True)
    assert np.isfinite(found.history).all()
    assert found.history[-10:].mean() < found.history[0]


@pytest.mark.integration
def test_runs_of_an_epoch_visit_every_point():
    """Also those behind the last whole run: 100 points are 3 runs of 30 and 10 more."""
    coords = jnp.arange(100.0)[:, None]
    points = list_points(coords, jnp.zeros((100, 1), jnp.float32))
    config = inr.NetworkConfig(
        layers=(inr.make_layer("siren"),),
        adjustment=inr.GradientAdjustment(group=(30,)),
        batch_size=60,
        sampling="grid",
    )
    data = training.Data(points, None, {}, jax.random.key(0))
    steps = [training.draw_rows(data, jnp.array(step), config)[0] for step in range(2)]
    assert steps[0].shape == (2, 30, 1)
    runs = np.concatenate(steps)[..., 0]
    assert (np.diff(runs, axis=1) == 1).all()
    assert set(runs.reshape(-1).tolist()) == set(range(100))
