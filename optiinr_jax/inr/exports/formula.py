"""A formula as a list of plain steps, which every language of the exports can write down.

The steps come from the JAX function itself, by tracing it for one number: an activation that is
added needs nothing here. Complex numbers become pairs of real ones, what does not depend on the
argument is computed, loops over such constants are unrolled. The trace is in double precision,
where `numerics.sine` is the library's.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np

from optiinr_jax.inr.formulas import exact_derivatives


class ExportError(ValueError):
    """A network, or a part of one, that cannot leave in the form that was asked for."""


class Name(NamedTuple):
    """A number that is known when the formula is used: an input, or the result of a step."""

    text: str


Operand = Name | float


class Step(NamedTuple):
    """One operation: its result, its name in `OPERATIONS`, and what it is applied to."""

    result: Name
    operation: str
    operands: tuple[Operand, ...]


class Formula(NamedTuple):
    """A function of some real numbers that gives some real numbers."""

    inputs: tuple[Name, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Name, ...]


# JAX's primitive -> number of operands; the same names in the tables of all languages. "where" is
# (condition, value where it is true, value elsewhere).
OPERATIONS = {
    **dict.fromkeys(("neg", "abs", "sin", "cos", "exp", "sqrt", "tanh", "sinh", "cosh", "log"), 1),
    **dict.fromkeys(("add", "sub", "mul", "div", "max", "min", "pow", "lt", "le"), 2),
    "where": 3,
}


class _Pair(NamedTuple):
    """A complex number."""

    re: Operand
    im: Operand


class _Writer:
    """Collects the steps; the same operation on the same operands is one step."""

    def __init__(self) -> None:
        self.steps: dict[tuple[str, tuple[Operand, ...]], Name] = {}

    def __call__(self, operation: str, *operands: Operand) -> Operand:
        if operation == "sub" and operands[0] == 0.0:
            operation, operands = "neg", operands[1:]
        plain = _without_work(operation, operands)
        if plain is not None:
            return plain
        key = (operation, operands)
        if key not in self.steps:
            self.steps[key] = Name(f"t{len(self.steps)}")
        return self.steps[key]


def trace_formula(function: Callable[..., Any], num_inputs: int, what: str) -> Formula:
    """Steps of a JAX function of real numbers, which gives a real or complex one or several.

    Args:
        what: names it in the error.

    Raises:
        ExportError: a part of it is not in `OPERATIONS`.
    """
    inputs = tuple(Name("z" if num_inputs == 1 else f"z{i}") for i in range(num_inputs))
    write = _Writer()
    with jax.enable_x64(True), exact_derivatives():
        closed = jax.make_jaxpr(function)(*[jnp.zeros((), jnp.float64)] * num_inputs)
        results = _evaluate(closed, inputs, write, what)
    outputs = []
    for result in results:
        for part in result if isinstance(result, _Pair) else (result,):
            is_name = isinstance(part, Name)
            outputs.append(part if is_name else _constant(write, inputs[0], float(part)))
    return _without_unused(inputs, write, outputs)


def _constant(write: _Writer, z: Name, value: float) -> Name:
    """The same number whatever the input, as a step, so that it has the shape of one."""
    return cast(Name, write("max", write("min", z, value), value))


def _evaluate(closed: Any, arguments: Sequence[Any], write: _Writer, what: str) -> list[Any]:
    """Go through a traced function: arrays are computed, names are written down."""
    jaxpr = closed.jaxpr
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*closed.consts, *arguments], strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, jax.extend.core.Literal) else values[atom]

    for eqn in jaxpr.eqns:
        operands = [read(atom) for atom in eqn.invars]
        name, inner = eqn.primitive.name, _inner(eqn)
        if inner is not None:
            results = _evaluate(inner, operands, write, what)
        elif not any(isinstance(x, Name | _Pair) for x in operands):
            results = eqn.primitive.bind(*operands, **eqn.params)
            results = results if eqn.primitive.multiple_results else [results]
        elif name not in _OF_PAIRS and _is_complex(eqn, operands):
            raise _unknown(f"{name} of complex numbers", what)
        elif name == "scan":
            results = _unroll(eqn, operands, write, what)
        elif name in _RULES and all(not variable.aval.shape for variable in eqn.outvars):
            numbers = [x if isinstance(x, Name | _Pair) else _plain(x) for x in operands]
            results = [_RULES[name](write, eqn.params, *numbers)]
        else:
            raise _unknown(name, what)
        values |= dict(zip(eqn.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _is_complex(eqn: Any, operands: Sequence[Any]) -> bool:
    dtypes = [variable.aval.dtype for variable in eqn.outvars]
    return any(isinstance(x, _Pair) for x in operands) or any(t.kind == "c" for t in dtypes)


def _inner(eqn: Any) -> Any:
    """The function that an equation only calls."""
    is_call = "call" in eqn.primitive.name or eqn.primitive.name in ("jit", "pjit")
    return eqn.params.get("jaxpr", eqn.params.get("call_jaxpr")) if is_call else None


def _unroll(eqn: Any, operands: list[Any], write: _Writer, what: str) -> list[Any]:
    """A loop over constants, as one step after the other; its carry is what it gives.

    What is a constant, a carry or a row is read from the shapes: JAX renames its parameters.
    """
    step, length = eqn.params["jaxpr"], eqn.params["length"]
    if any(variable.aval.shape for variable in eqn.outvars):
        raise _unknown("a loop that keeps what it passes", what)
    if eqn.params["reverse"]:
        raise _unknown("a loop from the end", what)
    outer = [variable.aval.shape for variable in eqn.invars]
    inner = [aval.shape for aval in step.in_avals]
    first_row = sum(one == other for one, other in zip(outer, inner, strict=True))
    first_carry = first_row - len(eqn.outvars)
    carry = operands[first_carry:first_row]
    for i in range(length):
        row = [values[i] for values in operands[first_row:]]
        carry = _evaluate(step, [*operands[:first_carry], *carry, *row], write, what)
    return carry


def _unknown(name: str, what: str) -> ExportError:
    known = ", ".join(_RULES)
    return ExportError(
        f"{what} uses {name!r}, which exports cannot write; they know {known} of single numbers."
    )


def _plain(value: Any) -> float:
    return float(np.asarray(value).real)


def _power(write: _Writer, params: dict[str, Any], x: Operand) -> Operand:
    """A whole power, by repeated multiplication."""
    count = abs(params["y"])
    total: Operand = 1.0
    for _ in range(count):
        total = write("mul", total, x)
    return write("div", 1.0, total) if params["y"] < 0 else total


def _same(write: _Writer, params: dict[str, Any], x: Any) -> Any:
    return x


def _rule(name: str) -> Callable[..., Operand]:
    return lambda write, params, *operands: write(name, *operands)


def _logistic(write: _Writer, params: dict[str, Any], x: Operand) -> Operand:
    return write("div", 1.0, write("add", 1.0, write("exp", write("neg", x))))


# primitive -> (write, its parameters, *operands) -> result
_RULES: dict[str, Callable[..., Any]] = {
    **{name: _rule(name) for name in OPERATIONS if name != "where"},
    "gt": lambda write, params, a, b: write("lt", b, a),
    "ge": lambda write, params, a, b: write("le", b, a),
    "select_n": lambda write, params, condition, no, yes: write("where", condition, yes, no),
    "clamp": lambda write, params, low, x, high: write("min", write("max", x, low), high),
    "square": lambda write, params, x: write("mul", x, x),
    "integer_pow": _power,
    "rsqrt": lambda write, params, x: write("div", 1.0, write("sqrt", x)),
    "logistic": _logistic,
    "complex": lambda write, params, re, im: _Pair(re, im),
    "real": lambda write, params, x: x.re,
    "imag": lambda write, params, x: x.im,
    **dict.fromkeys(
        ("convert_element_type", "stop_gradient", "copy", "broadcast_in_dim", "reshape"), _same
    ),
}
_OF_PAIRS = {"complex", "real", "imag", "stop_gradient", "copy", "scan"}


def _without_work(operation: str, operands: tuple[Operand, ...]) -> Operand | None:
    """What an operation gives where nothing has to be computed, as x + 0 and 1 x."""
    if operation == "where" and not isinstance(operands[0], Name):
        return operands[1] if operands[0] else operands[2]
    neutral = {"add": 0.0, "mul": 1.0}.get(operation)
    if neutral is not None and neutral in operands:
        return operands[1 - operands.index(neutral)]
    is_right = (operation, operands[-1]) in (("sub", 0.0), ("div", 1.0))
    return operands[0] if is_right else None


def _without_unused(inputs: tuple[Name, ...], write: _Writer, outputs: Sequence[Name]) -> Formula:
    """The steps that the outputs need, numbered anew."""
    needed, kept = set(outputs), []
    for (operation, operands), result in reversed(write.steps.items()):
        if result in needed:
            needed |= set(operands)
            kept.append(Step(result, operation, operands))
    names = {step.result: Name(f"t{i}") for i, step in enumerate(reversed(kept))}

    def renamed(name: Name) -> Name:
        return names.get(name, name)

    steps = []
    for result, operation, operands in reversed(kept):
        new = tuple(renamed(x) if isinstance(x, Name) else x for x in operands)
        steps.append(Step(names[result], operation, new))
    return Formula(inputs, tuple(steps), tuple(map(renamed, outputs)))
