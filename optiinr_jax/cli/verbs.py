"""The commands for single networks; the docstring of each is its help."""

import warnings
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

import optiinr_jax as oi
from optiinr_jax.checks import check_counts, check_name
from optiinr_jax.cli.common import (
    MODEL,
    STUDY,
    Output,
    read_portfolio,
    run_name,
    write_outputs,
)
from optiinr_jax.cli.folders import prepare_folder
from optiinr_jax.cli.options import (
    Count,
    File,
    Flag,
    Json,
    Model,
    Number,
    Out,
    PortfolioFile,
    Sample,
    Text,
)
from optiinr_jax.cli.reading import Reading, facts_of, read_again, read_signal
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import PRESETS, ModelFileError
from optiinr_jax.inr.baselines import fit_presets, summary
from optiinr_jax.inr.checkpoints import make_fingerprint
from optiinr_jax.inr.display import sizes_label
from optiinr_jax.inr.presets import PROTOCOLS
from optiinr_jax.report.gallery.side_by_side import draw_side_by_side
from optiinr_jax.report.labels import signal_label, size_label
from optiinr_jax.report.terminal import print_baselines, score_lines
from optiinr_jax.signals import mesh_of, write_mesh, write_samples
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.streams import print_lines
from optiinr_jax.studies.model_file import holds_search
from optiinr_jax.studies.settings import digest

SUFFIXES = {"torch": ".py", "onnx": ".onnx", "glsl": ".glsl", "wgsl": ".wgsl", "html": ".html"}
EXPORTS = {  # name of a form -> what writes it
    "torch": oi.INR.to_torch,
    "onnx": oi.INR.to_onnx,
    "glsl": lambda inr, path: write_atomic(path, inr.to_glsl().encode()),
    "wgsl": lambda inr, path: write_atomic(path, inr.to_wgsl().encode()),
    "html": oi.INR.to_html,
}
FIT = "fit"  # key in a model's facts: which fit it is of
Read = Annotated[Reading, arg(name="")]


def fit(
    file: Positional[File] = None,
    /,
    *,
    sample: Sample = "image",
    preset: Text = None,
    protocol: str = "official",
    portfolio: PortfolioFile = None,
    objective: Text = None,
    out: Out = None,
    reading: Read = Reading(),  # noqa: B008
    num_steps: int = 2000,
    width: Count = None,
    depth: Count = None,
    keep_best: bool = False,
    seed: int = 0,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Fit one network to FILE; the same command again continues an interrupted fit.

    Without --preset it is the network that did best on other signals of this kind.

    Args:
        file: picture, sound, solid, field, video or points; without one, the embedded sample.
        sample: kind of the embedded sample.
        preset: a published network instead: siren, finer, gauss, wire, gf, wf, fr, iga, pemlp, ...;
            docs/presets.md lists all.
        protocol: how a published network is trained: official (the authors' rate, schedule and
            batch), paper (AdamW, 1e-4) or search (the authors' rate, trained as a search trains).
        portfolio: file of `optiinr portfolio`, whose first network is taken.
        objective: what the score counts: continuous (errors at the samples and between them) or
            samples (errors at the samples alone). Default: samples for a published network with the
            protocols official and paper, else continuous.
        out: folder of the run (default: runs/NAME-fit, or runs/NAME-PRESET).
        reading: what of the file is read.
        num_steps: training steps.
        width: hidden width (default: 256 for a published network, else about as many numbers as
            the signal has).
        depth: number of hidden layers of a published network (default: the authors').
        keep_best: keep the network with the lowest loss instead of the last one.
        seed: random seed of the initial weights.
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end and nothing else.
    """
    output = Output(json_output, quiet)
    check_counts(num_steps=num_steps)
    check_name("protocol", protocol, PROTOCOLS)
    signal = read_signal(file, sample, reading, "fit", is_said=output.is_verbose)
    if preset is None:
        first = read_portfolio(portfolio).recommend(signal, 1, width=width, num_steps=num_steps)[0]
        config, reason = first.config, first.reason
    else:
        config = oi.preset(
            preset, modality=signal.kind, protocol=protocol, width=width or 256, depth=depth
        )
        reason = f"{preset}, protocol {protocol}, width {config.width}"
    folder = out or Path("runs") / f"{run_name(file)}-{preset or 'fit'}"
    settings = [num_steps, seed, keep_best, objective, config.to_json()]
    name = make_fingerprint(settings, digest(signal))
    known = _check_free(folder, name)
    checkpoint = prepare_folder(folder) / f"{name[:12]}.checkpoint"  # another fit has its own
    output.say(f"{signal.name}: {signal_label(signal.frame)}, run folder {folder}", reason)
    inr = known or oi.fit(
        signal,
        config,
        objective=objective,
        num_steps=num_steps,
        seed=seed,
        keep_best=keep_best,
        checkpoint=checkpoint,
        pause_at=num_steps,
        progress=output.is_verbose,
        info={FIT: name} | facts_of(reading, signal),
    )
    rendering = write_outputs(inr, folder, is_new=known is None)
    scores, sizes = inr.evaluate(signal), inr.sizes(signal)
    checkpoint.unlink(missing_ok=True)
    output.say(
        *score_lines(scores, signal),
        f"objective {inr.objective}, after {num_steps:,} steps",
        f"{inr.num_params:,} parameters in {sizes_label(sizes)}",
        f"see {rendering}",
    )
    facts = {"num_params": inr.num_params, "bytes": sizes, "model": str(folder / MODEL)}
    output.result({**scores, **facts})


def compare(
    file: Positional[File] = None,
    /,
    *,
    sample: Sample = "image",
    presets: list[str] | None = None,
    protocol: str = "official",
    out: Out = None,
    reading: Read = Reading(),  # noqa: B008
    num_steps: int = 500,
    width: int = 64,
    depth: Count = None,
    seed: int = 0,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Fit published networks to FILE side by side; the same command again continues.

    Args:
        file: picture, sound, solid, field, video or points; without one, the embedded sample.
        sample: kind of the embedded sample.
        presets: names of the networks, after spaces or commas (default: all for this kind).
        protocol: official (the authors' rate, schedule and batch), paper (AdamW, 1e-4) or search
            (the authors' rate, trained as a search trains).
        out: folder of the comparison (default: runs/NAME-presets).
        reading: what of the file is read.
        num_steps: training steps of each network.
        width: hidden width.
        depth: number of hidden layers (default: the authors').
        seed: random seed of the initial weights.
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end and nothing else.
    """
    output = Output(json_output, quiet)
    check_counts(num_steps=num_steps)
    signal = read_signal(file, sample, reading, "search", is_said=output.is_verbose)
    names = _preset_names(presets, signal.kind)
    folder = prepare_folder(out or Path("runs") / f"{run_name(file)}-presets")
    _check_free(folder)
    output.say(f"{signal.name}: {signal_label(signal.frame)}, folder {folder}")
    baselines = fit_presets(
        signal,
        folder,
        names=names,
        protocol=protocol,
        num_steps=num_steps,
        width=width,
        depth=depth,
        seed=seed,
        progress=output.is_verbose,
        info=facts_of(reading, signal),
    )
    if output.is_verbose:
        print_baselines(baselines, signal)
    if any(b.inr is not None for b in baselines):
        output.say(f"see {draw_side_by_side(signal, baselines, folder / 'comparison.png')}")
    output.result(summary(signal, baselines))


def render(
    model: Positional[Model],
    /,
    *,
    out: Out = None,
    scale: float = 1.0,
    sample_rate: Number = None,
    region: tuple[float, ...] = (),
) -> None:
    """Render a model file at any size, as a picture, a sound or a mesh.

    Args:
        model: model file from search or fit (best.inr.safetensors).
        out: file to write; its suffix decides the format: .png .tif .jpg for a picture, .wav .flac
            .ogg for a sound, .ply .obj .stl .glb .off .npz for a solid, .npz .npy .nii .nii.gz
            .h5 for a field, .gif .mp4 .mkv .npz for a video, .csv .npz for points (default:
            render.png, .wav, .ply, .npz, .gif or .csv).
        scale: factor on every side of the signal that the model was fitted to.
        sample_rate: rate of a sound in Hz, instead of a scale.
        region: start and stop of each axis as fractions of it; 0.25 0.5 0 1 is the second quarter
            of a picture's rows.
    """
    inr = oi.load_inr(model)
    if sample_rate is not None:
        scale = sample_rate / inr.frame.attributes.get("sample_rate", sample_rate)
    out = out or _new_file(Path("render").with_suffix(get_kind(inr.frame.kind).suffix))
    if region and get_kind(inr.frame.kind).is_binary:
        raise ValueError("a --region of a solid is not supported; render it whole.")
    if len(region) % 2:
        raise ValueError(f"--region has {len(region)} numbers; give start and stop of each axis.")
    pairs = list(zip(region[::2], region[1::2], strict=True)) or None
    samples = inr.render(scale, sample_rate=sample_rate, region=pairs)
    write_samples(out, samples, inr.frame.scaled(scale))
    Output().say(f"wrote {out}, {size_label(samples.shape[:-1])}")
    _say_doubt(inr, samples.shape[:-1])


def export(
    model: Positional[Model],
    /,
    *,
    out: Out = None,
    torch: Flag = False,
    onnx: Flag = False,
    glsl: Flag = False,
    wgsl: Flag = False,
    html: Flag = False,
    scale: float = 1.0,
    level: Number = None,
) -> None:
    """Export a network for other programs, or the surface of a solid or field as a closed mesh.

    Without one of --torch, --onnx, --glsl, --wgsl and --html it is the mesh, by marching cubes.

    Args:
        model: model file from search or fit.
        out: file to write (default: mesh.ply, else export with the suffix of the form). The suffix
            of a mesh decides its format: .ply .obj .stl .glb .off.
        torch: a file of PyTorch, and its weights as .safetensors beside it.
        onnx: an ONNX model.
        glsl: the text of a GLSL function, weights included.
        wgsl: the text of a WGSL function, weights included.
        html: one page that shows the signal in a browser, without a connection.
        scale: factor on every side of the voxel grid of a mesh; more than 1 is finer.
        level: value at which the surface of a mesh lies, in the units of a field; of a solid
            between 0 (outside) and 1 (inside). Default: the middle of the range.
    """
    inr = oi.load_inr(model)
    asked = {"torch": torch, "onnx": onnx, "glsl": glsl, "wgsl": wgsl, "html": html}
    names = [name for name, is_asked in asked.items() if is_asked]
    if not names:
        return _export_mesh(inr, out or _new_file(Path("mesh.ply")), scale, level)
    if out is not None and len(names) > 1:
        raise ValueError(
            f"--out {out} is one file, but --{' and --'.join(names)} are several; "
            "give one of them, or no --out."
        )
    for name in names:
        path = out or _new_file(Path("export").with_suffix(SUFFIXES[name]))
        EXPORTS[name](inr, path)
        print(f"wrote {path}, {path.stat().st_size:,} bytes")


def _export_mesh(inr: oi.INR, out: Path, scale: float, level: float | None) -> None:
    frame = inr.frame.scaled(scale)
    mesh = mesh_of(inr.predict(frame.grid_coords()), frame, level)
    write_mesh(out, mesh)
    Output().say(f"wrote {out}, {len(mesh.vertices)} vertices, {len(mesh.faces)} faces")
    _say_doubt(inr, frame.shape)


def evaluate(
    model: Positional[Model],
    file: Positional[Annotated[Path, arg(metavar="FILE")]],
    /,
    *,
    reading: Read = Reading(),  # noqa: B008
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Measure a model file against a signal file, at its samples and between them.

    Args:
        model: model file from search or fit.
        file: picture, sound, solid, field, video or points.
        reading: what of the file is read, where it is not what the model was fitted to.
        quiet: print nothing but the numbers, one per line.
        json_output: print one line of JSON and nothing else.
    """
    inr = oi.load_inr(model)
    signal = read_again(inr, file, reading)
    scores = inr.evaluate(signal)
    output = Output(json_output, quiet)
    output.say(f"{signal.name}: {signal_label(signal.frame)}", *score_lines(scores, signal))
    if quiet and not json_output:
        print_lines(f"{value:.4f}" for value in scores.values())
    output.result(scores)


def _check_free(folder: Path, name: str = "") -> oi.INR | None:
    """The network of a folder that holds this very fit; None: the folder is free.

    Raises:
        ValueError: it holds a search, or another fit, which this verb would overwrite.
    """
    path = folder / MODEL
    if (folder / STUDY).exists() or holds_search(path):
        raise ValueError(
            f"{folder} holds a search, which this would overwrite; choose another --out."
        )
    if not path.exists():
        return None
    try:
        found = oi.load_inr(path)
    except ModelFileError as error:
        raise ValueError(f"{error} Remove it, or choose another --out.") from None
    if found.info.get(FIT) != name:
        raise ValueError(
            f"{path} is the network of another fit (another file, or other options), which this "
            "would overwrite; choose another --out, or remove it."
        )
    return found


def _preset_names(words: list[str] | None, kind: str) -> list[str] | None:
    """Names after spaces or commas; None: all."""
    names = [name for word in words or () for name in word.lower().split(",") if name]
    for name in names:
        check_name("preset", name, PRESETS[kind])
    return names or None


def _new_file(path: Path) -> Path:
    """A name that nobody asked for; raise ValueError where there is such a file already."""
    if path.exists():
        raise ValueError(f"{path} exists; name the file by --out, this one to replace it.")
    return path


def _say_doubt(inr: oi.INR, shape: tuple[int, ...]) -> None:
    """Warn of a grid between the samples where interpolating them would be better."""
    if inr.doubt and shape != inr.frame.shape:
        warnings.warn(inr.doubt, stacklevel=2)
