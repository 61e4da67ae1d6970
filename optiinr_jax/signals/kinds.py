"""The kinds of signal: one row each. A new kind is one file with its functions and one row here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from optiinr_jax.signals import audio, fields, image, metrics, points, spectra, video, volume
from optiinr_jax.signals.arrays import kind_of_array
from optiinr_jax.signals.errors import SignalError
from optiinr_jax.signals.formats import say_how_to_convert, suffix_of
from optiinr_jax.signals.sizes import (
    field_sizes,
    picture_sizes,
    solid_sizes,
    sound_sizes,
    video_sizes,
)
from optiinr_jax.signals.targets import Finer

Size = int | tuple[int, ...] | None


class Samples(NamedTuple):
    """What a reader hands back: numbers in the natural range, and what a writer will need."""

    # (*grid shape, channels); bool stands for the ends of the natural range
    values: np.ndarray
    attributes: dict[str, float]
    finer: Finer | None = None  # what the source says between the samples
    # positions (N, D) of values (N, C) that lie on no grid
    positions: np.ndarray | None = None


def _as_places(positions: Any, shape: tuple[int, ...], attributes: dict[str, float]) -> Any:
    """Positions that are counted in samples already."""
    del shape, attributes
    return positions


@dataclass(frozen=True, kw_only=True)
class SignalKind:
    """All that is particular to one kind of signal; no other code asks which kind it has."""

    axes: tuple[str, ...]  # names of the grid's axes, in order
    least_axes: int | None = None  # fewest of them that a signal may have; None: it has all
    coord_range: tuple[float, float]  # where a network sees the grid, if it does not say
    # of the values in a file and for the metric; None: a signal's own, its attributes low and high
    natural_range: tuple[float, float] | None
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
    extends: bool = False  # whether more samples are a longer piece, not a finer grid
    is_on_grid: bool = True  # whether its samples lie on one; else its grid is that of drawings
    first_axis_is_time: bool = False  # so it is shown by frames, not by slices
    is_binary: bool = False  # whether every value is one of the ends of the natural range
    like: str = ""  # kind whose searched networks serve this one, where it has none of its own
    suffixes: tuple[str, ...]
    # whether a file with one of the suffixes, which other kinds may have too, is of this kind
    claims: Callable[[Path], bool] = lambda path: True
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

    def axes_of(self, num_dims: int) -> tuple[str, ...]:
        """Names of the axes of a signal with so many."""
        return self.axes[:num_dims]

    def has_dims(self, num_dims: int) -> bool:
        """Whether a signal of this kind may have so many axes."""
        most = len(self.axes)
        return (self.least_axes or most) <= num_dims <= most


def _sound(sound: audio.Sound) -> Samples:
    attributes = {"sample_rate": float(sound.sample_rate), "peak": sound.peak}
    return Samples(sound.values, attributes)


def _solid(solid: volume.Solid) -> Samples:
    return Samples(solid.occupied[..., None], solid.attributes, solid.finer)


def _points(found: points.PointSet) -> Samples:
    return Samples(found.values, {}, positions=found.positions)


def _picture(path: Path, size: Size, max_pixels: int, **options: Any) -> Samples:
    read = image.load_detailed(path, size, max_pixels=max_pixels, **options)
    return Samples(read.pixels, {"bits": 16.0} if read.num_bits > 8 else {}, read.finer)


def _write_sound(path: Path, values: np.ndarray, attributes: dict[str, float]) -> Path:
    if "sample_rate" not in attributes:
        raise SignalError(
            f"the sound for {path} has attributes {attributes}, but its sample_rate in Hz was "
            'expected; make the signal with attributes={"sample_rate": 44100}.'
        )
    peak = attributes.get("peak", 1.0)
    return audio.write_audio(path, values, attributes["sample_rate"], peak=peak)


def _is_animated(path: Path) -> bool:
    """Whether a picture file moves: a TIFF of many pages does not."""
    return path.suffix.lower() in (".gif", ".webp", ".png") and video.num_frames(path) > 1


def _holds_video(path: Path) -> bool:
    return suffix_of(path) in video.FILMS or _is_animated(path) or kind_of_array(path) == "video"


KINDS: dict[str, SignalKind] = {
    "image": SignalKind(
        axes=("height", "width"),
        coord_range=(-1.0, 1.0),
        natural_range=(0.0, 1.0),
        value_range=(-1.0, 1.0),
        channels=(1, 3),
        max_points=image.MAX_LARGE,
        edge=-0.5,
        units={"pixels": _as_places},
        interpolation="cubic",
        metric=metrics.PSNR,
        more_metrics={
            "PSNR of clipped values (dB)": partial(metrics.psnr, clip=True),
            "SSIM": metrics.ssim,
        },
        suffixes=image.SUFFIXES,
        claims=lambda path: not _is_animated(path),
        suffix=".png",
        shown_suffix=".png",
        fit_size=128,
        search_size=96,
        options=image.OPTIONS,
        read=_picture,
        sample=lambda size, limit: Samples(image.sample_image(size, max_pixels=limit), {}),
        write=lambda path, values, attributes: image.write_image(
            path, values, num_bits=int(attributes.get("bits", 8))
        ),
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
        extends=True,
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
        claims=lambda path: kind_of_array(path) in (None, "volume"),
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


KINDS["field"] = SignalKind(
    axes=fields.AXES,
    least_axes=1,
    coord_range=(-1.0, 1.0),
    natural_range=None,
    value_range=(-1.0, 1.0),
    channels=tuple(range(1, fields.MAX_CHANNELS + 1)),
    max_points=fields.MAX_POINTS,
    edge=-0.5,
    units={"samples": _as_places, "world": fields.places_of_world},
    interpolation="cubic",
    metric=metrics.PSNR,  # over the field's own range
    more_metrics={"SNR (dB)": metrics.snr},
    like="image",
    suffixes=fields.SUFFIXES,
    claims=lambda path: kind_of_array(path) in (None, "field"),
    suffix=".npz",
    shown_suffix=".npz",
    fit_size=48,
    search_size=32,
    options=fields.OPTIONS,
    read=lambda path, size, limit, **options: Samples(
        *fields.read_field(path, size, max_points=limit, **options)
    ),
    sample=lambda size, limit: Samples(*fields.sample_field(size, max_points=limit)),
    write=fields.write_field,
    sizes=field_sizes,
    rescale_attributes=fields.rescale_attributes,
)


KINDS["video"] = SignalKind(
    axes=video.AXES,
    coord_range=(-1.0, 1.0),
    natural_range=(0.0, 1.0),
    value_range=(-1.0, 1.0),
    channels=(1, 3),
    max_points=video.MAX_POINTS,
    edge=-0.5,
    units={"samples": _as_places, "seconds": video.places_of_seconds},
    interpolation="cubic",
    metric=metrics.PSNR,
    more_metrics={"SSIM of a frame": video.frame_ssim},
    first_axis_is_time=True,
    like="image",
    suffixes=video.SUFFIXES,
    claims=_holds_video,
    suffix=".gif",
    shown_suffix=".gif",
    fit_size=64,
    search_size=32,
    options=video.OPTIONS,
    read=lambda path, size, limit, **options: Samples(
        *video.read_video(path, size, max_points=limit, **options)
    ),
    sample=lambda size, limit: Samples(*video.sample_video(size, max_points=limit)),
    write=video.write_video,
    sizes=video_sizes,
    rescale_attributes=video.rescale_attributes,
)


KINDS["points"] = SignalKind(
    axes=points.AXES,
    least_axes=1,
    is_on_grid=False,
    coord_range=(-1.0, 1.0),
    natural_range=None,
    value_range=(-1.0, 1.0),
    channels=tuple(range(1, fields.MAX_CHANNELS + 1)),
    max_points=points.MAX_POINTS,
    edge=-0.5,
    units={"world": fields.places_of_world},
    interpolation="linear",  # of a grid; scattered points have a control of their own
    metric=metrics.PSNR,  # over the points' own range
    like="image",
    suffixes=points.SUFFIXES,
    claims=lambda path: kind_of_array(path) in (None, "points"),
    suffix=".csv",
    shown_suffix=".csv",
    fit_size=20_000,
    search_size=5_000,
    options=points.OPTIONS,
    read=lambda path, size, limit, **options: _points(
        points.read_points(path, size, max_points=limit, **options)
    ),
    sample=lambda size, limit: _points(points.sample_points(size, max_points=limit)),
    write=points.write_points,
    sizes=field_sizes,
    rescale_attributes=fields.rescale_attributes,
)


def get_kind(kind: str) -> SignalKind:
    """The row of one kind."""
    if kind not in KINDS:
        raise SignalError(f"the kind of signal is {kind!r}, but it must be one of {list(KINDS)}.")
    return KINDS[kind]


def kind_of_file(path: Path) -> str:
    """The kind whose files end like this one."""
    if path.is_dir():
        raise SignalError(f"{path} is a folder, but a file was expected; name a file in it.")
    found = [name for name, row in KINDS.items() if suffix_of(path) in row.suffixes]
    if not found:
        known = dict.fromkeys(suffix for row in KINDS.values() for suffix in row.suffixes)
        raise SignalError(
            f"{path} ends in {path.suffix.lower() or 'no suffix'}, but a signal file ends in one "
            f"of {', '.join(known)}; {say_how_to_convert(path)}."
        )
    return next((name for name in found if KINDS[name].claims(path)), found[0])
