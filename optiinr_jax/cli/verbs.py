"""One function per verb; the docstring is its help."""

import json
import os
import platform
import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

import optiinr_jax as oi
from optiinr_jax.cli.folders import prepare_folder
from optiinr_jax.files import write_atomic
from optiinr_jax.inr.representation import matmul_precision
from optiinr_jax.report.html import write_report
from optiinr_jax.report.tables import describe_layers, print_comparison
from optiinr_jax.search.comparison import compare
from optiinr_jax.search.study import check_counts
from optiinr_jax.signals.signal import write_signal

Out = Annotated[Path | None, arg(aliases=["-o"])]
SAMPLE = "sample"  # name of a run without a file
MODEL, STUDY = "best.inr.safetensors", "study.db"


def search(
    file: Positional[Path | None] = None,
    /,
    *,
    out: Out = None,
    size: int | None = 96,
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
        file: picture (PNG, JPEG, TIFF, ...); none: the embedded one.
        out: folder of the run; by default runs/NAME.
        size: side of the square the picture is brought to; None keeps every pixel.
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
    signal = oi.sample_signal("image", size=size) if file is None else oi.load_signal(file, size)
    folder = prepare_folder(out or Path("runs") / (file.stem if file else SAMPLE))
    print(f"{signal.name}: {' x '.join(map(str, signal.shape))}, run folder {folder}", flush=True)
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
    comparison = compare(study, num_seeds=num_seeds, path=folder / "comparison.json")
    write_report(folder / "report.html", study, comparison)
    print_comparison(comparison, signal.metric_name)
    print("\n".join(describe_layers(study.best_config)))
    print(f"see {folder / 'report.html'}")


def fit(
    file: Positional[Path | None] = None,
    /,
    *,
    preset: str = "finer",
    protocol: str = "official",
    out: Out = None,
    size: int | None = 128,
    num_steps: int = 2000,
    width: int = 256,
    depth: int = 4,
    seed: int = 0,
) -> None:
    """Fit one published network to FILE.

    Args:
        file: picture (PNG, JPEG, TIFF, ...); none: the embedded one.
        preset: siren, finer, gauss, wire or gf.
        protocol: official (the authors' rate and schedule), paper (AdamW 1e-4) or cooldown.
        out: folder of the run; by default runs/NAME-PRESET.
        size: side of the square the picture is brought to; None keeps every pixel.
        num_steps: updates.
        width: units of every layer.
        depth: activated layers.
        seed: of the initial weights.
    """
    config = oi.preset(preset, protocol=protocol, width=width, depth=depth)
    signal = oi.sample_signal("image", size=size) if file is None else oi.load_signal(file, size)
    name = f"{file.stem if file else SAMPLE}-{preset}"
    folder = prepare_folder(out or Path("runs") / name)
    if (folder / STUDY).exists():
        raise ValueError(
            f"{folder} holds a search, which this would overwrite; choose another --out."
        )
    inr = oi.fit(signal, config, num_steps=num_steps, seed=seed)
    _write_outputs(inr, folder)
    print(f"{signal.metric_name} {inr.score:.2f} after {num_steps} steps, {inr.num_params} numbers")
    print(f"see {folder / 'best.png'}")


def render(
    model: Positional[Path],
    /,
    *,
    out: Annotated[Path, arg(aliases=["-o"])] = Path("render.png"),
    scale: float = 1.0,
) -> None:
    """Render a model file at any size.

    Args:
        model: file that search or fit wrote (best.inr.safetensors).
        out: picture to write (.png, .jpg, .tif).
        scale: factor on every side of the signal it was fitted to.
    """
    inr = oi.load_inr(model)
    frame = inr.frame.scaled(scale)
    write_signal(out, inr.predict(frame.grid_coords()), frame)
    print(f"wrote {out}, {' x '.join(map(str, frame.shape))}")


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
    inr = oi.fit(signal, oi.preset("siren", width=16), num_steps=100, progress=False)
    print(f"{'self-test':18} {signal.metric_name} {inr.score:.1f} after 100 steps, fine")


def _write_outputs(inr: oi.INR, folder: Path) -> None:
    """Write the model, its rendering and its configuration."""
    inr.save(folder / MODEL)
    write_signal(folder / "best.png", inr.predict(inr.frame.grid_coords()), inr.frame)
    record = {"config": inr.config.to_json(), "score": inr.score, **inr.info}
    write_atomic(folder / "config.json", json.dumps(record, indent=1).encode())
