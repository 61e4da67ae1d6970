"""Waiting for a long computation."""

import _thread
import threading
import time

import jax
import jax.numpy as jnp
import pytest

from optiinr_jax.inr.waiting import wait_for


@pytest.mark.integration
def test_an_interrupt_is_heard_in_the_middle_of_a_computation():
    """The runtime hears nobody while it computes: an interrupt took as long as the step."""

    def work(x):
        return jax.lax.fori_loop(0, 1000, lambda i, x: jnp.tanh(x @ x), x)

    compiled = jax.jit(work).lower(jnp.eye(256)).compile()
    jax.block_until_ready(compiled(jnp.eye(256)))  # the first time takes longer
    begin = time.monotonic()
    jax.block_until_ready(compiled(jnp.eye(256)))
    whole = time.monotonic() - begin
    running = compiled(jnp.eye(256))
    timer = threading.Timer(0.1 * whole, _thread.interrupt_main)
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait_for(running)
    assert not running.is_ready()
    assert time.monotonic() - begin < 0.8 * whole
