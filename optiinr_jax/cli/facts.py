"""Verbs that only tell: which published networks there are, and what a model file holds."""

from pathlib import Path

from tyro.conf import Positional

import optiinr_jax as oi
from optiinr_jax.cli.common import Json, Model, Output, Sample
from optiinr_jax.inr import PRESETS
from optiinr_jax.inr.config import as_number
from optiinr_jax.report.labels import count_label, describe_layers, size_label
from optiinr_jax.report.plain_table import format_table, terminal_width


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
        "signal": f"{frame.kind}, {size_label(frame.shape)}, {frame.num_channels} channels",
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
