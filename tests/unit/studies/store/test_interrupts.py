"""Signals wait for the end of a block."""

import signal
import threading

import pytest

from optiinr_jax.studies.store.interrupts import signals_deferred


@pytest.fixture(autouse=True)
def usual_handler():
    """A shell that started the tests in the background made them deaf to SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_signal_waits_for_the_end_of_the_block(depth):
    reached = []

    def work(depth):
        with signals_deferred():
            if depth > 1:
                work(depth - 1)
            else:
                signal.raise_signal(signal.SIGINT)
            reached.append(depth)

    with pytest.raises(KeyboardInterrupt):
        work(depth)
    assert reached == list(range(1, depth + 1))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_comes_through():
    with pytest.raises(KeyboardInterrupt), signals_deferred():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second signal was held too")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_comes_first():
    with pytest.raises(KeyError), signals_deferred():
        raise KeyError("x")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_hold_nothing():
    handlers = []

    def work():
        with signals_deferred():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
