"""fit(): one network, one signal, one trained INR."""

import os
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from optiinr_jax.checks import check_counts, check_name, check_whole
from optiinr_jax.inr.batched_training import structure_of, train_many
from optiinr_jax.inr.batches import Points
from optiinr_jax.inr.checkpoints import Checkpoint, make_fingerprint
from optiinr_jax.inr.compilation_cache import keep_compiled_in_notebooks
from optiinr_jax.inr.config import NetworkConfig, check_config
from optiinr_jax.inr.cost import num_cores, predict_seconds
from optiinr_jax.inr.model import Variables
from optiinr_jax.inr.model import init as init_variables
from optiinr_jax.inr.presets import as_config
from optiinr_jax.inr.representation import INR
from optiinr_jax.inr.task import floor_of, points_of, resolve
from optiinr_jax.inr.training import Fit, OnStep, train
from optiinr_jax.progress import Progress, format_seconds, is_interactive
from optiinr_jax.signals import OBJECTIVES, Signal, as_signal
from optiinr_jax.signals.inputs import SignalLike, is_several

_FLOOR_STEPS = 50  # the last losses that the floor is compared with
_FLOOR = 0.99  # a loss above this part of the best constant's has learned nothing
_LONG_SECONDS = 60.0  # a fit this long says so before it begins
_SPECIALISED_SECONDS = 30.0  # a fit this long pays the compilation of its own program


class DivergedError(FloatingPointError):
    """The loss of a fit stopped being finite.

    Attributes:
        inr: the network as it last was in order, with its score and its history.
    """

    def __init__(self, message: str, inr: INR) -> None:
        super().__init__(message)
        self.inr = inr


class FloorWarning(UserWarning):
    """A fit that is no better than a constant, although nothing failed."""


def fit(
    signal: SignalLike,
    config: NetworkConfig | str,
    *,
    objective: str | None = None,
    num_steps: int = 2000,
    seed: int = 0,
    key: jax.Array | None = None,
    init: INR | None = None,
    share_program: bool | None = None,
    keep_best: bool = False,
    max_part: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = True,
    warn: bool = True,
    on_step: OnStep | None = None,
    info: dict[str, Any] | None = None,
) -> INR:
    """Fit one network to one signal.

    Interrupted at a prompt or in a notebook, it returns the network so far; `info` says so.

    Args:
        signal: what to represent, or an array or path that `as_signal` makes it of.
        config: the network and how it is trained, or the name of a published one, see `preset`.
        objective: "continuous", the error at the samples and between them in one, or "samples", the
            error at the samples alone, as papers measure it. It decides what `score` is, and, where
            the configuration leaves it open (`sampling` None), at which points the network is
            trained. None: "samples" for a configuration that is trained at them, as published
            networks are, else "continuous".
        num_steps: updates.
        seed: of the initial parameters.
        key: instead of a seed.
        init: a network of the same structure to begin with; None: initial parameters are drawn.
        share_program: train in the wave form, one compiled program for all families; None: where
            the fit is short.
        keep_best: keep the parameters of the step with the lowest loss (of its mini-batch, where
            there are some), as WIRE's, FR's and IGA's codes do; else the last ones.
        max_part: points that go through the network at once at most, where memory is short; the
            result is the same up to rounding. None: what is fastest on the machine.
        checkpoint: file that keeps the state of a long fit: the same call goes on where an
            interrupted one was, with the same result. It is deleted at the end.
        progress: show progress when it takes longer than a few seconds.
        warn: say it when the network is no better than a constant.
        on_step: called after every chunk of steps with (done, num_steps, loss).
        info: facts for the model file.

    Raises:
        ValueError: an impossible configuration or number of steps.
        DivergedError: the loss stopped being finite; a smaller learning rate helps. It carries the
            network as it last was in order.

    Warns:
        FloorWarning: the network is no better than a constant (as in siren#46).
    """
    keep_compiled_in_notebooks()
    signal = as_signal(signal)
    config = as_config(config, signal.kind)
    check_config(config)
    check_seed(seed)
    check_counts(num_steps=num_steps, max_part=1 if max_part is None else max_part)
    seconds = predict_seconds(config, signal.num_points, signal.num_channels, num_steps)
    if share_program is None:
        share_program = seconds < _SPECIALISED_SECONDS
    drawn_by = seed if key is None else None
    signal, config, objective = resolve(signal, config, objective)
    key = jax.random.key(seed) if key is None else key
    keeper = None
    if checkpoint is not None:
        settings = [num_steps, share_program, keep_best, signal.frame.to_json(), config.to_json()]
        draws = np.asarray(jax.random.key_data(key)).tobytes()
        draws += b"" if init is None else init.to_bytes()
        stored = signal.stored.tobytes() + (signal.finer.points.tobytes() if signal.finer else b"")
        fingerprint = make_fingerprint(settings, draws, stored)
        keeper = Checkpoint(Path(checkpoint), fingerprint)
    with Progress("fit", num_steps, enabled=progress) as bar:
        if seconds > _LONG_SECONDS:
            bar.line(
                f"fit: {num_steps} steps of {signal.num_points} points on {config.width} units a "
                f"layer, about {format_seconds(seconds)} on a machine like this."
            )

        def report(done: int, total: int, loss: float) -> None:
            bar.update(done, f"loss {loss:.3g}")
            if on_step is not None:
                on_step(done, total, loss)

        trained = train(
            key,
            points_of(signal, config.sampling),
            config,
            num_steps=num_steps,
            init=None if init is None else init.variables,
            share_program=share_program,
            keep_best=keep_best,
            max_part=max_part,
            checkpoint=keeper,
            keep_interrupted=is_interactive(),
            on_step=report,
        )
    num_done = len(trained.history)
    if trained.is_finite and num_done < num_steps:
        info = {**(info or {}), "interrupted": True}
        print(
            f"fit: interrupted after {num_done} of {num_steps} steps; this is the network so far.",
            file=sys.stderr,
        )
    found = _result(signal, config, objective, trained, num_steps, drawn_by, info or {})
    if isinstance(found, DivergedError):
        raise found
    floor = floor_of(signal, config.sampling)
    if warn and np.median(trained.history[-_FLOOR_STEPS:]) > _FLOOR * floor:
        warnings.warn(
            f"after {num_steps} steps the loss is {trained.history[-1]:.3g}, no better than the "
            f"{floor:.3g} of a constant output: the network has learned nothing of "
            f"{signal.name!r}; try more steps, other learning rates or another omega or sigma.",
            FloorWarning,
            stacklevel=2,
        )
    return found


def make_inr(
    signal: SignalLike,
    config: NetworkConfig | str,
    variables: Variables | None = None,
    *,
    key: jax.Array | None = None,
    objective: str | None = None,
) -> INR:
    """A scored network, untrained or with variables that a training loop of one's own has made.

    Args:
        signal: what it represents.
        config: the network, or the name of a published one.
        variables: {"params": trained arrays, "constants": fixed ones}; None: initial ones.
        key: of the initial ones; None: of seed 0.
        objective: what `score` is; see `fit`.

    >>> import optiinr_jax as oi
    >>> signal = oi.sample_signal("image", size=8)
    >>> inr = oi.make_inr(signal, oi.preset("siren", width=8))
    >>> coords, targets = signal.grid_coords(), signal.samples.reshape(-1, 3)
    >>> loss = lambda params: ((inr.with_params(params)(coords) - targets) ** 2).mean()
    >>> jax.tree.map(lambda leaf: leaf.shape, jax.grad(loss)(inr.params)["output"]["bias"])
    (3,)
    """
    signal = as_signal(signal)
    signal, config, objective = resolve(signal, as_config(config, signal.kind), objective)
    check_config(config)
    if variables is None:
        key = jax.random.key(0) if key is None else key
        sizes = {"num_dims": signal.num_dims, "num_channels": signal.num_channels}
        variables = init_variables(key, config, **sizes)
    inr = INR(config, variables, signal.frame, objective=objective)
    scores = signal.scores(inr.network())
    return replace(inr, score=OBJECTIVES[objective](scores), scores=scores)


def fit_many(
    signals: SignalLike | Sequence[SignalLike],
    configs: NetworkConfig | str | Sequence[NetworkConfig | str],
    *,
    objective: str | None = None,
    num_steps: int = 500,
    seed: int = 0,
    keys: Sequence[jax.Array] | None = None,
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
        configs: one, or as many as signals.
        objective: see `fit`.
        num_steps: updates of each.
        seed: of every fit.
        keys: instead, one of each fit.
        layout: "vmap" trains all of one structure (families do not matter, sizes do) in one
            program, shared out to all devices; "threads" as many at once as there are cores, each
            on one of them; "sequence" one after the other on all cores. None: what is fastest on
            the backend, "threads" on a CPU.
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
    is_one = isinstance(configs, NetworkConfig | str)
    many_configs: list[NetworkConfig | str] = [configs] if is_one else list(configs)
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
    check_seed(seed)
    if layout is None:
        layout = "threads" if jax.default_backend() == "cpu" else "vmap"
    check_name("layout", layout, LAYOUTS)
    jobs = []
    for i, (signal, config) in enumerate(zip(many_signals, many_configs, strict=True)):
        config = as_config(config, signal.kind)
        check_config(config)
        signal, config, aim = resolve(signal, config, objective)
        key = jax.random.key(seed) if keys is None else keys[i]
        jobs.append(_Job(signal, config, aim, key))
    with Progress("fit_many", count * num_steps, enabled=progress) as bar:
        trained = LAYOUTS[layout](jobs, num_steps, keep_best, bar)
    drawn_by = seed if keys is None else None
    return [
        _result(job.signal, job.config, job.objective, fit, num_steps, drawn_by, {})
        for job, fit in zip(jobs, trained, strict=True)
    ]


class _Job(NamedTuple):
    """One fit of many."""

    signal: Signal
    config: NetworkConfig
    objective: str
    key: jax.Array

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
            share_program=True,
            keep_best=keep_best,
            on_step=lambda done, _, loss, i=i: bar.update(i * num_steps + done, f"loss {loss:.3g}"),
        )
        for i, job in enumerate(jobs)
    ]


def _in_threads(jobs: list[_Job], num_steps: int, keep_best: bool, bar: Progress) -> list[Fit]:
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
                share_program=True,
                keep_best=keep_best,
                on_one_core=True,
                on_step=report,
            )

    with ThreadPoolExecutor(num_cores()) as pool:
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


def _result(
    signal: Signal,
    config: NetworkConfig,
    objective: str,
    trained: Fit,
    num_steps: int,
    seed: int | None,
    info: dict[str, Any],
) -> INR | DivergedError:
    """The scored network, inside its error where the fit has diverged."""
    last_good = max(len(trained.history) - 2, 0)
    inr = replace(
        make_inr(signal, config, trained.variables, objective=objective),
        num_steps=len(trained.history) if trained.is_finite else last_good,
        seed=seed,
        history=trained.history,
        info={"matmul_precision": matmul_precision(), **info},
    )
    if trained.is_finite:
        return inr
    return DivergedError(
        f"the loss stopped being finite at step {len(trained.history)} of {num_steps}; "
        "lower the learning rates.",
        inr,
    )


def check_seed(seed: int) -> None:
    """Raise ValueError for a seed that some generator would refuse later."""
    check_whole("seed", seed, 0, 2**32 - 1)


def matmul_precision() -> str:
    """Precision of JAX's matrix products, which changes scores on a GPU."""
    return str(jax.config.values["jax_default_matmul_precision"] or "default")
