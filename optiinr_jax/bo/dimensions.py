"""The kinds of dimension of a search space: real numbers, whole numbers, options.

Each maps its values to [0, 1] and back, and says of a value whether it belongs to it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from optiinr_jax.checks import plain_numbers

Number = float | int
MAX_PARENT_VALUES = 1024  # of a number on which others depend
ROUNDING = 1e-6  # of a range, or of a value on a logarithmic one
When = Mapping[str, Any]  # parent -> allowed value, or tuple of allowed values
Grid = tuple[float, float, bool, int]  # where bins begin and end, whether logarithmic, their step


@dataclass(frozen=True)
class Float:
    """A real number in [low, high], searched on a linear or logarithmic scale.

    With `values`, one of these numbers and no other: Float(values=[0.1, 0.3, 1.0]). They have an
    order, unlike the options of a `Choice`, and neighbours are equally far apart.
    """

    low: Number = math.nan
    high: Number = math.nan
    log: bool = False
    when: When | None = None
    values: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        """A list of values is its own range."""
        _take_values(self)

    @property
    def grid(self) -> Grid | None:
        """Bins of the positions of listed values; None: nothing is rounded."""
        return _list_grid(self.values) if self.values else None

    @property
    def in_order(self) -> Sequence[Number] | None:
        """Every value from the lowest on; None: there are too many."""
        return self.values

    def to_unit(self, value: Number) -> float:
        """Map a value to [0, 1]."""
        if self.values:
            return _list_to_unit(self.values, value)
        if self.low == self.high:
            return 0.5
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def from_unit(self, u: float) -> float:
        """Map [0, 1] to a value, exactly inside [low, high]."""
        if self.values:
            return float(_bin(self.values, u))
        if u in (0, 1):
            return float(self.high if u else self.low)
        if self.log:
            value = math.exp(math.log(self.low) * (1 - u) + math.log(self.high) * u)
        else:
            value = self.low * (1 - u) + self.high * u
        return float(min(max(value, self.low), self.high))

    def check(self, value: Any) -> float:
        """Return the value as a float; raise ValueError when it is no number of the range.

        What lies outside by a rounding, as a float32 does, is its end, or the listed value.
        """
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        is_number = is_number and _is_finite(0.0, value)
        slack = 0.0
        if is_number:
            slack = ROUNDING * max(abs(float(value)) if self.log else self.high - self.low, 0.0)
        if self.values:
            near = [v for v in self.values if is_number and abs(v - float(value)) <= slack]
            if not near:
                raise ValueError(f"expected one of {list(self.values)}")
            return float(near[0])
        if not is_number or not self.low - slack <= float(value) <= self.high + slack:
            raise ValueError(f"expected a number from {self.low} to {self.high}")
        return float(min(max(value, self.low), self.high))


@dataclass(frozen=True)
class Int:
    """A whole number low, low + step, ..., high: a position in [0, 1], which is rounded.

    With `values`, one of these whole numbers and no other: Int(values=[16, 32, 64]). They have an
    order, unlike the options of a `Choice`, and neighbours are equally far apart.
    """

    low: Number = math.nan  # a whole one
    high: Number = math.nan
    log: bool = False
    when: When | None = None
    step: int = 1
    values: Sequence[Any] | None = None  # whole ones

    def __post_init__(self) -> None:
        """A list of values is its own range."""
        _take_values(self)

    @property
    def grid(self) -> Grid:
        """Where the bins of its positions begin and end, whether logarithmic, and their step."""
        if self.values:
            return _list_grid(self.values)
        return self.low - self.step / 2, self.high + self.step / 2, self.log, self.step

    @property
    def in_order(self) -> Sequence[Number] | None:
        """Every value from the lowest on; None: there are too many."""
        if self.values:
            return self.values
        found = range(int(self.low), int(self.high) + 1, self.step)
        return found if (self.high - self.low) / self.step < MAX_PARENT_VALUES else None

    def _bins(self) -> Float:
        """Range in which each value owns the half-open interval of a step around it."""
        return Float(*self.grid[:3])

    def to_unit(self, value: Number) -> float:
        """Map a value to (0, 1)."""
        if self.values:
            return _list_to_unit(self.values, value)
        return self._bins().to_unit(value)

    def from_unit(self, u: float) -> int:
        """Map [0, 1] to the nearest value."""
        if self.values:
            return int(_bin(self.values, u))
        count = round((self._bins().from_unit(u) - self.low) / self.step)
        return int(min(max(self.low + self.step * count, self.low), self.high))

    def check(self, value: Any) -> int:
        """Return the value as an int; raise ValueError when it is not one of the range."""
        is_whole = isinstance(value, Integral) and not isinstance(value, bool)
        if self.values and not (is_whole and value in self.values):
            raise ValueError(f"expected one of {list(self.values)}")
        is_inside = is_whole and self.low <= int(value) <= self.high
        if not is_inside or (not self.values and (int(value) - self.low) % self.step):
            by = "" if self.step == 1 else f" in steps of {self.step}"
            raise ValueError(f"expected a whole number from {self.low} to {self.high}{by}")
        return int(value)


def _take_plain(dimension: "Dimension") -> None:
    """Let every number of NumPy be one of Python's, which JSON holds."""
    for f in fields(dimension):
        object.__setattr__(dimension, f.name, plain_numbers(getattr(dimension, f.name)))


def _take_values(dimension: Float | Int) -> None:
    """Let a list of values, sorted, give the range."""
    _take_plain(dimension)
    if dimension.values is None:
        return
    values = tuple(dimension.values)
    is_number = [isinstance(v, Real) and not isinstance(v, bool) for v in values]
    values = tuple(sorted(values)) if all(is_number) else values
    ends = (values[0], values[-1]) if values else (math.nan, math.nan)
    for name, value in zip(("values", "low", "high"), (values, *ends), strict=True):
        object.__setattr__(dimension, name, value)


def _list_grid(values: Sequence[Number]) -> Grid:
    return -0.5, len(values) - 0.5, False, 1


def _list_to_unit(values: Sequence[Number], value: Number) -> float:
    nearest = min(range(len(values)), key=lambda i: abs(values[i] - value))
    return (nearest + 0.5) / len(values)


def _bin(options: Sequence[Any], u: float) -> Any:
    """The option in whose part of [0, 1] a number is."""
    return options[min(int(u * len(options)), len(options) - 1)]


@dataclass(frozen=True)
class Choice:
    """One of several options without order: strings, numbers, booleans or None."""

    options: Sequence[Any]
    when: When | None = None

    def __post_init__(self) -> None:
        """Take any sequence of options."""
        _take_plain(self)
        object.__setattr__(self, "options", tuple(self.options))

    def from_unit(self, u: float) -> Any:
        """Map [0, 1] to an option by equal bins."""
        return _bin(self.options, u)

    def check(self, value: Any) -> Any:
        """Return the option itself; raise ValueError when there is no such option."""
        if value not in self.options:
            raise ValueError(f"expected one of {list(self.options)}")
        return self.options[self.options.index(value)]


Dimension = Float | Int | Choice
TYPES = {"float": Float, "int": Int, "choice": Choice}


def check_dimension(name: Any, dimension: Any) -> None:
    """Raise ValueError when one dimension makes no sense by itself."""
    if not isinstance(name, str) or not isinstance(dimension, Float | Int | Choice):
        raise ValueError(
            f"{name!r} is {dimension!r}; expected a string name with a Float, Int or Choice."
        )
    if isinstance(dimension, Choice):
        options = dimension.options
        if not options or any(option in options[:i] for i, option in enumerate(options)):
            raise ValueError(
                f"{name!r} has options {list(options)}; expected one or more, all different."
            )
        if not all(option is None or isinstance(option, str | Real) for option in options):
            raise ValueError(
                f"{name!r} has options {list(options)}; expected strings, numbers, booleans or "
                "None, which JSON can hold; use a string as the name of anything else."
            )
        return
    low, high = dimension.low, dimension.high
    kind = Integral if isinstance(dimension, Int) else Real
    if dimension.values is not None:
        _check_values(name, dimension, kind)
        return
    is_number = all(isinstance(v, kind) and not isinstance(v, bool) for v in (low, high))
    if not is_number or not _is_finite(low, high) or not low <= high:
        raise ValueError(
            f"{name!r} goes from {low!r} to {high!r}; expected finite "
            f"{'whole ' if isinstance(dimension, Int) else ''}numbers with low <= high."
        )
    if isinstance(dimension, Int):
        _check_step(name, dimension)
    if dimension.log and low <= 0:
        raise ValueError(
            f"{name!r} has log=True and low={low}; expected low > 0, or use log=False."
        )


def _check_values(name: str, dimension: Float | Int, kind: type) -> None:
    values = dimension.values or ()
    is_number = all(isinstance(v, kind) and not isinstance(v, bool) for v in values)
    if not values or not is_number or len(set(values)) < len(values):
        raise ValueError(
            f"{name!r} has values={list(values)}; expected one or more different "
            f"{'whole ' if kind is Integral else ''}numbers."
        )
    if dimension.log or not _is_finite(values[0], values[-1]):
        raise ValueError(
            f"{name!r} has values={list(values)} and log={dimension.log}; expected finite values, "
            "which are equally far apart, and no log."
        )


def _is_finite(low: Any, high: Any) -> bool:
    """Whether float64 holds two numbers and their distance."""
    try:
        return math.isfinite(float(high) - float(low))
    except OverflowError:  # a whole number that it does not hold
        return False


def _check_step(name: str, dimension: Int) -> None:
    low, high, step = dimension.low, dimension.high, dimension.step
    is_whole = isinstance(step, Integral) and not isinstance(step, bool)
    if not is_whole or step < 1 or (high - low) % step:
        raise ValueError(
            f"{name!r} goes from {low} to {high} in steps of {step!r}; expected a whole number "
            "from 1 that divides high - low."
        )
    if step != 1 and dimension.log:
        raise ValueError(f"{name!r} has log=True and a step; expected one of them.")
