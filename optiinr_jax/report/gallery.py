"""The pictures of the page: target, reconstructions and their errors on one colour scale."""

from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

from optiinr_jax.inr import INR
from optiinr_jax.report import pictures
from optiinr_jax.report.markup import paragraph, section
from optiinr_jax.report.words import score_label
from optiinr_jax.signals import Signal


@dataclass(frozen=True)
class Rival:
    """A trained network to show beside the target."""

    area: str  # name of its place on the page
    title: str
    origin: str  # which training it is
    inr: INR


def pictures_section(signal: Signal, rivals: list[Rival], unit: str) -> str:
    """Target, reconstruction and error map of each rival, all errors on one scale."""
    target = signal.samples
    shown = [signal.frame.to_samples(r.inr.predict(signal.grid_coords())) for r in rivals]
    section_html, size = _gallery(target, shown, rivals, unit)
    if size <= pictures.MAX_BYTES:
        return section_html
    side = f"{min(target.shape[0], pictures.MAX_SIDE)} x {min(target.shape[1], pictures.MAX_SIDE)}"
    note = f"To keep this page small, only the central {side} pixels are shown."
    cut = [pictures.centre(samples) for samples in shown]
    return _gallery(pictures.centre(target), cut, rivals, unit, note)[0]


def _gallery(
    target: Float[np.ndarray, "h w c"],
    shown: list[Float[np.ndarray, "h w c"]],
    rivals: list[Rival],
    unit: str,
    note: str = "",
) -> tuple[str, int]:
    """The section, and the bytes of its pictures."""
    errors = [pictures.error_map(samples, target) for samples in shown]
    scale = pictures.shared_scale(errors)
    pngs = [
        ("target", "Target", "what every network has to represent", pictures.picture_png(target))
    ]
    for rival, samples, error in zip(rivals, shown, errors, strict=True):
        score = f"{rival.origin}, {score_label(rival.inr.score)}{unit}"
        mean = f"mean {pictures.levels_label(float(error.mean()))} levels of 255"
        pngs.append((rival.area, rival.title, score, pictures.picture_png(samples)))
        pngs.append((f"{rival.area}-error", "Its error", mean, pictures.error_png(error, scale)))
    crisp = "crisp" if max(target.shape[:2]) <= pictures.PIXELATED_SIDE else "smooth"
    figures = "".join(_picture(*png, css=crisp) for png in pngs)
    html = section(
        "What it looks like",
        paragraph(note) if note else "",
        paragraph(
            "A click on a picture enlarges all of them at that place; another one ends it.",
            css="screen",
        ),
        f'<div class="gallery">{figures}{_colour_bar(scale)}</div>\n',
    )
    return html, sum(len(png) for *_, png in pngs)


def _picture(area: str, title: str, text: str, png: bytes, css: str) -> str:
    caption = f"<figcaption><b>{escape(title)}</b><span>{escape(text)}</span></figcaption>"
    image = f'<img class="{css}" src="{pictures.data_url(png)}" alt="{escape(title)}">'
    image = f'<div class="lens">{image}</div>'
    return f'<figure style="grid-area: {area}">{image}{caption}</figure>\n'


def _colour_bar(scale: pictures.Scale) -> str:
    end = pictures.levels_label(scale.high) + (" or more" if scale.is_clipped else "")
    half = pictures.levels_label(scale.high / 2)
    return (
        '<div class="scale" style="grid-area: scale"><p>Error maps: absolute difference from the '
        "target, mean over the channels, in levels of 255. All maps share this scale.</p>"
        f'<div class="bar" style="background: {pictures.scale_gradient()}"></div>'
        f"<div class=ticks><span>0</span><span>{half}</span><span>{end}</span></div></div>\n"
    )
