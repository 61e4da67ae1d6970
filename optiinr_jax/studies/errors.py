"""The error of this folder."""


class StudyError(ValueError):
    """A study that cannot be opened, does not belong to this call, or has nothing to give."""
