"""What is known: outputs at some settings of a hyperparameter, checked and brought to one scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from optiinr_jax.checks import checked_by_hand
from optiinr_jax.trajectories.config import TrajectoryConfig
from optiinr_jax.trajectories.density import Density, Kernels, make_grid

_BOX_MARGIN = 0.2  # standard deviations that a map may lead beyond the outputs seen


@dataclass(frozen=True)
class Anchors:
    """Outputs of a network at increasing settings of a hyperparameter.

    Attributes:
        settings: (K + 1,), two at least, increasing.
        outputs: of each setting, (n_k, D); a row is one output.
        conditions: of each setting, what the outputs belong to: (n_k, C) numbers, such as inputs of
            the network, or (n_k,) whole numbers, which are classes. None: nothing.
    """

    settings: np.ndarray
    outputs: tuple[np.ndarray, ...]
    conditions: tuple[np.ndarray, ...] | None = None

    @property
    def has_classes(self) -> bool:
        """Whether conditions are classes."""
        return self.conditions is not None and self.conditions[0].ndim == 1


class Scale(NamedTuple):
    """How outputs and conditions of the user are brought to a common scale.

    Attributes:
        centre: mean of the outputs, (D,).
        length: their standard deviation, of all components together, ().
        condition_centre: mean of the conditions that are numbers, (C,), or the classes, (c,).
        condition_length: their standard deviations, (C,); no numbers for classes.
    """

    centre: np.ndarray
    length: np.ndarray
    condition_centre: np.ndarray
    condition_length: np.ndarray


class Problem(NamedTuple):
    """What a training sees: arrays, of which those of several problems may be stacked.

    Letters: K + 1 anchors, n rows (padded), D outputs, C numbers of a condition, S strata. A
    stratum is a class, or one condition that all anchors share; else everything is one stratum.

    Attributes:
        outputs: (K + 1, n, D), scaled, sorted by stratum.
        conditions: (K + 1, n, C), scaled or one-hot.
        counts: rows that are filled, (K + 1,).
        strata: of each row, (K + 1, n).
        starts: first row of each stratum, (K + 1, S).
        sizes: rows of each stratum, (K + 1, S).
        low, high: the box that maps lead to, (D,).
        density: of all outputs together; None: no potential.
    """

    outputs: Array
    conditions: Array
    counts: Array
    strata: Array
    starts: Array
    sizes: Array
    low: Array
    high: Array
    density: Density | None


@checked_by_hand
def make_anchors(
    settings: Sequence[float],
    outputs: Sequence[Float[np.ndarray, "n D"]],
    conditions: Sequence[Any] | None = None,
) -> Anchors:
    """Check what is known and hold it as arrays.

    Args:
        settings: of the hyperparameter, increasing; two at least.
        outputs: of each setting, (n_k, D) numbers.
        conditions: of each setting, (n_k, C) numbers or (n_k,) whole numbers, which are classes.

    Raises:
        ValueError: what is wrong, in one sentence.
    """
    places = np.asarray(settings, float)
    if places.ndim != 1 or len(places) < 2:
        raise ValueError(
            f"got {places.size} setting; a trajectory needs two anchors at least: train the "
            "network at another setting too."
        )
    if not (np.isfinite(places).all() and (np.diff(places) > 0).all()):
        raise ValueError(
            f"the settings are {places.tolist()}; they must be finite and increase from one anchor "
            "to the next: sort them, with their outputs."
        )
    arrays = tuple(np.asarray(y, np.float32) for y in outputs)
    _check_rows("outputs", arrays, len(places))
    if conditions is None:
        return Anchors(places, arrays)
    found = tuple(map(np.asarray, conditions))
    if all(x.ndim == 1 and np.issubdtype(x.dtype, np.integer) for x in found):
        _check_counts(found, arrays, len(places))
    else:
        found = tuple(np.asarray(x, np.float32) for x in found)
        _check_rows("conditions", found, len(places))
        _check_counts(found, arrays, len(places))
    _check_overlap(found)
    return Anchors(places, arrays, found)


def _check_rows(name: str, arrays: tuple[np.ndarray, ...], num_anchors: int) -> None:
    if len(arrays) != num_anchors:
        raise ValueError(
            f"got {name} of {len(arrays)} anchors for {num_anchors} settings; give one array for "
            "each setting."
        )
    widths = {array.shape[1:] for array in arrays}
    if any(array.ndim != 2 or not array.size for array in arrays) or len(widths) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(
            f"{name} have the shapes {shapes}; every anchor needs rows, and all as many columns: "
            "use arrays of shape (n, D)."
        )
    for i, array in enumerate(arrays):
        if not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0, 0])
            raise ValueError(
                f"{name} of anchor {i} have a number in row {row} that is nan or infinite; leave "
                "the row out, or train that network again."
            )


def _check_counts(
    conditions: tuple[np.ndarray, ...], outputs: tuple[np.ndarray, ...], num_anchors: int
) -> None:
    found, expected = [len(x) for x in conditions], [len(y) for y in outputs]
    if found != expected:
        raise ValueError(
            f"got {found} conditions for {expected} outputs of {num_anchors} anchors; every output "
            "needs its own."
        )


def _check_overlap(conditions: tuple[np.ndarray, ...]) -> None:
    """Mass can move only where the anchors know the same conditions."""
    for i in range(1, len(conditions)):
        if conditions[0].ndim == 1:
            missing = set(conditions[0].tolist()) ^ set(conditions[i].tolist())
            if missing:
                raise ValueError(
                    f"anchors 0 and {i} do not have the same classes ({sorted(missing)} in one "
                    "alone); leave those out, or add outputs of them."
                )
        else:
            low = np.maximum(conditions[0].min(axis=0), conditions[i].min(axis=0))
            high = np.minimum(conditions[0].max(axis=0), conditions[i].max(axis=0))
            if (low > high).any():
                column = int(np.argmax(low > high))
                raise ValueError(
                    f"the conditions of anchors 0 and {i} do not overlap in column {column}; "
                    "evaluate all networks under the same conditions."
                )


def scale_of(anchors: Anchors) -> Scale:
    """Centre and spread of outputs and conditions."""
    pooled = np.concatenate(anchors.outputs)
    centre = pooled.mean(axis=0)
    length = np.asarray(np.sqrt(np.mean((pooled - centre) ** 2)) or 1.0, np.float32)
    nothing = np.zeros(0, np.float32)
    if anchors.conditions is None:
        return Scale(centre, length, nothing, nothing)
    known = np.concatenate(anchors.conditions)
    if anchors.has_classes:
        return Scale(centre, length, np.unique(known), nothing)
    spread = known.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0).astype(np.float32)
    return Scale(centre, length, known.mean(axis=0), spread)


def scaled_outputs(scale: Scale, outputs: np.ndarray) -> np.ndarray:
    """Outputs on the common scale."""
    return ((outputs - scale.centre) / scale.length).astype(np.float32)


@checked_by_hand
def scaled_conditions(scale: Scale, conditions: Any, count: int) -> np.ndarray:
    """Conditions on the common scale, classes as one-hot rows; one condition serves all `count`.

    Raises:
        ValueError: a condition of another kind than those of the anchors, or an unknown class.
    """
    if not len(scale.condition_centre):
        if conditions is not None:
            raise ValueError("got conditions, but the anchors had none; leave them out.")
        return np.zeros((count, 0), np.float32)
    if conditions is None:
        raise ValueError("got no conditions, but the anchors had some; say which is meant.")
    found = np.asarray(conditions)
    if not len(scale.condition_length):
        classes = scale.condition_centre
        unknown = sorted(set(np.atleast_1d(found).ravel().tolist()) - set(classes.tolist()))
        if unknown:
            raise ValueError(f"got unknown classes {unknown}; known are {classes.tolist()}.")
        if found.shape not in {(), (1,), (count,)}:
            raise ValueError(
                f"classes have the shape {found.shape}; for {count} outputs it must be ({count},), "
                "or one class for all of them."
            )
        found = np.broadcast_to(found.reshape(-1), (count,))
        return (found[:, None] == classes).astype(np.float32)
    width = len(scale.condition_centre)
    if found.shape not in {(width,), (count, width)}:
        raise ValueError(
            f"conditions have the shape {found.shape}; for {count} outputs it must be "
            f"({count}, {width}), or ({width},) for all of them."
        )
    found = np.broadcast_to(found, (count, width))
    return ((found - scale.condition_centre) / scale.condition_length).astype(np.float32)


def make_problem(anchors: Anchors, scale: Scale, config: TrajectoryConfig, seed: int) -> Problem:
    """Arrays of a training, the density included."""
    outputs = [scaled_outputs(scale, y) for y in anchors.outputs]
    given = anchors.conditions or (None,) * len(outputs)
    conditions = [scaled_conditions(scale, x, len(y)) for x, y in zip(given, outputs, strict=True)]
    strata = strata_of(conditions, anchors.has_classes)
    count, most = int(max(s.max() for s in strata)) + 1, max(map(len, outputs))
    orders = [np.argsort(s, kind="stable") for s in strata]
    sizes = np.stack([np.bincount(s, minlength=count) for s in strata])

    def pad(rows: list[np.ndarray]) -> Array:
        parts = [row[order] for row, order in zip(rows, orders, strict=True)]
        return jnp.stack(
            [np.pad(p, [(0, most - len(p))] + [(0, 0)] * (p.ndim - 1), "edge") for p in parts]
        )

    pooled = np.concatenate(outputs)
    return Problem(
        outputs=pad(outputs),
        conditions=pad(conditions),
        counts=jnp.array([len(y) for y in outputs]),
        strata=pad(strata),
        starts=jnp.asarray(np.cumsum(sizes, axis=1) - sizes),
        sizes=jnp.asarray(sizes),
        low=jnp.asarray(pooled.min(axis=0) - _BOX_MARGIN),
        high=jnp.asarray(pooled.max(axis=0) + _BOX_MARGIN),
        density=_make_density(pooled, np.concatenate(conditions), anchors, config, seed),
    )


def strata_of(conditions: list[np.ndarray], has_classes: bool) -> list[np.ndarray]:
    """Of each row, the group within which mass moves.

    Its class, or its condition where all anchors have the same ones.
    """
    if not conditions[0].shape[1]:
        return [np.zeros(len(x), int) for x in conditions]
    if has_classes:
        return [x.argmax(axis=1) for x in conditions]
    found = [np.unique(x, axis=0, return_inverse=True) for x in conditions]
    first = found[0][0]
    if all(u.shape == first.shape and np.array_equal(u, first) for u, _ in found):
        return [index.reshape(-1) for _, index in found]
    return [np.zeros(len(x), int) for x in conditions]


def _make_density(
    outputs: np.ndarray,
    conditions: np.ndarray,
    anchors: Anchors,
    config: TrajectoryConfig,
    seed: int,
) -> Density | None:
    if not config.has_potential:
        return None
    is_number = anchors.conditions is not None and not anchors.has_classes
    on_grid = outputs.shape[1] == 2 and not is_number
    if not on_grid and len(outputs) > config.num_kernels:
        chosen = np.random.default_rng(seed).permutation(len(outputs))[: config.num_kernels]
        outputs, conditions = outputs[chosen], conditions[chosen]
    kernels = Kernels(
        jnp.asarray(outputs),
        jnp.asarray(conditions),
        jnp.float32(config.bandwidth),
        jnp.float32(config.condition_bandwidth if is_number else 0.0),
    )
    return make_grid(kernels, max(conditions.shape[1], 1)) if on_grid else kernels


class Pairs(NamedTuple):
    """Outputs of an anchor and of the next one, drawn from the same strata; not matched yet."""

    start: Float[Array, "n D"]
    start_condition: Float[Array, "n C"]
    end: Float[Array, "n D"]
    end_condition: Float[Array, "n C"]


def draw_pairs(
    key: Key[Array, ""], problem: Problem, interval: Int[Array, ""], num_pairs: int
) -> Pairs:
    """Rows of an anchor at random, and of the next anchor as many of the same strata."""
    key_start, key_end = jax.random.split(key)
    u, v = jax.random.uniform(key_start, (num_pairs,)), jax.random.uniform(key_end, (num_pairs,))
    i = _place(u, problem.counts[interval])
    stratum = problem.strata[interval][i]
    next_one = interval + 1
    j = problem.starts[next_one][stratum] + _place(v, problem.sizes[next_one][stratum])
    return Pairs(
        problem.outputs[interval][i],
        problem.conditions[interval][i],
        problem.outputs[next_one][j],
        problem.conditions[next_one][j],
    )


def _place(u: Float[Array, " n"], count: Int[Array, "*s"]) -> Int[Array, " n"]:
    """Whole numbers below a count from numbers in [0, 1)."""
    return jnp.minimum((u * count).astype(int), count - 1)
