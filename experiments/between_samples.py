"""Claim: networks found by the continuous objective are right between their samples too.

Signals whose truth between the samples is known and kept from the search: a picture of 192 x 192
(area-filtered, Gaussian blur of 0.7 pixels), of which every second pixel is trained; a tenth of a
second of sound at half its file's rate; solids, whose mesh is asked at three times the voxels.
Searches by both objectives, the published networks under every protocol, one family with an
encoding, and random search, each with 40 trainings; the winners on three fresh seeds.

The two controls that cost a search each run on the first six of them:

Command: python -m experiments.between_samples [--objective samples] [--minutes 60]
         python -m experiments.between_samples --contenders encoded_family random --signals FEW
         python -m experiments.between_samples_page   (docs/between_samples.md and its figure)
Time: 3 hours on 2 cores for each objective.
Expected: experiments/results/quick/OBJECTIVE/between/*.json.
"""

from functools import cache
from typing import Any

import numpy as np
import tyro
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

import optiinr_jax as oi
from experiments.protocol import Arguments, Size, run_table
from experiments.signals import load as load_first
from optiinr_jax.signals import fetch, iou, mesh_of, psnr
from optiinr_jax.signals.datasets import data_folder
from optiinr_jax.signals.mesh import read_mesh, volume_of
from optiinr_jax.signals.volume import box_of
from optiinr_jax.signals.voxelize import voxelize

SIDE = 96
SIZES = {"quick": Size(num_trials=40, num_initial=12, num_steps=500, width=48)}
PICTURES = tuple(
    [f"kodak/kodim{i:02d}" for i in (1, 3, 4, 6)] + [f"div2k/test_{i:02d}" for i in (0, 1, 2, 4)]
)
SOUNDS = ("audio/bach",)
SOLIDS = {  # name -> file of the data folder, voxels along the longest side
    "shapes/spot, 20": ("shapes/spot.obj", 20),
    "shapes/spot, 32": ("shapes/spot.obj", 32),
    "shapes/fandisk, 32": ("shapes/fandisk.obj", 32),
    "shapes/bunny, 32": ("shapes/stanford-bunny.obj", 32),
}
SIGNALS = {"quick": (*PICTURES, *SOUNDS, *SOLIDS)}
SOUND = {"start": 1.0, "duration": 0.1}
FINER = 3  # of the grid at which a solid is asked
CONTENDERS = ("optiinr", "presets")
FEW = (
    "kodak/kodim04",
    "kodak/kodim01",
    "div2k/test_00",
    "div2k/test_04",
    "audio/bach",
    "shapes/spot, 32",
)
# Published networks that were within 7 dB of the best one in the first tables, and ReLU's best.
PRESETS = ("siren", "finer", "wf", "fr", "iga", "gf", "fourier", "pemlp", "relu_nerf")
DEFAULT = Arguments(objective="continuous", contenders=CONTENDERS, presets=PRESETS)


@cache
def picture_truth(name: str) -> np.ndarray:
    """The picture at 192 x 192, blurred so that every second pixel aliases little."""
    image = Image.open(fetch(name)).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    is_whole = side % (2 * SIDE) == 0
    rule = Image.Resampling.BOX if is_whole else Image.Resampling.LANCZOS
    pixels = np.asarray(image.resize((2 * SIDE, 2 * SIDE), rule), float) / 255.0
    return gaussian_filter(pixels, (0.7, 0.7, 0.0))


def load(name: str, size: str) -> oi.Signal:
    """What a search sees of a signal."""
    if name in SOLIDS:
        file, voxels = SOLIDS[name]
        return load_first([file], "volume", voxels)
    if name in SOUNDS:
        rate = int(_whole_sound(name).attributes["sample_rate"]) // 2
        return oi.load_dataset_signal(name, sample_rate=rate, **SOUND)
    samples = picture_truth(name)[::2, ::2].astype(np.float32)
    return oi.make_signal("image", samples, name=name.rpartition("/")[2])


@cache
def _whole_sound(name: str) -> oi.Signal:
    return oi.load_dataset_signal(name, **SOUND)


def measure(name: str, inr: Any) -> dict[str, float]:
    """Figures against the truth."""
    if name in SOLIDS:
        return measure_solid(name, inr)
    if name in SOUNDS:
        return measure_sound(name, inr.render(2.0))
    coords = np.linspace(-1.0, 1.0, 2 * SIDE - 1)  # the samples' grid, halved
    grid = np.stack(np.meshgrid(coords, coords, indexing="ij"), axis=-1)
    return measure_picture(name, inr.predict(grid))


def measure_picture(name: str, values: np.ndarray) -> dict[str, float]:
    """PSNR at and between the samples of values (191, 191, 3), in dB."""
    truth = picture_truth(name)[: 2 * SIDE - 1, : 2 * SIDE - 1]
    is_between = np.ones(truth.shape[:2], bool)
    is_between[::2, ::2] = False
    return {
        "at": float(psnr(values[::2, ::2], truth[::2, ::2])),
        "between": float(psnr(values[is_between], truth[is_between])),
    }


def spline(name: str, order: int = 3) -> dict[str, float]:
    """What a spline through a picture's samples has."""
    samples = picture_truth(name)[::2, ::2]
    axes = [np.arange(2 * SIDE - 1) / 2.0] * 2
    grid = np.meshgrid(*axes, indexing="ij")
    planes = [map_coordinates(samples[..., c], grid, order=order, mode="mirror") for c in range(3)]
    return measure_picture(name, np.stack(planes, axis=-1))


def measure_sound(name: str, values: np.ndarray) -> dict[str, float]:
    """PSNR of values at twice the trained rate, in dB, the peak of both brought to 1."""
    truth = _whole_sound(name).samples
    count = min(len(values), len(truth))
    values, truth = values[:count], truth[:count]
    gain = float(np.sum(values * truth) / np.sum(values * values))
    return {"between": float(psnr(gain * values[1::2], truth[1::2]))}


def measure_solid(name: str, inr: Any) -> dict[str, float]:
    """IoU with the mesh at three times the voxels, and what a mesh of the network is like."""
    truth = solid_truth(name)
    found = {"between": float(iou(inr.render(shape=truth.shape[:-1]), truth))}
    for scale in (2.0, 4.0):
        frame = inr.frame.scaled(scale)
        try:
            mesh = mesh_of(inr.predict(frame.grid_coords()), frame)
        except oi.signals.SignalError:  # nothing is inside
            mesh = None
        found[f"parts at {scale:g}"] = count_parts(mesh.faces) if mesh else 0
        found[f"volume at {scale:g}"] = volume_of(mesh) if mesh else 0.0
    return found


@cache
def solid_truth(name: str) -> np.ndarray:
    """Which cells are inside the mesh, (nx, ny, nz, 1), each a third of a voxel of the signal."""
    signal = load(name, "quick")
    mesh = read_mesh(data_folder() / SOLIDS[name][0])
    box, shape = box_of(signal.shape, signal.attributes), np.array(signal.shape)
    voxels = (mesh.vertices - box.low) / (box.high - box.low) * (shape - 1)  # centres at integers
    cells = FINER * (voxels + 0.5) - 0.5
    return voxelize(cells, mesh.faces, tuple((FINER * shape).tolist())).occupied[..., None]


def count_parts(faces: np.ndarray) -> int:
    """Connected parts of a mesh."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    count = int(faces.max()) + 1
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return len(np.unique(labels[np.unique(faces)]))


if __name__ == "__main__":
    run_table("between", SIZES, SIGNALS, load, tyro.cli(Arguments, default=DEFAULT), measure)
