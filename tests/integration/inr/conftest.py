"""Networks that several files of tests export."""

import itertools

import pytest

from tests.exported import (
    CASES,
    KINDS_OF_NETWORK,
    OTHERS,
    make_signal,
    network_of,
    other_signal,
    predicted,
)


@pytest.fixture(scope="session")
def cases():
    """Networks of every kind for every signal, coordinates, and what `predict` says there."""
    found = {}
    for kind, name in CASES:
        inr = network_of(make_signal(kind), KINDS_OF_NETWORK[name](kind))
        found[kind, name] = predicted(inr)
    return found


@pytest.fixture(scope="session")
def others():
    """A network of every other kind of signal, in turns of the kinds of network."""
    found = {}
    for name, config in zip(OTHERS, itertools.cycle(KINDS_OF_NETWORK.values())):
        signal = other_signal(name)
        found[name] = predicted(network_of(signal, config("image")))
    return found
