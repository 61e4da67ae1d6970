"""Verbs that only tell: published networks, what a model file holds, what this machine has."""

import os
import platform
import sys
from pathlib import Path

from tyro.conf import Positional

import optiinr_jax as oi
from optiinr_jax.cli.common import Output
from optiinr_jax.cli.options import Json, Model, Sample
from optiinr_jax.inr import PRESETS
from optiinr_jax.inr.config import as_number
from optiinr_jax.inr.fitting import matmul_precision
from optiinr_jax.report.labels import count_label, describe_layers, signal_label
from optiinr_jax.report.plain_table import format_table, terminal_width

SELF_TEST_STEPS = 100  # of `doctor`


def presets(*, sample: Sample = "image", json_output: Json = False) -> None:
    """List the published networks, as their authors run them; `optiinr fit --preset NAME` fits one.

    Args:
        sample: kind of signal.
        json_output: print one line of JSON and nothing else.
    """
    header = ["name", "layers", "rate", "steps", "source"]
    rows = []
    for name, row in PRESETS[sample].items():
        config = oi.preset(name, modality=sample)
        layers = f"{config.depth} x {config.width} {row.activation}"
        rate = f"{as_number(config.layers[0].learning_rate):g}"
        rows.append([name, layers, rate, str(row.num_steps), row.source])
    output = Output(json_output)
    left = frozenset({"name", "layers", "source"})
    output.say(*format_table(header, rows, left=left, width=terminal_width()))
    output.result({row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows})


def info(model: Positional[Model], /, *, json_output: Json = False) -> None:
    """Tell what a model file holds: its signal, its network, its scores.

    Args:
        model: model file that search or fit wrote.
        json_output: print one line of JSON and nothing else.
    """
    inr = oi.load_inr(model)
    frame, num_bytes = inr.frame, Path(model).stat().st_size
    record = {
        "kind": frame.kind,
        "shape": list(frame.shape),
        "num_channels": frame.num_channels,
        "num_params": inr.num_params,
        "num_bytes": num_bytes,
        "num_steps": inr.num_steps,
        "seed": inr.seed,
        "objective": inr.objective,
        "score": inr.score,
        "scores": None if inr.scores is None else inr.scores._asdict(),
        "config": inr.config.to_json(),
    }
    lines = {
        "signal": f"{frame.kind}, {signal_label(frame)}, {frame.num_channels} channels",
        "parameters": count_label(inr.num_params),
        "file": f"{count_label(num_bytes)} bytes",
        "training": f"{count_label(inr.num_steps)} steps, seed {inr.seed}",
        "score": f"{inr.score:.4f}, objective {inr.objective}",
    }
    if inr.scores is not None:
        lines["at the samples"] = f"{inr.scores.samples:.4f}"
        lines["between them"] = (
            f"{inr.scores.between:.4f}, {inr.scores.control_label} {inr.scores.control:.4f}"
        )
    output = Output(json_output)
    output.say(*(f"{name:15} {text}" for name, text in lines.items()), *describe_layers(inr.config))
    output.result(record)


def doctor(*, quiet: bool = False, json_output: Json = False) -> None:
    """Print the versions and devices of this installation and train a small network as a test.

    The exit code is 0 if the network has learned something, 1 if it has not.

    Args:
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end and nothing else.
    """
    import importlib.metadata

    import jax
    from threadpoolctl import threadpool_info

    rows = {"optiinr-jax": oi.__version__, "python": sys.version.split()[0]}
    for package in ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "optuna", "safetensors"):
        rows[package] = importlib.metadata.version(package)
    rows["system"] = platform.platform()
    rows["processors"] = str(os.cpu_count())
    rows["devices"] = ", ".join(str(device) for device in jax.devices())
    rows["matmul precision"] = matmul_precision()
    rows["compilation cache"] = str(jax.config.values["jax_compilation_cache_dir"] or "off")
    pools = [f"{p['internal_api']} {p['num_threads']}" for p in threadpool_info()]
    rows["thread pools"] = ", ".join(pools) or "none"
    rows["dataset folder"] = os.environ.get("OPTIINR_DATA", "not set (OPTIINR_DATA)")
    output = Output(json_output, quiet)
    output.say(*(f"{name:18} {value}" for name, value in rows.items()))
    signal = oi.sample_signal("image", size=16)
    inr = oi.fit(
        signal,
        oi.preset("fourier", width=16),
        num_steps=SELF_TEST_STEPS,
        progress=False,
        warn=False,
    )
    first, last = inr.history[0], inr.history[-1]
    if not last < 0.5 * first:
        raise ArithmeticError(
            f"the self-test failed: the loss went from {first:.3g} to {last:.3g} in "
            f"{SELF_TEST_STEPS} steps, but less than half was expected; try another version of jax."
        )
    rows["self-test"] = f"{signal.metric_name} {inr.score:.1f} after {SELF_TEST_STEPS} steps, fine"
    output.say(f"{'self-test':18} {rows['self-test']}")
    output.result(rows)
