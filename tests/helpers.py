"""Shared by tests: what would be dozens of small programs, compiled as one."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import jax

from optiinr_jax.inr import INR
from optiinr_jax.inr.config import NetworkConfig
from optiinr_jax.inr.model import Variables, init
from optiinr_jax.signals import Scores, Signal

_draw = jax.jit(init, static_argnames=("num_dims", "num_channels"))


def draw_variables(
    config: NetworkConfig, seed: int = 0, *, num_dims: int = 2, num_channels: int = 3
) -> Variables:
    """What `init` draws; networks of one structure share the program."""
    return _draw(jax.random.key(seed), config, num_dims=num_dims, num_channels=num_channels)


def draw_params(config: NetworkConfig, seed: int = 0, **sizes: int) -> Any:
    """The trained part of `draw_variables`."""
    return draw_variables(config, seed, **sizes)["params"]


def make_inr(
    signal: Signal,
    config: NetworkConfig,
    score: float = 0.0,
    seed: int = 0,
    objective: str = "continuous",
) -> INR:
    """A network that nobody has trained, for what only has to hold one."""
    signal = signal.with_value_range(config.value_range)
    variables = draw_variables(
        config, seed, num_dims=signal.num_dims, num_channels=signal.num_channels
    )
    scores = Scores(score, score, score, 0.0, signal.control)
    return INR(
        config=config,
        variables=variables,
        frame=signal.frame,
        score=score,
        objective=objective,
        scores=scores,
        num_steps=0,
    )


@contextmanager
def count_compiled() -> Generator[list[str]]:
    """Names of the optimiser's programs that are compiled meanwhile, or read from the cache."""
    names: list[str] = []

    def note(event: str, seconds: float, **facts: Any) -> None:
        name = str(facts.get("fun_name"))
        if event.endswith("backend_compile_duration") and name in (
            "jit(loss_and_grad)",
            "jit(propose)",
        ):
            names.append(name)

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
