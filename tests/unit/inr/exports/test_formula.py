"""Formulas that were traced give what the activations give, all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.inr import ACTIVATIONS
from optiinr_jax.inr.exports.formula import OPERATIONS, ExportError, trace_formula
from tests.plain_networks import OPERATIONS as KNOWN
from tests.plain_networks import apply_formula

ROWS = [(name, False) for name in ACTIVATIONS]
ROWS += [(name, True) for name, row in ACTIVATIONS.items() if row.is_complex]


@pytest.mark.integration
@pytest.mark.parametrize(("name", "on_pairs"), ROWS)
def test_every_activation_is_its_steps(name, on_pairs):
    row = ACTIVATIONS[name]

    def apply(*z):
        if on_pairs:
            z = [jax.lax.complex(re, im) for re, im in zip(z[::2], z[1::2], strict=True)]
        value = row(*z)
        return [value.real, value.imag] if row.is_complex else [value]

    count = row.num_maps * (2 if on_pairs else 1)
    formula = trace_formula(apply, count, name)
    assert {step.operation for step in formula.steps} <= set(OPERATIONS)
    z = np.random.default_rng(0).normal(0.0, 0.3, (count, 200))
    z[:, 0] = 0.0
    with jax.enable_x64(True):
        expected = apply(*map(jnp.asarray, z))
    got = apply_formula(formula, *z)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_tables_have_the_same_operations():
    assert set(KNOWN) == set(OPERATIONS)


CASES = {
    "a bump": lambda z: jnp.where(jnp.abs(z) < 1.0, jnp.exp(-1.0 / (1.0 - z * z + 1e-9)), 0.0),
    "softplus-like": lambda z: jnp.log(1.0 + jnp.exp(z)),
    "swish": lambda z: z * jax.nn.sigmoid(z),
    "a clipped cube": lambda z: jnp.clip(z**3, -1.0, 1.0) / (1.0 + jnp.abs(z) ** 1.5),
    "a negative power": lambda z: (2.0 + jnp.cos(z)) ** -3,
    "a constant": lambda z: jnp.ones_like(z),
    "the same": lambda z: z,
    "a greater one": lambda z: jnp.where(z >= 0.2, jnp.tanh(z), jnp.sinh(z) - jnp.cosh(z)),
    "a loop": lambda z: jax.lax.fori_loop(0, 3, lambda i, x: jnp.sin(x) + i, z),
}


@pytest.mark.parametrize("name", CASES)
def test_functions_of_users(name):
    formula = trace_formula(lambda z: [CASES[name](z)], 1, name)
    z = np.random.default_rng(1).normal(size=100)
    with jax.enable_x64(True):
        expected = CASES[name](jnp.asarray(z))
    np.testing.assert_allclose(apply_formula(formula, z)[0], expected, rtol=1e-9, atol=1e-12)


REFUSED = {
    "erf": jax.lax.erf,
    "dot_general": lambda z: jnp.dot(z * jnp.ones(3), jnp.ones(3)),
    "exp of complex": lambda z: jnp.exp(1j * z).real,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_named(name):
    with pytest.raises(ExportError, match=r"my hat uses .*exports cannot write; they know"):
        trace_formula(lambda z: [REFUSED[name](z)], 1, "my hat")


def test_equal_steps_are_one_and_unused_ones_none():
    def function(z):
        jnp.exp(z)
        return [jnp.sin(2.0 * z) + jnp.sin(2.0 * z) * 1.0 + 0.0]

    formula = trace_formula(function, 1, "f")
    assert [step.operation for step in formula.steps] == ["mul", "sin", "add"]
