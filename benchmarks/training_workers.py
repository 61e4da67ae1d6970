"""Worker processes of the training benchmark: one contestant in each, idle until it is asked.

So that the contestants can take turns without sharing threads, memory or compiled programs. The
parent imports neither torch nor jax, so a worker's peak memory is its own.
"""

import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

NUM_CHANNELS = 3
ROWS = (1024, 4096, 16384)  # of the products whose best rate is the ceiling


class Case(NamedTuple):
    """What is trained: one family in all four layers, on a picture of side x side pixels."""

    family: str
    width: int
    side: int

    @property
    def flops(self) -> float:
        """Float operations of the matrix products of one step, forward and backward."""
        w = self.width
        return self.side**2 * 2 * (2 * w + 3 * w * w + 3 * w) * 3

    def __str__(self) -> str:
        return f"{self.family} 4x{self.width}, {self.side}^2"


def picture(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n, 2) and smooth targets (n, 3), both float32."""
    axis = np.linspace(-1.0, 1.0, side)
    coords = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    targets = np.sin(coords @ np.random.default_rng(0).normal(0.0, 6.0, (2, NUM_CHANNELS)))
    return coords.astype(np.float32), targets.astype(np.float32)


def mixed_configs(count: int, width: int, seed: int = 0) -> list[Any]:
    """Configurations of four layers, all layers of random families and numbers."""
    from optiinr_jax import inr

    draw, configs = np.random.default_rng(seed), []
    for _ in range(count):
        layers = []
        for _ in range(4):
            family = draw.choice(["siren", "finer", "gauss", "wire", "gf"])
            low, high = next(iter(inr.ACTIVATIONS[family].bounds.values()))
            name = next(iter(inr.ACTIVATIONS[family].bounds))
            number = float(np.exp(draw.uniform(np.log(low), np.log(high))))
            rate = float(10 ** draw.uniform(-4, -3))
            layers.append(inr.make_layer(family, learning_rate=rate, **{name: number}))
        configs.append(inr.NetworkConfig(layers=tuple(layers), width=width, lr_cooldown=0.5))
    return configs


def _config(case: Case) -> Any:
    from optiinr_jax import inr

    layer = inr.make_layer(case.family, learning_rate=1e-4)
    return inr.NetworkConfig(layers=(layer,) * 4, width=case.width)


Run = Callable[[int], float]  # trains so many steps and gives the last loss


def torch_eager(case: Case, *, compiled: bool = False) -> Run:
    """PyTorch as everybody writes it."""
    from torch_networks import Trainer

    from optiinr_jax.inr.lowering import resolve_bounds

    config = resolve_bounds(_config(case), 2)
    return Trainer(config, *picture(case.side), num_steps=10**9, compiled=compiled).run


def torch_compiled(case: Case) -> Run:
    """The same, its forward and backward pass compiled."""
    return torch_eager(case, compiled=True)


def jax_plain(case: Case) -> Run:
    """JAX as everybody writes it: library functions, one compiled step, rows times matrices."""
    import jax
    import jax.numpy as jnp
    import optax

    from optiinr_jax import inr
    from optiinr_jax.inr.lowering import resolve_bounds

    def stretch(z):
        return (jax.lax.stop_gradient(jnp.abs(z)) + 1.0) * z

    def gauss(z, sigma):
        return jnp.exp(-jnp.square(sigma * z))

    activations = {
        "siren": lambda z, n: jnp.sin(n["omega"] * z),
        "finer": lambda z, n: jnp.sin(n["omega"] * stretch(z)),
        "gauss": lambda z, n: gauss(z, n["sigma"]),
        "wire": lambda z, n: jnp.cos(n["omega"] * z) * gauss(z, n["sigma"]),
        "gf": lambda z, n: gauss(jnp.sin(n["omega"] * stretch(z)), n["sigma"]),
    }
    config = resolve_bounds(_config(case), 2)
    drawn = inr.init(jax.random.key(0), config, num_dims=2, num_channels=NUM_CHANNELS)["params"]
    optimizer = optax.adamw(1e-4, weight_decay=0.01)
    coords, targets = map(jnp.asarray, picture(case.side))

    def loss_fn(params):
        h = coords
        for i, layer in enumerate(config.layers):
            weights = params[f"hidden_{i}"]
            z = h @ weights["kernel"] + weights["bias"]
            h = activations[layer.activation](z, layer.numbers)
        values = h @ params["output"]["kernel"] + params["output"]["bias"]
        return jnp.mean(jnp.square(values - targets))

    @jax.jit
    def step(params, opt_state):
        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss

    state = [drawn, optimizer.init(drawn)]

    def run(num_steps: int) -> float:
        loss = jnp.zeros(())
        for _ in range(num_steps):
            *state[:], loss = step(*state)
        return float(loss)

    return run


def ours(case: Case, *, share_program: bool = False, **rule: Any) -> Run:
    """The steps of `fit`, in chunks as it runs them; `rule` are fields of NetworkConfig."""
    from dataclasses import replace

    import jax
    import jax.numpy as jnp

    from optiinr_jax.inr import training
    from optiinr_jax.inr.batches import list_points
    from optiinr_jax.inr.cost import chunk_steps

    points = list_points(*map(jnp.asarray, picture(case.side)))
    config = replace(_config(case), **rule)
    length = chunk_steps(config, points.num_points, NUM_CHANNELS)
    limit, start = jnp.asarray(10**9, jnp.int32), jnp.asarray(0, jnp.int32)
    state, data, config = training.prepare(
        jax.random.key(0), points, config, 10**9, share_program=share_program, keep_best=False
    )
    box = [state]

    def run(num_steps: int) -> float:
        losses = np.zeros(1)
        for _ in range(num_steps // length):
            box[0], found = training.train_chunk(box[0], data, config, limit, start, length=length)
            losses = np.asarray(found)
        return float(losses[-1])

    run.multiple = length  # type: ignore[attr-defined]
    return run


def ours_universal(case: Case) -> Run:
    """The same in the wave form, whose program serves all families."""
    return ours(case, share_program=True)


def ours_soap(case: Case) -> Run:
    """The steps of the default rule: SOAP on gradients of one norm."""
    return ours(case, optimizer="soap", gradient_norm=1.0)


def ours_muon(case: Case) -> Run:
    """The same with Muon."""
    return ours(case, optimizer="muon", gradient_norm=1.0)


CONTESTANTS: dict[str, Callable[[Case], Run]] = {
    "torch": torch_eager,
    "torch.compile": torch_compiled,
    "jax.numpy": jax_plain,
    "ours": ours,
    "ours, universal": ours_universal,
    "ours, SOAP": ours_soap,
    "ours, Muon": ours_muon,
}

RULES = ("ours", "ours, SOAP", "ours, Muon")  # AdamW, and what costs more


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def timed(run: Run, budget: float, clock: Callable[[], float]) -> Callable[[], float]:
    """Seconds a step, of as many steps as `budget` seconds hold; the first call is a warm-up."""
    multiple = getattr(run, "multiple", 1)
    run(multiple)
    start = clock()
    run(multiple)
    num_steps = multiple * max(1, int(budget / (clock() - start)))

    def measure() -> float:
        start = clock()
        run(num_steps)
        return (clock() - start) / num_steps

    return measure


def torch_product(width: int, clock: str) -> float:
    """Best rate of PyTorch's products of (n, w) by (w, w), in float operations a second."""
    from torch_networks import product_rate

    return product_rate(width, ROWS, CLOCKS[clock])


def jax_product(width: int, clock_name: str) -> float:
    """The same of XLA's, in one compiled loop."""
    import jax
    import jax.numpy as jnp

    clock, best = CLOCKS[clock_name], 0.0
    for n in ROWS:
        repeats = max(1, int(2e10 / (2 * n * width**2)))
        loop = jax.jit(
            lambda a, w, repeats=repeats: jax.lax.fori_loop(0, repeats, lambda _, x: x @ w, a)
        )
        a, w = jnp.ones((n, width)), jnp.eye(width)
        loop(a, w).block_until_ready()
        start = clock()
        loop(a, w).block_until_ready()
        best = max(best, repeats * 2 * n * width**2 / (clock() - start))
    return best


def mixed(way: str, count: int, width: int, side: int, num_steps: int) -> float:
    """Seconds for `count` mixed configurations, from nothing compiled to the last score.

    Ways: "torch" and "specialised" in turn, or a layout of `fit_many`.
    """
    import optiinr_jax as oi

    signal, configs = oi.sample_signal("image", side), mixed_configs(count, width)
    if way == "torch":
        from torch_networks import Trainer

        from optiinr_jax.inr.lowering import resolve_bounds

        rows = np.array(signal.grid_coords()), np.array(signal.targets().dense())
        start = time.perf_counter()
        for config in configs:
            Trainer(resolve_bounds(config, 2), *rows, num_steps=num_steps).run(num_steps)
        return time.perf_counter() - start
    start = time.perf_counter()
    if way == "specialised":
        quiet = {"progress": False, "warn": False}
        for config in configs:
            oi.fit(signal, config, num_steps=num_steps, share_program=False, **quiet)
    else:
        oi.fit_many(
            signal, configs, num_steps=num_steps, layout=way, progress=False, objective="samples"
        )
    return time.perf_counter() - start


def batch(layout: str, counts: tuple[int, ...], num_steps: int) -> list[float]:
    """Seconds a step and network of `fit_many`, width 64, 64^2 pixels, compiled by a first call."""
    import optiinr_jax as oi

    signal, rows = oi.sample_signal("image", 64), []
    for count in counts:
        configs, seconds = mixed_configs(count, 64), 0.0
        for _ in range(2):
            start = time.perf_counter()
            oi.fit_many(signal, configs, num_steps=num_steps, layout=layout, progress=False)
            seconds = time.perf_counter() - start
        rows.append(seconds / (count * num_steps))
    return rows


def search(num_trials: int, num_steps: int) -> dict[str, float]:
    """A search on 64^2 pixels at width 64: seconds, and what of them was compilation."""
    import jax

    import optiinr_jax as oi
    from optiinr_jax.inr import training

    compiled: list[float] = []

    def note(event: str, seconds: float, **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(note)
    signal, start = oi.sample_signal("image", 64), time.perf_counter()
    oi.search(signal, num_trials=num_trials, num_steps=num_steps, width=64, progress=False)
    seconds = time.perf_counter() - start
    return {
        "seconds": round(seconds, 1),
        "training programs compiled": training.train_chunk._cache_size(),
        "seconds of all compilations": round(sum(compiled), 1),
        "share of compilation": round(sum(compiled) / seconds, 3),
    }


def memory(side: int, num_steps: int) -> tuple[float, float]:
    """Seconds a step of SIREN 4x256 on a grid of side x side, and the process's peak GiB."""
    run = ours(Case("siren", 256, side))
    run(1)
    start = time.perf_counter()
    run(num_steps)
    seconds = (time.perf_counter() - start) / num_steps
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _serve(pipe: Connection) -> None:
    """Do what is asked until the other end closes: ("start", ...) once, ("measure",) often."""
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    measure: Callable[[], float] = lambda: 0.0  # noqa: E731
    while True:
        try:
            order, *arguments = pipe.recv()
        except EOFError:
            return
        if order == "start":
            name, case, budget, clock = arguments
            measure = timed(CONTESTANTS[name](case), budget, CLOCKS[clock])
            pipe.send(None)
        elif order == "measure":
            pipe.send(measure())
        else:
            pipe.send(globals()[order](*arguments))


class Worker:
    """A process of its own that answers one order at a time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, *order: Any) -> Any:
        """Send an order and wait for its answer."""
        self.pipe.send(order)
        return self.pipe.recv()

    def close(self) -> None:
        """End it."""
        self.pipe.close()
        self.process.join()


def once(*order: Any) -> Any:
    """The answer of a fresh process to one order."""
    worker = Worker()
    try:
        return worker.ask(*order)
    finally:
        worker.close()
