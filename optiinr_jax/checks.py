"""Checks of arguments that every floor makes; one wording for all."""

import difflib
import math
from collections.abc import Callable, Collection
from numbers import Integral
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def checked_by_hand(function: F) -> F:
    """Mark a function that says itself what is wrong with its arguments.

    Checkers of types at run time, such as our tests have, leave it alone; readers and editors see
    its types.
    """
    function.__no_type_check__ = True  # type: ignore[attr-defined]
    return function


def plain_numbers(value: Any) -> Any:
    """Numbers of NumPy and its like as Python's, which JSON holds; also inside of a collection.

    Where numbers come in, once: what is computed with them would be lost if it could not be saved.

    >>> import numpy as np
    >>> plain_numbers({"seed": np.int64(1), "scores": np.array([0.5, 1.0])})
    {'seed': 1, 'scores': [0.5, 1.0]}
    """
    if isinstance(value, dict):
        return {plain_numbers(name): plain_numbers(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain_numbers, value)) if type(value) in (list, tuple) else value
    return value.tolist() if hasattr(value, "tolist") else value


def check_counts(**counts: Any) -> None:
    """Raise ValueError, by name, for a count that is not a whole number from 1 on."""
    for name, value in counts.items():
        check_whole(name, value, 1)


def check_whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """The number, as Python's; raise ValueError for what is no whole one from `low` to `high`."""
    number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None
    if number is None or number < low or (high is not None and number > high):
        end = "on" if high is None else f"to {high}"
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {low} {end}.")
    return number


def check_name(what: str, name: Any, known: Collection[str]) -> None:
    """Raise ValueError for a name that is not among the known ones."""
    if name not in known:
        close = difflib.get_close_matches(str(name), list(map(str, known)), 1)
        hint = f"did you mean {close[0]!r}? Known" if close else "known"
        raise ValueError(f"unknown {what} {name!r}; {hint} are {', '.join(known)}.")


def check_number(name: str, value: Any, low: float = 0.0) -> None:
    """Raise ValueError for what is no finite number of at least `low`."""
    try:
        number = None if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None:
        raise ValueError(f"{name} is {value!r:.80}; it must be a number.")
    if not (math.isfinite(number) and number >= low):
        least = "" if low == -math.inf else f" of at least {low:g}"
        raise ValueError(f"{name} is {value!r}; it must be a finite number{least}.")
