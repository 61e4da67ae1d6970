"""Trials as outcomes: what counts as collapsed or out of memory, and curves of a loss."""

import numpy as np
import pytest

import optiinr_jax as oi
from optiinr_jax.studies.training import (
    find_collapse,
    is_out_of_memory,
    learning_curve,
    score_of_loss,
)

FLOOR = 0.1  # loss of the best constant


def fall(low, num_steps=500, high=0.12):
    """A loss that falls smoothly, with the noise of mini-batches."""
    rng = np.random.default_rng(0)
    return np.geomspace(high, low, num_steps) * rng.uniform(0.8, 1.25, num_steps)


def dropped(low, back, share):
    """One that reaches a low level and comes back up for the last part of the run."""
    losses = fall(low)
    losses[int(500 * (1 - share)) :] = back
    return losses


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (fall(1e-4), ""),
        (fall(0.07), ""),  # little learned is a score, and a bad one
        (fall(0.095), "where the best constant has 0.1"),
        (np.full(500, FLOOR), "where the best constant has 0.1"),
        (np.full(500, 5.0), "where the best constant has 0.1"),
        (dropped(1e-4, 0.1, 0.1), "where the best constant has 0.1"),
        (dropped(1e-4, 1e-2, 0.1), "after a level of"),
        (dropped(1e-4, 3e-4, 0.1), ""),  # 5 dB up: noise of a large rate
        (dropped(1e-4, 1e-2, 0.002), ""),  # one bad step at the end is no level
        (np.array([0.01]), ""),
        (np.array([0.2, 0.1]), "where the best constant has 0.1"),
    ],
)
def test_a_collapse_is_a_level_and_no_single_step(history, words):
    found = find_collapse(history, FLOOR)
    assert bool(found) == bool(words) and words in found
    if found:
        assert found.startswith("collapsed: its loss ends at ") and "\n" not in found


@pytest.mark.parametrize("kind", ["image", "audio", "volume"])
def test_the_curve_is_the_score_of_the_loss(kind):
    signal = oi.sample_signal(kind, {"image": 16, "audio": 256, "volume": 8}[kind])
    assert score_of_loss(signal, 1e-30, 0.1) >= 1.0
    rng = np.random.default_rng(0)
    values = signal.values + 0.1 * rng.normal(size=signal.values.shape).astype(np.float32)
    loss = float(np.mean((values - signal.values) ** 2))
    if kind == "volume":
        assert score_of_loss(signal, 0.1, 0.1) == pytest.approx(0.0)
    else:
        assert score_of_loss(signal, loss, 0.1) == pytest.approx(
            signal.score(signal.frame.to_natural(values)), abs=1e-3
        )


def test_a_curve_has_few_points_and_no_holes():
    signal = oi.sample_signal(size=8)
    assert list(learning_curve(signal, np.full(3, 0.1), 0.1)) == [1, 2, 3]
    assert len(learning_curve(signal, np.full(1000, 0.1), 0.1)) == 10
    assert list(learning_curve(signal, np.array([0.1, np.nan]), 0.1)) == [1]


@pytest.mark.parametrize(
    "words",
    [
        "RESOURCE_EXHAUSTED: Out of memory allocating 1 byte",
        "INTERNAL: Error dispatching computation: Out of memory allocating 134217728 bytes.",
        "INTERNAL: Failed to allocate 8 bytes for new constant",
        "UNKNOWN: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "INTERNAL: cuBLAS: CUBLAS_STATUS_ALLOC_FAILED",
        "hipErrorOutOfMemory",
        "std::bad_alloc",
    ],
)
def test_what_counts_as_out_of_memory(words):
    assert is_out_of_memory(RuntimeError(words))
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(ValueError("no"))
