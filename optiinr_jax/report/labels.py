"""Names, numbers and facts in words, the same on the page and in the terminal; plain text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from jax.typing import ArrayLike

from optiinr_jax.inr import ENCODINGS, NetworkConfig
from optiinr_jax.inr.config import as_number
from optiinr_jax.signals import Frame, Metric, Signal
from optiinr_jax.signals.kinds import get_kind
from optiinr_jax.signals.scores import INTERPOLATION_LABELS
from optiinr_jax.studies import Comparison, Entry
from optiinr_jax.studies.comparison import FOUND

_NOT_ACRONYMS = {
    "fourier": "Fourier",
    "gauss": "Gauss",
    "nerf": "NeRF",
    "wave": "wave",
    "found": "found",
    "wire_real": "WIRE (real form)",
}
_AIMS = {
    "continuous": "errors at the samples and between them in one",
    "samples": "errors at the samples alone",
}


@dataclass(frozen=True)
class Measure:
    """What the scores of a search say, and how they are written.

    Attributes:
        metric: of the signal's kind; higher is better.
        objective: what a score counts, a row of OBJECTIVES.
        elsewhere: where the second of its two figures is measured.
    """

    metric: Metric
    objective: str
    elsewhere: str = "between them"

    @property
    def name(self) -> str:
        """Name of the metric with its unit in brackets."""
        return self.metric.name

    @property
    def aim(self) -> str:
        """The objective in words."""
        words = _AIMS.get(self.objective, self.objective)
        return words.replace("between them", self.elsewhere)

    @property
    def decimals(self) -> int:
        """Digits after the point: two beyond the difference that a person notices."""
        return math.ceil(2.0 - math.log10(self.metric.margin))

    def number(self, score: float | None) -> str:
        """A score without its unit; one that is not finite says so.

        >>> from optiinr_jax.signals.metrics import IOU
        >>> measure = Measure(IOU, "continuous")
        >>> measure.number(0.98), measure.number(-math.inf), measure.number(None)
        ('0.9800', 'diverged', '-')
        """
        if score is None or math.isnan(score):
            return "-"
        if math.isinf(score):
            return "exact" if score > 0 else "diverged"
        return f"{score:.{self.decimals}f}"

    def full(self, score: float | None) -> str:
        """A score with its unit, where it is a number; a number keeps its unit beside it.

        >>> from optiinr_jax.signals.metrics import PSNR
        >>> Measure(PSNR, "samples").full(30.0)
        '30.00\\xa0dB'
        """
        is_number = score is not None and math.isfinite(score)
        unit = f"\u00a0{self.metric.unit}" if is_number and self.metric.unit else ""
        return self.number(score) + unit

    def difference(self, value: float) -> str:
        """A difference of scores with its sign; "-" where it is not finite."""
        return f"{value:+.{self.decimals}f}" if math.isfinite(value) else "-"

    def mean(self, entry: Entry) -> str:
        """Mean score of an entry, or on how many of its seeds it diverged."""
        diverged = sum(score == -math.inf for score in entry.scores)
        if diverged and len(entry.scores) > 1:
            return f"diverged on {diverged} of {len(entry.scores)}"
        return self.number(entry.mean)


def measure_of(signal: Signal, objective: str) -> Measure:
    """How the scores of a search on a signal are written."""
    metric = get_kind(signal.kind).metric
    return Measure(
        metric, objective, signal.between_label.replace("between samples", "between them")
    )


def family_label(family: str) -> str:
    """Name of a family as papers print it.

    >>> family_label("finer"), family_label("gauss")
    ('FINER', 'Gauss')
    """
    return _NOT_ACRONYMS.get(family, family.upper())


def number_label(value: ArrayLike) -> str:
    """Three significant digits, without an exponent where it can be avoided.

    >>> number_label(14.63), number_label(120), number_label(1500.0)
    ('14.6', '120', '1500')
    """
    value = as_number(value)
    return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"


def rate_label(rate: ArrayLike) -> str:
    """A learning rate, two significant digits.

    >>> rate_label(2.94e-4), rate_label(0.01)
    ('2.9e-4', '1e-2')
    """
    mantissa, exponent = f"{as_number(rate):.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def count_label(count: int) -> str:
    """A whole number with narrow spaces between thousands, for the page."""
    return f"{count:,}".replace(",", "\u202f")


def size_label(shape: Sequence[int]) -> str:
    """The sides of a grid, like "96 x 96"."""
    return " x ".join(map(str, shape))


def signal_label(frame: Frame) -> str:
    """How large a signal is; of points what they are drawn on.

    >>> from optiinr_jax.signals import sample_signal
    >>> signal_label(sample_signal("audio", 400).frame), signal_label(sample_signal("points").frame)
    ('400 samples, 0.05 s', 'points in 3 dimensions, drawn on 10 x 10 x 10')
    """
    if not get_kind(frame.kind).is_on_grid:
        return f"points in {frame.num_dims} dimensions, drawn on {size_label(frame.shape)}"
    rate = frame.attributes.get("sample_rate")
    if rate is None:
        return size_label(frame.shape)
    return f"{frame.num_points:,} samples, {frame.num_points / rate:.4g} s"


def protocol_label(protocol: str) -> str:
    """How a network was trained; a published one may be trained by the rule of the search.

    >>> protocol_label("official"), protocol_label("search, rate x 4")
    ('official', 'search rule, rate x 4')
    """
    return protocol.replace("search", "search rule", 1)


def entry_label(entry: Entry) -> str:
    """Family and protocol, like "FINER, official"; "found configuration" for the found one."""
    if entry.name == FOUND:
        return "found configuration"
    return f"{family_label(entry.name)}, {protocol_label(entry.protocol)}"


def interpolation_label(name: str) -> str:
    """What a row of INTERPOLATIONS makes of samples, in words.

    >>> interpolation_label("cubic"), interpolation_label("nearest")
    ('the cubic spline of the samples', 'the nearest sample')
    """
    return _of_samples(INTERPOLATION_LABELS.get(name, name))


def control_label(comparison: Comparison) -> str:
    """What a network has to beat between the samples, in words."""
    return _of_samples(comparison.control_label or "interpolation")


def _of_samples(label: str) -> str:
    return label if "sample" in label else f"{label} of the samples"


def reference_label(signal: Signal) -> str:
    """What the signal is between its samples, in words."""
    if signal.reference == "file":
        return "its source, which is finer than the samples"
    return interpolation_label(signal.reference)


def seeds_label(comparison: Comparison) -> str:
    """How often the compared networks were trained, like "means of 3 fresh seeds"."""
    num_seeds = len(comparison.found.scores)
    return f"means of {num_seeds} fresh seeds" if num_seeds > 1 else "one fresh seed"


def describe_layers(config: NetworkConfig) -> list[str]:
    """Say what each layer is, one line each; an encoding comes first.

    >>> from optiinr_jax.inr import preset
    >>> describe_layers(preset("siren", depth=1))
    ['layer 1: SIREN, omega 30, learning rate 5e-4']
    """
    lines = [] if config.encoding is None else [describe_encoding(config.encoding)]
    for i, layer in enumerate(config.layers, 1):
        numbers = [f"{name} {number_label(value)}" for name, value in layer.numbers.items()]
        rate = f"learning rate {rate_label(layer.learning_rate)}"
        lines.append(f"layer {i}: {', '.join([family_label(layer.activation), *numbers, rate])}")
    return lines


def describe_encoding(encoding: object) -> str:
    """An encoding by its row of ENCODINGS and its fields.

    >>> from optiinr_jax.inr import FourierFeatures
    >>> describe_encoding(FourierFeatures(sigma=3.21, num_frequencies=64))
    'Fourier features, sigma 3.21, 64 frequencies'
    """
    name = next(name for name, row in ENCODINGS.items() if type(encoding) is row)
    facts = []
    for field in fields(encoding):  # type: ignore[arg-type]
        value = getattr(encoding, field.name)
        if isinstance(value, bool):
            word = field.name.removeprefix("with_")
            facts.append(f"{'with' if value else 'without'} {word}")
        elif field.name.startswith("num_"):
            facts.append(f"{value} {field.name.removeprefix('num_')}")
        else:
            facts.append(f"{field.name} {number_label(value)}")
    return ", ".join([f"{family_label(name)} features", *facts])
