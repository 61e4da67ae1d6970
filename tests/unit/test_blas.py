"""One thread for BLAS: as long as anybody needs it, and then as before; and what it is for."""

import subprocess
import sys
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from optiinr_jax.blas import one_blas_thread

# Factorisations of one program side by side, BLAS with two threads: without the scope this waits
# for ever within seconds, on a busy machine of two cores.
SIDE_BY_SIDE = """
import jax, jax.numpy as jnp
from threadpoolctl import threadpool_limits
import scipy.linalg
from optiinr_jax.blas import one_blas_thread

def body(carry, _):
    return [jnp.sin(jnp.linalg.qr(x)[0] + x) for x in carry], None

threadpool_limits(2, user_api="blas")
run = jax.jit(lambda carry: jax.lax.scan(body, carry, length=20)[0])
carry = [jax.random.normal(jax.random.key(i), (3, 128, 128)) for i in range(4)]
with one_blas_thread():
    for _ in range(20):
        jax.block_until_ready(run(carry))
print("done")
"""


def num_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_until_the_last_scope_ends():
    with threadpool_limits(2, user_api="blas"):
        before = num_threads()
        inside, leave = threading.Event(), threading.Event()

        def other():
            with one_blas_thread():
                inside.set()
                leave.wait(10)

        thread = threading.Thread(target=other)
        with one_blas_thread():
            thread.start()
            assert inside.wait(10) and num_threads() == {1}
        assert num_threads() == {1}  # the other thread is still at work
        leave.set()
        thread.join()
        assert num_threads() == before
        with pytest.raises(KeyError), one_blas_thread():
            raise KeyError
        assert num_threads() == before


@pytest.mark.integration
def test_factorisations_side_by_side_come_to_an_end():
    done = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "done\n", done.stderr
