"""The command `optiinr`: flat verbs, whose options are the arguments of the Python functions.

Exit codes: 0 done, 1 failed while running, 2 bad input, 130 and 143 interrupted (Ctrl-C, SIGTERM).
"""

import gc
import os
import signal as signals_of_the_system
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED, TERMINATED = 130, 143
_SOON, _AGAIN = 0.01, 5.0  # seconds until a signal comes once more


class Terminated(BaseException):
    """SIGTERM, as an exception so that everything open is closed on the way out."""


def main(arguments: list[str] | None = None) -> None:
    """Run one verb and leave with its exit code."""
    code = run(sys.argv[1:] if arguments is None else arguments)
    if code in (INTERRUPTED, TERMINATED):  # Python must not be taken down under a running program
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one verb; errors become one sentence on standard error and an exit code."""
    import tyro
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    from optiinr_jax import __version__
    from optiinr_jax.cli import studies, verbs
    from optiinr_jax.cli.config_file import expand_config
    from optiinr_jax.inr import keep_compiled_programs

    if arguments == ["--version"]:
        print(f"optiinr {__version__}")
        return 0
    commands: dict[str, Callable[..., Any]] = {
        "search": studies.search,
        "worker": studies.worker,
        "status": studies.status,
        "report": studies.report,
        "fit": verbs.fit,
        "compare": verbs.compare,
        "render": verbs.render,
        "export": verbs.export,
        "eval": verbs.evaluate,
        "doctor": verbs.doctor,
    }
    try:
        with _heard_signals(), warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _say_warning
            keep_compiled_programs()
            tyro.extras.subcommand_cli_from_dict(
                commands,
                prog="optiinr",
                description="Find and fit the best implicit neural representation of a signal.",
                args=expand_config(arguments),
            )
    except KeyboardInterrupt:
        return _say(
            "interrupted; what is finished is kept, the same command continues.", INTERRUPTED
        )
    except Terminated:
        return _say("terminated; what is finished is kept, the same command continues.", TERMINATED)
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, FileNotFoundError) as error:  # all our own input errors are ValueErrors
        return _say(error, 2)
    except (OSError, ArithmeticError, MemoryError) as error:
        return _say(error, 1)
    except (OptunaError, SQLAlchemyError) as error:  # the storage failed in the middle of a run
        reason = str(error.__cause__ or error).splitlines()[0]
        return _say(f"the study's storage failed: {reason}; the same command continues.", 1)
    except Exception as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            return _say("out of memory; choose a smaller --size or --width.", 1)
        raise
    return 0


def _say(message: object, code: int) -> int:
    print(f"optiinr: {message}", file=sys.stderr)
    return code


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"optiinr: warning: {message}", file=sys.stderr)


@contextmanager
def _heard_signals() -> Generator[None]:
    """SIGINT and SIGTERM as exceptions, again and again until one has ended the block.

    Where Python calls back from other code, an exception is printed and lost: none is raised in a
    garbage collection, where JAX has a callback, and one lost in a destructor is raised again.
    """
    timers: list[threading.Timer] = []

    def handle(number: int, frame: FrameType | None) -> None:
        callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]
        is_collecting = frame is not None and frame.f_code in callbacks
        seconds = _SOON if is_collecting else _AGAIN
        timers.append(threading.Timer(seconds, signals_of_the_system.raise_signal, [number]))
        timers[-1].daemon = True
        timers[-1].start()
        if not is_collecting:
            raise Terminated if number == signals_of_the_system.SIGTERM else KeyboardInterrupt

    numbers = (signals_of_the_system.SIGINT, signals_of_the_system.SIGTERM)
    before = {number: signals_of_the_system.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        for number, handler in before.items():
            signals_of_the_system.signal(number, handler)
