"""Where the model computes: precision and BLAS threads inside the scope, and after it."""

import jax.numpy as jnp
import pytest
import scipy.linalg  # noqa: F401 - the fixture limits libraries that are loaded before it
from threadpoolctl import ThreadpoolController, threadpool_limits

from optiinr_jax.bo.host import host_scope


def blas_threads():
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return {library.num_threads for library in libraries}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, "blas"):
        assert blas_threads() == {2}
        yield


def test_double_precision_and_one_blas_thread_inside_only():
    with host_scope():
        assert blas_threads() == {1} and jnp.ones(()).dtype == jnp.float64
        with host_scope():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2} and jnp.ones(()).dtype == jnp.float32


def test_an_error_sets_it_back():
    with pytest.raises(KeyError), host_scope():
        raise KeyError("x")
    assert blas_threads() == {2}
