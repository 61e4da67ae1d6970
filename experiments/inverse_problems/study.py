"""Claim: a minimum of the learned, blurred loss is a better start for BFGS than a random one.

Every method has the same starts and the same list of first steps; which first step and which noise
scale are taken is decided on other targets than those that are reported. Methods:
- raw: BFGS on the true loss, and gradient descent.
- proxy: BFGS on the learned landscape of a noise scale, then on the true loss; five networks each.
- blur: the same with the exact blur in the network's place, the best that a network could learn.
- kernel: the same with the kernel average of the stored runs, which needs no network.
- stored: BFGS from the best of k stored runs.
- regression: BFGS from what a network answers that was trained to name the unknowns.

Command: python -m experiments.inverse_problems.study PROBLEM [--minutes 60]
         python -m experiments.inverse_problems.page       (writes docs/landscapes.md)
Time: see the page; at most 15 minutes a problem on two cores. What is there is not run again.
Expected: PROBLEM.json and PROBLEM_pictures.json in experiments/results/inverse_problems.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from experiments.inverse_problems import regression
from experiments.inverse_problems.problems import (
    PROBLEMS,
    Problem,
    Targets,
    losses_of,
    make_phases,
    make_runs,
    make_targets,
    observe_all,
)
from experiments.inverse_problems.sums import RESULTS, best_setting, read
from optiinr_jax import landscapes
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import keep_compiled_programs
from optiinr_jax.landscapes import Minimised, Proxy, squared_distance

NETWORKS = Path("runs") / "inverse_problems"
SCALES = (0.0, 0.01, 0.025, 0.05, 0.075, 0.1)
SAMPLED_SCALES = (0.05, 0.1)  # of the blur where it is sampled, which costs more
NUM_NETWORKS = 5  # of each scale
FIRST_STEPS = (0.03, 0.1, 1.0)
SETS = {"choosing": (8, 16), "reported": (10, 50)}  # targets, starts
# Where a run costs more:
COSTLY_FIRST_STEPS = (0.1, 1.0)
COSTLY_SETS = {"choosing": (6, 10), "reported": (10, 30)}
NUM_STORED = (1, 10, 100, "all")
GRID = {1: 2048, 2: 96}  # of the exact blur; beyond two unknowns it is sampled
NUM_DRAWS = 32
Name = Literal["gramacy_lee", "burgers", "kuramoto_sivashinsky", "billiards_2d", "billiards_4d"]


def learned(x: Any, code: Any, proxy: Any) -> Any:
    """A network's landscape."""
    return landscapes.estimate_loss(proxy, code, x)


def blurred(x: Any, which: Any, scale: Any, values: Any) -> Any:
    """The exact blur of one of the targets' landscapes."""
    return landscapes.grid_blur(x, values[which], scale)


def averaged(x: Any, which: Any, scale: Any, points: Any, values: Any) -> Any:
    """The kernel average of the stored runs' losses."""
    return landscapes.kernel_average(x, points, values[which], scale)


def sampled(problem: Problem) -> Callable[..., Any]:
    """The blur by evaluations of the loss."""

    def loss(x: Any, target: Any, excess: Any, scale: Any, draws: Any) -> Any:
        true = partial(problem.true_loss, target=target, excess=excess)
        return landscapes.sampled_blur(true, x, draws, scale)

    return loss


class Bench:
    """One problem with its targets and starts, and the networks once they are trained."""

    def __init__(self, name: str, which: str) -> None:
        self.name, self.problem = name, PROBLEMS[name]
        sets = COSTLY_SETS if self.problem.is_costly else SETS
        self.num_targets, self.num_starts = sets[which]
        seed = list(SETS).index(which)
        self.targets: Targets = make_targets(self.problem, self.num_targets, seed)
        rng = np.random.default_rng([seed, 9])
        shape = self.num_targets, self.num_starts, self.problem.num_unknowns
        self.starts = rng.uniform(size=shape)
        self.sampled = sampled(self.problem)

    def each(self, per_target: np.ndarray) -> np.ndarray:
        """One row a start."""
        return np.repeat(per_target, self.num_starts, axis=0)

    @property
    def places(self) -> np.ndarray:
        """Target of each start."""
        return self.each(np.arange(self.num_targets))

    @property
    def loss_arguments(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the true loss."""
        return self.each(self.targets.y), self.each(self.targets.excess)

    def excess_of(self, x: np.ndarray) -> np.ndarray:
        """True loss of found guesses above the optimum, in parts of a random guess's."""
        with jax.enable_x64(True):
            values = _values(self.problem.true_loss, x, *map(jnp.asarray, self.loss_arguments))
        return np.asarray(values) - self.each(self.targets.optimum / self.targets.excess)

    def is_optimal(self, x: np.ndarray, excess: np.ndarray) -> np.ndarray:
        """By unknowns and loss; (targets, starts)."""
        ends = landscapes.is_optimal(x, excess, self.each(self.targets.x), np.ones(len(x)))
        return ends.reshape(self.num_targets, -1)

    def minimise(self, starts: np.ndarray, **options: Any) -> Minimised:
        """The true loss from starts."""
        flat = starts.reshape(-1, self.problem.num_unknowns)
        true, arguments = self.problem.true_loss, self.loss_arguments
        return landscapes.minimise(true, flat, *arguments, mode="forward", **options)

    def two_stage(
        self, landscape: Any, arguments: tuple[Any, ...], **options: Any
    ) -> landscapes.TwoStage:
        """A landscape, then the true loss."""
        true = self.problem.true_loss, self.loss_arguments
        starts = self.starts.reshape(-1, self.problem.num_unknowns)
        return landscapes.two_stage(
            landscape, arguments, *true, starts, loss_mode="forward", **options
        )


@partial(jax.jit, static_argnames="function")
def _values(function: Callable[..., Any], x: Any, *arguments: Any) -> Any:
    return jax.vmap(function)(x, *arguments)


# ---------------------------------------------------------------- methods: lists of where they end

Ends = list[landscapes.TwoStage | Minimised]


def run_raw(bench: Bench, method: Any, first_step: float) -> Ends:
    """The true loss alone."""
    return [bench.minimise(bench.starts, method=method, first_step=first_step)]


def run_proxy(bench: Bench, scale: float, first_step: float) -> Ends:
    """Every network of a scale."""
    found: Ends = []
    for proxy in networks(bench.name)[scale]:
        codes = encode_all(proxy, bench)
        arguments = (bench.each(codes),)
        found.append(bench.two_stage(learned, arguments, shared=(proxy,), first_step=first_step))
    return found


def run_blur(bench: Bench, scale: float, first_step: float) -> Ends:
    """The exact blur, or beyond two unknowns a sample of it."""
    scales = np.full(len(bench.places), scale)
    if bench.problem.num_unknowns in GRID:
        arguments, shared = (bench.places, scales), (true_grid(bench),)
        found = bench.two_stage(blurred, arguments, shared=shared, first_step=first_step)
    else:
        arguments, shared = (*bench.loss_arguments, scales), (make_draws(bench.problem),)
        found = bench.two_stage(bench.sampled, arguments, shared=shared, first_step=first_step)
    return [found]


def run_kernel(bench: Bench, scale: float, first_step: float) -> Ends:
    """The stored runs without a network."""
    runs, losses = make_runs(bench.problem), stored_losses(bench)
    arguments = bench.places, np.full(len(bench.places), scale)
    shared = runs.x, losses
    return [bench.two_stage(averaged, arguments, shared=shared, first_step=first_step)]


def run_stored(bench: Bench, count: int | str, first_step: float) -> Ends:
    """The best of some stored runs, drawn anew for every start."""
    runs, losses = make_runs(bench.problem), stored_losses(bench)
    rng = np.random.default_rng(5)
    begins = []
    for of_target in losses:
        if count == "all":
            ranked = np.argsort(of_target)[:1]
            begins.append(np.repeat(runs.x[ranked], bench.num_starts, axis=0))
            continue
        drawn = rng.integers(len(runs.x), size=(bench.num_starts, int(count)))
        best = np.take_along_axis(drawn, np.argmin(of_target[drawn], axis=1)[:, None], 1)[:, 0]
        begins.append(runs.x[best])
    return [bench.minimise(np.array(begins), first_step=first_step)]


def run_regression(bench: Bench, _: str, first_step: float) -> Ends:
    """What networks answer that name the unknowns; a target has one answer, whatever the start."""
    answers = regression.answer(bench.problem, bench.targets.y, NUM_NETWORKS)
    return [bench.minimise(bench.each(x), first_step=first_step) for x in answers]


METHODS: dict[str, tuple[Callable[..., Ends], tuple[Any, ...]]] = {
    "raw": (run_raw, ("bfgs", "gradient descent")),
    "proxy": (run_proxy, SCALES),
    "blur": (run_blur, SCALES[1:]),
    "kernel": (run_kernel, SCALES[1:]),
    "stored": (run_stored, NUM_STORED),
    "regression": (run_regression, ("network",)),
}


def stored_losses(bench: Bench) -> np.ndarray:
    """Loss of every stored run for every target."""
    runs = make_runs(bench.problem)
    return np.stack([losses_of(bench.problem, y, runs.y) for y in bench.targets.y])


def true_grid(bench: Bench) -> np.ndarray:
    """Loss on a grid for every target, in units of a random guess's excess."""
    dimensions = bench.problem.num_unknowns
    num = GRID[dimensions]
    observed = observe_all(bench.problem, landscapes.make_grid(num, dimensions))
    losses = [
        losses_of(bench.problem, y, observed) / excess
        for y, excess in zip(bench.targets.y, bench.targets.excess, strict=True)
    ]
    return np.stack(losses).reshape(-1, *[num] * dimensions)


def make_draws(problem: Problem) -> np.ndarray:
    """Standard normal draws, each with its opposite."""
    half = np.random.default_rng(6).standard_normal((NUM_DRAWS // 2, problem.num_unknowns))
    return np.concatenate([half, -half])


# ---------------------------------------------------------------- networks


def encode_all(proxy: Proxy, bench: Bench) -> np.ndarray:
    """Code of every target."""
    encode = partial(landscapes.encode_target, config=bench.problem.proxy)
    targets = jnp.asarray(bench.targets.y, jnp.float32)
    return np.asarray(jax.vmap(encode, (None, 0))(proxy, targets))


def networks(name: str) -> dict[float, list[Proxy]]:
    """Trained networks by noise scale; trained and kept if they are not there yet."""
    if name not in _networks:
        trained = load_networks(name) or train(name)
        every = [landscapes.pick(trained, i) for i in range(len(trained.noise_scales))]
        by_scale: dict[float, list[Proxy]] = {scale: [] for scale in SCALES}
        for scale, proxy in zip(np.repeat(SCALES, NUM_NETWORKS), every, strict=True):
            by_scale[float(scale)].append(jax.tree.map(np.asarray, proxy))
        _networks[name] = by_scale
        _label_scales[name] = trained.label_scale
    return _networks[name]


def label_scale(name: str) -> float:
    """What the networks' estimates are in units of."""
    networks(name)
    return _label_scales[name]


_networks: dict[str, dict[float, list[Proxy]]] = {}
_label_scales: dict[str, float] = {}


def train(name: str) -> landscapes.TrainedProxies:
    """Train all networks of a problem in one program, and keep them."""
    problem, begin = PROBLEMS[name], time.process_time()
    targets = None if problem.loss is squared_distance else make_phases(512, seed=7)
    trained = landscapes.train_proxies(
        make_runs(problem),
        np.repeat(SCALES, NUM_NETWORKS),
        config=problem.proxy,
        training=problem.training,
        targets=targets,
    )
    arrays = [trained.label_scale, trained.history, *jax.tree.leaves(trained.proxy)]
    NETWORKS.mkdir(parents=True, exist_ok=True)
    parts = {f"a{i}": np.asarray(array) for i, array in enumerate(arrays)}
    write_atomic(NETWORKS / f"{name}.npz", lambda file: np.savez(file, **parts))
    sizes = [leaf[0].size for leaf in jax.tree.leaves(trained.proxy)]
    error = trained.history[-100:].mean(axis=0).reshape(len(SCALES), -1).mean(axis=1)
    facts = {"error": error.round(5).tolist(), "num_params": sum(sizes)}
    write_row(name, "networks", facts | {"seconds": time.process_time() - begin})
    return trained


def load_networks(name: str) -> landscapes.TrainedProxies | None:
    """Those that were kept."""
    path, problem = NETWORKS / f"{name}.npz", PROBLEMS[name]
    if not path.is_file() or "networks" not in read(name):
        return None
    with np.load(path, allow_pickle=False) as file:
        label_scale, history, *leaves = (file[f"a{i}"] for i in range(len(file.files)))
    observed = observe_all(problem, np.zeros((1, problem.num_unknowns)))[0].shape
    if problem.loss is not squared_distance:
        observed = (2,)
    empty = landscapes.init_proxy(jax.random.key(0), problem.proxy, observed, problem.num_unknowns)
    proxy = jax.tree.unflatten(jax.tree.structure(empty), leaves)
    scales = np.repeat(SCALES, NUM_NETWORKS)
    return landscapes.TrainedProxies(proxy, scales, float(label_scale), history)


# ---------------------------------------------------------------- rows


def write_row(name: str, key: str, row: dict[str, Any]) -> None:
    """Put one row into the results."""
    rows = read(name) | {key: row}
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_atomic(RESULTS / f"{name}.json", (json.dumps(rows, indent=1) + "\n").encode())


def measure(bench: Bench, method: str, setting: Any, first_step: float) -> dict[str, Any]:
    """One row: who reached the optimum, at what cost."""
    begin = time.process_time()
    ends = METHODS[method][0](bench, setting, first_step)
    successes, firsts, parts = [], [], []
    for end in ends:
        last = end.second if isinstance(end, landscapes.TwoStage) else end
        excess = bench.excess_of(last.x)
        successes.append(bench.is_optimal(last.x, excess))
        parts.append((excess, last.num_evals))
        if isinstance(end, landscapes.TwoStage):
            away = np.max(np.abs(end.first.x - bench.each(bench.targets.x)), axis=1)
            alone = bench.is_optimal(end.first.x, bench.excess_of(end.first.x))
            firsts.append((alone, away, end.first.num_evals))
    excess, evals = (np.stack(part) for part in zip(*parts, strict=True))
    good = np.stack(successes).reshape(excess.shape)
    row = {
        "successes": [["".join("01"[int(s)] for s in t) for t in network] for network in successes],
        "share": float(good.mean()),
        "evals": float(evals.mean()),
        "excess": float(np.median(excess)),
        "excess_optimal": float(np.median(excess[good])) if good.any() else None,
    }
    if firsts:
        alone, away, first_evals = (np.stack(part) for part in zip(*firsts, strict=True))
        row["first_share"], row["first_evals"] = float(alone.mean()), float(first_evals.mean())
        row["first_distance"] = float(np.median(away))
    return row | {"seconds": round(time.process_time() - begin, 2)}


def todo(name: str, which: str) -> Iterator[tuple[str, str, Any, float]]:
    """Key, method, setting and first step of every row of a set."""
    for method, (_, settings) in METHODS.items():
        if method == "blur" and PROBLEMS[name].num_unknowns not in GRID:
            settings = SAMPLED_SCALES
        for setting in settings:
            steps = COSTLY_FIRST_STEPS if PROBLEMS[name].is_costly else FIRST_STEPS
            if which == "reported":
                steps = (best_setting(name, method, setting)[1],)
            for first_step in steps:
                yield f"{which}/{method}/{setting}/{first_step}", method, setting, first_step


def run(name: tyro.conf.Positional[Name], minutes: float = math.inf) -> None:
    """Run what is missing of a problem; no row begins after so many minutes."""
    from experiments.inverse_problems import shapes

    keep_compiled_programs()
    end = time.monotonic() + 60.0 * minutes
    networks(name)
    for which in SETS:
        bench = Bench(name, which)
        for key, *what in todo(name, which):
            if key in read(name):
                continue
            if time.monotonic() > end:
                return
            row = measure(bench, *what)
            write_row(name, key, row)
            print(f"{name} {key}: {row['share']:.3f}, {row['seconds']:.0f} s", flush=True)
    shapes.write_shapes(Bench(name, "reported"))


if __name__ == "__main__":
    tyro.cli(run)
