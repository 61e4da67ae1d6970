"""What a surrogate is made of and how it is trained: names are static, numbers are leaves."""

from dataclasses import dataclass, field
from typing import Any

import jax
from jax.typing import ArrayLike

from optiinr_jax.checks import check_counts, check_name, check_number, check_whole
from optiinr_jax.trajectories.kinetics import KINETICS
from optiinr_jax.trajectories.metric import METRICS


def _static(default: Any) -> Any:
    return field(default=default, metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class TrajectoryConfig:
    """Cost, networks and training of a surrogate.

    Lengths are in units of the outputs' standard deviation over all anchors, and of that of each
    component of the conditions.

    Attributes:
        metric: name of METRICS; "learned" is the paper's.
        kinetic: name of KINETICS; "energy" is the paper's text, "length" its authors' code.
        has_potential: whether curves are drawn to where outputs are dense.
        width: units of the hidden layers of potentials and maps (three layers).
        metric_width: of the metric (two layers).
        path_width: of the network that bends the curves (two layers).
        num_nodes: of the cubic splines.
        num_times: points of a curve at which its action is evaluated, anew in every step.
        batch_size: outputs of an anchor in a step.
        num_inner_steps: Adam's steps of a c-transform.
        num_starts: from where these begin: 1, where the map leads; 2, at an output of the next
            anchor too, for what is carried far.
        num_path_steps: updates of the curves after each of the maps.
        metric_every: steps between two updates of the metric.
        num_kernels: outputs, of all anchors, that make the density where it is not on a grid.
        num_steps: updates of the maps.
        potential: strength alpha of U = alpha log(p + 1e-8). The authors sum U over 19 pieces of
            a curve: their 0.05 is 0.95 here.
        bandwidth: of the density, along outputs.
        condition_bandwidth: along conditions that are numbers.
        potential_rate: learning rate of the Kantorovich potentials; all rates fall to zero over the
            run.
        map_rate, path_rate, metric_rate: of maps, curves and metric.
        inner_rate: first step length of the c-transform.
    """

    metric: str = _static("learned")
    kinetic: str = _static("energy")
    has_potential: bool = _static(True)
    width: int = _static(64)
    metric_width: int = _static(32)
    path_width: int = _static(64)
    num_nodes: int = _static(15)
    num_times: int = _static(8)
    batch_size: int = _static(64)
    num_inner_steps: int = _static(6)
    num_starts: int = _static(2)
    num_path_steps: int = _static(2)
    metric_every: int = _static(10)
    num_kernels: int = _static(256)
    num_steps: int = _static(1000)
    potential: ArrayLike = 0.2
    bandwidth: ArrayLike = 0.1
    condition_bandwidth: ArrayLike = 1.0
    potential_rate: ArrayLike = 1e-3
    map_rate: ArrayLike = 3e-3
    path_rate: ArrayLike = 1e-3
    metric_rate: ArrayLike = 1e-3
    inner_rate: ArrayLike = 0.1


def check_config(config: TrajectoryConfig) -> None:
    """Raise ValueError for a field that cannot be."""
    check_name("metric", config.metric, METRICS)
    check_name("kinetic term", config.kinetic, KINETICS)
    counts = (
        "width metric_width path_width num_times batch_size num_inner_steps num_path_steps "
        "metric_every num_kernels num_steps"
    )
    check_counts(**{name: getattr(config, name) for name in counts.split()})
    check_whole("num_starts", config.num_starts, 1, 2)
    if config.num_nodes < 2:
        raise ValueError(f"num_nodes is {config.num_nodes!r}; it must be a whole number from 2 on.")
    for name in (
        "potential",
        "potential_rate",
        "map_rate",
        "path_rate",
        "metric_rate",
        "inner_rate",
    ):
        check_number(name, getattr(config, name))
    for name in ("bandwidth", "condition_bandwidth"):
        check_number(name, getattr(config, name), low=1e-3)
