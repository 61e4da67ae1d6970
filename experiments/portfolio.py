"""Claim: one configuration chosen on other signals does what a search of its own would.

Parts, each a list of trainings of which those that are there are left out:
- search: 40 trials on each sound, which the other tables do not have under the present rule.
- cross: the three best configurations of every stored search on all signals of their kind.
- widths: winners at other widths with their rates times a factor, on pictures.
- sizes: winners on larger pictures, their scale times a factor.
- lengths: winners for fewer and more steps, their rates times a factor.
- larger: the portfolio's first on larger networks and pictures that nothing was chosen on.
- grown: the same with both larger, in mini-batches, its frequencies times a factor.
- rungs: every trial of a search again, for what the loss says on the way.

Command: python -m experiments.portfolio run PART [--share 0/1] [--minutes 60]
         python -m experiments.portfolio choose   (writes optiinr_jax/inr/portfolio.json)
         python -m experiments.portfolio_page     (writes docs/portfolio.md)
Time: cross 30 minutes, search 15, widths 15, sizes 15, rungs 10 on one core.
Expected: experiments/results/portfolio.jsonl, one line a training.
"""

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import tyro

import optiinr_jax as oi
from experiments import between_samples
from experiments.protocol import PLAIN, RUNS, fresh_key
from experiments.records import RESULTS, read_results
from experiments.signals import load as load_file
from optiinr_jax.inr import DivergedError, NetworkConfig, keep_compiled_programs
from optiinr_jax.inr.config import as_number
from optiinr_jax.inr.recommended import PACKAGED, recommend, write_cells
from optiinr_jax.inr.recommended import choose as choose_names
from optiinr_jax.studies.points import point_to_config
from optiinr_jax.studies.portfolio import NUM_ENTRIES, make_cell

LINES = RESULTS / "portfolio.jsonl"
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
PARTS_OF_RUN = {"1/12": 12.0, "1/6": 6.0, "1/4": 4.0, "1/3": 3.0, "1/2": 2.0, "2/3": 1.5}
Part = Literal["search", "cross", "widths", "sizes", "lengths", "larger", "grown", "rungs"]


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
# (pixels a side, width, steps): the portfolio's first, found at 96, 48 and 500, against SIREN
LARGER = ((96, 96, 500), (96, 192, 500), (256, 96, 200))


def larger() -> Iterator[Run]:
    """The portfolio's first on larger networks and pictures, beside the best published network."""
    for size, width, num_steps in LARGER:
        for signal in UNSEEN:
            picture = read_signal(signal, size)
            first = recommend(picture, 1, width=width, num_steps=num_steps)[0].config
            sizes: Any = {"width": width, "size": size, "num_steps": num_steps}
            yield Run("larger", signal, "portfolio", first, **sizes)
            for factor in (4.0, 2.0, 1.0):
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
    "rungs": rungs,
}


def train(run: Run) -> dict[str, Any]:
    """One training: its figures, and the loss on the way."""
    signal, begin = read_signal(run.signal, run.size), time.monotonic()
    key = fresh_key(11, run.seed)
    options: Any = {"objective": "continuous", "progress": False, "warn": False}
    options |= {"num_steps": run.num_steps, "share_program": True, "key": key}
    try:
        inr = oi.fit(signal, run.config, **options)
        scores, early = inr.scores._asdict(), early_losses(inr.history)
    except (DivergedError, ValueError) as error:
        scores, early = {"problem": str(error)}, {}
    return run.facts | scores | early | {"seconds": round(time.monotonic() - begin, 2)}


def early_losses(history: Any) -> dict[str, float]:
    """Mean loss of the 20th of the run before each of some steps."""
    window = max(len(history) // 20, 1)
    ends = {name: int(len(history) / part) for name, part in PARTS_OF_RUN.items()}
    return {name: float(np.mean(history[end - window : end])) for name, end in ends.items()}


def read_lines(part: str) -> list[dict[str, Any]]:
    """What the trainings of a part gave."""
    lines = LINES.read_text().splitlines() if LINES.is_file() else []
    return [row for row in map(json.loads, lines) if row["part"] == part]


def search_sounds(minutes: float) -> None:
    """Search on every sound that has no stored search."""
    end = time.monotonic() + 60.0 * minutes
    for name in SOUNDS:
        path = RESULTS / "portfolio_searches" / f"{name}.json"
        if path.is_file() or time.monotonic() > end:
            continue
        (RUNS / "portfolio").mkdir(parents=True, exist_ok=True)
        storage = f"sqlite:///{RUNS / 'portfolio' / name}.db"
        study = oi.search(
            read_signal(name), num_trials=40, storage=storage, progress=False, **SIZE, **PLAIN
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        trials = [(trial.score, trial.point) for trial in study.trials]
        path.write_text(json.dumps(trials, indent=1) + "\n")
        print(f"{name}: {study.best_score:.4g}", flush=True)


def run(part: tyro.conf.Positional[Part], share: str = "0/1", minutes: float = math.inf) -> None:
    """Train what is missing of a part.

    Args:
        share: which trainings this process takes, "0/2" every other one.
        minutes: no training begins after so many.
    """
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    keep_compiled_programs()
    if part == "search":
        search_sounds(minutes)
        return
    end = time.monotonic() + 60.0 * minutes
    names = [name for name in Run.__dataclass_fields__ if name != "config"]
    done = {json.dumps([row[name] for name in names]) for row in read_lines(part)}
    which, of = map(int, share.split("/"))
    todo = [
        one
        for i, one in enumerate(RUN_PARTS[part]())
        if i % of == which and json.dumps(list(one.facts.values())) not in done
    ]
    for i, one in enumerate(todo, 1):
        if time.monotonic() > end:
            return
        row = train(one)
        with LINES.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(
            f"{i}/{len(todo)} {one.signal} {one.candidate} {one.width} x{one.factor:g} "
            f"{row.get('both', math.nan):.4g}",
            flush=True,
        )


def cross_scores(kind: str) -> dict[str, np.ndarray]:
    """Candidate -> its scores on all signals of a kind; incomplete ones are left out."""
    found: dict[str, dict[str, float]] = {}
    for row in read_lines("cross"):
        if row["signal"] in KINDS[kind]:
            found.setdefault(row["candidate"], {})[row["signal"]] = row.get("both", -math.inf)
    return {
        name: np.array([scores[signal] for signal in KINDS[kind]])
        for name, scores in found.items()
        if len(scores) == len(KINDS[kind])
    }


def left_out(scores: dict[str, np.ndarray], signals: tuple[str, ...]) -> list[dict[str, float]]:
    """What a portfolio has on a signal that had no part in it, against that signal's own search."""
    rows = []
    for i, signal in enumerate(signals):
        others = [name for name in scores if not name.startswith(f"{source_of(signal)}")]
        rest = {name: np.delete(scores[name], same_source(signals, i)) for name in others}
        if not rest:
            continue
        own = max(values[i] for name, values in scores.items() if name.startswith(f"{signal} #"))
        reached = [float(scores[name][i]) for name in choose_names(rest, NUM_ENTRIES)]
        rows.append({"signal": signal, "own": float(own)} | dict(best_of(reached)))
    return rows


def source_of(signal: str) -> str:
    """What a signal was cut from: pieces of one recording do not count as others."""
    return signal.split(",")[0]


def same_source(signals: tuple[str, ...], i: int) -> list[int]:
    """Places of all signals of the source of one."""
    return [j for j, other in enumerate(signals) if source_of(other) == source_of(signals[i])]


def best_of(reached: list[float]) -> Iterator[tuple[str, float]]:
    """The best of the first, of the first three, and of all."""
    for name, num in (("first 1", 1), ("first 3", 3), ("all", len(reached))):
        yield name, max(reached[:num])


def shown(candidate: str) -> str:
    """A candidate's name for readers, "kodak/kodim04, best 1"."""
    signal, rank = candidate.split(" #")
    return f"{signal}, best {int(rank) + 1}"


def choose() -> None:
    """Choose from the trainings of `cross`, and write the portfolio of the package."""
    cells = [
        make_cell(
            [read_signal(name) for name in names],
            {shown(name): config for name, config in candidates(kind).items()},
            {shown(name): scores for name, scores in cross_scores(kind).items()},
            NUM_ENTRIES,
            SIZE["num_steps"],
        )
        for kind, names in KINDS.items()
        if cross_scores(kind)
    ]
    print(write_cells(PACKAGED, cells))
    for cell in cells:
        for entry in cell.entries:
            print(f"{cell.kind}: {entry.source}, mean {entry.mean:.4g}, best {entry.best_of:.4g}")
        for row in left_out(cross_scores(cell.kind), KINDS[cell.kind]):
            print("   ", row)


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"run": run, "choose": choose})
