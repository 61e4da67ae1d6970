"""SOAP against an independent NumPy implementation of algorithm 3 of Vyas et al. 2024."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.inr import soap
from optiinr_jax.inr.soap import scale_by_soap

B1, B2, EPS, RENEW = 0.9, 0.95, 1e-8, 5
NUM_STEPS = 50


def basis(covariance):
    return np.linalg.eigh(covariance)[1]


def soap_of_a_matrix(gradients, *, b1=B1, b2=B2, renew=RENEW, max_side=None, first=None):
    """Directions for one matrix, step by step, as the paper and its code have them.

    The first gradient only sets the bases up. A basis is renewed after a step by one power
    iteration, its columns sorted by what they amount to, and the second moment with them. `first`:
    the two bases to begin with, where the first gradient leaves a choice of them.
    """
    m, n = gradients[0].shape
    has = [max_side is None or side <= max_side for side in (m, n)]
    left, right = np.zeros((m, m)), np.zeros((n, n))
    momentum, second = np.zeros((m, n)), np.zeros((m, n))
    q_left, q_right = np.eye(m), np.eye(n)
    for t, g in enumerate(gradients):
        if t > 0:
            momentum = b1 * momentum + (1 - b1) * g
            second = b2 * second + (1 - b2) * (q_left.T @ g @ q_right) ** 2
            rotated = (q_left.T @ momentum @ q_right) / (np.sqrt(second) + EPS)
            scale = np.sqrt(1 - b2**t) / (1 - b1**t)
            yield scale * (q_left @ rotated @ q_right.T)
        else:
            yield np.zeros((m, n))
        left, right = b2 * left + (1 - b2) * g @ g.T, b2 * right + (1 - b2) * g.T @ g
        if t == 0:
            found = first or (basis(left), basis(right))
            q_left, q_right = (q if h else np.eye(len(q)) for q, h in zip(found, has, strict=True))
        elif t % renew == 0:
            if has[0]:
                order = np.argsort(-np.diag(q_left.T @ left @ q_left))
                second, q_left = second[order], np.linalg.qr(left @ q_left[:, order])[0]
            if has[1]:
                order = np.argsort(-np.diag(q_right.T @ right @ q_right))
                second, q_right = second[:, order], np.linalg.qr(right @ q_right[:, order])[0]


def adam_of_a_vector(gradients, b1=B1, b2=B2):
    """Directions of plain Adam, which has no first gradient to spare."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        yield np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + EPS)


def draw(shapes, seed=0, num_steps=NUM_STEPS):
    """Gradients of a slowly turning mean and noise, stacked over the steps."""
    rng = np.random.default_rng(seed)

    def one(shape):
        mean = rng.normal(size=shape) + np.cos(np.arange(num_steps) / 9).reshape(
            -1, *[1] * len(shape)
        ) * rng.normal(size=shape)
        return mean + 0.3 * rng.normal(size=(num_steps, *shape))

    return {name: one(shape) for name, shape in shapes.items()}


@partial(jax.jit, static_argnames="counts")
def run(gradients, counts=False):
    """The directions of all steps, and the bases after each; the state counts, or is told."""
    transform = scale_by_soap(B1, B2, EPS, RENEW)
    state = transform.init(jax.tree.map(lambda g: g[0], gradients))

    def step(state, row):
        number, gradient = row
        extra = {} if counts else {"step": number}
        direction, state = transform.update(gradient, state, **extra)
        return state, (direction, {name: stack.bases for name, stack in state.stacks.items()})

    length = len(jax.tree.leaves(gradients)[0])
    return jax.lax.scan(step, state, (jnp.arange(length), gradients))[1]


SHAPES = {"square": (5, 5), "twin": (5, 5), "pair": (2, 5, 5), "other": (4, 4), "bias": (5,)}


@pytest.mark.integration
@pytest.mark.parametrize("counts", [False, True])
def test_fifty_steps_are_those_of_numpy(counts):
    """A pair of a complex layer is two matrices; what has one shape is worked on together."""
    gradients = draw(SHAPES)
    with jax.enable_x64(True):
        found, bases = run(jax.tree.map(jnp.asarray, gradients), counts)
    assert set(bases) == {"matrix 5 x 5", "matrix 4 x 4", "vector 1 x 5"}
    assert bases["matrix 5 x 5"][0].shape == (NUM_STEPS, 4, 5, 5)
    for name in ("square", "twin", "other"):
        expected = np.array(list(soap_of_a_matrix(gradients[name])))
        np.testing.assert_allclose(found[name], expected, rtol=1e-8, atol=1e-9, err_msg=name)
    for part in range(2):
        expected = np.array(list(soap_of_a_matrix(gradients["pair"][:, part])))
        np.testing.assert_allclose(found["pair"][:, part], expected, rtol=1e-8, atol=1e-9)
    expected = np.array(list(adam_of_a_vector(gradients["bias"])))
    np.testing.assert_allclose(found["bias"], expected, rtol=1e-10)


@pytest.mark.integration
@pytest.mark.parametrize(("shape", "max_side"), [((3, 7), None), ((7, 3), None), ((3, 7), 4)])
def test_matrices_that_are_not_square(shape, max_side, monkeypatch):
    """The first gradient leaves a choice of basis on the long side, or there is none."""
    if max_side is not None:
        monkeypatch.setattr(soap, "MAX_SIDE", max_side)
    gradients = draw({"a": shape}, seed=1)
    with jax.enable_x64(True):
        run.clear_cache()
        found, bases = run(jax.tree.map(jnp.asarray, gradients))
    (sides,) = bases.values()
    first = [
        np.eye(size) if q is None else np.asarray(q[0, 0])
        for q, size in zip(sides, shape, strict=True)
    ]
    g = gradients["a"][0]
    for q, covariance in zip(first, (g @ g.T, g.T @ g), strict=True):
        np.testing.assert_allclose(q.T @ q, np.eye(len(q)), atol=1e-12)
        if not np.array_equal(q, np.eye(len(q))):
            rotated = q.T @ covariance @ q
            np.testing.assert_allclose(rotated, np.diag(np.diag(rotated)), atol=1e-10)
    assert (sides[1] is None) == (max_side is not None)
    expected = list(soap_of_a_matrix(gradients["a"], max_side=max_side, first=first))
    np.testing.assert_allclose(found["a"], np.array(expected), rtol=1e-8, atol=1e-9)


def test_a_matrix_of_one_row_is_a_vector():
    gradients = draw({"a": (1, 6)}, seed=2, num_steps=12)
    found, _ = run(jax.tree.map(lambda g: jnp.asarray(g, jnp.float32), gradients))
    expected = np.array(list(adam_of_a_vector(gradients["a"])))
    np.testing.assert_allclose(found["a"], expected, rtol=1e-4)


def test_bases_stay_orthonormal_in_float32():
    """Over 400 steps of gradients of falling size, as in a training."""
    gradients = draw({"a": (6, 6)}, seed=3, num_steps=400)
    gradients["a"] *= (10.0 ** -np.linspace(0, 6, 400))[:, None, None]
    found, bases = run(jax.tree.map(lambda g: jnp.asarray(g, jnp.float32), gradients))
    assert np.isfinite(found["a"]).all()
    for q in bases["matrix 6 x 6"]:
        gram = np.einsum("tgij,tgik->tgjk", q, q)
        np.testing.assert_allclose(gram, np.broadcast_to(np.eye(6), gram.shape), atol=2e-5)


@pytest.mark.integration
def test_a_zero_gradient_moves_nothing_and_hurts_nothing():
    gradients = draw({"a": (4, 4), "b": (4,)}, num_steps=12)
    gradients = {name: np.concatenate([np.zeros_like(g), g]) for name, g in gradients.items()}
    found, _ = run(jax.tree.map(lambda g: jnp.asarray(g, jnp.float32), gradients))
    for name in ("a", "b"):
        assert not np.any(found[name][:12]) and np.isfinite(found[name]).all()


@pytest.mark.integration
def test_networks_at_once_are_networks_alone():
    """Under vmap, with the number of the step from outside, so that renewing stays a branch."""
    members = [draw({"a": (5, 5), "b": (5,)}, seed) for seed in (4, 5)]
    with jax.enable_x64(True):
        members = [jax.tree.map(jnp.asarray, member) for member in members]
        alone = [run(member)[0] for member in members]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
        together, _ = jax.vmap(run)(stacked)
        text = str(jax.make_jaxpr(jax.vmap(run))(stacked))
    assert "cond" in text  # a select would renew the bases in every step
    for i, directions in enumerate(alone):
        for name, leaf in directions.items():
            np.testing.assert_allclose(together[name][i], leaf, rtol=1e-8, atol=1e-10)


@pytest.mark.integration
@pytest.mark.needs_torch
def test_it_is_that_of_pytorch_optimizer():
    """The field's kept implementation, on one matrix, 50 steps, float64."""
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("pytorch_optimizer").SOAP
    gradients = draw({"a": (5, 5)}, seed=6)
    parameter = torch.nn.Parameter(torch.zeros(5, 5, dtype=torch.float64))
    optimizer = reference(
        [parameter],
        lr=1.0,
        betas=(B1, B2),
        shampoo_beta=B2,
        weight_decay=0.0,
        precondition_frequency=RENEW,
        eps=EPS,
    )
    moved = []
    for gradient in gradients["a"]:
        before = parameter.detach().clone()
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
        moved.append((before - parameter.detach()).numpy())
    with jax.enable_x64(True):
        found, _ = run(jax.tree.map(jnp.asarray, gradients))
    np.testing.assert_allclose(found["a"], np.array(moved), rtol=1e-5, atol=1e-6)


@pytest.mark.integration
def test_no_stack_of_matrices_goes_to_lapack_on_a_cpu():
    """Two stacks at once would wait for ever for a thread on two cores (jaxlib 0.10)."""
    transform = scale_by_soap(B1, B2, EPS, RENEW)
    params = {name: jnp.ones((3, *shape)) for name, shape in SHAPES.items()}  # of three networks
    state = jax.vmap(transform.init)(params)
    program = jax.jit(jax.vmap(transform.update)).lower(params, state).as_text()
    calls = re.findall(r"@(lapack_\w+)_ffi.*num_batch_dims = \"(\d)\"", program)
    assert {name for name, _ in calls} == {"lapack_ssyevd", "lapack_sgeqrf", "lapack_sorgqr"}
    assert {stacked for _, stacked in calls} == {"0"}
