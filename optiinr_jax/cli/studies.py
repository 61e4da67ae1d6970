"""The commands of a search: search, worker, status, report."""

import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

import optiinr_jax as oi
from optiinr_jax.checks import check_counts
from optiinr_jax.cli import workers as processes
from optiinr_jax.cli.common import (
    MODEL,
    STUDY,
    Output,
    command_line,
    read_portfolio,
    run_name,
    write_outputs,
)
from optiinr_jax.cli.folders import prepare_folder
from optiinr_jax.cli.options import (
    File,
    Json,
    Number,
    Out,
    PortfolioFile,
    Sample,
    Storage,
    Text,
)
from optiinr_jax.cli.os_signals import until_stdin_closes
from optiinr_jax.cli.reading import Reading, facts_of, read_signal
from optiinr_jax.cli.workers import Workers
from optiinr_jax.report import describe_layers, print_comparison, write_report
from optiinr_jax.report.facts import check_against
from optiinr_jax.report.labels import signal_label
from optiinr_jax.report.plain_table import terminal_width
from optiinr_jax.report.status import describe_status, front_lines, status_lines, summarise
from optiinr_jax.streams import print_lines
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
from optiinr_jax.studies.comparison import BEST_PRESET
from optiinr_jax.studies.loop import run
from optiinr_jax.studies.model_file import check_place
from optiinr_jax.studies.portfolio import NUM_ENTRIES
from optiinr_jax.studies.store.address import address_of, database_path
from optiinr_jax.studies.store.problem import check_alone
from optiinr_jax.studies.store.schema import COMMAND
from optiinr_jax.text import printable

REFRESH = 2.0  # seconds between two looks of `status --watch`
FRESH_SCORES = "fresh_scores.json"  # figures on fresh seeds, which a later report takes up
Settings = Annotated[StudySettings, arg(name="")]
Read = Annotated[Reading, arg(name="")]


def search(
    file: Positional[File] = None,
    /,
    *,
    sample: Sample = "image",
    out: Out = None,
    reading: Read = Reading(),  # noqa: B008
    num_trials: int = 22,
    settings: Settings = StudySettings(),  # noqa: B008
    workers: Workers = 1,
    pruner: Text = None,
    max_trial_seconds: Number = None,
    max_failures: int = 10,
    num_seeds: int = 3,
    portfolio: PortfolioFile = None,
    storage: Text = None,
    name: Text = None,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Search for the network that represents FILE best; the same command again resumes.

    Args:
        file: picture, sound, solid, field, video or points; without one, the embedded sample.
        sample: kind of the embedded sample.
        out: folder of the run (default: runs/NAME).
        reading: what of the file is read.
        num_trials: number of configurations that are tried; most pause at a rung (--rungs).
        settings: what makes two searches the same.
        workers: number of processes on this machine; auto: one per GPU.
        pruner: rule that stops hopeless trials early: median, quarter or halving.
        max_trial_seconds: time limit of a trial, in seconds; a trial that takes longer fails.
        max_failures: number of trials in a row that failed before their training was over which
            ends the search.
        num_seeds: number of fresh random seeds for the final comparison with the published
            networks.
        portfolio: file of `optiinr portfolio`, whose networks are tried first.
        storage: address of the study's database, such as postgresql://HOST/DATABASE (default:
            study.db in the run's folder).
        name: name of the study in its database (default: name of the signal).
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end and nothing else.
    """
    options = dict(locals())
    output = Output(json_output, quiet)
    check_counts(num_seeds=num_seeds, num_trials=num_trials)  # before hours of work
    shares = processes.make_shares(workers)
    processes.pin_to(shares[0])
    signal = read_signal(file, sample, reading, "search", is_said=output.is_verbose)
    folder = prepare_folder(out or Path("runs") / run_name(file))
    address = storage or str(address_of(folder / STUDY))
    if storage is None:
        check_alone(address, name or signal.name)
    if pruner is not None and settings.rungs is None:
        settings = replace(settings, rungs=())
    command = command_line(search, options)
    output.say(f"{signal.name}: {signal_label(signal.frame)}, run folder {folder}")
    study = oi.create_study(
        signal,
        num_trials=num_trials,
        storage=address,
        name=name or signal.name,
        model_path=folder / MODEL,
        portfolio=read_portfolio(portfolio),
        **asdict(settings),
    )
    study.ledger.rows.set_shown(COMMAND, command)
    run_options = RunOptions(
        pruner=pruner,
        max_trial_seconds=max_trial_seconds,
        max_failures=max_failures,
        progress=output.is_verbose,
    )
    with processes.started(address, study.name, folder / MODEL, shares[1:]):
        run(study, lambda: num_trials, run_options)
    best = study.best_inr
    info = best.info | facts_of(reading, signal)
    write_outputs(replace(best, info=info), folder, command=command)
    comparison = _compare_and_report(study, folder, num_seeds, output)
    _say_result(study, comparison, folder, output)
    output.say(f"to repeat: {command}")
    output.result(_result(study, comparison, folder))


def worker(
    storage: Positional[Storage],
    /,
    *,
    name: Text = None,
    model: Out = None,
    pruner: Text = None,
    max_trial_seconds: Number = None,
    max_failures: int = 10,
    attached: bool = False,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Help with a search, here or on another machine, until all its trials have ended.

    Everything a worker needs comes from the storage. Start the search with --batch-size at least
    the number of its processes.

    Args:
        storage: folder of a run, or an address like sqlite:///study.db or postgresql://HOST/NAME.
        name: name of the study (default: the only one in the storage).
        model: file of the best network (default: beside an SQLite file, else none).
        pruner: rule that stops hopeless trials, the same as that of the search.
        max_trial_seconds: time limit of a trial, the same as that of the search.
        max_failures: number of trials in a row that failed before their training was over which
            ends this worker.
        attached: end when standard input closes, as that of the workers which search --workers
            starts does when the search has ended, however it ended.
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end and nothing else.
    """
    output = Output(json_output, quiet)
    check_counts(max_failures=max_failures)
    run_options = RunOptions(
        pruner=pruner,
        max_trial_seconds=max_trial_seconds,
        max_failures=max_failures,
        progress=output.is_verbose,
    )
    with until_stdin_closes() if attached else nullcontext():
        study = open_study(storage, name, model)
        work(study, run_options)
    output.say(*describe_status(study))
    output.result(summarise(study))


def status(
    storage: Positional[Storage],
    /,
    *,
    name: Text = None,
    watch: bool = False,
    json_output: Json = False,
) -> None:
    """Show the progress of a search, who works on it, and its latest and best trials.

    Args:
        storage: folder of a run, or address of a storage.
        name: name of the study (default: the only one in the storage).
        watch: refresh until the search has finished.
        json_output: print one line of JSON.
    """
    study = open_study(storage, name)
    if json_output:
        Output(json=True).result(summarise(study))
    elif watch:
        _watch(study)
    else:
        print_lines(status_lines(study, terminal_width()))


def _watch(study: Study) -> None:
    """Show the status again and again, in place on a terminal, until the search has finished."""
    from rich.live import Live
    from rich.text import Text

    def view() -> Text:
        return Text("\n".join(map(printable, status_lines(study, terminal_width()))))

    with Live(view(), auto_refresh=False) as live:
        while not summarise(study)["is_over"] and getattr(sys.stdout, "error", None) is None:
            time.sleep(REFRESH)
            live.update(view(), refresh=True)


def portfolio(
    studies: Positional[list[Storage]],
    /,
    *,
    out: Annotated[Path, arg(aliases=["-o"], metavar="PATH")] = Path("portfolio.json"),
    num: int = NUM_ENTRIES,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Choose the networks that do best on the signals of several searches.

    The best two of each search are trained on the signals of all, so n searches cost 2 n^2
    trainings. `optiinr fit` and `optiinr search` take the file by --portfolio.

    Args:
        studies: folders of runs, or addresses of storages that hold one study each.
        out: file to write.
        num: number of networks for each kind of signal, width and number of steps.
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end and nothing else.
    """
    output = Output(json_output, quiet)
    opened = [open_study(study) for study in studies]
    found = oi.Portfolio.from_studies(opened, num=num, progress=output.is_verbose)
    found.save(out)
    for cell in found.cells:
        output.say(
            f"{cell.kind}, {len(cell.signals)} signals of about {cell.num_points:,} points, width "
            f"{cell.width}, {cell.num_steps} steps:",
            *(
                f"  {e.source}: mean {e.mean:.4g}, best so far {e.best_of:.4g}"
                for e in cell.entries
            ),
        )
    output.say(f"wrote {out}")
    output.result({"portfolio": str(out), "cells": [cell.to_json() for cell in found.cells]})


def report(
    storage: Positional[Storage],
    /,
    *,
    name: Text = None,
    out: Out = None,
    num_seeds: int = 3,
    against: Text = None,
    against_name: Text = None,
    quiet: bool = False,
    json_output: Json = False,
) -> None:
    """Write the page that shows what a search has found so far.

    Args:
        storage: folder of a run, or address of a storage.
        name: name of the study (default: the only one in the storage).
        out: folder of the page (default: that of the study).
        num_seeds: number of fresh random seeds for the comparison with the published networks.
        against: folder or address of another search of the same signal, for example one with
            --strategy random; its best score so far is drawn beside this one's.
        against_name: name of that study (default: the only one in its storage).
        quiet: print nothing but errors.
        json_output: print one line of JSON at the end and nothing else.
    """
    output = Output(json_output, quiet)
    check_counts(num_seeds=num_seeds)
    study = open_study(storage, name)
    other = None if against is None else open_study(against, against_name)
    if other is not None:
        check_against(study, other)  # before minutes of work
    database = database_path(study.storage)
    folder = prepare_folder(out or (database.parent if database else Path()))
    check_place(folder / MODEL, study.identity)
    comparison = _compare_and_report(study, folder, num_seeds, output, other)
    _say_result(study, comparison, folder, output)
    output.result(_result(study, comparison, folder))


def open_study(text: str, name: str | None = None, model: Path | None = None) -> Study:
    """The study of a run's folder, a database file or an address.

    The best network of a run lies in its folder under the name that `search` gives it; that of a
    database which is no run's, as Python makes one, under a name of its own.

    Raises:
        StudyError: there is no study.
    """
    if "://" in text:
        storage: str | Path = text
    else:
        storage = Path(text) / STUDY if Path(text).is_dir() else Path(text)
        if not storage.is_file():
            where = f"in the folder {text}" if Path(text).is_dir() else f"{text}, no such file"
            raise StudyError(f"there is no study {where}; name the folder of a run, or an address.")
    database = database_path(address_of(storage))
    if model is None and database is not None and database.name == STUDY:
        place = database.with_name(MODEL)
        model = place if Path(text).is_dir() or place.is_file() else None
    return oi.load_study(storage, name, model_path=model)


def _compare_and_report(
    study: Study, folder: Path, num_seeds: int, output: Output, against: Study | None = None
) -> Comparison:
    comparison = compare(
        study, num_seeds=num_seeds, path=folder / FRESH_SCORES, progress=output.is_verbose
    )
    write_report(folder / "report.html", study, comparison, against)
    return comparison


def _say_result(study: Study, comparison: Comparison, folder: Path, output: Output) -> None:
    """The comparison, the found layers, and where to look, for people."""
    if not output.is_verbose:
        return
    print_comparison(comparison, study)
    output.say(*describe_layers(study.best_config))
    output.say(*front_lines(study, terminal_width()))
    if not comparison.gain > 0.0 and (folder / BEST_PRESET).exists():
        output.say(f"the network of the best preset is {folder / BEST_PRESET}")
    output.say(f"see {folder / 'report.html'}")


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
