"""The inverse problems: what is unknown, what is observed, what a guess costs; one row each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import qmc

from experiments.inverse_problems import simulators
from optiinr_jax.landscapes import ProxyConfig, ProxyTraining, Runs, minimise, squared_distance


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One inverse problem.

    Attributes:
        simulate: unknowns in their own units -> observations.
        names: of the unknowns.
        low, high: their ranges.
        unit: size of an observation; they are divided by it.
        loss: (target, observed) -> loss of the guess that led to it.
        num_runs: stored for training.
        frequency_scale: of the proxy's Fourier features, in cycles per range.
        near_share: see `ProxyTraining`.
        is_costly: whether a run takes so long that fewer starts have to do.
    """

    title: str
    simulate: Callable[[Any], Any]
    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    unit: float
    encoder: str = "dense"
    loss: Callable[[Any, Any], Any] = squared_distance
    num_runs: int = 2048
    num_steps: int = 3000
    frequency_scale: float = 2.0
    near_share: float = 0.0
    is_costly: bool = False

    @property
    def num_unknowns(self) -> int:
        """Dimensions of a guess."""
        return len(self.low)

    @property
    def proxy(self) -> ProxyConfig:
        """Its networks."""
        return ProxyConfig(encoder=self.encoder, frequency_scale=self.frequency_scale)

    @property
    def training(self) -> ProxyTraining:
        """How they are trained."""
        return ProxyTraining(num_steps=self.num_steps, near_share=self.near_share, loss=self.loss)

    def observe(self, x: Float[Array, " d"]) -> Float[Array, "..."]:
        """What the run of a guess in the unit box observes, in units of its size."""
        low, high = jnp.asarray(self.low, x.dtype), jnp.asarray(self.high, x.dtype)
        return self.simulate(low + (high - low) * x) / self.unit

    def true_loss(self, x: Float[Array, " d"], target: Any, excess: Any) -> Float[Array, ""]:
        """Loss of a guess in the unit box, in units of a random guess's excess."""
        return self.loss(target, self.observe(x)) / excess


def _gramacy_lee_parts(x: Float[Array, "1"]) -> Float[Array, "3"]:
    """What a target's phase combines to its function."""
    zero = simulators.gramacy_lee(x[0]) - (x[0] - 1.0) ** 4
    quarter = simulators.gramacy_lee(x[0], jnp.pi / 2) - (x[0] - 1.0) ** 4
    return jnp.stack([zero, quarter, (x[0] - 1.0) ** 4])


def _gramacy_lee_value(target: Float[Array, "2"], parts: Float[Array, "3"]) -> Float[Array, ""]:
    """Value of the function whose phase has this cosine and sine; there is nothing to match."""
    return jnp.dot(target, parts[:2]) + parts[2]


PROBLEMS = {
    "gramacy_lee": Problem(
        title="Gramacy-Lee",
        simulate=_gramacy_lee_parts,
        names=("x",),
        low=simulators.GRAMACY_LEE_RANGE[:1],
        high=simulators.GRAMACY_LEE_RANGE[1:],
        unit=1.0,
        loss=_gramacy_lee_value,
        num_runs=1024,
        num_steps=4000,
        frequency_scale=5.0,
    ),
    "burgers": Problem(
        title="Burgers, centres of two bumps",
        simulate=simulators.burgers,
        names=("centre of the crest", "centre of the trough"),
        low=(0.0, 0.0),
        high=(2.0 * np.pi, 2.0 * np.pi),
        unit=0.5,
        encoder="convolutional",
        is_costly=True,
    ),
    "kuramoto_sivashinsky": Problem(
        title="Kuramoto-Sivashinsky, final state at 50",
        simulate=simulators.kuramoto_sivashinsky,
        names=("force a", "steepening b"),
        low=(-1.0, 0.5),
        high=(1.0, 1.5),
        unit=2.0,
        encoder="convolutional",
        is_costly=True,
    ),
    "billiards_2d": Problem(
        title="Billiards, 2 unknowns",
        simulate=simulators.billiards_2d,
        names=("cue's velocity, x", "cue's velocity, y"),
        low=(-2.0, -2.0),
        high=(2.0, 2.0),
        unit=0.4,
    ),
    "billiards_4d": Problem(
        title="Billiards, 4 unknowns",
        simulate=simulators.billiards_4d,
        names=("cue's velocity, x", "cue's velocity, y", "object ball, x", "object ball, y"),
        low=(-2.0, -2.0, 0.3, -0.4),
        high=(2.0, 2.0, 0.8, 0.4),
        unit=0.4,
        num_runs=8192,
        num_steps=4000,
        near_share=0.25,
        is_costly=True,
    ),
}


class Targets(NamedTuple):
    """What is to be found, in the unit box.

    Attributes:
        x: the true unknowns, or where the function is least.
        y: what was observed.
        optimum: loss there.
        excess: median loss of random guesses above it.
    """

    x: np.ndarray
    y: np.ndarray
    optimum: np.ndarray
    excess: np.ndarray


def sobol(num: int, num_unknowns: int, seed: int) -> np.ndarray:
    """A scrambled Sobol sequence in the unit box; `num` a power of two keeps its balance."""
    full = 1 << (num - 1).bit_length()
    return qmc.Sobol(num_unknowns, seed=seed).random(full)[:num]


def observe_all(problem: Problem, x: np.ndarray) -> np.ndarray:
    """What many guesses observe, in float64."""
    with jax.enable_x64(True):
        parts = np.array_split(np.asarray(x, np.float64), max(1, len(x) // 2048))
        together = jax.jit(jax.vmap(problem.observe))
        return np.concatenate([np.asarray(together(part)) for part in parts])


@cache
def make_runs(problem: Problem) -> Runs:
    """The stored runs."""
    x = sobol(problem.num_runs, problem.num_unknowns, seed=1)
    return Runs(x, observe_all(problem, x))


def losses_of(problem: Problem, target: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Losses of stored runs for one target."""
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(partial(problem.loss, jnp.asarray(target)))(jnp.asarray(y)))


def make_targets(problem: Problem, num: int, seed: int) -> Targets:
    """Targets that no stored run is."""
    random = sobol(1024, problem.num_unknowns, seed=2)
    observed = observe_all(problem, random)
    if problem.loss is squared_distance:
        x = np.random.default_rng([seed, 3]).uniform(size=(num, problem.num_unknowns))
        y = observe_all(problem, x)
    else:
        y, x = _functions(problem, num, seed)
    losses = np.stack([losses_of(problem, target, observed) for target in y])
    least = np.array(
        [losses_of(problem, t, o[None])[0] for t, o in zip(y, observe_all(problem, x), strict=True)]
    )
    return Targets(x, y, least, np.median(losses, axis=1) - least)


def make_phases(num: int, seed: int) -> np.ndarray:
    """Cosine and sine of the phases of Gramacy-Lee's relatives."""
    phases = 2.0 * np.pi * np.random.default_rng([seed, 4]).uniform(size=num)
    return np.stack([np.cos(phases), np.sin(phases)], axis=-1)


def _functions(problem: Problem, num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Phases and the minima of their functions, from a dense grid on."""
    y = make_phases(num, seed)
    grid = np.linspace(0.0, 1.0, 20_001)[:, None]
    observed = observe_all(problem, grid)
    starts = np.stack([grid[np.argmin(losses_of(problem, target, observed))] for target in y])
    found = minimise(problem.true_loss, starts, y, np.ones(num), first_step=1e-5)
    return y, found.x
