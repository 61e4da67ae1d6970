"""The trainings that the portfolio is chosen from and tested by: a list for each part.

`experiments.portfolio` runs them and says what each part is.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import optiinr_jax as oi
from experiments import between_samples
from experiments.records import RESULTS, read_results
from experiments.signals import load as load_file
from optiinr_jax.inr import NetworkConfig
from optiinr_jax.inr.config import as_number
from optiinr_jax.inr.recommended import recommend
from optiinr_jax.studies.points import point_to_config

PICTURES, SOLIDS = between_samples.PICTURES, tuple(between_samples.SOLIDS)
NUM_SAMPLES = 4096
SOUNDS = {  # name -> file, start in seconds
    "bach, 1 s": ("audio/bach", 1.0),
    "bach, 4 s": ("audio/bach", 4.0),
    "twospeakers, 1 s": ("audio/twospeakers", 1.0),
    "twospeakers, 2.5 s": ("audio/twospeakers", 2.5),
    "sample sound": ("", 0.0),
}
KINDS = {"image": PICTURES, "audio": tuple(SOUNDS), "volume": SOLIDS}
SIZE = {"width": 48, "num_steps": 500}
NUM_BEST = {"image": 3, "audio": 3, "volume": 2}  # configurations of each search
Part = Literal[
    "search", "cross", "widths", "sizes", "lengths", "larger", "grown", "narrow", "rungs"
]


@dataclass(frozen=True)
class Run:
    """One training."""

    part: str
    signal: str
    candidate: str
    config: NetworkConfig
    width: int = 48
    factor: float = 1.0
    size: int = 0  # 0: the signal's usual one
    num_steps: int = 500
    seed: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """All but the configuration, which the candidate's name says."""
        return {name: value for name, value in vars(self).items() if name != "config"}


def kind_of(signal: str) -> str:
    """Kind of a signal."""
    return next(kind for kind, names in KINDS.items() if signal in names)


@cache
def read_signal(name: str, size: int = 0) -> Any:
    """The signal of a name; of pictures at a size of one's own, the file brought to it."""
    if name in SOUNDS:
        file, start = SOUNDS[name]
        if not file:
            return oi.sample_signal("audio", NUM_SAMPLES)
        options = {"start": start, "duration": (NUM_SAMPLES + 0.5) / 44_100}
        sound = oi.load_dataset_signal(file, **options)
        return oi.make_signal(
            "audio",
            sound.samples[:NUM_SAMPLES, :1],
            name=name,
            attributes={"sample_rate": 44_100.0},
        )
    if size:
        return load_file([name], "image", size)
    return between_samples.load(name, "quick")


@cache
def searched(signal: str) -> list[tuple[float, dict[str, Any]]]:
    """Scores and points of the stored search on a signal, the best first; none where there is none.

    Points that were trained again to confirm them count once.
    """
    if signal in SOUNDS:
        path = RESULTS / "portfolio_searches" / f"{signal}.json"
        trials = json.loads(path.read_text()) if path.is_file() else []
    else:
        records = read_results("between", "quick/continuous")
        found = next(r for r in records if r["signal"] == signal and r["contender"] == "optiinr")
        trials = list(zip(found["trials"], found["points"], strict=True))
    best: dict[str, tuple[float, dict[str, Any]]] = {}
    for score, point in trials:
        if score is not None:
            best.setdefault(json.dumps(point), (score, point))
    return sorted(best.values(), key=lambda pair: -pair[0])


def to_config(point: dict[str, Any], kind: str) -> NetworkConfig:
    """The network of a point, which leaves to the objective where it is trained."""
    return replace(point_to_config(point, width=48, modality=kind), sampling=None)


def candidates(kind: str) -> dict[str, NetworkConfig]:
    """Name -> configuration of the best trials of all searches on a kind of signal."""
    return {
        f"{signal} #{rank}": to_config(point, kind)
        for signal in KINDS[kind]
        for rank, (_, point) in enumerate(searched(signal)[: NUM_BEST[kind]])
    }


def with_rates(config: NetworkConfig, factor: float) -> NetworkConfig:
    """The configuration with all rates times a factor."""
    layers = [
        replace(layer, learning_rate=factor * as_number(layer.learning_rate))
        for layer in config.layers
    ]
    return replace(config, layers=tuple(layers))


def with_scale(config: NetworkConfig, factor: float) -> NetworkConfig:
    """The configuration with the frequencies of its encoding times a factor."""
    encoding: Any = config.encoding
    return replace(config, encoding=replace(encoding, sigma=factor * as_number(encoding.sigma)))


def with_width(config: NetworkConfig, width: int) -> NetworkConfig:
    """The configuration at another width, with as many frequencies as units."""
    encoding: Any = config.encoding
    if encoding is not None:
        encoding = replace(encoding, num_frequencies=width)
    return replace(config, width=width, encoding=encoding)


def cross() -> Iterator[Run]:
    """Every candidate on every signal of its kind."""
    for kind in ("image", "audio", "volume"):
        for name, config in candidates(kind).items():
            for signal in KINDS[kind]:
                yield Run("cross", signal, name, config)


WINNERS = ("kodak/kodim04", "div2k/test_00", "kodak/kodim06")


def widths() -> Iterator[Run]:
    """Winners at other widths, their rates times a factor."""
    for width in (24, 96, 192):
        for signal in WINNERS[:2] if width == 192 else WINNERS:
            config = with_width(candidates("image")[f"{signal} #0"], width)
            for factor in (0.25, 0.5, 1.0, 2.0):
                changed = with_rates(config, factor)
                yield Run("widths", signal, f"{signal} #0", changed, width, factor)


def sizes() -> Iterator[Run]:
    """Winners on the same pictures at twice the resolution and half of it."""
    for size in (48, 192):
        for signal in WINNERS:
            for factor in (0.5, 1.0, 1.4, 2.0):
                changed = with_scale(candidates("image")[f"{signal} #0"], factor)
                yield Run("sizes", signal, f"{signal} #0", changed, factor=factor, size=size)


def lengths() -> Iterator[Run]:
    """Winners for fewer and for more steps, their rates times a factor."""
    for num_steps in (125, 2000):
        for signal in WINNERS[:2]:
            for factor in (0.5, 0.7, 1.0, 1.4):
                changed = with_rates(candidates("image")[f"{signal} #0"], factor)
                yield Run(
                    "lengths", signal, f"{signal} #0", changed, factor=factor, num_steps=num_steps
                )


UNSEEN = ("kodak/kodim07", "div2k/test_06")
MORE_UNSEEN = (
    *("kodak/kodim09", "kodak/kodim15", "kodak/kodim22"),
    *("div2k/test_08", "div2k/test_10", "div2k/test_12"),
)
# (pixels a side, width, steps): the portfolio's first, found at 96, 48 and 500, against SIREN
LARGER = ((96, 96, 500), (96, 192, 500), (256, 96, 200))
SIREN_FACTORS = (4.0, 2.0, 1.0)


def larger() -> Iterator[Run]:
    """The portfolio's first on larger networks and pictures, beside the best published network."""
    for signal in (*UNSEEN, *MORE_UNSEEN):
        for size, width, num_steps in LARGER:
            picture = read_signal(signal, size)
            first = recommend(picture, 1, width=width, num_steps=num_steps)[0].config
            sizes: Any = {"width": width, "size": size, "num_steps": num_steps}
            yield Run("larger", signal, "portfolio", first, **sizes)
            for factor in SIREN_FACTORS:
                siren = oi.preset("siren", width=width, depth=4, protocol="search", factor=factor)
                plain = replace(siren, sampling=None)
                yield Run("larger", signal, "siren", plain, factor=factor, **sizes)


# pixels a side, width, steps, factors on the frequencies: sizes and widths that grow together
GROWN = (
    (192, 96, 200, (1.0, 2.0, 4.0)),
    (256, 192, 200, (1.0, 2.0, 4.0)),
    (512, 256, 150, (1.0, 4.0, 8.0)),
)
GROWN_BATCH = 16_384


def grown() -> Iterator[Run]:
    """The portfolio's first, as for 96 pixels, on larger pictures by wider networks."""
    for size, width, num_steps, factors in GROWN:
        for signal in UNSEEN:
            known = read_signal(signal, 96)
            config = recommend(known, 1, width=width, num_steps=num_steps)[0].config
            config = replace(config, batch_size=GROWN_BATCH)
            for factor in factors:
                changed = with_scale(config, factor)
                options: Any = {"size": size, "num_steps": num_steps}
                yield Run("grown", signal, "portfolio", changed, width, factor, **options)


NARROW_WIDTHS, NARROW_STEPS, NARROW_SEEDS = (16, 24, 32), (125, 500), 4


def narrow() -> Iterator[Run]:
    """The portfolio's first three on narrow networks: rates as they are, and times 48 / width."""
    for signal, width in itertools.product(UNSEEN, NARROW_WIDTHS):
        found = recommend(read_signal(signal, 48), 3, width=48, num_steps=500)
        choices = itertools.product(
            enumerate(found, 1), NARROW_STEPS, (1.0, 48 / width), range(NARROW_SEEDS)
        )
        for (rank, entry), num_steps, factor, seed in choices:
            config = with_rates(with_width(entry.config, width), factor)
            sizes: Any = {"size": 48, "num_steps": num_steps, "seed": seed}
            yield Run("narrow", signal, f"portfolio {rank}", config, width, factor, **sizes)


RANKED = ("div2k/test_00", "kodak/kodim06", "bach, 1 s", "twospeakers, 1 s", *SOLIDS[1:3])


def rungs() -> Iterator[Run]:
    """All trials of some searches again."""
    for signal in RANKED:
        for number, (_, point) in enumerate(searched(signal)):
            config = to_config(point, kind_of(signal))
            yield Run("rungs", signal, f"{signal} #{number}", config)


RUN_PARTS = {
    "cross": cross,
    "widths": widths,
    "sizes": sizes,
    "lengths": lengths,
    "larger": larger,
    "grown": grown,
    "narrow": narrow,
    "rungs": rungs,
}
