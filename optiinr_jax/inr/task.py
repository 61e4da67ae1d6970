"""What a fit is asked to do: the objective written out, its points, and what a constant reaches."""

import math
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from optiinr_jax.inr.batches import Points, batch_of
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.gradient_adjustment import group_points
from optiinr_jax.inr.sampling import GRID, SAMPLINGS, Rows, sampling_of
from optiinr_jax.signals import Signal
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.scattered import ScatteredSignal
from optiinr_jax.signals.scores import check_objective

_CONSTANT = 1e-9  # a variance below this part of the range's square is that of a constant
_SMALL = 1e-2  # 20 dB, which every network that learns anything is below
_FLOOR_POINTS = 16384  # around a surface, at which the best constant is measured


def resolve(
    signal: Signal, config: NetworkConfig, objective: str | None
) -> tuple[Signal, NetworkConfig, str]:
    """A fit with all written out that the configuration leaves to the signal; see `fit`.

    Returns:
        The signal in the range in which the network learns it, the configuration with its sampling
        and its ranges, and the objective.

    Raises:
        ValueError: an unknown objective.
    """
    if isinstance(signal, ScatteredSignal):  # nothing is known between its samples
        config = replace(config, sampling=GRID)
        objective = objective or ("continuous" if signal.has_apart else "samples")
        if objective == "continuous" and not signal.has_apart:
            raise ValueError(
                f"objective is 'continuous', but no sample of {signal.name!r} is kept apart, by "
                "which it is measured; keep some, or choose 'samples'."
            )
    config = replace(config, batch_size=batch_of(signal, config.batch_size))
    objective = objective or ("samples" if config.sampling == GRID else "continuous")
    check_objective(objective)
    kind, signal = get_kind(signal.kind), signal.with_value_range(config.value_range)
    written_out = replace(
        config,
        sampling=config.sampling or sampling_of(signal.kind, objective),
        coord_range=config.coord_range or kind.coord_range,
        value_range=signal.frame.value_range,
        natural_range=signal.frame.natural_range,
    )
    return signal, written_out, objective


def points_of(signal: Signal, sampling: str | None = GRID) -> Points:
    """The samples of a signal with their targets, and what a sampling needs besides.

    Raises:
        ValueError: points at a surface were asked for, but the signal is no solid.
    """
    if isinstance(signal, ScatteredSignal):
        targets, coords = signal.targets(), jnp.asarray(signal.training_coords)
        return Points(targets=targets, coords=coords, shape=(signal.num_points,))
    is_between = sampling not in (None, GRID)
    surface = None
    if sampling == "surface":
        if not signal.is_packed or signal.num_dims != 3:
            raise ValueError(
                f"sampling is 'surface', but {signal.name!r} is of kind {signal.kind} and has no "
                "surface; choose 'shifted' or 'jittered'."
            )
        surface = jnp.asarray(signal.surface)
    return Points(
        targets=signal.targets(),
        continuous=signal.continuous if is_between else None,
        surface=surface,
        shape=signal.shape,
    )


def floor_of(signal: Signal, sampling: str | None = GRID) -> float:
    """Mean squared error of the best constant at the points of a sampling.

    Around the surface of a solid a constant is worse than all over it. Of a signal that is constant
    itself, which every network learns, it is an error that is small by itself.
    """
    low, high = signal.frame.value_range
    if signal.variance() < _CONSTANT * (high - low) ** 2:
        return _SMALL * (high - low) ** 2
    if signal.is_scattered or sampling in (None, GRID):
        return signal.variance()
    points = points_of(signal, sampling)
    if points.surface is None:
        return signal.variance_between
    index = np.linspace(0, signal.num_points, _FLOOR_POINTS, endpoint=False).astype(np.int32)
    _, targets = _sample(jax.random.key(0), points, jnp.asarray(index), sampling=sampling)
    return float(np.var(np.asarray(targets), axis=0, dtype=np.float64).mean())


@partial(jax.jit, static_argnames="sampling")
def _sample(key: jax.Array, points: Points, index: jax.Array, *, sampling: str) -> Rows:
    return SAMPLINGS[sampling](key, points, index, 0.0)


def check_batches(shape: tuple[int, ...], config: NetworkConfig) -> None:
    """Check that the gradient adjustment's groups suit the points and the batch.

    Raises:
        ValueError: they do not divide, or a mini-batch has blocks instead of runs.
    """
    if config.adjustment is None:
        return
    group = config.adjustment.group
    if config.batch_size is None:
        group_points(shape, group)
    elif len(group) != 1 or math.prod(shape) < group[0] or config.batch_size < group[0]:
        raise ValueError(
            f"adjustment.group is {group} with batch_size {config.batch_size}, but mini-batches "
            "take runs of consecutive points, shorter than the batch; try group=(256,)."
        )
