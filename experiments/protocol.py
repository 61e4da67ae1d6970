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
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from multiprocessing import Queue, get_context, parent_process
from pathlib import Path
from typing import Any, Literal

import optiinr_jax as oi
from experiments.records import RESULTS, best_network, mean_of
from optiinr_jax.bo import Optimizer
from optiinr_jax.bo.space import Point
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import PRESETS as NETWORKS
from optiinr_jax.inr import PROTOCOLS, NetworkConfig, keep_compiled_programs, preset
from optiinr_jax.inr.encodings import FourierFeatures
from optiinr_jax.inr.presets import FACTORS
from optiinr_jax.studies.comparison import fresh_key as fresh_key

RUNS = Path("runs") / "experiments"
SEARCHES = (
    "optiinr",
    "random",
    "untied",
    "single_family",
    "encoded_family",
    "tpe",
    "faithful",
    "layerwise",
)
PRESETS = "presets"
# Every contender of the tables trains each trial to its end and begins with nothing but the
# published networks: what is compared are strategies. `default_search` adds the rest.
PLAIN: dict[str, Any] = {"num_portfolio": 0, "rungs": ()}
CLOSE = {"IoU": 0.1}  # a preset this far below the best on its first seed gets no further ones
CLOSE_DB = 3.0


@dataclass(frozen=True)
class Size:
    """One size of the protocol."""

    num_trials: int
    num_initial: int
    num_steps: int
    width: int
    depth: int = 4
    num_seeds: int = 3  # fresh ones, for what is compared
    num_found_seeds: int | None = None  # for what was found; None: as many


@dataclass(frozen=True)
class Arguments:
    """What a table is asked for.

    Attributes:
        size: "quick" runs on a laptop, "paper" is the paper's and wants a GPU.
        objective: "samples" is the paper's metric.
        contenders: searches to run, and "presets"; none: all.
        presets: published networks to train; none: all of the signal's kind.
        signals: to run; none: all of the table.
        minutes: no new trial begins after so many; the same command goes on.
        workers: processes, each on a core of its own; 1 on a GPU.
    """

    size: Literal["quick", "paper"] = "quick"
    objective: Literal["continuous", "samples"] = "samples"
    contenders: tuple[str, ...] = (SEARCHES[0], PRESETS, *SEARCHES[1:])
    presets: tuple[str, ...] = ()
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
    objective: str
    load: Callable[[str, str], Any]  # (signal, size name) -> Signal; a function of a module
    end: float  # no trial begins after this time
    presets: tuple[str, ...] = ()
    measure: Callable[[str, Any], dict[str, float]] | None = None  # (signal, INR) -> more figures

    @property
    def result(self) -> Path:
        """File of what came of it."""
        name = f"{self.signal.replace('/', '_')}.{self.contender}.json"
        return RESULTS / self.size_name / self.objective / self.table / name


def run_table(
    table: str,
    sizes: dict[str, Size],
    signals: dict[str, tuple[str, ...]],
    load: Callable[[str, str], Any],
    arguments: Arguments,
    measure: Callable[[str, Any], dict[str, float]] | None = None,
) -> None:
    """Run all jobs of a table that have no result yet.

    Args:
        table: its name, a folder of the results.
        sizes: by name.
        signals: names, by size.
        load: function of a module: (name of a signal, name of a size) -> Signal.
        measure: function of a module: (name of a signal, network) -> further figures.
    """
    names = arguments.signals or signals[arguments.size]
    end = time.time() + 60.0 * arguments.minutes
    jobs = [
        Job(
            table=table,
            size_name=arguments.size,
            size=sizes[arguments.size],
            signal=name,
            contender=contender,
            objective=arguments.objective,
            load=load,
            end=end,
            presets=arguments.presets,
            measure=measure,
        )
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
    record = (fit_presets if job.contender == PRESETS else search)(job, signal)
    if record is None:
        return "to be continued"
    head = {
        "table": job.table,
        "signal": job.signal,
        "shape": list(signal.shape),
        "metric": signal.metric_name,
        "contender": job.contender,
        "objective": job.objective,
        "control": signal.control_score,
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
    size, folder = job.size, RUNS / job.size_name / job.objective / job.table
    folder.mkdir(parents=True, exist_ok=True)
    study = oi.search(
        signal,
        num_trials=size.num_trials,
        num_initial=size.num_initial,
        num_steps=size.num_steps,
        width=size.width,
        depth=size.depth,
        objective=job.objective,
        strategy=job.contender,
        **PLAIN,
        storage=f"sqlite:///{folder / job.result.stem}.db",
        progress=False,
        on_trial_end=lambda study, _: study.stop() if time.time() > job.end else None,
    )
    if study.count_ended() < size.num_trials:
        return None
    return {
        "trials": [trial.score for trial in study.trials],
        "points": [trial.point for trial in study.trials],
        "origins": [trial.origin.kind for trial in study.trials],
        "fresh": {"found": score_fresh(signal, study.best_config, job)},
        "confirmed": list(study.winner.scores),
    }


def score_fresh(signal: Any, config: NetworkConfig, job: Job) -> dict[str, Any]:
    """A network on seeds that no search uses: scores and both figures; None where it diverged."""
    keys = [fresh_key(0, i) for i in range(job.size.num_found_seeds or job.size.num_seeds)]
    inrs = [train(signal, config, job.size, key, job.objective) for key in keys]
    return {"config": config.to_json()} | figures_of(inrs, job)


def figures_of(inrs: Sequence[Any], job: Job) -> dict[str, list[Any]]:
    """Scores and figures of some networks, None for one that diverged."""
    found: dict[str, list[Any]] = {
        "scores": [inr and inr.score for inr in inrs],
        "samples": [inr and inr.scores.samples for inr in inrs],
        "between": [inr and inr.scores.between for inr in inrs],
    }
    if job.measure is not None:
        found["measured"] = [inr and job.measure(job.signal, inr) for inr in inrs]
    return found


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
        inr = train(signal, to_config(point), size, fresh_key(1, number))
        optimizer.tell(point, math.nan if inr is None else inr.score)
        params = None if inr is None else inr.num_params
        trials.append({"point": point, "score": inr and inr.score, "params": params})
    best = optimizer.best_point
    assert best is not None
    return {
        "trials": trials,
        "best": best,
        "num_params": next(t["params"] for t in trials if t["point"] == best),
        "fresh": [
            inr and inr.score
            for inr in (
                train(signal, to_config(best), size, fresh_key(0, i)) for i in range(size.num_seeds)
            )
        ],
    }


def fit_presets(job: Job, signal: Any) -> dict[str, Any] | None:
    """Published networks under every protocol, the best ones on all seeds; None: out of time.

    The third protocol, trained as a search trains, is tried with one factor on the authors' rate,
    and by the networks that are not far behind with the others too. Of each network the best of the
    authors' and the paper's protocol, and the best of the third, run on all seeds where they are
    not far behind.

    Fourier features have as many frequencies as a layer has units, as in the searches: the 256 that
    were published would make a network of 48 units four times as large. `larger` has those.
    """
    rows: dict[str, Any] = {}

    def run(label: str, config: NetworkConfig, index: int = 0) -> None:
        if time.time() > job.end:
            raise TimeoutError
        row = rows.setdefault(label, {"config": config, "inrs": []})
        try:
            inr = train(signal, config, job.size, fresh_key(0, index), job.objective)
        except ValueError as error:  # a network that this grid does not suit
            row["problem"] = str(error)
            return
        row["inrs"].append(inr)

    def score(label: str) -> float:
        first = rows[label]["inrs"][:1]
        return first[0].score if first and first[0] else -math.inf

    def close(labels: list[str]) -> list[str]:
        bar = max(map(score, labels), default=-math.inf)
        bar -= CLOSE.get(signal.metric_name, CLOSE_DB)
        return [label for label in labels if score(label) >= bar]

    names = [n for n in NETWORKS[signal.kind] if not job.presets or n in job.presets]
    try:
        for name in names:
            for protocol in PROTOCOLS:
                factor = FACTORS[0] if protocol == "search" else 1.0
                run(*_published(name, protocol, factor, job, signal.kind))
        searched = {f"{name}, search x {FACTORS[0]:g}": name for name in names}
        for label in close(list(searched)):
            for factor in FACTORS[1:]:
                run(*_published(searched[label], "search", factor, job, signal.kind))
        for is_ours in (False, True):
            bests = []
            for name in names:
                own = [
                    k for k in rows if k.partition(",")[0] == name and ("search" in k) == is_ours
                ]
                bests.append(max(own, key=score))
            for label in close(bests):
                for i in range(1, job.size.num_seeds):
                    run(label, rows[label]["config"], i)
        found = dict(rows)
        for name in names:
            label, _ = _published(name, "official", 1.0, job, signal.kind)
            config = _preset(name, "official", 1.0, job, signal.kind)
            if scale_encoding(config) != config:
                for i in range(job.size.num_seeds):
                    run(f"{label}, larger", config, i)
    except TimeoutError:
        return None
    for row in rows.values():
        row |= figures_of(row.pop("inrs"), job) | {"config": row["config"].to_json()}
    larger = {label: row for label, row in rows.items() if label not in found}
    return {"fresh": found, "larger": larger}


def _preset(name: str, protocol: str, factor: float, job: Job, kind: str) -> NetworkConfig:
    size = {"width": job.size.width, "depth": job.size.depth}
    return preset(name, modality=kind, protocol=protocol, factor=factor, **size)


def _published(
    name: str, protocol: str, factor: float, job: Job, kind: str
) -> tuple[str, NetworkConfig]:
    """Label and configuration of a published network, its encoding in proportion."""
    label = f"{name}, {protocol}" + (f" x {factor:g}" if factor != 1.0 else "")
    return label, scale_encoding(_preset(name, protocol, factor, job, kind))


def scale_encoding(config: Any) -> Any:
    """The configuration with as many Fourier frequencies as a layer has units."""
    if not isinstance(config.encoding, FourierFeatures):
        return config
    return replace(config, encoding=replace(config.encoding, num_frequencies=config.width))


def train(signal: Any, config: Any, size: Size, key: Any, objective: str | None = None) -> Any:
    """One training as every trial of a search has it; None where it diverged."""
    try:
        return oi.fit(
            signal,
            config,
            objective=objective,
            num_steps=size.num_steps,
            key=key,
            share_program=True,
            progress=False,
            warn=False,
        )
    except oi.inr.DivergedError:
        return None


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
