"""Sounds: to hear, as waveforms and spectrograms, and at twice the rate between the samples."""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from optiinr_jax.report.gallery import pixels
from optiinr_jax.report.gallery.finer import control_of, sampled
from optiinr_jax.report.gallery.records import (
    Gallery,
    Group,
    Rival,
    Row,
    Tile,
    figures_text,
)
from optiinr_jax.report.labels import Measure, interpolation_label, reference_label
from optiinr_jax.report.parts import WIDE, chart
from optiinr_jax.report.svg import ACCENT, INK, MUTED, WARM, label_axes, new_figure, to_svg
from optiinr_jax.signals import Signal, stft_db
from optiinr_jax.signals.spectra import WINDOW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Wave = Float[np.ndarray, " n"]

MAX_SAMPLES = 300_000  # of a sound on the page: three of them as 16-bit WAV are 2.4 MB of text
RATE_FACTOR = 2  # points to a sample between the samples
_COLUMNS = 400  # of a drawn waveform
_CLOSE, _FINE = 32, 16  # samples of the close-up, and points to each
_FLOOR_DB = -90.0
_SPECTROGRAM_SIDE = 600  # most pixels of a spectrogram
_SPECTRUM: dict[str, Any] = {"origin": "lower", "aspect": "auto", "cmap": pixels.COLORMAP}
_DEFAULT_RATE = 8000.0  # Hz, of a sound that says none


def show(signal: Signal, rivals: Sequence[Rival], measure: Measure) -> Gallery:
    """The sounds themselves, a few samples from close by, and spectrograms at twice the rate."""
    count = min(signal.num_points, MAX_SAMPLES)
    seconds = count / _rate(signal)
    is_whole = count == signal.num_points
    note = "" if is_whole else f"Only the first {seconds:.1f} seconds are on this page."
    groups = (
        _heard(signal, rivals, measure, count),
        _close_up(signal, rivals),
        _between(signal, rivals, measure, count),
    )
    return Gallery(groups, note)


def _heard(signal: Signal, rivals: Sequence[Rival], measure: Measure, count: int) -> Group:
    rate, target = _rate(signal), signal.samples[:count]
    contenders = [("Target", "what every network has to represent", target)]
    for rival in rivals:
        samples = rival.inr.render(shape=(count,), region=[(0.0, count / signal.num_points)])
        contenders.append((rival.title, figures_text(rival, measure, "samples"), samples))
    tiles = []
    for title, text, samples in contenders:
        error = None if samples is target else samples - target
        drawing = _waveform(samples[:, 0], None if error is None else error[:, 0], rate, title)
        spectrum = _draw_spectrum(samples[:, 0], rate, title)
        tiles.append(Tile(title, text, drawings=(drawing, spectrum), audio=_wav(samples, rate)))
    which = " of the first channel" if signal.num_channels > 1 else ""
    lead = (
        f"{count / rate:.3g} seconds to hear. Waveforms{which}, with the error on top of them, and "
        f"spectrograms down to {_FLOOR_DB:g} dB."
    )
    return Group("", lead, tuple(tiles))


def _close_up(signal: Signal, rivals: Sequence[Rival]) -> Group:
    """A few samples, where neighbours differ most, and what lies between them."""
    start = _busiest(signal.samples[:, 0], _CLOSE)
    stop = min(start + _CLOSE, signal.num_points)
    region = [(start / signal.num_points, stop / signal.num_points)]
    shape = ((stop - start) * _FINE,)
    times = (start + np.arange(shape[0]) / _FINE) / _rate(signal) * 1000.0
    lines = [
        ("signal", MUTED, 4.0, sampled(signal, shape, region)),
        ("interpolation", INK, 1.0, sampled(control_of(signal), shape, region)),
    ]
    for rival, colour in zip(rivals, (ACCENT, WARM), strict=False):
        lines.append((rival.title, colour, 1.6, rival.inr.render(shape=shape, region=region)))
    dots = times[::_FINE], signal.samples[start:stop, 0]

    def draw(width: int) -> Markup:
        is_wide = width >= WIDE
        with new_figure(width, 260 if is_wide else 300) as figure:
            axes = figure.add_subplot()
            for label, colour, thickness, values in lines:
                is_reference = label == "signal"
                style = {"lw": thickness, "alpha": 0.5 if is_reference else 1.0}
                axes.plot(times, values[:, 0], color=colour, label=label, **style)
            axes.plot(*dots, "o", color=INK, ms=4, label="samples")
            axes.margins(x=0.01)
            label_axes(axes, "ms")
            figure.legend(loc="outside upper left", ncols=5 if is_wide else 2)
            return to_svg(figure, "a few samples and what lies between them")

    lead = (
        f"{stop - start} samples where neighbours differ most. The truth between them is "
        f"{reference_label(signal)}; to compare: {interpolation_label(signal.control)}."
    )
    return Group("A closer look", lead, chart=chart(draw))


def _between(signal: Signal, rivals: Sequence[Rival], measure: Measure, count: int) -> Group:
    shape, region = (RATE_FACTOR * count,), [(0.0, count / signal.num_points)]
    rate = RATE_FACTOR * _rate(signal)
    control = f"{interpolation_label(signal.control)}, {measure.full(signal.control_score)}"
    contenders = [
        ("The signal", reference_label(signal), sampled(signal, shape, region)),
        ("To compare", control, sampled(control_of(signal), shape, region)),
    ]
    for rival in rivals:
        samples = rival.inr.render(shape=shape, region=region)
        contenders.append((rival.title, figures_text(rival, measure, "between"), samples))
    tiles = tuple(
        Tile(title, text, drawings=(_draw_spectrum(samples[:, 0], rate, title, is_halved=True),))
        for title, text, samples in contenders
    )
    lead = (
        f"What shows above the line, at {rate / 4000:.3g} kHz, half of the sound's own rate, is "
        "not in its samples: it was made up between them."
    )
    return Group("At twice the rate", lead, tiles, columns=4)


def _rate(signal: Signal) -> float:
    return signal.attributes.get("sample_rate", _DEFAULT_RATE)


def _busiest(samples: Wave, count: int) -> int:
    """Where the `count` samples begin whose neighbours differ most."""
    total = np.pad(np.abs(np.diff(samples)), (1, 0)).cumsum()
    sums = total[count - 1 :] - total[: len(total) - count + 1]
    return int(np.argmax(sums)) if len(sums) else 0


def _waveform(samples: Wave, error: Wave | None, rate: float, title: str) -> Markup:
    """Highest and lowest sample of each column of the drawing."""
    with new_figure(310, 130) as figure:
        axes = figure.add_subplot()
        for values, colour in ((samples, ACCENT if error is not None else MUTED), (error, WARM)):
            if values is not None:
                parts = np.array_split(values, min(_COLUMNS, len(values)))
                times = np.array([part.size for part in parts]).cumsum() / rate
                low, high = ([f(part) for part in parts] for f in (np.min, np.max))
                axes.fill_between(times, low, high, color=colour, lw=0.5)
        axes.set_ylim(-1.05, 1.05)
        axes.set_yticks([-1, 0, 1])
        axes.locator_params(axis="x", nbins=4)
        axes.margins(x=0.0)
        label_axes(axes, "s")
        return to_svg(figure, f"waveform: {title}")


def spectrogram(samples: np.ndarray, rate: float) -> Float[np.ndarray, "F T"]:
    """Decibels (frequency, time) of a sound, however short it is."""
    samples = np.pad(samples.reshape(-1), (0, max(0, 8 - samples.size)))
    return stft_db(samples, rate, window=min(WINDOW, samples.size // 4 * 4)).db


def _draw_spectrum(samples: Wave, rate: float, title: str, *, is_halved: bool = False) -> Markup:
    """A spectrogram with its axes; a line at half its range where asked for."""
    levels = np.maximum(spectrogram(samples, rate), _FLOOR_DB)
    top, seconds = rate / 2000.0, len(samples) / rate
    with new_figure(*((230, 160) if is_halved else (310, 190))) as figure:
        axes = figure.add_subplot()
        axes.imshow(
            levels[:, :: -(-levels.shape[1] // _SPECTROGRAM_SIDE)],
            extent=(0.0, seconds, 0.0, top),
            vmin=_FLOOR_DB,
            vmax=0.0,
            interpolation="none",  # as many pixels as it has
            **_SPECTRUM,
        )
        if is_halved:
            axes.axhline(top / 2.0, color="white", lw=1.0)
        axes.locator_params(axis="x", nbins=4)
        axes.locator_params(axis="y", nbins=4, prune="lower")  # 0 is said once
        label_axes(axes, "s", "kHz")
        axes.grid(visible=False)
        return to_svg(figure, f"spectrogram: {title}")


def _wav(samples: Float[np.ndarray, "n channels"], rate: float) -> str:
    """Address that holds the sound, 16 bits a sample."""
    import soundfile

    stream = BytesIO()
    loud = np.clip(samples, -1.0, 1.0)
    soundfile.write(stream, loud, max(1, round(rate)), format="WAV", subtype="PCM_16")
    return f"data:audio/wav;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _draw_waveform(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    axes.plot(signal.samples[:, 0], color="0.75", linewidth=0.6)
    axes.plot(samples[:, 0], color="C0", linewidth=0.4)
    axes.set_ylim(-1.05, 1.05)


def _draw_spectrogram(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    axes.imshow(spectrogram(samples[:, 0], _rate(signal)), vmin=_FLOOR_DB, vmax=0.0, **_SPECTRUM)


def _draw_residual(axes: "Axes", samples: np.ndarray, signal: Signal) -> None:
    found, wanted = (spectrogram(x[:, 0], _rate(signal)) for x in (samples, signal.samples))
    difference = np.maximum(found, _FLOOR_DB) - np.maximum(wanted, _FLOOR_DB)
    axes.imshow(difference, vmin=-40.0, vmax=40.0, **_SPECTRUM | {"cmap": "RdBu_r"})


ROW = Row(
    show,
    {
        "waveform": _draw_waveform,
        "spectrogram\n-90 to 0 dB": _draw_spectrogram,
        "its error\n-40 to 40 dB": _draw_residual,
    },
)
