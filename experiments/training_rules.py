"""Question: by which rule should a network be trained, and at which points?

A rule is an optimiser, a gradient that is normalised or not, a warm-up, a fall of the rates, and a
factor on the rates that a network comes with; a sampling says where the points of a step lie. The
networks are the published ones (SIREN, FINER, IGA, GF, WIRE), a plain SIREN on Fourier features,
and what the first searches found; both figures are kept, at the samples and between them.

Three stages, each a list of runs, of which those that are there are left out:
- screen: many rules with four factors, four networks on four signals, one seed.
- full: the rules that the screen leaves and the first one, all networks on ten signals, trained at
  the samples and between them, three seeds where that takes minutes; and 2 000 steps on some.
- samplings: other places for the points of a step, on the signals of the screen.
- noise: all configurations of one search, three seeds each, by the first rule and the new one.

Command: python -m experiments.training_rules run [--stage screen] [--share 0/1]
         python -m experiments.training_rules_page
Time: screen 80 minutes, full 3 hours, samplings 5 minutes, noise 40 on one core; `--share 0/2` and
`1/2` side by side.
Expected: experiments/results/training_rules.jsonl, one line a training; docs/training_rules.md.
"""

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import tyro

import optiinr_jax as oi
from experiments.protocol import fresh_key, scale_encoding
from experiments.records import RESULTS, read_results
from experiments.signals import load
from optiinr_jax.inr import (
    DivergedError,
    FourierFeatures,
    NetworkConfig,
    keep_compiled_programs,
    make_layer,
)
from optiinr_jax.inr.config import as_number
from optiinr_jax.studies.points import nyquist_of, point_to_config

RUNS = RESULTS / "training_rules.jsonl"
FIRST = "adamw"  # the rule of the first tables
NORMALISED = {"gradient_norm": 1.0, "lr_warmup": 0.05}
RULES: dict[str, dict[str, Any]] = {  # name -> fields of NetworkConfig
    FIRST: {"lr_cooldown": 0.3},
    "adamw, warm-up": {"lr_cooldown": 0.3, "lr_warmup": 0.05},
    "adamw, clipped": {"lr_cooldown": 0.3, "lr_warmup": 0.05, "clip_norm": 0.1},
    "adamw, normalised": {"lr_cooldown": 0.3, **NORMALISED},
    "adamw, normalised, long fall": {"lr_cooldown": 1.0, **NORMALISED},
    "soap": {"optimizer": "soap", "lr_cooldown": 0.3, "lr_warmup": 0.05},
    "soap, normalised": {"optimizer": "soap", "lr_cooldown": 0.3, **NORMALISED},
    "soap, normalised, long fall": {"optimizer": "soap", "lr_cooldown": 1.0, **NORMALISED},
    "muon, normalised": {"optimizer": "muon", "lr_cooldown": 0.3, **NORMALISED},
}
FACTORS = (0.5, 1.0, 2.0, 4.0)
NUM_SEEDS = 3
TRIAL = "trial"  # of the first search of a picture, followed by its number


@dataclass(frozen=True)
class Signal:
    """One signal, and how large the networks for it are."""

    kind: str
    files: tuple[str, ...]
    size: int | None = None
    width: int = 48
    num_steps: int = 500
    options: tuple[tuple[str, Any], ...] = ()
    found: str = ""  # signal of the first tables, whose winner is tried


_SOUND = (("duration", 2.0), ("sample_rate", 8192))
_PICTURES = ("kodak/kodim04", "div2k/test_00", "kodak/kodim01", "div2k/test_04")
SIGNALS: dict[str, Signal] = {
    **{name: Signal("image", (name,), 96, found=name) for name in _PICTURES},
    "div2k/test_01, 256": Signal("image", ("div2k/test_01",), 256, found="div2k/test_01"),
    "audio/bach": Signal("audio", ("audio/bach",), options=_SOUND, found="audio/bach"),
    "audio/twospeakers": Signal(
        "audio", ("audio/twospeakers",), options=_SOUND, found="audio/twospeakers"
    ),
    "sample sound": Signal("audio", (), 16_384, found="sample"),
    "shapes/Armadillo": Signal(
        "volume",
        ("shapes/armadillo_30kfaces.ply", "shapes/Armadillo"),
        64,
        24,
        200,
        found="shapes/Armadillo",
    ),
    "shapes/spot": Signal("volume", ("shapes/spot.obj",), 32, 24, 200, found="shapes/Armadillo"),
}
SCREEN = ("kodak/kodim04", "div2k/test_00", "audio/bach", "shapes/spot")
LONG = SCREEN
PUBLISHED = {"siren": "siren", "finer": "finer", "iga": "iga", "gf": "gf", "wire": "wire"}
NETWORKS = (*PUBLISHED, "plain", "found")


@dataclass(frozen=True)
class Run:
    """One training."""

    stage: str
    signal: str
    network: str
    rule: str
    factor: float
    sampling: str
    num_steps: int
    seed: int

    @property
    def key(self) -> str:
        """What makes two trainings the same."""
        return json.dumps([self.signal, self.network, self.rule, self.factor, *self._rest()])

    def _rest(self) -> list[Any]:
        return [self.sampling, self.num_steps, self.seed]


def screen() -> Iterator[Run]:
    """Rules and factors, between the samples."""
    for signal in SCREEN:
        for network in ("siren", "finer", "plain", "found"):
            for rule in RULES:
                for factor in FACTORS:
                    steps = SIGNALS[signal].num_steps
                    yield Run("screen", signal, network, rule, factor, "shifted", steps, 0)


# What the screen left, and the first rule. Published networks run at four times their rate under
# each of them, which the screen found best or nearly so for all, the first rule included.
BEST = (FIRST, "adamw, normalised", "muon, normalised", "soap, normalised")
FACTOR = {network: 4.0 for network in PUBLISHED}
OFTEN, LARGE = ("siren", "plain", "found"), ("div2k/test_01, 256", "shapes/Armadillo")


def samplings() -> Iterator[Run]:
    """Where else the points of a step may lie: every point by itself, or near the surface."""
    for signal in SCREEN:
        rows = ("jittered", "surface") if SIGNALS[signal].kind == "volume" else ("jittered",)
        for network in OFTEN:
            for rule in (FIRST, "soap, normalised"):
                for sampling in rows:
                    steps, factor = SIGNALS[signal].num_steps, FACTOR.get(network, 1.0)
                    yield Run("samplings", signal, network, rule, factor, sampling, steps, 0)


def full() -> Iterator[Run]:
    """The best rules on everything; three seeds where a training takes seconds."""
    for signal in LONG:
        for network in OFTEN:
            for rule in BEST:
                factor = FACTOR.get(network, 1.0)
                yield Run("full", signal, network, rule, factor, "shifted", 2000, 0)
    for seed in range(NUM_SEEDS):
        for signal in SIGNALS:
            for network in NETWORKS:
                is_often = network in OFTEN
                if (seed and signal in LARGE) or not (
                    is_often or (not seed and signal not in LARGE)
                ):
                    continue
                for rule in BEST:
                    for sampling in ("grid", "shifted"):
                        steps, factor = SIGNALS[signal].num_steps, FACTOR.get(network, 1.0)
                        yield Run("full", signal, network, rule, factor, sampling, steps, seed)


def noise() -> Iterator[Run]:
    """The configurations of one of the first searches by the old and the new rule, three seeds."""
    signal = SCREEN[0]
    for seed in range(NUM_SEEDS):
        for number in range(len(searched_points(signal))):
            for rule, sampling in ((FIRST, "grid"), ("soap, normalised", "shifted")):
                yield Run("noise", signal, f"{TRIAL} {number}", rule, 1.0, sampling, 500, seed)


STAGES = {"screen": screen, "samplings": samplings, "full": full, "noise": noise}


@cache
def read_signal(name: str) -> Any:
    """The signal of a name."""
    row = SIGNALS[name]
    if not row.files:
        return oi.sample_signal(row.kind, row.size)
    return load(list(row.files), row.kind, row.size, **dict(row.options))


@cache
def searched_points(signal: str) -> list[dict[str, Any]]:
    """The points of the first search of a picture."""
    records = {(r["signal"], r["contender"]): r for r in read_results("images")}
    return records[signal, "optiinr"]["points"]


@cache
def found_config(signal: str) -> NetworkConfig:
    """What the first search of the tables found, with the rates that it found."""
    table = {"image": "images", "audio": "sounds", "volume": "shapes"}[SIGNALS[signal].kind]
    wanted = SIGNALS[signal].found, "optiinr"
    records = {(r["signal"], r["contender"]): r for r in read_results(table)}
    config = NetworkConfig.from_json(records[wanted]["fresh"]["found"]["config"])
    return replace(scale_encoding(config), batch_size=None)


def plain_config(signal: str) -> NetworkConfig:
    """SIREN on Fourier features whose scale is a twentieth of the grid's highest frequency."""
    row, shape = SIGNALS[signal], read_signal(signal)
    nyquist = nyquist_of(row.kind, shape.shape)
    encoding = FourierFeatures(sigma=0.05 * nyquist, num_frequencies=row.width)
    layers = (make_layer("siren", omega=20.0, learning_rate=1e-3),) * 4
    tiny = {"output_init": "tiny"} if row.kind == "audio" else {}
    return NetworkConfig(layers=layers, width=row.width, encoding=encoding, **tiny)


def make_config(run: Run) -> NetworkConfig:
    """The network of a run under its rule."""
    row = SIGNALS[run.signal]
    if run.network == "found":
        config = found_config(run.signal)
    elif run.network.startswith(TRIAL):
        point = searched_points(run.signal)[int(run.network.removeprefix(TRIAL))]
        config = point_to_config(point, width=row.width)
    elif run.network == "plain":
        config = plain_config(run.signal)
    else:
        size = {"width": row.width, "depth": 4}
        config = oi.preset(PUBLISHED[run.network], modality=row.kind, **size)
    layers = tuple(
        replace(layer, learning_rate=run.factor * as_number(layer.learning_rate))
        for layer in config.layers
    )
    plain = {"optimizer": "adamw", "schedule": "exponential", "lr_decay": 1.0, "batch_size": None}
    rule = {"weight_decay": 0.01, **plain, **RULES[run.rule]}
    return replace(config, layers=layers, sampling=run.sampling, **rule)


def train(run: Run) -> dict[str, Any]:
    """One training: its figures, and what the best constant would have."""
    signal, begin = read_signal(run.signal), time.monotonic()
    try:
        inr = oi.fit(
            signal,
            make_config(run),
            objective="continuous",
            num_steps=run.num_steps,
            key=fresh_key(7, run.seed),
            share_program=run.network not in ("wire", "iga"),
            progress=False,
            warn=False,
        )
        scores = inr.scores._asdict()
        left = float(inr.history[-50:].mean()) / signal.variance()
        early = {f"1/{n}": _early(inr.history, run.num_steps // n) for n in (6, 3)}
    except (DivergedError, ValueError) as error:
        scores, left, early = {"problem": str(error)}, math.inf, {}
    return {
        **vars(run),
        **scores,
        "left": left,
        **early,
        "seconds": round(time.monotonic() - begin, 2),
    }


def _early(history: Any, step: int) -> float:
    """Loss around a step, without the jitter of a single one."""
    return float(history[max(step - 10, 0) : step + 10].mean())


def read_runs() -> dict[str, dict[str, Any]]:
    """Key -> what a training gave."""
    rows = {}
    for line in RUNS.read_text().splitlines() if RUNS.is_file() else []:
        row = json.loads(line)
        rows[Run(**{name: row[name] for name in Run.__dataclass_fields__}).key] = row
    return rows


def run(
    stage: Literal["screen", "samplings", "full", "noise"] = "screen",
    share: str = "0/1",
    minutes: float = math.inf,
) -> None:
    """Train what is missing of a stage.

    Args:
        share: which part of the runs this process takes, "0/2" every other one.
        minutes: no training begins after so many.
    """
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    keep_compiled_programs()
    which, of = map(int, share.split("/"))
    end = time.monotonic() + 60 * minutes
    done = read_runs()
    todo = [r for i, r in enumerate(STAGES[stage]()) if i % of == which and r.key not in done]
    for i, one in enumerate(todo):
        if time.monotonic() > end:
            return
        row = train(one)
        with RUNS.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(
            f"{i + 1}/{len(todo)} {one.signal} {one.network} {one.rule} x{one.factor:g} "
            f"{one.sampling}: {row.get('both', math.nan):.4g}",
            flush=True,
        )


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"run": run})
