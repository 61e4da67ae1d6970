"""Question: does a laptop reach at the paper's size what its authors reached by 130 trainings?

Protocol: the paper's networks, 4 layers of 256 units, with Fourier features where a configuration
has them, as the paper's may have; 2 000 steps of our own rule in place of 130 times 10 000 of
AdamW. A configuration is searched on a small copy of the signal (a picture of 128 x 128, a piece of
a sound, a coarse solid) with a small network, scaled to the full size, and trained there once.
Beside it: the first configuration of the portfolio, which costs no search; the searched one with
as few numbers as SIREN has; and SIREN and FINER as their authors train them and by our rule. Scores
are at the samples, as the paper's; what the network is between them stands beside it.

Command: python -m experiments.full_size [SIGNAL...] [--contenders searched] [--num-steps 300]
                                         [--batch-sizes all] [--objective samples]
         python -m experiments.full_size_page   (docs/full_size.md)
Time: 512 x 512 pixels, all of them in a step: about 2 seconds a step on 2 cores, so 10 minutes for
300 steps and 70 for 2 000; with 65 536 of them a quarter of it. The state is kept every minute: the
same command goes on where it was stopped. Of a solid half the points of a step lie around its
surface, by whatever objective; its score is the plain IoU of all voxels.
Expected: experiments/results/full_size/OBJECTIVE/SIGNAL.CONTENDER.STEPS.BATCH.json, a file a
training; its network beside the states, in runs/experiments/full_size.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import tyro

import optiinr_jax as oi
from experiments.protocol import RUNS
from experiments.records import RESULTS
from experiments.signals import load as load_first
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import NetworkConfig, keep_compiled_programs, recommend
from optiinr_jax.inr.cost import step_flops
from optiinr_jax.inr.presets import training_rule
from optiinr_jax.inr.recommended import in_batches
from optiinr_jax.studies.rungs import trainings_done

NETWORK = ".inr.safetensors"
FOLDER, STATES = RESULTS / "full_size", RUNS / "full_size"
WIDTH, ALL = 256, "all"
MARKS = (100, 300, 500, 1000, 1500, 2000)  # steps at which a training is scored on its way
SOLID_MARKS = (2000,)  # a score of 42 million voxels takes a quarter of an hour
SIGNALS = (
    *[f"div2k/test_{i:02d}" for i in (1, 0, 4, 8)],
    *[f"kodak/kodim{i:02d}" for i in (1, 4, 6, 15)],
    "audio/bach",
    "audio/twospeakers",
    "shapes/dragon",
)
SOLID = ["shapes/dragon_occ512_packbits.npz", "shapes/dragon"]
# A small copy of a signal, on which 22 trials of 500 steps (200 of a solid) take minutes.
SMALL = {"image": (64, 500), "audio": (48, 500), "volume": (24, 200)}  # kind -> width, steps
SMALL_SIZE = {"image": 128, "volume": 48}
GROWTH = 1.0  # of frequencies with the size: the width, so what it can hold, grows as well
PIECE = {"start": 1.0, "duration": 0.1}  # of a sound, in seconds
FACTOR = 4.0  # on the authors' rates under our rule, the best one for nearly all


@dataclass(frozen=True)
class Arguments:
    """What is trained.

    Attributes:
        signals: by name; none: all.
        contenders: by name; none: all.
        num_steps: of each training.
        batch_sizes: points of a step; "all" is every one of them.
        objective: "samples" is the paper's metric.
    """

    signals: tyro.conf.Positional[tuple[str, ...]] = SIGNALS
    contenders: tuple[str, ...] = ()
    num_steps: int = 2000
    batch_sizes: tuple[str, ...] = ("65536",)
    objective: Literal["samples", "continuous"] = "samples"


class Start(NamedTuple):
    """A configuration for a full size, and what it took to find it."""

    config: NetworkConfig
    seconds: float = 0.0
    flops: float = 0.0


def kind_of(name: str) -> str:
    """Kind of a signal, by the folder of its data set."""
    return {"audio": "audio", "shapes": "volume"}.get(name.partition("/")[0], "image")


def load(name: str) -> oi.Signal:
    """A signal at the paper's size: every pixel, the whole sound, 512 voxels along a side."""
    kind = kind_of(name)
    if kind == "audio":
        return oi.load_dataset_signal(name)
    return load_first(files_of(name), kind, 512 if kind == "volume" else None)


def load_small(name: str) -> oi.Signal:
    """A copy on which many networks can be tried."""
    kind = kind_of(name)
    if kind == "audio":
        return oi.load_dataset_signal(name, **PIECE)
    return load_first(files_of(name), kind, SMALL_SIZE[kind])


def files_of(name: str) -> list[str]:
    """Files of the data folder, then the data set."""
    return SOLID if kind_of(name) == "volume" else [f"{name}.png", name]


def searched(name: str, signal: oi.Signal, num_steps: int, objective: str) -> Start:
    """What a search on the small copy found, scaled."""
    small = load_small(name)
    width, steps = SMALL[signal.kind]
    folder = STATES / "searches"
    folder.mkdir(parents=True, exist_ok=True)
    study = oi.search(
        small,
        storage=folder / f"{name.replace('/', '_')}.{objective}.db",
        objective=objective,
        width=width,
        num_steps=steps,
    )
    lengths = {"size": (side_of(small), side_of(signal)), "num_steps": (steps, num_steps)}
    config = study.best_config.scaled(width=WIDTH, growth=GROWTH, **lengths)
    seconds = sum(trial.seconds or 0.0 for trial in study.trials)
    flops = steps * step_flops(study.best_config, small.num_points, small.num_channels)
    return Start(config, seconds, flops * trainings_done(study.trials, steps))


def side_of(signal: oi.Signal) -> float:
    """Samples along a side, in the geometric mean."""
    return float(signal.num_points) ** (1.0 / signal.num_dims)


def narrow(name: str, signal: oi.Signal, num_steps: int, objective: str) -> Start:
    """The searched one, narrow enough to have no more numbers than SIREN of the paper's size."""
    start = searched(name, signal, num_steps, objective)
    return start._replace(config=narrowed(start.config, signal))


def narrowed(config: NetworkConfig, signal: oi.Signal) -> NetworkConfig:
    """As wide as it may be with no more numbers than SIREN has at the paper's size."""
    budget = count_params(oi.preset("siren", modality=signal.kind, width=WIDTH, depth=4), signal)
    narrower = (config.scaled(width=width) for width in range(WIDTH, 0, -8))
    return next(c for c in narrower if count_params(c, signal) <= budget)


def portfolio(name: str, signal: oi.Signal, num_steps: int, objective: str) -> Start:
    """What did best on other signals, scaled; nothing is searched."""
    (first,) = recommend(signal, 1, width=WIDTH, num_steps=num_steps)
    return Start(first.config)


def count_params(config: NetworkConfig, signal: oi.Signal) -> int:
    """Numbers that a network trains."""
    sizes = {"num_dims": signal.num_dims, "num_channels": signal.num_channels}
    made = jax.eval_shape(lambda: oi.inr.init(jax.random.key(0), config, **sizes))
    return sum(leaf.size for leaf in jax.tree.leaves(made["params"]))


def published(preset: str, protocol: str) -> Callable[[str, oi.Signal, int, str], Start]:
    """A published network by a protocol; by our rule it is trained as ours are, rates included.

    Our rates were measured on small networks, so that they are scaled with the width, as ours are.
    """

    def start(name: str, signal: oi.Signal, num_steps: int, objective: str) -> Start:
        make = partial(oi.preset, preset, modality=signal.kind, protocol=protocol, depth=4)
        if protocol == "search":
            small, _ = SMALL[signal.kind]
            return Start(make(width=small, factor=FACTOR).scaled(width=WIDTH))
        return Start(make(width=WIDTH))

    return start


CONTENDERS: dict[str, Callable[[str, oi.Signal, int, str], Start]] = {
    "searched": searched,
    "searched, narrow": narrow,
    "portfolio": portfolio,
    "siren, our rule": published("siren", "search"),
    "finer, our rule": published("finer", "search"),
    "siren, official": published("siren", "official"),
    "finer, official": published("finer", "official"),
}


def result_of(name: str, contender: str, num_steps: int, batch: str, objective: str) -> Path:
    """File of a training."""
    parts = (
        name.replace("/", "_"),
        contender.replace(", ", "-").replace(" ", "-"),
        num_steps,
        batch,
    )
    return FOLDER / objective / (".".join(map(str, parts)) + ".json")


def train(name: str, contender: str, num_steps: int, batch: str, objective: str) -> None:
    """One training, in pieces: its curve is written at every mark, its state every minute."""
    path = result_of(name, contender, num_steps, batch, objective)
    record = json.loads(path.read_text()) if path.is_file() else {}
    on_the_way = SOLID_MARKS if kind_of(name) == "volume" else MARKS
    marks = [mark for mark in (*on_the_way, num_steps) if mark <= num_steps]
    if record.get("curve") and record["curve"][-1]["steps"] == num_steps:
        return
    signal = load(name)
    if not record:
        record = begin(name, signal, contender, num_steps, batch, objective)
    config = NetworkConfig.from_json(record["config"])
    flops = step_flops(config, signal.num_points, signal.num_channels)
    state = state_of(path, ".checkpoint")
    state.parent.mkdir(parents=True, exist_ok=True)
    for mark in marks:
        if any(row["steps"] >= mark for row in record["curve"]):
            continue
        clock = Clock(record, path)
        inr = oi.fit(
            signal,
            config,
            objective=objective,
            num_steps=num_steps,
            checkpoint=state,
            pause_at=mark,
            share_program=False,
            on_step=clock.tick,
        )
        row = {"steps": inr.num_steps, "seconds": round(record["seconds"], 1)}
        row |= {
            "flops": flops * inr.num_steps,
            "samples": inr.scores.samples,
            "between": inr.scores.between,
        }
        record["curve"].append(row)
        record["peak_memory_mb"] = max(record["peak_memory_mb"], peak_memory())
        record["file_bytes"] = inr.num_bytes
        write(path, record)
        print(f"{name}, {contender}, {batch} points a step: {row}", flush=True)
    inr.save(state_of(path, NETWORK))
    state.unlink(missing_ok=True)


def state_of(result: Path, suffix: str) -> Path:
    """Where the state or the network of a training lies: megabytes, which are not committed."""
    return STATES / result.parent.name / result.with_suffix(suffix).name


def begin(
    name: str, signal: oi.Signal, contender: str, num_steps: int, batch: str, objective: str
) -> dict[str, Any]:
    """What is known before the first step."""
    start = CONTENDERS[contender](name, signal, num_steps, objective)
    batch_size = None if batch == ALL else int(batch)
    config = start.config
    if "official" not in contender:
        config = replace(config, **training_rule(signal.kind, objective))
        if signal.kind == "volume":  # few of so many voxels are where a solid ends
            config = replace(config, sampling="surface")
    config = in_batches(config, signal, batch_size)
    return {
        "signal": name,
        "contender": contender,
        "objective": objective,
        "shape": list(signal.shape),
        "num_params": count_params(config, signal),
        "search": {"seconds": round(start.seconds, 1), "flops": start.flops},
        "config": config.to_json(),
        "seconds": 0.0,
        "peak_memory_mb": 0,
        "curve": [],
    }


class Clock:
    """Adds the seconds of training to a record, also those of a piece that is killed."""

    def __init__(self, record: dict[str, Any], path: Path) -> None:
        self.record, self.path, self.last = record, path, time.monotonic()

    def tick(self, done: int, num_steps: int, loss: float) -> None:
        """After a chunk of steps."""
        now = time.monotonic()
        self.record["seconds"] += now - self.last
        self.last = now
        write(self.path, self.record)


def write(path: Path, record: dict[str, Any]) -> None:
    """Keep a record, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (json.dumps(record, indent=1) + "\n").encode())


def peak_memory() -> int:
    """Largest memory of this process so far, in MB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(used / (1e6 if sys.platform == "darwin" else 1e3))


def main(arguments: Arguments) -> None:
    """Run what is missing."""
    keep_compiled_programs()
    for name in arguments.signals:
        for contender in arguments.contenders or CONTENDERS:
            for batch in arguments.batch_sizes:
                train(name, contender, arguments.num_steps, batch, arguments.objective)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
