"""How probable it is that a point meets the constraints on its outcomes.

A constraint is a number that each trial gives besides its score, such as bytes - budget; it is met
at 0 and below. Each has a Gaussian process of its own, independent of the others, and a point's
score is log EI over the best feasible one plus the log of the probability that all are met
(Schonlau et al. 1998; Gardner et al. 2014). While nothing is feasible, that log is all there is.

Letters: n capacity, d dims, z parameters, m constraints.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float

from optiinr_jax.bo import gp
from optiinr_jax.bo.hyperparameters import Data, fit, to_params
from optiinr_jax.bo.kernels import Kernel, get_kernel
from optiinr_jax.bo.structure import Structure

Arr = Array | np.ndarray


class Limits(NamedTuple):
    """What the trials say of the constraints, at a fixed capacity."""

    z: Float[Arr, "m z"]  # parameters of each process
    y: Float[Arr, "m n"]  # standardised
    observed: Bool[Arr, "m n"]
    limit: Float[Arr, " m"]  # where 0 is, standardised
    is_feasible: Bool[Arr, " n"]


def is_feasible(constraints: Sequence[float]) -> bool:
    """Whether all constraints are met; without any they are."""
    return all(value <= 0 for value in constraints)


def fit_limits(
    data: Data,
    constraints: Sequence[Sequence[float]],
    *,
    kernel: str | Kernel,
    structure: Structure,
    quick: bool = False,
) -> Limits | None:
    """Fit a process to each constraint; None: no trial has one.

    Args:
        data: of the trials.
        constraints: of each trial, in order; () or nan where it gave none.
    """
    count = max(map(len, constraints), default=0)
    if not count:
        return None
    columns = zip(*(tuple(row) or (np.nan,) * count for row in constraints), strict=True)
    spare = len(data.y) - len(constraints)
    rows = []
    for column in columns:
        values, limit = _standardise(np.array(column, float))
        observed = np.pad(np.isfinite(values), (0, spare))
        y = np.pad(np.nan_to_num(values), (0, spare))
        own: Any = {"y": y, "observed": observed, "own_noise": None}
        z, _ = fit(data._replace(**own), kernel=kernel, structure=structure, quick=quick)
        rows.append((z, y, observed, limit))
    z, y, observed, limit = (np.stack(parts) for parts in zip(*rows, strict=True))
    feasible = [bool(row) and is_feasible(row) for row in constraints]
    return Limits(z, y, observed, limit, np.pad(np.array(feasible), (0, spare)))


def pad_limits(limits: Limits, capacity: int) -> Limits:
    """The same at a larger capacity, where points that wait for a score need it."""
    spare = capacity - len(limits.is_feasible)
    pad: Any = np.pad
    return limits._replace(
        y=pad(limits.y, ((0, 0), (0, spare))),
        observed=pad(limits.observed, ((0, 0), (0, spare))),
        is_feasible=pad(limits.is_feasible, (0, spare)),
    )


def _standardise(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Values of a constraint without far ones, with mean 0 and deviation 1, and where 0 went."""
    is_known = ~np.isnan(values)
    size = float(np.median(np.abs(values[is_known]))) if is_known.any() else 0.0
    near = np.arcsinh(np.clip(values / (size or 1.0), -1e100, 1e100))  # 0 stays 0
    mean = float(np.mean(near[is_known])) if is_known.any() else 0.0
    sd = (float(np.std(near[is_known])) if is_known.any() else 0.0) or 1.0
    return (near - mean) / sd, -mean / sd


def add_feasibility(
    gain: Callable[[Float[Array, " d"]], Float[Array, ""]],
    log_feasibility: Callable[[Float[Array, " d"]], Float[Array, ""]],
    any_feasible: Bool[Array, ""],
) -> Callable[[Float[Array, " d"]], Float[Array, ""]]:
    """The score of a point where constraints are: its gain counts once anything is feasible."""
    return lambda a: jnp.where(any_feasible, gain(a), 0.0) + log_feasibility(a)


def make_log_feasibility(
    kernel: str | Kernel, structure: Structure, x: Float[Array, "n d"], limits: Limits
) -> Callable[[Float[Array, " d"]], Float[Array, ""]]:
    """Condition each process; return the log of the probability that a point meets them all."""
    evaluate = get_kernel(kernel).evaluate

    def condition(z: Array, y: Array, observed: Array) -> Any:
        return gp.condition(evaluate, to_params(kernel, structure, z), x, y, observed)

    posteriors = jax.vmap(condition)(*map(jnp.asarray, limits[:3]))

    def log_probability(a: Float[Array, " d"]) -> Float[Array, ""]:
        mean, variance = jax.vmap(partial(gp.predict, evaluate), (0, None))(posteriors, a[None])
        margin = (jnp.asarray(limits.limit) - mean[:, 0]) / jnp.sqrt(variance[:, 0])
        return jnp.sum(norm.logcdf(margin))

    return log_probability
