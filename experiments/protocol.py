"""How every table is made: the same trials for all, the winners trained again on fresh seeds.

A job is one signal with one contender, and leaves one file in experiments/results/SIZE/TABLE/. A
job that has its file is not run again; one that was interrupted goes on from its study in
runs/experiments/. So a table may be made in any number of calls, on any machine.
"""

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from multiprocessing import Queue, get_context, parent_process
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import stats

import optiinr_jax as oi
from experiments.contenders import CONTENDERS
from optiinr_jax.bo import Optimizer
from optiinr_jax.bo.space import Point
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import PRESETS as NETWORKS
from optiinr_jax.inr import PROTOCOLS, NetworkConfig, keep_compiled_programs, preset
from optiinr_jax.inr.encodings import FourierFeatures
from optiinr_jax.studies import point_to_config
from optiinr_jax.studies.comparison import FIRST_CONFIRMING
from optiinr_jax.studies.comparison import fresh_key as fresh_key

RESULTS = Path(__file__).parent / "results"
RUNS = Path("runs") / "experiments"
SEARCHES = (
    "optiinr",
    "confirmed",
    "random",
    "untied",
    "single_family",
    "encoded_family",
    "tpe",
    "faithful",
    "layerwise",
)
PRESETS, CONFIRMED = "presets", "confirmed"
CLOSE = {"IoU": 0.1}  # a preset this far below the best on its first seed gets no further ones
CLOSE_DB = 3.0
NUM_CONFIRMED, NUM_CONFIRMING = 3, 2  # configurations that are trained again, seeds of each


@dataclass(frozen=True)
class Size:
    """One size of the protocol."""

    num_trials: int
    num_initial: int
    num_steps: int
    width: int
    depth: int = 4
    num_seeds: int = 3  # fresh ones, for what is compared


@dataclass(frozen=True)
class Arguments:
    """What a table is asked for.

    Attributes:
        size: "quick" runs on a laptop, "paper" is the paper's and wants a GPU.
        contenders: searches to run, and "presets"; none: all.
        signals: to run; none: all of the table.
        minutes: no new trial begins after so many; the same command goes on.
        workers: processes, each on a core of its own; 1 on a GPU.
    """

    size: Literal["quick", "paper"] = "quick"
    contenders: tuple[str, ...] = (SEARCHES[0], PRESETS, *SEARCHES[1:])
    signals: tuple[str, ...] = ()
    minutes: float = math.inf
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass(frozen=True)
class Job:
    """One signal with one contender."""

    table: str
    size_name: str
    size: Size
    signal: str
    contender: str
    load: Callable[[str, str], Any]  # (signal, size name) -> Signal; a function of a module
    end: float  # no trial begins after this time

    @property
    def result(self) -> Path:
        """File of what came of it."""
        name = f"{self.signal.replace('/', '_')}.{self.contender}.json"
        return RESULTS / self.size_name / self.table / name


def run_table(
    table: str,
    sizes: dict[str, Size],
    signals: dict[str, tuple[str, ...]],
    load: Callable[[str, str], Any],
    arguments: Arguments,
) -> None:
    """Run all jobs of a table that have no result yet.

    Args:
        table: its name, a folder of the results.
        sizes: by name.
        signals: names, by size.
        load: function of a module: (name of a signal, name of a size) -> Signal.
    """
    names = arguments.signals or signals[arguments.size]
    end = time.time() + 60.0 * arguments.minutes
    jobs = [
        Job(table, arguments.size, sizes[arguments.size], name, contender, load, end)
        for contender in arguments.contenders
        for name in names
    ]
    waiting = [job for job in jobs if not job.result.is_file()]
    print(f"{table}, {arguments.size}: {len(jobs) - len(waiting)} of {len(jobs)} jobs are done")
    context = get_context("spawn")
    cores: Queue[int] = context.Queue()
    for core in sorted(os.sched_getaffinity(0)) * arguments.workers:
        cores.put(core)
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    begin = time.time()
    with ProcessPoolExecutor(
        arguments.workers, context, initializer=_take_core, initargs=(cores, arguments.workers)
    ) as pool:
        futures = {pool.submit(run_job, job): job for job in waiting}
        for count, future in enumerate(as_completed(futures), 1):
            job, elapsed = futures[future], time.time() - begin
            left = elapsed / count * (len(waiting) - count) / 60.0
            print(
                f"{count}/{len(waiting)} {job.signal} {job.contender}: {future.result()}, "
                f"{left:.0f} minutes left",
                flush=True,
            )


def run_job(job: Job) -> str:
    """Run one job, write its result, and say in words what came of it."""
    keep_compiled_programs()
    start = time.monotonic()
    signal = job.load(job.signal, job.size_name)
    record = {PRESETS: fit_presets, CONFIRMED: confirm}.get(job.contender, search)(job, signal)
    if record is None:
        return "to be continued"
    head = {
        "table": job.table,
        "signal": job.signal,
        "shape": list(signal.shape),
        "metric": signal.metric_name,
        "contender": job.contender,
        "size": asdict(job.size),
        "seconds": round(time.monotonic() - start, 1),  # of this call, fresh seeds included
        "versions": {name: version(name) for name in ("optiinr-jax", "jax", "numpy", "optuna")},
    }
    job.result.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(job.result, (json.dumps(head | record, indent=1) + "\n").encode())
    _, best = best_network(record["fresh"])
    return f"{mean_of(best['scores']):.4g} {signal.metric_name}"


def search(job: Job, signal: Any) -> dict[str, Any] | None:
    """The trials of one search, and its winner on fresh seeds; None: out of time."""
    size, folder = job.size, RUNS / job.size_name / job.table
    folder.mkdir(parents=True, exist_ok=True)
    is_sampler = job.contender not in CONTENDERS
    options: dict[str, Any] = {
        "num_trials": size.num_trials,
        "num_initial": size.num_initial,
        "num_steps": size.num_steps,
        "width": size.width,
        "depth": size.depth,
        "strategy": job.contender if is_sampler else "random",
        "storage": f"sqlite:///{folder / job.result.stem}.db",
    }
    if is_sampler:
        study = oi.search(
            signal,
            **options,
            progress=False,
            on_trial_end=lambda study, _: study.stop() if time.time() > job.end else None,
        )
    else:
        study = oi.create_study(signal, **options)
        while study.count_ended() < size.num_trials and time.time() < job.end:
            if study.count_ended() == len(study.optuna_study.get_trials(deepcopy=False)):
                study.enqueue(CONTENDERS[job.contender](study))
            asked = study.ask()
            study.tell(asked, train(signal, asked.config, size, asked.key))
    if study.count_ended() < size.num_trials:
        return None
    return {
        "trials": [trial.score for trial in study.trials],
        "points": [trial.point for trial in study.trials],
        "fresh": {"found": score_fresh(signal, study.best_config, size)},
    }


def score_fresh(
    signal: Any, config: NetworkConfig, size: Size, seeds: Iterable[int] | None = None
) -> dict[str, Any]:
    """A network and its scores on seeds that no search uses; None for one that diverged."""
    seeds = range(size.num_seeds) if seeds is None else seeds
    inrs = [train(signal, config, size, fresh_key({"seed": 0}, i)) for i in seeds]
    return {"config": config.to_json(), "scores": [inr and inr.score for inr in inrs]}


def confirm(job: Job, signal: Any) -> dict[str, Any] | None:
    """The same search, whose last trials train its best configurations again; None: not yet there.

    What `optiinr_jax.search.confirm` does, within the budget of all others.
    """
    searched = replace(job, contender="optiinr").result
    if not searched.is_file():
        return None
    record = json.loads(searched.read_text())
    num = job.size.num_trials - NUM_CONFIRMED * NUM_CONFIRMING
    trials, points = record["trials"][:num], record["points"][:num]
    order = sorted(range(num), key=lambda i: -math.inf if trials[i] is None else trials[i])
    seeds = range(FIRST_CONFIRMING, FIRST_CONFIRMING + NUM_CONFIRMING)
    again = [
        score_fresh(
            signal,
            point_to_config(points[i], width=job.size.width, modality=signal.kind),
            job.size,
            seeds,
        )
        for i in order[: -NUM_CONFIRMED - 1 : -1]
    ]
    best = max(again, key=lambda row: mean_of(row["scores"]))
    config = NetworkConfig.from_json(best["config"])
    return {
        "trials": trials + [score for row in again for score in row["scores"]],
        "again": again,
        "fresh": {"found": score_fresh(signal, config, job.size)},
    }


def search_plainly(
    signal: Any, optimizer: Optimizer, to_config: Callable[[Point], NetworkConfig], size: Size
) -> dict[str, Any]:
    """Trials of an optimiser with no study around it, nothing enqueued; its winner on fresh seeds.

    Args:
        to_config: network of a point of the optimiser's space.
    """
    trials: list[dict[str, Any]] = []
    for number in range(size.num_trials):
        point = optimizer.ask()
        inr = train(signal, to_config(point), size, fresh_key({"seed": 1}, number))
        optimizer.tell(point, math.nan if inr is None else inr.score)
        params = None if inr is None else inr.num_params
        trials.append({"point": point, "score": inr and inr.score, "params": params})
    best = optimizer.best_point
    assert best is not None
    return {
        "trials": trials,
        "best": best,
        "num_params": next(t["params"] for t in trials if t["point"] == best),
        "fresh": score_fresh(signal, to_config(best), size)["scores"],
    }


def fit_presets(job: Job, signal: Any) -> dict[str, Any] | None:
    """Published networks under every protocol, the good ones on all seeds; None: out of time.

    Fourier features have as many frequencies as a layer has units, as in the searches: the 256 that
    were published would make a network of 48 units four times as large. `larger` has those.
    """
    size = job.size
    rows: dict[str, dict[str, Any]] = {}
    larger: dict[str, dict[str, Any]] = {}
    for name in NETWORKS[signal.kind]:
        for protocol in PROTOCOLS:
            config = preset(
                name, modality=signal.kind, protocol=protocol, width=size.width, depth=size.depth
            )
            label, scaled = f"{name}, {protocol}", scale_encoding(config)
            rows[label] = {"config": scaled, "scores": []}
            if scaled != config and protocol == "official":
                larger[label] = {"config": config, "scores": []}
    for i in range(size.num_seeds):
        firsts = {label: row["scores"][0] for label, row in rows.items() if row["scores"]}
        bar = max((score for score in firsts.values() if score is not None), default=-math.inf)
        bar -= CLOSE.get(signal.metric_name, CLOSE_DB)
        good = {k: row for k, row in rows.items() if i == 0 or (firsts.get(k) or -math.inf) >= bar}
        for row in (*good.values(), *larger.values()):
            if time.time() > job.end:
                return None
            try:
                inr = train(signal, row["config"], size, fresh_key({"seed": 0}, i))
            except ValueError as error:  # a network that this grid does not suit
                row["problem"] = str(error)
                continue
            row["scores"].append(None if inr is None else inr.score)
    for row in (*rows.values(), *larger.values()):
        row["config"] = row["config"].to_json()
    return {"fresh": rows, "larger": larger}


def scale_encoding(config: Any) -> Any:
    """The configuration with as many Fourier frequencies as a layer has units."""
    if not isinstance(config.encoding, FourierFeatures):
        return config
    return replace(config, encoding=replace(config.encoding, num_frequencies=config.width))


def train(signal: Any, config: Any, size: Size, key: Any) -> Any:
    """One training as every trial of a search has it; None where it diverged."""
    try:
        return oi.fit(
            signal,
            config,
            num_steps=size.num_steps,
            key=key,
            share_program=True,
            progress=False,
            warn=False,
        )
    except oi.inr.DivergedError:
        return None


def read_results(table: str, size: str = "quick") -> Iterator[dict[str, Any]]:
    """What the jobs of a table have left so far."""
    for path in sorted((RESULTS / size / table).glob("*.json")):
        yield json.loads(path.read_text())


def keep_result(name: str, record: Any) -> Path:
    """Write what an experiment other than a table has measured."""
    return write_atomic(RESULTS / f"{name}.json", (json.dumps(record, indent=1) + "\n").encode())


def read_result(name: str) -> Any:
    """What `keep_result` wrote; None where there is nothing yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def mean_of(scores: list[float | None]) -> float:
    """Mean over seeds; -inf where one diverged or none was trained."""
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else -math.inf


def interval(gains: Sequence[float], show: Callable[[float], str] = "{:+.2f}".format) -> str:
    """Mean of paired differences with its 95 % interval of Student's t."""
    text = show(float(np.mean(gains)))
    if len(gains) < 2:
        return text
    half = stats.t.ppf(0.975, len(gains) - 1) * stats.sem(gains)
    return f"{text} [{show(np.mean(gains) - half)}, {show(np.mean(gains) + half)}]"


def best_network(fresh: dict[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The network with the highest mean over fresh seeds, and its name."""
    return max(fresh.items(), key=lambda item: mean_of(item[1]["scores"]))


def _take_core(cores: Any, workers: int) -> None:
    """Keep this process to a core of its own, before it uses it, and end it with its parent."""
    core = cores.get()
    if workers > 1:
        os.sched_setaffinity(0, {core})

    def follow() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
