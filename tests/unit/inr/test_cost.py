"""What a step costs: parts of equal size, chunks of about a second."""

from dataclasses import replace

import pytest

from optiinr_jax import inr
from optiinr_jax.inr import cost


@pytest.mark.parametrize("num_points", [1, 511, 512, 4096, 1448**2])
@pytest.mark.parametrize("on_one_core", [False, True])
def test_parts_are_nearly_equal_and_bounded(num_points, on_one_core):
    size = cost.part_size(256, num_points, on_one_core)
    num_parts = -(-num_points // size)
    assert 0 <= num_parts * size - num_points < num_parts
    assert size <= 2**17 * cost.num_cores() // 256
    assert cost.part_size(256, num_points, on_one_core, 100) <= 100


def test_operations_of_a_step_by_hand():
    """Two square layers and the output; forward once, backward twice, two operations a product."""
    config = inr.preset("siren", width=10, depth=3)
    matrices = 10 * 10 + 10 * 10 + 10 * 3
    assert cost.step_flops(config, 64, 3) == 6 * matrices * 64
    assert cost.step_flops(replace(config, batch_size=16), 64, 3) == 6 * matrices * 16
    assert cost.step_flops(replace(config, batch_size=999), 64, 3) == 6 * matrices * 64
    assert cost.predict_seconds(config, 64, 3, 7) == 7 * cost.predict_seconds(config, 64, 3, 1)


@pytest.mark.parametrize(("side", "length"), [(8, 50), (128, 5), (512, 1)])
def test_chunks_get_shorter_as_steps_get_longer(side, length):
    assert cost.chunk_steps(inr.preset("siren", depth=4), side**2, 3) == length


def test_the_memory_of_a_fit_grows_with_its_points():
    """12 million pixels on 256 units took 1.85 GB (benchmarks/bench_large_picture.py)."""
    config = inr.preset("siren", width=256)
    found = [cost.predict_bytes(config, n, 2, 3) for n in (10_000, 12_000_000)]
    assert 0.4e9 < found[0] < 0.8e9
    assert 1.4e9 < found[1] < 2.4e9
