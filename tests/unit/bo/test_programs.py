"""Programs kept for the next process: not traced again, and the same to the last bit."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.bo.host import host_scope
from optiinr_jax.bo.programs import quick_jit


class Pair(NamedTuple):
    total: jax.Array
    kept: jax.Array


@pytest.fixture
def folder(tmp_path):
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    yield tmp_path
    jax.config.update("jax_compilation_cache_dir", before)


class Process:
    """A function as another process would have it: nothing of it is compiled or traced yet."""

    def __init__(self):
        self.num_traced = 0

        def program(x, spare=None, *, kernel):
            self.num_traced += 1
            seed = jax.random.normal(jax.random.key(0), x.shape, x.dtype)
            return Pair(jnp.sum(jnp.sin(x) * seed), x if spare is None else spare)

        self.run = quick_jit("kernel", returns=Pair._make)(program)

    def __call__(self, *args, kernel="anova", quick=True):
        with host_scope():
            return jax.tree.map(np.asarray, self.run(*args, kernel=kernel, quick=quick))


X = np.linspace(0.0, 1.0, 50)


@pytest.mark.parametrize("quick", [True, False])
def test_the_next_process_traces_nothing_and_finds_the_same(folder, quick):
    first, second = Process(), Process()
    found = first(X, quick=quick)
    again = second(X, quick=quick)
    assert (first.num_traced, second.num_traced) == (1, 0)
    jax.config.update("jax_compilation_cache_dir", None)
    plain = Process()(X, quick=quick)
    for result in (again, plain):
        assert isinstance(result, Pair) and result.total.dtype == np.float64
        np.testing.assert_array_equal(result.total, found.total)
        np.testing.assert_array_equal(result.kept, X)


def test_what_differs_is_another_program(folder):
    process = Process()
    process(X)
    process(X + 1.0)  # other numbers are not
    assert process.num_traced == len(list(folder.glob("*.traced"))) == 1
    process(X[:20])
    process(X, X)
    process(X, kernel="product")
    process(X.astype(np.float32))
    with jax.threefry_partitionable(not jax.config.jax_threefry_partitionable):
        process(X)
    assert process.num_traced == len(list(folder.glob("*.traced"))) == 6


@pytest.mark.parametrize("content", [b"", b"no program", None])
def test_a_damaged_file_is_made_anew(folder, content):
    found = Process()(X)
    (file,) = folder.glob("*.traced")
    whole = file.read_bytes()
    file.write_bytes(whole[:200] if content is None else content)
    process = Process()
    np.testing.assert_array_equal(process(X).total, found.total)
    later = Process()
    np.testing.assert_array_equal(later(X).total, found.total)
    assert (process.num_traced, later.num_traced) == (1, 0)


def test_a_row_of_the_callers_own_and_no_folder_keep_nothing(folder):
    assert Process()(X, kernel=Pair(1, 2)).total.shape == ()
    with jax.disable_jit():
        Process()(X)
    jax.config.update("jax_compilation_cache_dir", None)
    Process()(X)
    assert not list(folder.glob("*.traced"))


def test_a_folder_that_cannot_be_written_only_costs_time(folder):
    (folder / "file").write_text("")
    jax.config.update("jax_compilation_cache_dir", str(folder / "file"))
    process = Process()
    assert np.isfinite(process(X).total) and process.num_traced == 1
