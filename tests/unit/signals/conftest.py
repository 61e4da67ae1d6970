"""Shared by the tests of signals."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from optiinr_jax.signals import SignalError


@pytest.fixture(scope="session")
def check_refusal() -> Callable[[str, Callable[[], Any]], None]:
    """Check that `read()` is refused in one sentence with these words, and without a warning."""

    def check(words: str, read: Callable[[], Any]) -> None:
        with warnings.catch_warnings(), pytest.raises(SignalError, match=words or None) as caught:
            warnings.simplefilter("error")
            read()
        text = str(caught.value)
        assert text.endswith(".")
        assert "\n" not in text
        assert ". " not in text
        assert "expected" in text or "limit" in text
        assert ";" in text

    return check
