"""A surrogate of trajectories: outputs at any setting between the anchors, without training there.

anchors = make_anchors([0.0, 0.5, 1.0], [y_0, y_half, y_1])
surrogate = fit(anchors)
surrogate.sample(0.25)
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from optiinr_jax.checks import check_whole, checked_by_hand
from optiinr_jax.files import write_atomic
from optiinr_jax.trajectories import surrogate_file, training
from optiinr_jax.trajectories.action import bend_of, make_times, metric_outputs
from optiinr_jax.trajectories.anchors import (
    Anchors,
    Scale,
    make_problem,
    scale_of,
    scaled_conditions,
    scaled_outputs,
)
from optiinr_jax.trajectories.config import TrajectoryConfig, check_config
from optiinr_jax.trajectories.metric import matrix
from optiinr_jax.trajectories.networks import Params
from optiinr_jax.trajectories.splines import evaluate_curve
from optiinr_jax.trajectories.transport import transport


class DivergedError(ValueError):
    """A training that ended with numbers that are not finite."""


@dataclass(frozen=True)
class Surrogate:
    """Outputs of a network at any setting of its hyperparameter between the anchors.

    Attributes:
        config: of cost, networks and training.
        settings: of the anchors, (K + 1,).
        scale: of outputs and conditions.
        params: of the networks: "maps" and "potentials" of each interval, "paths", "metric".
        start_outputs: outputs of the first anchor, (n, D), where trajectories begin.
        start_conditions: theirs, (n, C) numbers or (n,) classes; None: none.
        seed: of the training.
        history: of each step, "dual", "residual" and "action"; empty for one that was loaded.
    """

    config: TrajectoryConfig
    settings: np.ndarray
    scale: Scale
    params: dict[str, Params]
    start_outputs: np.ndarray
    start_conditions: np.ndarray | None
    seed: int
    history: dict[str, np.ndarray]

    @checked_by_hand
    def sample(
        self,
        setting: float | Sequence[float],
        conditions: Any = None,
        starts: Float[np.ndarray, "n D"] | None = None,
    ) -> Float[np.ndarray, "*m n D"]:
        """Outputs at a setting, or at several, with those as the first axis.

        Row i is one trajectory: it begins at row i of `starts`, whatever the settings.

        Args:
            setting: between the first anchor and the last, in the units of the anchors.
            conditions: of the outputs, as those of the anchors were; one serves for all. None:
                those of the first anchor, where there are no `starts`.
            starts: outputs at the first anchor. None: all known ones, or those of the class that
                `conditions` names.

        Raises:
            ValueError: a setting out of range, unknown classes, shapes that do not fit.
        """
        places = np.atleast_1d(np.asarray(setting, float))
        low, high = self.settings[0], self.settings[-1]
        if not (places.ndim == 1 and (low <= places).all() and (places <= high).all()):
            raise ValueError(
                f"the setting is {setting}; this surrogate knows those from {low:g} to {high:g}: "
                "choose one between, or train an anchor beyond."
            )
        y, x = self._begin(conditions, starts)
        found = np.empty((len(places), *y.shape), np.float32)
        for k in range(len(self.settings) - 1):
            interval = jax.tree.map(lambda leaf, k=k: leaf[k], self.params["maps"])
            end = _push(interval, y, x)
            left, right = self.settings[k : k + 2]
            inside = (left <= places) & (places <= right)
            if inside.any():
                times = ((places[inside] - left) / (right - left)).astype(np.float32)
                found[inside] = _along(
                    self.params["paths"], self.config.num_nodes, times, y, end, x
                )
            y = end
        outputs = found * self.scale.length + self.scale.centre
        return outputs if np.ndim(setting) else outputs[0]

    def _begin(self, conditions: Any, starts: Any) -> tuple[np.ndarray, np.ndarray]:
        """Scaled outputs at the first anchor, and their conditions."""
        if starts is None:
            starts, known = self.start_outputs, self.start_conditions
            if conditions is None:
                conditions = known
            elif known is not None and known.ndim == 1 and np.ndim(conditions) == 0:
                starts = starts[known == conditions]
            else:
                raise ValueError(
                    "got conditions without starts; give the outputs at the first anchor under "
                    "these conditions, or name one class."
                )
        starts = np.asarray(starts, np.float32)
        num_dims = len(self.scale.centre)
        if starts.ndim != 2 or starts.shape[1] != num_dims or not np.isfinite(starts).all():
            raise ValueError(
                f"starts have the shape {starts.shape}; they must be finite outputs at the first "
                f"anchor, of shape (n, {num_dims})."
            )
        x = scaled_conditions(self.scale, conditions, len(starts))
        return scaled_outputs(self.scale, starts), x

    @checked_by_hand
    def metric(
        self, outputs: Float[np.ndarray, "n D"], conditions: Any = None
    ) -> Float[np.ndarray, "n D D"]:
        """The metric G at some outputs: what is cheap to move along has a small eigenvalue."""
        y = scaled_outputs(self.scale, np.asarray(outputs))
        x = scaled_conditions(self.scale, conditions, len(y))
        return np.asarray(_metric_at(self.params["metric"], self.config.metric, y, x))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the surrogate as one file, atomically, and read it back before it takes its name.

        Raises:
            OSError: the folder is missing or not writable.
        """
        parts = {name: getattr(self, name) for name in surrogate_file.Content._fields}
        return write_atomic(path, surrogate_file.pack(surrogate_file.Content(**parts)))


@checked_by_hand
def fit(
    anchors: Anchors,
    config: TrajectoryConfig | None = None,
    *,
    seed: int = 0,
    progress: bool = True,
    **options: Any,
) -> Surrogate:
    """Learn how outputs move from anchor to anchor (Amad and van der Schaar, 2026).

    Args:
        anchors: of `make_anchors`.
        config: what is learned and how; None: the default.
        seed: of networks and batches; on one machine the same seed gives the same surrogate.
        progress: say how far it is.
        options: fields of the configuration, as `metric="euclidean"`.

    Raises:
        ValueError: a field that cannot be.
        DivergedError: no finite numbers came of it.
    """
    return fit_many([anchors], config, seeds=[seed], progress=progress, **options)[0]


@checked_by_hand
def fit_many(
    anchors: Sequence[Anchors],
    config: TrajectoryConfig | None = None,
    *,
    seeds: Sequence[int] | None = None,
    progress: bool = True,
    **options: Any,
) -> list[Surrogate]:
    """Several surrogates side by side in one program: of several data sets, or from several seeds.

    Args:
        anchors: of data sets with the same shapes; one and the same may be given several times.
        config, progress, options: as of `fit`.
        seeds: one for each; None: 0, 1, 2, ...

    Raises:
        ValueError: a field that cannot be, or data sets of several shapes.
        DivergedError: no finite numbers came of one of them.
    """
    config = replace(config or TrajectoryConfig(), **options)
    check_config(config)
    seeds = list(range(len(anchors))) if seeds is None else list(seeds)
    if len(seeds) != len(anchors) or not seeds:
        raise ValueError(f"got {len(seeds)} seeds for {len(anchors)} data sets; give one for each.")
    for seed in seeds:
        check_whole("seed", seed, 0, 2**32 - 1)
    scales = [scale_of(one) for one in anchors]
    problems = [
        make_problem(one, scale, config, seed)
        for one, scale, seed in zip(anchors, scales, seeds, strict=True)
    ]
    if len({str(jax.tree.map(jnp.shape, problem)) for problem in problems}) > 1:
        raise ValueError("the data sets differ in shape; fit them one by one.")
    trained = training.train(seeds, problems, config, progress)
    return [
        _make_surrogate(one, scale, config, seed, jax.tree.map(lambda leaf, i=i: leaf[i], trained))
        for i, (one, scale, seed) in enumerate(zip(anchors, scales, seeds, strict=True))
    ]


def _make_surrogate(
    anchors: Anchors, scale: Scale, config: TrajectoryConfig, seed: int, trained: training.Trained
) -> Surrogate:
    """What one training gave, if it gave something."""
    params = jax.tree.map(np.asarray, trained.params)
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
        raise DivergedError(
            f"the training with seed {seed} left no finite numbers; lower map_rate, path_rate and "
            "metric_rate."
        )
    return Surrogate(
        config=config,
        settings=anchors.settings,
        scale=scale,
        params=params,
        start_outputs=anchors.outputs[0],
        start_conditions=None if anchors.conditions is None else anchors.conditions[0],
        seed=seed,
        history=trained.info._asdict(),
    )


@partial(jax.jit, static_argnames="name")
def _metric_at(
    network: Params, name: str, y: Float[Array, "n D"], x: Float[Array, "n C"]
) -> Float[Array, "n D D"]:
    """The metric at some outputs."""

    def at(y: Array, x: Array) -> Array:
        return matrix(name, metric_outputs(network, y, x), len(y))

    return jax.vmap(at)(y, x)


@jax.jit
def _push(maps: Params, y: Float[Array, "n D"], x: Float[Array, "n C"]) -> Float[Array, "n D"]:
    """Outputs of an anchor moved to the next one."""
    return jax.vmap(partial(transport, maps))(y, x)


@partial(jax.jit, static_argnames="num_nodes")
def _along(
    paths: Params,
    num_nodes: int,
    times: Float[Array, " m"],
    y0: Float[Array, "n D"],
    y1: Float[Array, "n D"],
    x: Float[Array, "n C"],
) -> Float[Array, "m n D"]:
    """Points of the curves at some times."""
    basis = make_times(times, num_nodes)

    def curve(y0: Array, y1: Array, x: Array) -> Array:
        return evaluate_curve(y0, y1, bend_of(paths, y0, y1, x), *basis)[0]

    return jax.vmap(curve, out_axes=1)(y0, y1, x)


def load(path: str | os.PathLike[str]) -> Surrogate:
    """Read a surrogate that `save` wrote; everything in it is checked.

    Raises:
        SurrogateFileError: no surrogate, truncated, changed, or of another version.
        FileNotFoundError: no such file.
    """
    return Surrogate(**surrogate_file.unpack(path)._asdict(), history={})
