"""The one error of this folder."""


class SignalError(ValueError):
    """A signal that cannot be used: what was got, what was expected, what to do."""
