"""What this folder raises and warns of."""

import warnings


class SignalError(ValueError):
    """A signal that cannot be used: what was got, what was expected, what to do."""


class LossWarning(UserWarning):
    """Something of a source is not in the signal: transparency, a frame, what was cut off."""


def say_lost(sentence: str) -> None:
    """Say in one line what of a source is not in the signal."""
    warnings.warn(sentence, LossWarning, stacklevel=3)
