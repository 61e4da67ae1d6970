"""The errors of this folder."""


class StudyError(ValueError):
    """A study that cannot be opened, does not belong to this call, or has nothing to give."""


class StorageError(StudyError):
    """The storage of a study failed while it was used; what has ended is in it."""
