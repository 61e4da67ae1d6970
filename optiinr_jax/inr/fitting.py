"""fit(): one network, one signal, one trained INR."""

import json
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float32

from optiinr_jax.checks import check_counts, check_whole, plain_numbers
from optiinr_jax.inr.checkpoints import Checkpoint, make_fingerprint
from optiinr_jax.inr.compilation_cache import keep_compiled_in_notebooks
from optiinr_jax.inr.config import NetworkConfig, check_config
from optiinr_jax.inr.cost import predict_bytes, predict_seconds
from optiinr_jax.inr.model import Variables
from optiinr_jax.inr.model import init as init_variables
from optiinr_jax.inr.presets import as_config
from optiinr_jax.inr.representation import INR
from optiinr_jax.inr.task import floor_of, points_of, resolve
from optiinr_jax.inr.training import Fit, OnStep, train
from optiinr_jax.options import split_options, with_fields
from optiinr_jax.progress import Progress, format_seconds, is_interactive
from optiinr_jax.signals import OBJECTIVES, Signal, as_signal
from optiinr_jax.signals.inputs import SignalLike
from optiinr_jax.streams import say

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


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How one fit is run, and what becomes of it on the way.

    Attributes:
        share_program: train in the wave form, one compiled program for all families; None: where
            the fit is short.
        keep_best: keep the parameters of the step with the lowest loss (of its mini-batch, where
            there are some), as WIRE's, FR's and IGA's codes do; else the last ones.
        max_part: points that go through the network at once at most, where memory is short; the
            result is the same up to rounding. None: what is fastest on the machine.
        checkpoint: file that keeps the state of a long fit: the same call goes on where an
            interrupted one was, with the same result. It is deleted at the end, unless `pause_at`
            is given: what is not yet saved would be lost with it.
        pause_at: number of steps, rounded up to a chunk's end, after which the fit pauses: it
            returns the network so far, and the same call with a later pause, or none, goes on from
            the checkpoint to the same result as without pausing. After `num_steps` nothing is left
            to train.
        progress: show progress when it takes longer than a few seconds.
        warn: say it when the network is no better than a constant.
        on_step: called after every chunk of steps with (done, num_steps, loss).
        info: facts for the model file.
    """

    share_program: bool | None = None
    keep_best: bool = False
    max_part: int | None = None
    checkpoint: str | os.PathLike[str] | None = None
    pause_at: int | None = None
    progress: bool = True
    warn: bool = True
    on_step: OnStep | None = None
    info: dict[str, Any] | None = None


@with_fields(FitOptions)
def fit(
    signal: SignalLike,
    config: NetworkConfig | str | None = None,
    *,
    objective: str | None = None,
    num_steps: int = 2000,
    seed: int = 0,
    key: jax.Array | None = None,
    init: INR | None = None,
    **options: Any,
) -> INR:
    """Fit one network to one signal.

    Interrupted at a prompt or in a notebook, it returns the network so far; `info` says so.

    Args:
        signal: what to represent, or an array or path that `as_signal` makes it of.
        config: the network and how it is trained, or the name of a published one, see `preset`.
            None: the first that `recommend` gives, which did best on other signals of this kind.
        objective: "continuous", the error at the samples and between them in one, or "samples", the
            error at the samples alone, as papers measure it. It decides what `score` is, and, where
            the configuration leaves it open (`sampling` None), at which points the network is
            trained. None: "samples" for a configuration that is trained at them, as published
            networks are, else "continuous".
        num_steps: updates.
        seed: of the initial parameters.
        key: instead of a seed.
        init: a network of the same structure to begin with, such as that of a similar signal; one
            of another number of channels gives all but its output layer. None: initial parameters
            are drawn.
        **options: fields of `FitOptions`.

    Raises:
        ValueError: an impossible configuration or number of steps.
        DivergedError: the loss stopped being finite; a smaller learning rate helps. It carries the
            network as it last was in order.

    Warns:
        FloorWarning: the network is no better than a constant (as in siren#46).
    """
    keep_compiled_in_notebooks()
    (fields_of_run,) = split_options(options, FitOptions)
    run, signal = FitOptions(**fields_of_run), as_signal(signal)
    counts = {"max_part": run.max_part, "pause_at": run.pause_at}
    given = {name: count for name, count in counts.items() if count is not None}
    check_counts(**given)
    num_steps, seed = check_whole("num_steps", num_steps, 1), check_seed(seed)
    info = check_info(run.info)  # before hours of work
    config = as_config(config, signal, num_steps)
    check_config(config)
    signal, config, objective = resolve(signal, config, objective)
    drawn_by = seed if key is None else None
    key = jax.random.key(seed) if key is None else key
    trained = _train_shown(signal, config, key, init, num_steps, run)
    if trained.is_finite and len(trained.history) < (run.pause_at or num_steps):
        info = {**info, "interrupted": True}
        say(
            f"fit: interrupted after {len(trained.history)} of {num_steps} steps; this is the "
            "network so far."
        )
    found = scored_result(signal, config, objective, trained, num_steps, drawn_by, info)
    if isinstance(found, DivergedError):
        raise found
    if run.warn:
        _warn_of_floor(signal, config, trained.history)
    return found


def _warn_of_floor(
    signal: Signal, config: NetworkConfig, history: Float32[np.ndarray, " num_steps"]
) -> None:
    floor = floor_of(signal, config.sampling)
    loss = float(np.median(history[-_FLOOR_STEPS:]))
    if loss > _FLOOR * floor:
        warnings.warn(
            f"over the last of {len(history)} steps the loss is {loss:.3g} (median), no better "
            f"than the {floor:.3g} of a constant output: the network has learned nothing of "
            f"{signal.name!r}; try more steps, other learning rates or another omega or sigma.",
            FloorWarning,
            stacklevel=3,
        )


def _train_shown(
    signal: Signal,
    config: NetworkConfig,
    key: jax.Array,
    init: INR | None,
    num_steps: int,
    run: FitOptions,
) -> Fit:
    """Train one network, and show how far it is."""
    seconds = predict_seconds(config, signal.num_points, signal.num_channels, num_steps)
    share_program = run.share_program
    if share_program is None:
        share_program = seconds < _SPECIALISED_SECONDS
    with Progress("fit", num_steps, enabled=run.progress) as bar:
        if seconds > _LONG_SECONDS or signal.is_large:
            bar.line(_estimate(signal, config, num_steps, seconds))

        def report(done: int, total: int, loss: float) -> None:
            bar.update(done, f"loss {loss:.3g}")
            if run.on_step is not None:
                run.on_step(done, total, loss)

        settings = [num_steps, share_program, run.keep_best]
        return train(
            key,
            points_of(signal, config.sampling),
            config,
            num_steps=num_steps,
            init=None if init is None else init.variables,
            share_program=share_program,
            keep_best=run.keep_best,
            max_part=run.max_part,
            checkpoint=_checkpoint(run, settings, signal, config, key, init),
            pause_at=run.pause_at,
            keep_interrupted=is_interactive(),
            on_step=report,
        )


def _estimate(signal: Signal, config: NetworkConfig, num_steps: int, seconds: float) -> str:
    sizes = signal.num_points, signal.num_dims, signal.num_channels
    whole_bytes = signal.stored.itemsize if signal.is_large else None
    memory = predict_bytes(config, *sizes, whole_bytes)
    batch = config.batch_size or signal.num_points
    of_all = f" of {signal.num_points}" if batch < signal.num_points else ""
    return (
        f"fit: {num_steps} steps of {min(batch, signal.num_points)}{of_all} points on "
        f"{config.width} units a layer, about {format_seconds(seconds)} and {memory / 1e9:.1f} GB "
        "of memory on a machine like this."
    )


def _checkpoint(
    run: FitOptions,
    settings: list[Any],
    signal: Signal,
    config: NetworkConfig,
    key: jax.Array,
    init: INR | None,
) -> Checkpoint | None:
    """Where the state is kept, and what it must agree with to be gone on with."""
    if run.checkpoint is None:
        return None
    facts = [*settings, signal.frame.to_json(), config.to_json()]
    draws = np.asarray(jax.random.key_data(key)).tobytes()
    draws += b"" if init is None else init.to_bytes()
    return Checkpoint(Path(run.checkpoint), make_fingerprint(facts, draws, signal.content()))


def make_inr(
    signal: SignalLike,
    config: NetworkConfig | str | None = None,
    variables: Variables | None = None,
    *,
    key: jax.Array | None = None,
    objective: str | None = None,
) -> INR:
    """A scored network, untrained or with variables that a training loop of one's own has made.

    Args:
        signal: what it represents.
        config: the network, or the name of a published one; None: the recommended one.
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
    signal, config, objective = resolve(signal, as_config(config, signal), objective)
    check_config(config)
    if variables is None:
        key = jax.random.key(0) if key is None else key
        sizes = {"num_dims": signal.num_dims, "num_channels": signal.num_channels}
        variables = init_variables(key, config, **sizes)
    inr = INR(config, variables, signal.frame, objective=objective)
    scores = signal.scores(inr.network())
    return replace(inr, score=OBJECTIVES[objective](scores), scores=scores)


def scored_result(
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


def check_seed(seed: int) -> int:
    """The seed, as Python's number; raise ValueError where some generator would refuse it later."""
    return check_whole("seed", seed, 0, 2**32 - 1)


def check_info(info: dict[str, Any] | None) -> dict[str, Any]:
    """Facts as a model file holds them; raise ValueError for what JSON does not hold."""
    facts = plain_numbers(info or {})
    try:
        json.dumps(facts)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"info cannot be kept in a model file ({error}); give numbers, text, lists and "
            "dictionaries of them."
        ) from None
    return facts


def matmul_precision() -> str:
    """Precision of JAX's matrix products, which changes scores on a GPU."""
    return str(jax.config.values["jax_default_matmul_precision"] or "default")
