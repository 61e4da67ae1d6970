"""The errors of this folder."""

from optiinr_jax.text import without_passwords


class StudyError(ValueError):
    """A study that cannot be opened, does not belong to this call, or has nothing to give."""

    def __init__(self, sentence: str) -> None:
        """Say it without the password that an address in it may have."""
        super().__init__(without_passwords(sentence))


class StorageError(StudyError):
    """The storage of a study failed while it was used; what has ended is in it."""
