"""fit_many(): many networks in one call, side by side in threads or in one program."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax

from optiinr_jax.checks import check_name, check_whole
from optiinr_jax.inr.batched_training import structure_of, train_many
from optiinr_jax.inr.batches import Points
from optiinr_jax.inr.compilation_cache import keep_compiled_in_notebooks
from optiinr_jax.inr.config import NetworkConfig, check_config
from optiinr_jax.inr.cost import num_cores
from optiinr_jax.inr.fitting import DivergedError, check_seed, scored_result
from optiinr_jax.inr.model import Variables
from optiinr_jax.inr.presets import as_config
from optiinr_jax.inr.representation import INR
from optiinr_jax.inr.task import points_of, resolve
from optiinr_jax.inr.training import Fit, train
from optiinr_jax.progress import Progress
from optiinr_jax.signals import Signal, as_signal
from optiinr_jax.signals.inputs import SignalLike, is_several


def fit_many(
    signals: SignalLike | Sequence[SignalLike],
    configs: NetworkConfig | str | Sequence[NetworkConfig | str] | None = None,
    *,
    objective: str | None = None,
    num_steps: int = 500,
    seed: int = 0,
    keys: Sequence[jax.Array] | None = None,
    init: INR | None = None,
    layout: str | None = None,
    keep_best: bool = False,
    progress: bool = True,
) -> list[INR | DivergedError]:
    """Fit many networks: one signal with many configurations, one configuration to many, or pairs.

    The results are those of `fit(..., share_program=True)` with the same seed, up to rounding. A
    fit that diverges does not disturb the others: its place holds the error, which carries the
    network as it last was in order.

    Args:
        signals: one, or as many as configurations.
        configs: one, or as many as signals; None: of each signal the one that `fit` takes.
        objective: see `fit`.
        num_steps: updates of each.
        seed: of every fit.
        keys: instead, one of each fit.
        init: a network that all begin with; see `fit`. That of a similar
            signal helps where a fit is very short.
        layout: "vmap" trains all of one structure (families do not matter, sizes do) in one
            program, shared out to all devices; "threads" as many at once as there are cores,
            each on one of them; "sequence" one after the other on all cores. None: what is fastest
            on the backend, "threads" on a CPU.
        keep_best: see `fit`.
        progress: show progress when it takes longer than a few seconds.

    Raises:
        ValueError: numbers of signals, configurations and keys that do not match, or an unknown
            layout.

    >>> import optiinr_jax as oi
    >>> signal = oi.sample_signal("image", size=8)
    >>> pair = [oi.preset(name, width=8) for name in ("siren", "finer")]
    >>> [inr.config.layers[0].activation for inr in oi.fit_many(signal, pair, num_steps=5)]
    ['siren', 'finer']
    """
    keep_compiled_in_notebooks()
    many_signals = list(map(as_signal, signals)) if is_several(signals) else [as_signal(signals)]
    is_one = configs is None or isinstance(configs, NetworkConfig | str)
    many_configs: list[NetworkConfig | str | None] = [configs] if is_one else list(configs)
    count = max(len(many_signals), len(many_configs))
    if {len(many_signals), len(many_configs)} - {1, count} or count == 0:
        raise ValueError(
            f"got {len(many_signals)} signals and {len(many_configs)} configurations; give one of "
            "either, or as many of both."
        )
    many_signals *= count // len(many_signals)
    many_configs *= count // len(many_configs)
    if keys is not None and len(keys) != count:
        raise ValueError(f"got {len(keys)} keys for {count} fits; give one of each.")
    num_steps, seed = check_whole("num_steps", num_steps, 1), check_seed(seed)
    if layout is None:
        layout = "threads" if jax.default_backend() == "cpu" else "vmap"
    check_name("layout", layout, LAYOUTS)
    jobs = []
    for i, (signal, config) in enumerate(zip(many_signals, many_configs, strict=True)):
        config = as_config(config, signal, num_steps)
        check_config(config)
        signal, config, aim = resolve(signal, config, objective)
        key = jax.random.key(seed) if keys is None else keys[i]
        jobs.append(_Job(signal, config, aim, key, None if init is None else init.variables))
    with Progress("fit_many", count * num_steps, enabled=progress) as bar:
        trained = LAYOUTS[layout](jobs, num_steps, keep_best, bar)
    drawn_by = seed if keys is None else None
    return [
        scored_result(job.signal, job.config, job.objective, fit, num_steps, drawn_by, {})
        for job, fit in zip(jobs, trained, strict=True)
    ]


class _Job(NamedTuple):
    """One fit of many."""

    signal: Signal
    config: NetworkConfig
    objective: str
    key: jax.Array
    init: Variables | None

    @property
    def points(self) -> Points:
        """What it is trained on."""
        return points_of(self.signal, self.config.sampling)


def _in_sequence(jobs: list[_Job], num_steps: int, keep_best: bool, bar: Progress) -> list[Fit]:
    return [
        train(
            job.key,
            job.points,
            job.config,
            num_steps=num_steps,
            init=job.init,
            share_program=True,
            keep_best=keep_best,
            on_step=lambda done, _, loss, i=i: bar.update(i * num_steps + done, f"loss {loss:.3g}"),
        )
        for i, job in enumerate(jobs)
    ]


def _in_threads(jobs: list[_Job], num_steps: int, keep_best: bool, bar: Progress) -> list[Fit]:
    num_threads = num_cores()
    if num_threads < 2:
        return _in_sequence(jobs, num_steps, keep_best, bar)
    steps, stopped = [0] * len(jobs), threading.Event()
    precision = jax.config.values[
        "jax_default_matmul_precision"
    ]  # a thread has settings of its own

    def train_one(i: int) -> Fit:
        def report(done: int, _: int, loss: float) -> None:
            if stopped.is_set():
                raise InterruptedError("another fit was interrupted")
            steps[i] = done
            bar.update(sum(steps), f"loss {loss:.3g}")

        with jax.default_matmul_precision(precision):
            return train(
                jobs[i].key,
                jobs[i].points,
                jobs[i].config,
                num_steps=num_steps,
                init=jobs[i].init,
                share_program=True,
                keep_best=keep_best,
                on_one_core=True,
                on_step=report,
            )

    with ThreadPoolExecutor(num_threads) as pool:
        fits = [pool.submit(train_one, i) for i in range(len(jobs))]
        try:
            return [fit.result() for fit in fits]
        except BaseException:
            stopped.set()  # those that run stop after their chunk
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _at_once(jobs: list[_Job], num_steps: int, keep_best: bool, bar: Progress) -> list[Fit]:
    """All jobs of one structure in one program, structure after structure."""
    points = [job.points for job in jobs]
    groups: dict[Any, list[int]] = {}
    for i, job in enumerate(jobs):
        groups.setdefault(str(structure_of(points[i], job.config)), []).append(i)
    trained: dict[int, Fit] = {}
    for members in groups.values():
        ended, count = len(trained) * num_steps, len(members)
        fits = train_many(
            [jobs[i].key for i in members],
            [points[i] for i in members],
            [jobs[i].config for i in members],
            num_steps=num_steps,
            init=jobs[0].init,
            keep_best=keep_best,
            on_step=lambda done, _, loss, count=count, ended=ended: bar.update(
                ended + count * done, f"mean loss {loss:.3g}"
            ),
        )
        trained |= dict(zip(members, fits, strict=True))
    return [trained[i] for i in range(len(jobs))]


# name -> how many fits are trained
LAYOUTS: dict[str, Callable[[list[_Job], int, bool, Progress], list[Fit]]] = {
    "sequence": _in_sequence,
    "threads": _in_threads,
    "vmap": _at_once,
}
