"""What a network makes of a sound or a solid: to hear and to look at, beside the target."""

import base64
from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from typing import NamedTuple

import numpy as np

from optiinr_jax.report import pictures
from optiinr_jax.report.gallery import Rival, pictures_section
from optiinr_jax.report.markup import paragraph, section
from optiinr_jax.report.side_by_side import solid_picture, solid_slice, spectrogram
from optiinr_jax.report.svg import ACCENT, MUTED, WARM, label_axes, new_figure, to_svg
from optiinr_jax.report.words import score_label
from optiinr_jax.signals import Signal

MAX_SAMPLES = 300_000  # of a sound on the page: three of them as 16-bit WAV are 2.4 MB of text
_COLUMNS = 400  # of a drawn waveform
_FLOOR_DB = -90.0
AZIMUTHS = (35.0, 215.0)  # degrees from which a solid is seen


class Shown(NamedTuple):
    """One column: what it is, which training, its samples on the grid."""

    title: str
    text: str
    samples: np.ndarray


def gallery_section(signal: Signal, rivals: list[Rival], unit: str) -> str:
    """What the networks make of the signal, as its kind wants to be shown."""
    return GALLERIES[signal.kind](signal, rivals, unit)


def _columns(signal: Signal, rivals: Sequence[Rival], unit: str) -> list[Shown]:
    shown = [Shown("Target", "what every network has to represent", signal.samples)]
    for rival in rivals:
        text = f"{rival.origin}, {score_label(rival.inr.score)}{unit}"
        shown.append(Shown(rival.title, text, rival.inr.render(shape=signal.shape)))
    return shown


def _figure(column: Shown, body: str) -> str:
    caption = f"<figcaption><b>{escape(column.title)}</b><span>{escape(column.text)}</span>"
    return f"<figure>{caption}</figcaption>{body}</figure>\n"


def _trio(lead: str, figures: Sequence[str]) -> str:
    return section(
        "What it looks like", paragraph(lead), f'<div class="trio">{"".join(figures)}</div>\n'
    )


def sounds_section(signal: Signal, rivals: list[Rival], unit: str) -> str:
    """Waveform, spectrogram and the sound itself."""
    rate = signal.attributes.get("sample_rate", 8000.0)
    shown, target = _columns(signal, rivals, unit), signal.samples[:MAX_SAMPLES, 0]
    lead = f"Waveforms, with the error on top of them, and spectrograms down to {_FLOOR_DB:g} dB."
    if len(signal.samples) > MAX_SAMPLES:
        lead += f" Only the first {MAX_SAMPLES / rate:.1f} seconds are on this page."
    figures = []
    for column in shown:
        samples = column.samples[:MAX_SAMPLES, 0]
        error = None if column is shown[0] else samples - target
        body = _waveform(samples, error, rate, column.title)
        png = pictures.data_url(_spectrogram(samples, rate))
        body += f'<img class="spectrogram" src="{png}" alt="spectrogram">'
        body += f'<audio controls preload="none" src="{_wav(samples, rate)}"></audio>'
        figures.append(_figure(column, body))
    return _trio(lead, figures)


def _waveform(samples: np.ndarray, error: np.ndarray | None, rate: float, title: str) -> str:
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
        axes.margins(x=0.0)
        label_axes(axes, "s")
        return to_svg(figure, f"waveform: {title}")


def _spectrogram(samples: np.ndarray, rate: float) -> bytes:
    picture = np.clip(spectrogram(samples, rate) / _FLOOR_DB, 0.0, 1.0)
    return pictures.error_png(1.0 - picture[::-1], pictures.Scale(1.0, False))


def _wav(samples: np.ndarray, rate: float) -> str:
    import soundfile

    stream = BytesIO()
    loud = np.clip(samples, -1.0, 1.0)
    soundfile.write(stream, loud, max(1, round(rate)), format="WAV", subtype="PCM_16")
    return f"data:audio/wav;base64,{base64.b64encode(stream.getvalue()).decode()}"


def solids_section(signal: Signal, rivals: list[Rival], unit: str) -> str:
    """Two views of the surface, and the middle slice with what is missing or too much."""
    inside = signal.samples[..., 0] >= 0.5
    lead = (
        "The surface from two sides, and the middle slice: white is inside; red is missing, blue "
        "is too much."
    )
    figures = []
    for column in _columns(signal, rivals, unit):
        drawn = [solid_picture(column.samples, signal.frame, azimuth) for azimuth in AZIMUTHS]
        drawn.append(solid_slice(column.samples[..., 0] >= 0.5, inside)[::-1])
        body = "".join(
            f'<img class="crisp" src="{pictures.data_url(pictures.picture_png(p))}" '
            f'alt="{escape(column.title)}">'
            for p in drawn
        )
        figures.append(_figure(column, body))
    return _trio(lead, figures)


# kind of signal -> its gallery
GALLERIES: dict[str, Callable[[Signal, list[Rival], str], str]] = {
    "image": pictures_section,
    "audio": sounds_section,
    "volume": solids_section,
}
