"""What a step costs, and how its work is cut into parts for the machine."""

import os

import jax

from optiinr_jax.inr.config import NetworkConfig

# Steps between two looks at the loss: a few fixed lengths, so that they hardly ever recompile. The
# longest one that takes about a second is used.
CHUNK_STEPS = (50, 5, 1)
_CHUNK_FLOPS = 3e11  # float operations of such a chunk
# Chunk sizes. On a CPU one layer's activations take about half a MiB a core: smaller chunks are
# bound by synchronisation, larger ones by memory; a single thread is fastest at _CORE_POINTS.
# Elsewhere 64 MiB, times the networks that are trained at once.
_CORE_VALUES = 2**17
_CORE_POINTS = 512
_DEVICE_VALUES = 2**24
# As measured with pictures of 12 and of 67 million pixels; of the whole numbers of the latter there
# are the decoder's, the host's, the device's, and those that are written into a digest.
_PROCESS_BYTES, _COPIES, _WHOLE_COPIES = 5e8, 2.0, 4.0
_EVALUATION_RATE = 3e10  # float operations a second, a guess on the low side


def step_flops(config: NetworkConfig, num_points: int, num_channels: int) -> float:
    """Float operations of one step's matrix products, forward and backward."""
    matrices = config.width * (config.width * (config.depth - 1) + num_channels)
    return 6.0 * matrices * min(num_points, config.batch_size or num_points)


def predict_seconds(
    config: NetworkConfig, num_points: int, num_channels: int, num_steps: int
) -> float:
    """Predict the time of a fit from its matrix products alone."""
    return num_steps * step_flops(config, num_points, num_channels) / _EVALUATION_RATE


def predict_bytes(
    config: NetworkConfig,
    num_points: int,
    num_dims: int,
    num_channels: int,
    whole_bytes: int | None = None,
) -> float:
    """Predict the memory of a fit: the process, the points and their values, and one part.

    Args:
        whole_bytes: of a value that is kept as a whole number; None: it is not.
    """
    part = part_size(config.width, min(num_points, config.batch_size or num_points))
    a_point = _COPIES * 4.0 * (num_dims + 4 * num_channels)
    if whole_bytes is not None:
        a_point = _WHOLE_COPIES * whole_bytes * num_channels
    rows = num_points * a_point
    return _PROCESS_BYTES + rows + 12.0 * config.depth * config.width * part


def chunk_steps(config: NetworkConfig, num_points: int, num_channels: int) -> int:
    """Steps of a chunk that takes about a second on a CPU."""
    flops = step_flops(config, num_points, num_channels)
    fits = [length for length in CHUNK_STEPS if length * flops <= _CHUNK_FLOPS]
    return max(fits, default=min(CHUNK_STEPS))


def pause_step(
    config: NetworkConfig, num_points: int, num_channels: int, num_steps: int, share: float
) -> int:
    """The step nearest to a share of a run at which it can pause: the end of a chunk."""
    length = chunk_steps(config, num_points, num_channels)
    return min(max(round(share * num_steps / length), 1) * length, num_steps)


def part_size(
    width: int, num_points: int, on_one_core: bool = False, max_part: int | None = None
) -> int:
    """Points that go through the network at once; all parts are of one size, or nearly so."""
    if jax.default_backend() != "cpu":
        fits = _DEVICE_VALUES // width
    elif on_one_core:
        fits = _CORE_POINTS
    else:
        fits = _CORE_VALUES * num_cores() // width
    fits = max(1, fits if max_part is None else min(fits, max_part))
    return -(-num_points // -(-num_points // fits))


def num_cores() -> int:
    """Cores that this process may use."""
    has_affinity = hasattr(os, "sched_getaffinity")  # not on macOS
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
