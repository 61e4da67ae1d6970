"""Writes docs/presets.md from the code: every published network as it is trained.

Command: python -m experiments.presets_table
Time: seconds. A test compares the file with the code.
"""

from pathlib import Path

from optiinr_jax.files import write_atomic
from optiinr_jax.inr import PRESETS, preset
from optiinr_jax.inr.config import as_number

TABLE = Path(__file__).parents[1] / "docs" / "presets.md"
_HEAD = "| preset | layers | numbers | training | source |\n|---|---|---|---|---|"


def make_table() -> str:
    """The page, in Markdown."""
    parts = [
        "# The published networks",
        "The networks that their authors published, for each kind of signal. Each can be trained "
        "in three ways:",
        '- `oi.preset(name, modality=..., protocol="official")` has the authors\' own optimiser, '
        "rates and steps, as in the tables below.\n"
        '- `protocol="paper"` trains the same network as the OptiINR paper trains its baselines: '
        "AdamW at a constant rate of 1e-4 with weight decay 0.01, and 4 layers. For sounds the "
        "output layer begins with weights from U(-1e-4, 1e-4) and no bias; solids are trained in "
        "mini-batches of 200 000 voxels.\n"
        '- `protocol="search"` trains it by the rule of our own searches, at `factor` times the '
        "authors' rate.",
        "The first two train at the samples alone, as published; the third follows the objective. "
        "Every network ends in one linear layer unless its row says otherwise. `python -m "
        "experiments.presets_table` writes this page from `optiinr_jax/inr/published.py`.",
    ]
    for modality in PRESETS:
        rows = [_row(modality, name) for name in PRESETS[modality]]
        parts.append(f"## {modality.capitalize()}\n\n" + "\n".join([_HEAD, *rows]))
    return "\n\n".join(parts) + "\n"


def _row(modality: str, name: str) -> str:
    row, config = PRESETS[modality][name], preset(name, modality=modality)
    layers = f"{config.depth} x {config.width} {row.activation}"
    if config.encoding is not None:
        fields = ", ".join(f"{k} {v:g}" for k, v in vars(config.encoding).items())
        layers += f", {type(config.encoding).__name__} ({fields})"
    if config.reparameterization is not None:
        fields = ", ".join(f"{k} {v:g}" for k, v in vars(config.reparameterization).items())
        layers += f", FR ({fields})"
    if config.adjustment is not None:
        group = " x ".join(map(str, config.adjustment.group))
        layers += f", IGA (groups {group}, end {config.adjustment.end}, "
        layers += f"{config.adjustment.sampling})"
    if config.output_activation != "linear":
        layers += f", {config.output_activation} output"
    numbers = ", ".join(f"{k} {as_number(v):g}" for k, v in config.layers[0].numbers.items())
    rate = as_number(config.layers[0].learning_rate)
    training = [f"Adam {rate:g}", f"{row.num_steps} steps"]
    if config.lr_decay != 1.0:
        place = f" at {config.lr_step_at:g} of the run" if config.schedule == "step" else ""
        training.append(f"rate x {as_number(config.lr_decay):g}, {config.schedule}{place}")
    training.append(f"batch {config.batch_size}" if config.batch_size else "full batch")
    for field in ("value_range", "coord_range"):
        ends = getattr(config, field)
        if ends is not None:
            training.append(f"{field.replace('_', ' ')} [{ends[0]:g}, {ends[1]:g}]")
    return f"| `{name}` | {layers} | {numbers or '-'} | {', '.join(training)} | {row.source} |"


def main() -> None:
    """Write the page."""
    print(write_atomic(TABLE, make_table().encode()))


if __name__ == "__main__":
    main()
