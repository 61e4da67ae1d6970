"""The command `optiinr`: flat verbs, whose options are the arguments of the Python functions.

Exit codes: 0 done, 1 failed while running, 2 bad input, 130 and 143 interrupted (Ctrl-C, SIGTERM).
"""

import gc
import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from optiinr_jax.checks import check_name
from optiinr_jax.cli.os_signals import Left, Terminated, raised_signals
from optiinr_jax.streams import hold_descriptors, lasting_streams, say

INTERRUPTED, TERMINATED = 130, 143
ATTACHED = "--attached"  # a worker that another process has started, which speaks for it
KEPT = "what is finished is kept, the same command continues."
DESCRIPTION = """Find and fit the best implicit neural representation of a signal.

Every command takes `--config FILE`, a TOML file with its options; options on the command line win.
`optiinr --tyro-print-completion bash` prints a completion script for the shell."""

VERBS = {  # verb -> module and function; `optiinr_command` reads it too, without an import
    "search": "studies.search",
    "worker": "studies.worker",
    "status": "studies.status",
    "report": "studies.report",
    "portfolio": "studies.portfolio",
    "fit": "verbs.fit",
    "compare": "verbs.compare",
    "render": "verbs.render",
    "export": "verbs.export",
    "eval": "verbs.evaluate",
    "info": "facts.info",
    "presets": "facts.presets",
    "doctor": "facts.doctor",
}


def main(arguments: list[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    hold_descriptors()
    code = run(sys.argv[1:] if arguments is None else arguments)
    if code in (INTERRUPTED, TERMINATED):  # Python must not be taken down under a running program
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one verb; errors become one sentence on standard error and an exit code.

    A stream that fails costs no work, but what standard output did not take makes no success.
    """
    with lasting_streams() as output:
        code = _run(arguments)
        output.flush()
        if output.error is None:
            return code
        if not isinstance(output.error, BrokenPipeError):  # a reader that left, as `| head` does
            _say(f"cannot write to standard output: {output.error}; {KEPT}", 1)
        return code or 1


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        from optiinr_jax import __version__

        print(f"optiinr {__version__}")
        return 0
    try:
        with raised_signals(), warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _say_warning
            _run_verb(arguments)
    except Left:
        return TERMINATED
    except Terminated:
        return TERMINATED if ATTACHED in arguments else _say(*_explain(Terminated()))
    except (Exception, KeyboardInterrupt) as error:
        message, code = _explain(error)
        if not message:
            raise
        return _say(message, code)
    return 0


def _run_verb(arguments: list[str]) -> None:
    import tyro

    from optiinr_jax.cli.config_file import expand_config
    from optiinr_jax.cli.hints import check_options
    from optiinr_jax.cli.reading import Reading
    from optiinr_jax.inr import keep_compiled_programs
    from optiinr_jax.studies import StudySettings

    if arguments and not arguments[0].startswith("-"):
        check_name("verb", arguments[0], VERBS)
    commands: dict[str, Callable[..., Any]] = {
        verb: _function(place) for verb, place in VERBS.items()
    }
    if not gc.isenabled():  # by the command, until all is imported, which is no garbage
        gc.freeze()
        gc.enable()
    for documented in (*commands.values(), StudySettings, Reading):
        documented.__doc__ = _joined(documented)
    try:
        keep_compiled_programs()
    except ValueError as error:  # it only costs time
        warnings.warn(f"compiled programs are not kept: {error}", stacklevel=2)
    expanded = expand_config(arguments)
    if expanded and expanded[0] in commands:
        check_options(expanded[0], commands[expanded[0]], expanded[1:])
    tyro.extras.subcommand_cli_from_dict(
        commands, prog="optiinr", description=DESCRIPTION, args=expanded
    )


def _function(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(".")
    return getattr(import_module(f"optiinr_jax.cli.{module}"), name)


def _joined(documented: Any) -> str:
    """A docstring with one line for each entry, so that the help can break it anywhere."""
    return re.sub(r"\n {8,}", " ", inspect.getdoc(documented) or "")


def _explain(error: BaseException) -> tuple[str, int]:
    """The sentence and the exit code of an error; an empty sentence for a fault of ours."""
    from optiinr_jax.studies.errors import StorageError
    from optiinr_jax.studies.store.patience import STORAGE_ERRORS
    from optiinr_jax.studies.training import is_out_of_memory

    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; {KEPT}", INTERRUPTED
    if isinstance(error, Terminated):
        return f"terminated; {KEPT}", TERMINATED
    if isinstance(error, StorageError):
        return str(error), 1
    if isinstance(error, ValueError | FileNotFoundError):  # all our own input errors
        return str(error), 2
    if isinstance(error, OSError | ArithmeticError | MemoryError):
        return str(error) or type(error).__name__, 1
    if isinstance(error, STORAGE_ERRORS):  # the storage failed in a run
        reason = str(error.__cause__ or error).splitlines()[0]
        return f"the study's storage failed: {reason}; the same command continues.", 1
    if is_out_of_memory(error):
        return "out of memory; choose a smaller --size or --width.", 1
    return "", 1


def _say(message: object, code: int) -> int:
    say(f"optiinr: {' '.join(str(message).splitlines())}")
    return code


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"optiinr: warning: {' '.join(str(message).splitlines())}")
