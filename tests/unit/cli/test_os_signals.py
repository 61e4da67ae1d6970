"""Signals become exceptions that are not lost, wherever they arrive.

Each case runs in a process of its own, because a signal belongs to the whole process.
"""

import signal
import subprocess
import sys
import time

import pytest

from optiinr_jax.cli import main
from optiinr_jax.cli.os_signals import Terminated, raised_signals

# A signal while the garbage collector calls back: an exception there is printed and lost.
IN_COLLECTION = """
import gc, signal, time
from optiinr_jax.cli.os_signals import raised_signals

def callback(phase, info):
    if phase == "start":
        signal.raise_signal(signal.SIGINT)
        gc.callbacks.remove(callback)

try:
    with raised_signals():
        gc.callbacks.append(callback)
        gc.collect()
        time.sleep(30)
except KeyboardInterrupt:
    print("raised")
"""

# A signal in a destructor: the exception is printed and lost, and has to come again.
IN_DESTRUCTOR = """
import signal, sys, time
from optiinr_jax.cli import os_signals

os_signals.AGAIN = 0.05
sys.unraisablehook = lambda lost: print("lost")

class Grave:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

try:
    with os_signals.raised_signals():
        grave = Grave()
        del grave
        time.sleep(30)
except os_signals.Terminated:
    print("raised")
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("code", "lines"),
    [(IN_COLLECTION, ["raised"]), (IN_DESTRUCTOR, ["lost", "raised"])],
    ids=["in a collection", "in a destructor"],
)
def test_a_signal_is_raised_once_more_where_it_is_lost(code, lines):
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == lines and done.stderr == ""
    assert time.monotonic() - start < 25.0  # long before the sleep ends


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_signals_are_exceptions_and_handlers_come_back(number, error):
    before = signal.getsignal(number)
    with pytest.raises(error), raised_signals():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


@pytest.mark.integration
def test_an_interrupt_during_the_imports_is_one_sentence():
    code = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "jax":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["optiinr", "doctor"]
import optiinr_command
optiinr_command.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr == "optiinr: interrupted before it began.\n" and not done.stdout


def test_a_worker_of_a_search_ends_without_a_word(monkeypatch, capsys):
    """The search that started it speaks for it: its end is no interruption."""

    def end(arguments):
        raise Terminated

    monkeypatch.setattr(main, "_run_verb", end)
    assert main.run(["worker", "x", "--attached"]) == main.TERMINATED
    assert capsys.readouterr().err == ""
    assert main.run(["worker", "x"]) == main.TERMINATED
    assert "terminated; what is finished is kept" in capsys.readouterr().err
