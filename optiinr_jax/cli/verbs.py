"""One function per verb; the docstring is its help."""

import json
import os
import platform
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

import optiinr_jax as oi
from optiinr_jax.cli.folders import prepare_folder
from optiinr_jax.files import write_atomic
from optiinr_jax.inr.fitting import matmul_precision
from optiinr_jax.report.html import write_report
from optiinr_jax.report.side_by_side import draw_side_by_side
from optiinr_jax.report.tables import describe_layers, print_baselines, print_comparison
from optiinr_jax.search.baselines import fit_presets
from optiinr_jax.search.comparison import compare as compare_with_presets
from optiinr_jax.search.study import check_counts
from optiinr_jax.signals import SignalError, mesh_of, write_mesh, write_samples, write_signal
from optiinr_jax.signals.kinds import get_kind, kind_of_file

Sample = Literal["image", "audio", "volume"]
Size = int | Literal["auto"] | None
Out = Annotated[Path | None, arg(aliases=["-o"])]
SAMPLE = "sample"  # name of a run without a file
# What a command takes of a signal where nobody says: a few minutes' work on two cores.
FIT_SIZES = {"image": 128, "audio": 8192, "volume": 32}
SEARCH_SIZES = {"image": 96, "audio": 4096, "volume": 24}
MODEL, STUDY = "best.inr.safetensors", "study.db"


def search(
    file: Positional[Path | None] = None,
    /,
    *,
    sample: Sample = "image",
    out: Out = None,
    size: Size = "auto",
    num_trials: int = 40,
    num_initial: int = 12,
    num_steps: int = 500,
    width: int = 48,
    depth: int = 4,
    space: str = "experiments",
    strategy: str = "optiinr",
    batch_size: int = 1,
    num_seeds: int = 3,
    seed: int = 0,
) -> None:
    """Search for the network that represents FILE best; the same command again continues.

    Args:
        file: picture, sound or solid; none: the embedded sample.
        sample: kind of the embedded sample.
        out: folder of the run; by default runs/NAME.
        size: side of the square a picture is brought to (96), samples of a sound (4096), voxels
            along a solid's longest side (24); None keeps every point of the file.
        num_trials: trainings in all.
        num_initial: trials before the surrogate proposes, the published networks first.
        num_steps: updates of each training.
        width: units of every layer.
        depth: activated layers.
        space: space of configurations.
        strategy: optiinr, random or tpe.
        batch_size: configurations proposed jointly.
        num_seeds: fresh seeds of the final comparison with the published networks.
        seed: of everything.
    """
    check_counts(num_seeds=num_seeds)  # before the search, not hours after it began
    signal = _signal(file, sample, size, SEARCH_SIZES, {})
    folder = prepare_folder(out or Path("runs") / (file.stem if file else SAMPLE))
    print(f"{signal.name}: {_size(signal)}, run folder {folder}", flush=True)
    study = oi.search(
        signal,
        num_trials=num_trials,
        num_initial=num_initial,
        num_steps=num_steps,
        width=width,
        depth=depth,
        space=space,
        strategy=strategy,
        batch_size=batch_size,
        seed=seed,
        storage=f"sqlite:///{folder / STUDY}",
        name=signal.name,
        model_path=folder / MODEL,
    )
    _write_outputs(study.best_inr, folder)
    comparison = compare_with_presets(study, num_seeds=num_seeds, path=folder / "comparison.json")
    write_report(folder / "report.html", study, comparison)
    print_comparison(comparison, signal.metric_name)
    print("\n".join(describe_layers(study.best_config)))
    print(f"see {folder / 'report.html'}")


def fit(
    file: Positional[Path | None] = None,
    /,
    *,
    sample: Sample = "image",
    preset: str = "siren",
    protocol: str = "official",
    out: Out = None,
    size: Size = "auto",
    start: float | None = None,
    duration: float | None = None,
    sample_rate: int | None = None,
    crop: str | None = None,
    num_steps: int = 2000,
    width: int = 256,
    depth: int | None = None,
    keep_best: bool = False,
    seed: int = 0,
) -> None:
    """Fit one published network to FILE; the same command again continues an interrupted fit.

    Args:
        file: picture, sound or solid; none: the embedded sample.
        sample: kind of the embedded sample.
        preset: siren, finer, gauss, wire, gf, wf, fr, iga, pemlp, ...; docs/presets.md lists all.
        protocol: official (the authors' rate, schedule and batch), paper (AdamW 1e-4) or cooldown.
        out: folder of the run; by default runs/NAME-PRESET.
        size: side of the square a picture is brought to (128), samples of a sound (8192), voxels
            along a solid's longest side (32); None keeps every point of the file.
        start: where the part of a sound begins, in seconds.
        duration: of the part of a sound, in seconds; then all its samples are kept.
        sample_rate: that a sound is brought to, in Hz.
        crop: of a solid: tight, wire or none.
        num_steps: updates.
        width: units of every layer.
        depth: activated layers; by default the authors'.
        keep_best: keep the network of the lowest loss, not the last one.
        seed: of the initial weights.
    """
    options = _given(start=start, duration=duration, sample_rate=sample_rate, crop=crop)
    signal = _signal(file, sample, size, FIT_SIZES, options)
    config = oi.preset(preset, modality=signal.kind, protocol=protocol, width=width, depth=depth)
    name = f"{file.stem if file else SAMPLE}-{preset}"
    folder = prepare_folder(out or Path("runs") / name)
    if (folder / STUDY).exists():
        raise ValueError(
            f"{folder} holds a search, which this would overwrite; choose another --out."
        )
    print(f"{signal.name}: {_size(signal)}, run folder {folder}", flush=True)
    inr = oi.fit(
        signal,
        config,
        num_steps=num_steps,
        seed=seed,
        keep_best=keep_best,
        checkpoint=folder / "fit.checkpoint",
    )
    rendering = _write_outputs(inr, folder)
    _print_metrics(inr.evaluate(signal))
    print(f"after {num_steps} steps, {inr.num_params} numbers, {inr.num_bytes} bytes")
    print(f"see {rendering}")


def compare(
    file: Positional[Path | None] = None,
    /,
    *,
    sample: Sample = "image",
    presets: list[str] | None = None,
    protocol: str = "official",
    out: Out = None,
    size: Size = "auto",
    num_steps: int = 500,
    width: int = 64,
    depth: int | None = None,
    seed: int = 0,
) -> None:
    """Fit published networks to FILE side by side; the same command again continues.

    Args:
        file: picture, sound or solid; none: the embedded sample.
        sample: kind of the embedded sample.
        presets: names; by default all of this kind of signal.
        protocol: official, paper or cooldown.
        out: folder of the comparison; by default runs/NAME-presets.
        size: as of fit, by default smaller: 96, 4096 and 24; None keeps every point.
        num_steps: updates of each.
        width: units of every layer.
        depth: activated layers; by default the authors'.
        seed: of the initial weights.
    """
    signal = _signal(file, sample, size, SEARCH_SIZES, {})
    folder = prepare_folder(out or Path("runs") / f"{file.stem if file else SAMPLE}-presets")
    print(f"{signal.name}: {_size(signal)}, folder {folder}", flush=True)
    baselines = fit_presets(
        signal,
        folder,
        names=presets,
        protocol=protocol,
        num_steps=num_steps,
        width=width,
        depth=depth,
        seed=seed,
    )
    print_baselines(baselines, signal.metric_name)
    if any(b.inr is not None for b in baselines):
        print(f"see {draw_side_by_side(signal, baselines, folder / 'comparison.png')}")


def render(
    model: Positional[Path],
    /,
    *,
    out: Out = None,
    scale: float = 1.0,
    sample_rate: float | None = None,
    region: tuple[float, ...] = (),
) -> None:
    """Render a model file at any size, as a picture, a sound or a mesh.

    Args:
        model: file that search or fit wrote (best.inr.safetensors).
        out: file to write, by its suffix (.png .tif .jpg | .wav .flac .ogg | .ply .obj .stl .glb
            .npz); by default render with the suffix of the kind.
        scale: factor on every side of the signal it was fitted to.
        sample_rate: of a sound, in Hz, instead of a scale.
        region: start and stop of each axis as parts of it, 0.25 0.5 0 1 for a band of a picture.
    """
    inr = oi.load_inr(model)
    if sample_rate is not None:
        scale = sample_rate / inr.frame.attributes.get("sample_rate", sample_rate)
    out = out or Path("render").with_suffix(get_kind(inr.frame.kind).suffix)
    if region and inr.frame.num_dims == 3:
        raise ValueError("a --region of a solid is not supported; render it whole.")
    pairs = list(zip(region[::2], region[1::2], strict=len(region) % 2 == 0)) or None
    samples = inr.render(scale, sample_rate=sample_rate, region=pairs)
    write_samples(out, samples, inr.frame.scaled(scale))
    print(f"wrote {out}, {' x '.join(map(str, samples.shape[:-1]))}")


def export(
    model: Positional[Path],
    /,
    *,
    out: Annotated[Path, arg(aliases=["-o"])] = Path("mesh.ply"),
    scale: float = 1.0,
    level: float = 0.5,
) -> None:
    """Export the surface of a solid as a closed mesh, by marching cubes.

    Args:
        model: file that search or fit wrote from a mesh or a voxel grid.
        out: mesh to write (.ply .obj .stl .glb .off).
        scale: factor on every side of the grid it was fitted to: a finer mesh.
        level: of the surface, between 0 (outside) and 1 (inside).
    """
    inr = oi.load_inr(model)
    frame = inr.frame.scaled(scale)
    mesh = mesh_of(inr.predict(frame.grid_coords()), frame, level)
    write_mesh(out, mesh)
    print(f"wrote {out}, {len(mesh.vertices)} vertices, {len(mesh.faces)} faces")


def evaluate(
    model: Positional[Path],
    file: Positional[Path],
    /,
    *,
    size: Size = "auto",
    json_output: Annotated[bool, arg(name="json")] = False,
) -> None:
    """Measure a model file against a signal file.

    Args:
        model: file that search or fit wrote.
        file: picture, sound or solid.
        size: as of fit; by default that of the signal the model was fitted to.
        json_output: print one line of JSON.
    """
    inr = oi.load_inr(model)
    shape = inr.frame.shape
    fitted = shape if len(shape) == 2 else max(shape)
    signal = oi.load_signal(file, fitted if size == "auto" else size)
    scores = inr.evaluate(signal)
    if json_output:
        print(json.dumps(scores))
    else:
        print(f"{signal.name}: {_size(signal)}")
        _print_metrics(scores)


def doctor() -> None:
    """Print what this machine and installation have, for bug reports and to see what will run."""
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
    for name, value in rows.items():
        print(f"{name:18} {value}")
    signal = oi.sample_signal("image", size=16)
    inr = oi.fit(signal, oi.preset("fourier", width=16), num_steps=100, progress=False)
    print(f"{'self-test':18} {signal.metric_name} {inr.score:.1f} after 100 steps, fine")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _signal(
    file: Path | None, sample: str, size: Size, sizes: dict[str, int], options: dict[str, Any]
) -> oi.Signal:
    """The signal of a file or the embedded one, at a size that this command can afford."""
    kind = sample if file is None else kind_of_file(file)
    is_auto = size == "auto"
    side = size if size != "auto" else None if "duration" in options else sizes[kind]
    if file is None:
        return oi.sample_signal(kind, side)
    try:
        return oi.load_signal(file, side, **options)
    except SignalError:
        if not is_auto or side is None:
            raise
    return oi.load_signal(file, **options)  # a sound shorter than the size of this command


def _size(signal: oi.Signal) -> str:
    return " x ".join(map(str, signal.shape))


def _print_metrics(scores: dict[str, float]) -> None:
    for name, value in scores.items():
        print(f"{name:28} {value:.4f}")


def _write_outputs(inr: oi.INR, folder: Path) -> Path:
    """Write the model, its rendering and its configuration; return the rendering."""
    inr.save(folder / MODEL)
    rendering = folder / f"best{get_kind(inr.frame.kind).suffix}"
    record = {"config": inr.config.to_json(), "score": inr.score, **inr.info}
    write_atomic(folder / "config.json", json.dumps(record, indent=1).encode())
    try:
        return write_signal(rendering, inr.predict(inr.frame.grid_coords()), inr.frame)
    except SignalError as error:  # a solid that is empty, say; the model is what counts
        warnings.warn(f"no {rendering.name} was written: {error}", stacklevel=2)
        return folder / MODEL
