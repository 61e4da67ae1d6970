"""The kinds of signal: one row each. A new kind is one file with its functions and one row here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from optiinr_jax.signals import audio, image, metrics, spectra, volume
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.sizes import picture_sizes, solid_sizes, sound_sizes
from optiinr_jax.signals.targets import Finer

Size = int | tuple[int, ...] | None


class Samples(NamedTuple):
    """What a reader hands back: numbers in the natural range, and what a writer will need."""

    values: np.ndarray  # (*grid shape, channels); bool stands for the ends of the natural range
    attributes: dict[str, float]
    finer: Finer | None = None  # what the source says between the samples


def _as_places(positions: Any, shape: tuple[int, ...], attributes: dict[str, float]) -> Any:
    """Positions that are counted in samples already."""
    del shape, attributes
    return positions


@dataclass(frozen=True, kw_only=True)
class SignalKind:
    """All that is particular to one kind of signal; no other code asks which kind it has."""

    axes: tuple[str, ...]  # names of the grid's axes, in order
    coord_range: tuple[float, float]  # where a network sees the grid, if it does not say
    natural_range: tuple[float, float]  # of the values in a file and for the metric
    value_range: tuple[float, float]  # of the values as the network learns them
    channels: tuple[int, ...]  # allowed numbers of channels
    max_points: int  # larger grids are refused before anything is allocated
    edge: float  # where the cell of a sample begins, in samples from it; see `continuous`
    interpolation: str  # row of INTERPOLATIONS: the signal between samples that stand alone
    metric: metrics.Metric  # higher is better, on natural values
    # further ones for a report: name -> (samples, target samples) -> number
    more_metrics: Mapping[str, Callable[[np.ndarray, np.ndarray], Any]] = field(
        default_factory=dict
    )
    # name -> (positions (N, D), shape, attributes) -> places, counted in samples from the first one
    units: Mapping[str, Callable[[Any, tuple[int, ...], dict[str, float]], Any]] = field(
        default_factory=lambda: {"samples": _as_places}
    )
    # exponent with which the frequencies that serve such signals grow with the samples along a side
    growth: float = 0.0
    is_binary: bool = False  # whether every value is one of the ends of the natural range
    suffixes: tuple[str, ...]
    suffix: str  # of a rendering, where none is asked for
    shown_suffix: str  # of a file that Optuna's dashboard can show
    fit_size: int  # what a command takes of a signal where nobody says: minutes on two cores
    search_size: int
    options: tuple[str, ...] = ()  # keywords that `read` takes besides
    read: Callable[..., Samples]  # file, size, max_points, **options
    sample: Callable[[Size, int], Samples]  # embedded sample: size, max_points
    write: Callable[[Path, np.ndarray, dict[str, float]], Path]  # file, natural values, attributes
    # (samples, attributes, the PSNR or so that is to be matched) -> bytes in the usual formats
    sizes: Callable[[np.ndarray, dict[str, float], float | None], dict[str, int]] = (
        lambda samples, attributes, score: {}
    )
    # (attributes, shape of their grid, another shape) -> attributes of the same signal on that grid
    rescale_attributes: Callable[
        [dict[str, float], tuple[int, ...], tuple[int, ...]], dict[str, float]
    ] = lambda attributes, old, new: attributes


def _sound(sound: audio.Sound) -> Samples:
    attributes = {"sample_rate": float(sound.sample_rate), "peak": sound.peak}
    return Samples(sound.values, attributes)


def _solid(solid: volume.Solid) -> Samples:
    return Samples(solid.occupied[..., None], solid.attributes, solid.finer)


def _picture(path: Path, size: Size, max_pixels: int, **options: Any) -> Samples:
    pixels, finer = image.load_detailed(path, size, max_pixels=max_pixels, **options)
    return Samples(pixels, {}, finer)


def _write_sound(path: Path, values: np.ndarray, attributes: dict[str, float]) -> Path:
    if "sample_rate" not in attributes:
        raise SignalError(
            f"the sound for {path} has attributes {attributes}, but its sample_rate in Hz was "
            'expected; make the signal with attributes={"sample_rate": 44100}.'
        )
    peak = attributes.get("peak", 1.0)
    return audio.write_audio(path, values, attributes["sample_rate"], peak=peak)


KINDS: dict[str, SignalKind] = {
    "image": SignalKind(
        axes=("height", "width"),
        coord_range=(-1.0, 1.0),
        natural_range=(0.0, 1.0),
        value_range=(-1.0, 1.0),
        channels=(1, 3),
        max_points=image.MAX_PIXELS,
        edge=-0.5,
        units={"pixels": _as_places},
        interpolation="cubic",
        metric=metrics.PSNR,
        more_metrics={
            "PSNR of clipped values (dB)": partial(metrics.psnr, clip=True),
            "SSIM": metrics.ssim,
        },
        suffixes=image.SUFFIXES,
        suffix=".png",
        shown_suffix=".png",
        fit_size=128,
        search_size=96,
        options=image.OPTIONS,
        read=_picture,
        sample=lambda size, limit: Samples(image.sample_image(size, max_pixels=limit), {}),
        write=lambda path, values, attributes: image.write_image(path, values),
        sizes=picture_sizes,
    ),
    "audio": SignalKind(
        axes=("time",),
        coord_range=(-100.0, 100.0),  # as in SIREN's code: 100 times steeper than a picture
        natural_range=(-1.0, 1.0),
        value_range=(-1.0, 1.0),
        channels=(1, 2),
        max_points=audio.MAX_SAMPLES,
        edge=0.0,
        growth=1.0,  # more samples are a longer piece
        units={"samples": _as_places, "seconds": audio.places_of_seconds},
        interpolation="sinc",
        metric=metrics.PSNR,  # at data range 1 too: a network that gives 0 scores 16.2 dB on Bach
        more_metrics={
            "SNR (dB)": metrics.snr,
            "spectral convergence": spectra.spectral_convergence,
            "log STFT error": spectra.log_stft_error,
        },
        suffixes=audio.SUFFIXES,
        suffix=".wav",
        shown_suffix=".wav",
        fit_size=8192,
        search_size=4096,
        options=audio.OPTIONS,
        read=lambda path, size, limit, **options: _sound(
            audio.load_audio(path, size, max_samples=limit, **options)
        ),
        sample=lambda size, limit: _sound(audio.sample_audio(size, max_samples=limit)),
        write=_write_sound,
        sizes=sound_sizes,
        rescale_attributes=audio.rescale_attributes,
    ),
    "volume": SignalKind(
        axes=volume.AXES,
        coord_range=(-1.0, 1.0),
        natural_range=(0.0, 1.0),
        value_range=(0.0, 1.0),  # a linear output learns 0 and 1 by least squares, as in WIRE
        channels=(1,),
        max_points=volume.MAX_VOXELS,
        edge=-0.5,
        units={
            "voxels": _as_places,
            "world": volume.places_of_world,
        },
        interpolation="linear",
        metric=metrics.IOU,
        is_binary=True,
        suffixes=volume.SUFFIXES,
        suffix=".ply",
        shown_suffix=".stl",
        fit_size=32,
        search_size=24,
        options=volume.OPTIONS,
        read=lambda path, size, limit, **options: _solid(
            volume.read_volume(path, size, max_voxels=limit, **options)
        ),
        sample=lambda size, limit: _solid(volume.sample_volume(size, max_voxels=limit)),
        write=volume.write_volume,
        sizes=solid_sizes,
        rescale_attributes=volume.rescale_attributes,
    ),
}


def get_kind(kind: str) -> SignalKind:
    """The row of one kind."""
    if kind not in KINDS:
        raise SignalError(f"the kind of signal is {kind!r}, but it must be one of {list(KINDS)}.")
    return KINDS[kind]


def kind_of_file(path: Path) -> str:
    """The kind whose files end like this one."""
    if path.is_dir():
        raise SignalError(f"{path} is a folder, but a file was expected; name a file in it.")
    suffix = path.suffix.lower()
    for name, row in KINDS.items():
        if suffix in row.suffixes:
            return name
    known = ", ".join(suffix for row in KINDS.values() for suffix in row.suffixes)
    raise SignalError(
        f"{path} ends in {suffix or 'no suffix'}, but a signal file ends in one of {known}; "
        "convert the file or correct its name."
    )
