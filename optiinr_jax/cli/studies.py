"""The verbs of a search: search, worker, status, report."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

import optiinr_jax as oi
from optiinr_jax.checks import check_counts
from optiinr_jax.cli import workers as processes
from optiinr_jax.cli.common import (
    MODEL,
    SAMPLE,
    STUDY,
    Json,
    Out,
    Output,
    Sample,
    Size,
    command_line,
    get_signal,
    size_label,
    write_outputs,
)
from optiinr_jax.cli.folders import prepare_folder
from optiinr_jax.cli.workers import Workers
from optiinr_jax.report.best_so_far import check_against
from optiinr_jax.report.html import write_report
from optiinr_jax.report.status import describe_status, status_table, summarise
from optiinr_jax.report.tables import describe_layers, print_comparison
from optiinr_jax.studies import (
    Comparison,
    Entry,
    RunOptions,
    Study,
    StudyError,
    StudySettings,
    compare,
    work,
)
from optiinr_jax.studies.loop import run
from optiinr_jax.studies.store.lock import database_path
from optiinr_jax.studies.store.schema import COMMAND

REFRESH = 2.0  # seconds between two looks of `status --watch`
FRESH_SCORES = "fresh_scores.json"  # figures on fresh seeds, which a later report takes up
Settings = Annotated[StudySettings, arg(name="")]


def search(
    file: Positional[Path | None] = None,
    /,
    *,
    sample: Sample = "image",
    out: Out = None,
    size: Size = "auto",
    num_trials: int = 40,
    settings: Settings = StudySettings(),  # noqa: B008
    workers: Workers = 1,
    pruner: str | None = None,
    max_trial_seconds: float | None = None,
    max_failures: int = 10,
    num_seeds: int = 3,
    storage: str | None = None,
    name: str | None = None,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Search for the network that represents FILE best; the same command again continues.

    Args:
        file: picture, sound or solid; none: the embedded sample.
        sample: kind of the embedded sample.
        out: folder of the run; by default runs/NAME.
        size: side of the square a picture is brought to (96), samples of a sound (4096), voxels
            along a solid's longest side (24); None keeps every point of the file.
        num_trials: trainings in all.
        settings: what makes two searches the same.
        workers: processes on this machine; auto: one for each GPU.
        pruner: rule that stops hopeless trials: median, quarter or halving.
        max_trial_seconds: a trial that takes longer has failed.
        max_failures: failed trials in a row that end the search.
        num_seeds: fresh seeds of the final comparison with the published networks.
        storage: where the study is kept, such as postgresql://HOST/DATABASE; by default study.db in
            the run's folder.
        name: name of the study in the storage; by default that of the signal.
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end, and no words.
    """
    options = dict(locals())
    output = Output(json_output, quiet)
    check_counts(num_seeds=num_seeds, num_trials=num_trials)  # before hours of work
    shares = processes.make_shares(workers)
    processes.pin_to(shares[0])
    signal = get_signal(file, sample, size, "search", {})
    folder = prepare_folder(out or Path("runs") / (file.stem if file else SAMPLE))
    storage = storage or f"sqlite:///{folder / STUDY}"
    command = command_line(search, options)
    output.say(f"{signal.name}: {size_label(signal)}, run folder {folder}")
    study = oi.create_study(
        signal,
        num_trials=num_trials,
        storage=storage,
        name=name or signal.name,
        model_path=folder / MODEL,
        **asdict(settings),
    )
    study.ledger.rows.set_shown(COMMAND, command)
    run_options = RunOptions(
        pruner=pruner,
        max_trial_seconds=max_trial_seconds,
        max_failures=max_failures,
        progress=output.is_verbose,
    )
    with processes.started(storage, name or signal.name, shares[1:]):
        run(study, lambda: num_trials, run_options)
    write_outputs(study.best_inr, folder, command=command)
    comparison = _compare_and_report(study, folder, num_seeds, output)
    if output.is_verbose:
        print_comparison(comparison, signal.metric_name)
    output.say(*describe_layers(study.best_config))
    output.say(f"see {folder / 'report.html'}", f"to repeat: {command}")
    output.result(_result(study, comparison, folder))


def worker(
    storage: Positional[str],
    /,
    *,
    name: str | None = None,
    pruner: str | None = None,
    max_trial_seconds: float | None = None,
    max_failures: int = 10,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Help with a search, here or on another machine, until all its trials have ended.

    Everything it needs comes from the storage. What it helps with should have --batch-size at least
    the number of processes.

    Args:
        storage: a run's folder, or an address like sqlite:///study.db or postgresql://HOST/NAME.
        name: name of the study; by default the only one in the storage.
        pruner: as the search has it.
        max_trial_seconds: as the search has it.
        max_failures: failed trials in a row that end this worker.
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end, and no words.
    """
    output = Output(json_output, quiet)
    check_counts(max_failures=max_failures)
    study = oi.load_study(storage_of(storage), name)
    work(
        study,
        RunOptions(
            pruner=pruner,
            max_trial_seconds=max_trial_seconds,
            max_failures=max_failures,
            progress=output.is_verbose,
        ),
    )
    output.say(*describe_status(study))
    output.result(summarise(study))


def status(
    storage: Positional[str],
    /,
    *,
    name: str | None = None,
    watch: bool = False,
    json_output: Json = False,
) -> None:
    """Show how far a search is, who works on it, and its best trials.

    Args:
        storage: a run's folder, or the address of a storage.
        name: of the study; by default the only one in the storage.
        watch: go on showing it until the search has ended.
        json_output: print one line of JSON.
    """
    study = oi.load_study(storage_of(storage), name)
    if json_output:
        Output(json=True).result(summarise(study))
        return
    from rich.console import Console, Group
    from rich.live import Live

    def view() -> Any:
        return Group("\n".join(describe_status(study)), status_table(study))

    console = Console(highlight=False, soft_wrap=True)
    if not watch:
        console.print(view())
        return
    with Live(view(), console=console, auto_refresh=False) as live:
        while not summarise(study)["is_over"]:
            time.sleep(REFRESH)
            live.update(view(), refresh=True)


def report(
    storage: Positional[str],
    /,
    *,
    name: str | None = None,
    out: Out = None,
    num_seeds: int = 3,
    against: str | None = None,
    against_name: str | None = None,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Write the page that shows what a search has found so far.

    Args:
        storage: a run's folder, or the address of a storage.
        name: of the study; by default the only one in the storage.
        out: folder of the page; by default that of the study.
        num_seeds: fresh seeds of the comparison with the published networks.
        against: folder or address of another search of the same signal, such as one with --strategy
            random, to draw its best so far beside this one's.
        against_name: of that study; by default the only one in its storage.
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end, and no words.
    """
    output = Output(json_output, quiet)
    check_counts(num_seeds=num_seeds)
    url = storage_of(storage)
    study = oi.load_study(url, name)
    other = None if against is None else oi.load_study(storage_of(against), against_name)
    if other is not None:
        check_against(study, other)  # before minutes of work
    database = database_path(url)
    folder = prepare_folder(out or (database.parent if database else Path()))
    comparison = _compare_and_report(study, folder, num_seeds, output, other)
    output.say(f"see {folder / 'report.html'}")
    output.result(_result(study, comparison, folder))


def storage_of(text: str) -> str:
    """The address that a run's folder, a database file or an address stands for.

    Raises:
        StudyError: there is no study.
    """
    if "://" in text:
        return text
    path = Path(text) / STUDY if Path(text).is_dir() else Path(text)
    if not path.is_file():
        raise StudyError(f"there is no study {path}; name the folder of a run, or an address.")
    return f"sqlite:///{path}"


def _compare_and_report(
    study: Study, folder: Path, num_seeds: int, output: Output, against: Study | None = None
) -> Comparison:
    comparison = compare(
        study, num_seeds=num_seeds, path=folder / FRESH_SCORES, progress=output.is_verbose
    )
    write_report(folder / "report.html", study, comparison, against)
    return comparison


def _result(study: Study, comparison: Comparison, folder: Path) -> dict[str, Any]:
    """The result for scripts."""
    return summarise(study) | {
        "found": _entry(comparison.found),
        "presets": [
            {"name": e.name, "protocol": e.protocol, **_entry(e)} for e in comparison.presets
        ],
        "gain": comparison.gain,
        "control": comparison.control,
        "folder": str(folder),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "mean": entry.mean,
        "scores": entry.scores,
        "samples": entry.samples,
        "between": entry.between,
    }
