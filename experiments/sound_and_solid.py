"""Claim: a sound leaves the zero output and sounds; a solid's mesh is closed.

The first second of Bach by SIREN's own preset (grid over [-100, 100]): the official code's silent
failure is a loss that stays at that of silence (vsitzmann/siren#46). The Stanford dragon's grid
by SIREN, exported as a mesh by marching cubes.

Command: python -m experiments.sound_and_solid
Time: 12 minutes on 2 cores. Interrupted, it goes on where it was.
Expected: docs/sound_and_solid.json; docs/sound.png, docs/solid.png and docs/dragon.png show both.
"""

import json
from pathlib import Path

import trimesh

import optiinr_jax as oi
from experiments.signals import load
from optiinr_jax.files import write_atomic
from optiinr_jax.inr.baselines import fit_presets
from optiinr_jax.report.gallery.side_by_side import draw_side_by_side
from optiinr_jax.signals import (
    mesh_of,
    psnr,
    render_mesh,
    write_image,
    write_mesh,
    write_samples,
)

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = Path("runs") / "sound_and_solid"


def fit_sound() -> dict[str, float]:
    """SIREN on one second of sound."""
    signal = load(["audio/bach"], "audio", duration=1.0)
    folder = FOLDER / "sound"
    folder.mkdir(parents=True, exist_ok=True)
    found = fit_presets(signal, folder, names=["siren"], num_steps=800, width=128)
    draw_side_by_side(signal, found, DOCS / "sound.png")
    inr = _trained(found[0].inr)
    write_samples(folder / "siren.wav", inr.render(), inr.frame)
    heard = oi.load_signal(folder / "siren.wav")
    silence = float(psnr(0.0 * signal.samples, signal.samples))
    return {
        **inr.evaluate(signal),
        "PSNR of silence (dB)": silence,
        "PSNR of the file that was written (dB)": signal.score(
            heard.values * heard.attributes["peak"] / signal.attributes["peak"]
        ),
    }


def fit_solid() -> dict[str, float | bool]:
    """SIREN on a small grid of the dragon."""
    signal = load(["shapes/dragon_occ512_packbits.npz", "shapes/dragon"], "volume", 48)
    folder = FOLDER / "solid"
    folder.mkdir(parents=True, exist_ok=True)
    found = fit_presets(
        signal, folder, names=["siren"], protocol="search", factor=4.0, num_steps=500, width=64
    )
    draw_side_by_side(signal, found, DOCS / "solid.png")
    inr = _trained(found[0].inr)
    frame = inr.frame.scaled(2.0)
    mesh = mesh_of(inr.predict(frame.grid_coords()), frame)
    write_mesh(folder / "siren.ply", mesh)
    write_image(DOCS / "dragon.png", render_mesh(mesh.vertices, mesh.faces, 400))
    again = trimesh.load_mesh(folder / "siren.ply", process=False)
    return {
        **inr.evaluate(signal),
        "mesh is watertight": bool(again.is_watertight),
        "mesh volume": float(again.volume),
        "faces": len(again.faces),
    }


def _trained(inr: oi.INR | None) -> oi.INR:
    if inr is None:
        raise RuntimeError("the network could not be trained; see comparison.json.")
    return inr


def main() -> None:
    """Fit both and write what came out."""
    record = {"sound": fit_sound(), "solid": fit_solid()}
    text = json.dumps(record, indent=1) + "\n"
    print(text)
    write_atomic(DOCS / "sound_and_solid.json", text.encode())


if __name__ == "__main__":
    main()
