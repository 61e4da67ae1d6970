"""fit(): one network, one signal, one trained INR."""

import math
import os
import warnings
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import jax
import numpy as np

from optiinr_jax.inr.batches import Points
from optiinr_jax.inr.checkpoints import Checkpoint, make_fingerprint
from optiinr_jax.inr.config import NetworkConfig, check_config
from optiinr_jax.inr.representation import INR
from optiinr_jax.inr.training import OnStep, step_flops, train
from optiinr_jax.progress import Progress
from optiinr_jax.signals import Signal

_EVALUATION_RATE = 3e10  # float operations a second, a guess on the low side
_FLOOR_STEPS = 50  # the last losses that the floor is compared with
_FLOOR = 0.99  # a loss above this part of the best constant's has learned nothing
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
    signal: Signal,
    config: NetworkConfig,
    *,
    num_steps: int = 2000,
    seed: int = 0,
    key: jax.Array | None = None,
    share_program: bool | None = None,
    keep_best: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = True,
    warn: bool = True,
    on_step: OnStep | None = None,
    info: dict[str, Any] | None = None,
) -> INR:
    """Fit one network to one signal.

    Args:
        signal: what to represent.
        config: the network and how it is trained; see `preset` for the published ones.
        num_steps: updates.
        seed: of the initial parameters.
        key: instead of a seed.
        share_program: train in the wave form, one compiled program for all families; None: where
            the fit is short.
        keep_best: keep the parameters of the step with the lowest loss (of its mini-batch, where
            there are some), as WIRE's, FR's and IGA's codes do; else the last ones.
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
    check_config(config)
    check_seed(seed)
    if isinstance(num_steps, bool) or not isinstance(num_steps, Integral) or num_steps < 1:
        raise ValueError(f"num_steps is {num_steps!r}; it must be a whole number from 1 on.")
    if share_program is None:
        share_program = _seconds(signal, config, num_steps) < _SPECIALISED_SECONDS
    drawn_by = seed if key is None else None
    signal = signal.with_ranges(config.coord_range, config.value_range)
    key = jax.random.key(seed) if key is None else key
    keeper = None
    if checkpoint is not None:
        settings = [num_steps, share_program, keep_best, signal.frame.to_json(), config.to_json()]
        draws = np.asarray(jax.random.key_data(key)).tobytes()
        fingerprint = make_fingerprint(settings, draws, signal.stored.tobytes())
        keeper = Checkpoint(Path(checkpoint), fingerprint)
    with Progress("fit", num_steps, enabled=progress) as bar:

        def report(done: int, total: int, loss: float) -> None:
            bar.update(done, f"loss {loss:.3g}")
            if on_step is not None:
                on_step(done, total, loss)

        points = Points(
            targets=signal.targets(), shape=signal.shape, coord_range=signal.frame.coord_range
        )
        trained = train(
            key,
            points,
            config,
            num_steps=num_steps,
            share_program=share_program,
            keep_best=keep_best,
            checkpoint=keeper,
            on_step=report,
        )
    inr = INR(
        config=config,
        variables=trained.variables,
        frame=signal.frame,
        score=math.nan,
        num_steps=num_steps if trained.is_finite else max(len(trained.history) - 2, 0),
        seed=drawn_by,
        history=trained.history,
        info={"matmul_precision": matmul_precision(), **(info or {})},
    )
    inr = replace(inr, score=signal.score_stream(inr.apply))
    if not trained.is_finite:
        raise DivergedError(
            f"the loss stopped being finite at step {len(trained.history)} of {num_steps}; "
            "lower the learning rates.",
            inr,
        )
    floor = signal.variance()
    if warn and np.median(trained.history[-_FLOOR_STEPS:]) > _FLOOR * floor:
        warnings.warn(
            f"after {num_steps} steps the loss is {trained.history[-1]:.3g}, no better than the "
            f"{floor:.3g} of a constant output: the network has learned nothing of "
            f"{signal.name!r}; try more steps, other learning rates or another omega or sigma.",
            FloorWarning,
            stacklevel=2,
        )
    return inr


def check_seed(seed: int) -> None:
    """Raise ValueError for a seed that some generator would refuse later."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed!r}; it must be a whole number from 0 to 2**32 - 1.")


def matmul_precision() -> str:
    """Precision of JAX's matrix products, which changes scores on a GPU."""
    return str(jax.config.values["jax_default_matmul_precision"] or "default")


def _seconds(signal: Signal, config: NetworkConfig, num_steps: int) -> float:
    """Predict the time of a fit from its matrix products alone."""
    flops = step_flops(config, signal.num_points, signal.num_channels)
    return num_steps * flops / _EVALUATION_RATE
