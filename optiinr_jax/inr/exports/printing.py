"""The steps of a formula as lines of a language."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from optiinr_jax.inr.exports.formula import Formula, Operand

_TRUTHS = ("lt", "le")  # operations that give truth values


@dataclass(frozen=True)
class Language:
    """How a language writes down the steps of a formula.

    Attributes:
        operations: name in `OPERATIONS` -> text with {0}, {1}, ... for the operands.
        statement: text with {kind}, {name} and {value} that gives a result its name.
        number: a number as the language writes it.
        wrapped: a number among the operands of `of_vectors`.
        of_vectors: operations whose operands must all be vectors.
        kinds: names of the types of numbers and of truth values.
    """

    operations: Mapping[str, str]
    statement: str
    number: Callable[[float], str] = repr
    wrapped: str = "{0}"
    of_vectors: Collection[str] = ()
    kinds: tuple[str, str] = ("", "")


def print_steps(formula: Formula, language: Language) -> list[str]:
    """One statement for each step."""
    lines = []
    for result, operation, operands in formula.steps:
        if operation in ("max", "min"):  # either order is right, and some languages have but one
            operands = sorted(operands, key=lambda operand: isinstance(operand, float))
        texts = [_operand(x, language, operation in language.of_vectors) for x in operands]
        value = language.operations[operation].format(*texts)
        kind = language.kinds[operation in _TRUTHS]
        lines.append(language.statement.format(kind=kind, name=result.text, value=value))
    return lines


def _operand(operand: Operand, language: Language, is_vector: bool) -> str:
    if not isinstance(operand, float):
        return operand.text
    text = language.number(operand)
    text = language.wrapped.format(text) if is_vector else text
    return f"({text})" if text.startswith("-") else text


def print_affine(text: str, affine: tuple[float, float], number: Callable[[float], str]) -> str:
    """gain * text + offset, as far as there is something to do."""
    gain, offset = affine
    text = text if gain == 1.0 else f"{number(gain)} * {text}"
    if offset == 0.0:
        return text
    return f"{text} + {number(offset)}" if offset > 0.0 else f"{text} - {number(-offset)}"
