"""The error of a study that cannot be used, and the check of counts."""

from numbers import Integral
from typing import Any


class StudyError(ValueError):
    """A study that cannot be opened, does not belong to this call, or has nothing to give."""


def check_counts(**counts: Any) -> None:
    """Raise ValueError, by name, for a count that is not a whole number from 1 on."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number from 1 on.")
