"""Claim: these networks are what their authors ran: FINER++'s notebook gives the same PSNR.

Protocol: DIV2K test image 01, 4 layers of 256, full batch, 5 000 steps of Adam at the authors'
rates falling to a tenth, targets in [-1, 1], last step; GF with omega 12 and sigma 2.5. Published
(stored output of the notebook, 512 x 512): SIREN 40.06, FINER 42.13, Gauss 35.05, GF 40.68, WIRE
32.02, WF 41.35 dB; it reports PSNR of clipped values.

Command: python -m experiments.finerpp_notebook                 (64 x 64)
         python -m experiments.finerpp_notebook --size 512      (the protocol, for a GPU)
A network that is trained is not trained again, and one that is interrupted goes on where it was.
Away from 512 the width is size / 2, so that a trained number stands for as many pixels as there;
at width 256 a picture of 64 x 64 is memorised to the last bit.
Time: 64 x 64, 3 minutes on 2 cores; 512 x 512 many hours there, and so for a GPU.
Expected: docs/finerpp_notebook_64.json holds what 64 x 64 gave; the order is not that of 512.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import tyro

import optiinr_jax as oi
from experiments.signals import load
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import NetworkConfig, make_layer

DOCS = Path(__file__).parents[1] / "docs"
IMAGE = "div2k/test_01"


class Case(NamedTuple):
    """One network of the notebook: our preset, numbers that differ from it, published dB."""

    preset: str
    numbers: dict[str, float]
    published: float


CASES = {
    "SIREN": Case("siren", {}, 40.06),
    "FINER": Case("finer", {}, 42.13),
    "Gauss": Case("gauss", {}, 35.05),
    "GF": Case("gf", {"omega": 12.0, "sigma": 2.5}, 40.68),
    "WIRE": Case("wire", {}, 32.02),
    "WF": Case("wf", {}, 41.35),
}


def make_config(case: Case, width: int) -> NetworkConfig:
    """The preset with the notebook's numbers."""
    config = oi.preset(case.preset, width=width)
    first = config.layers[0]
    layer = make_layer(
        first.activation, learning_rate=first.learning_rate, **{**first.numbers, **case.numbers}
    )
    return replace(config, layers=(layer,) * config.depth)


def main(size: int = 64, num_steps: int = 5000, width: int | None = None, seed: int = 0) -> None:
    """Train what is missing, then print and write the table."""
    width = size // 2 if width is None else width
    signal = load([IMAGE], "image", size)
    folder = Path("runs") / f"finerpp_notebook-{signal.name}-{size}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, case in CASES.items():
        path = folder / f"{name}-{num_steps}-{width}-{seed}.inr.safetensors"
        if path.is_file():
            inr = oi.load_inr(path)
        else:
            inr = oi.fit(
                signal,
                make_config(case, width),
                num_steps=num_steps,
                seed=seed,
                share_program=False,
                checkpoint=path.with_suffix(".checkpoint"),
            )
            inr.save(path)
        clipped = inr.evaluate(signal)["PSNR of clipped values (dB)"]
        rows.append({"network": name, "psnr_clipped": clipped, "published": case.published})
        print(f"{name:6} {clipped:6.2f} dB at {size} x {size}, published {case.published}")
    record = {
        "signal": signal.name,
        "size": size,
        "num_steps": num_steps,
        "width": width,
        "seed": seed,
        "networks": rows,
    }
    text = json.dumps(record, indent=1) + "\n"
    write_atomic(DOCS / f"finerpp_notebook_{size}.json", text.encode())


if __name__ == "__main__":
    tyro.cli(main)
