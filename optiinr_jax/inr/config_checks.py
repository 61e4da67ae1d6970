"""The check of a configuration with concrete numbers: which field, what it was, what it must be."""

import math
from collections.abc import Collection
from typing import Any

from optiinr_jax.checks import check_number, check_whole
from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.directions import OPTIMIZERS
from optiinr_jax.inr.encodings import FourierFeatures
from optiinr_jax.inr.gradient_adjustment import GROUP_SAMPLINGS
from optiinr_jax.inr.initializers import INITIALIZERS, OUTPUT_ACTIVATIONS, OUTPUT_INITS
from optiinr_jax.inr.sampling import SAMPLINGS
from optiinr_jax.inr.schedules import SCHEDULES

MAX_WIDTH, MAX_DEPTH, MAX_FREQUENCIES, MAX_BATCH = 16384, 256, 65536, 2**30
MAX_BASIS = 2**26  # numbers in FR's basis, 32 times the published one


def check_config(config: Any) -> None:
    """Check a configuration with concrete numbers, once, where it enters.

    Raises:
        ValueError: which field, what it was, what it must be.
    """
    check_whole("width", config.width, 1, MAX_WIDTH)
    check_whole("depth", config.depth, 1, MAX_DEPTH)
    for i, layer in enumerate(config.layers):
        _check_layer(f"layers[{i}].", layer)
    encoding, fourier, iga = config.encoding, config.reparameterization, config.adjustment
    if encoding is not None:
        check_whole("encoding.num_frequencies", encoding.num_frequencies, 1, MAX_FREQUENCIES)
        if isinstance(encoding, FourierFeatures):
            check_number("encoding.sigma", encoding.sigma)
    if fourier is not None:
        for name in ("num_low", "num_high", "num_phases"):
            check_whole(f"reparameterization.{name}", getattr(fourier, name), 1, MAX_FREQUENCIES)
        check_whole(
            "reparameterization.num_rows * width", fourier.num_rows * config.width, 1, MAX_BASIS
        )
        check_number("reparameterization.alpha", fourier.alpha)
        if any(get_activation(layer.activation).is_complex for layer in config.layers):
            raise ValueError("reparameterization needs real layers, but one is complex.")
    if iga is not None:
        for side in iga.group:
            check_whole("adjustment.group", side, 1, MAX_BATCH)
        check_whole("adjustment.end", iga.end, 1, MAX_BATCH)
        _check_name("adjustment.sampling", iga.sampling, GROUP_SAMPLINGS)
    if config.batch_size is not None:
        check_whole("batch_size", config.batch_size, 1, MAX_BATCH)
    for name in (
        "weight_decay",
        "lr_decay",
        "lr_step_at",
        "lr_warmup",
        "lr_cooldown",
        "grid_share",
    ):
        check_number(name, getattr(config, name))
    for name in ("gradient_norm", "clip_norm"):
        if getattr(config, name) is not None:
            check_number(name, getattr(config, name))
    _check_name("output_activation", config.output_activation, OUTPUT_ACTIVATIONS)
    _check_name("schedule", config.schedule, SCHEDULES)
    _check_name("optimizer", config.optimizer, OPTIMIZERS)
    if config.sampling is not None:
        _check_name("sampling", config.sampling, SAMPLINGS)
    if config.output_init is not None:
        _check_name("output_init", config.output_init, OUTPUT_INITS)
    _check_bounds("output_", config.output_weight_bound, config.output_bias_bound)
    for name in ("coord_range", "value_range", "natural_range"):
        _check_range(name, getattr(config, name))


def _check_layer(prefix: str, layer: Any) -> None:
    expected = sorted(get_activation(layer.activation).defaults)
    if not isinstance(layer.numbers, dict) or sorted(layer.numbers) != expected:
        raise ValueError(
            f"{prefix}numbers is {layer.numbers!r}, but activation {layer.activation!r} "
            f"takes exactly {expected}."
        )
    for name, value in layer.numbers.items():
        check_number(f"{prefix}numbers[{name!r}]", value, low=-math.inf)
    check_number(f"{prefix}learning_rate", layer.learning_rate)
    check_number(f"{prefix}gain", layer.gain)
    if layer.initializer is not None:
        _check_name(f"{prefix}initializer", layer.initializer, INITIALIZERS)
    _check_bounds(prefix, layer.weight_bound, layer.bias_bound)


def _check_name(field_name: str, name: Any, rows: Collection[str]) -> None:
    if name not in rows:
        raise ValueError(f"{field_name} is {name!r}; known are {', '.join(rows)}.")


def _check_range(name: str, ends: Any) -> None:
    if ends is None:
        return
    if not isinstance(ends, tuple) or len(ends) != 2:
        raise ValueError(f"{name} is {ends!r}; it must be a pair (low, high).")
    for end in ends:
        check_number(name, end, low=-math.inf)
    if not float(ends[0]) < float(ends[1]):
        raise ValueError(f"{name} is {ends!r}; its first number must be the lower one.")


def _check_bounds(prefix: str, weight: Any, bias: Any) -> None:
    for name, value in (("weight_bound", weight), ("bias_bound", bias)):
        if value is not None:
            check_number(prefix + name, value)
