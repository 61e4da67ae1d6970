"""Signals of the experiments: a file of the data folder or a dataset, else the embedded sample."""

import sys
from typing import Any

import optiinr_jax as oi
from optiinr_jax.signals import SignalError, load_dataset_signal
from optiinr_jax.signals.datasets import data_folder


def load(names: list[str], kind: str, size: Any = None, **options: Any) -> oi.Signal:
    """The first that there is: files of the data folder, then a dataset's name, then the sample.

    Set OPTIINR_DATA to a folder with kodak/, div2k/, audio/ and shapes/ to use files of your own.
    """
    for name in names:
        if (data_folder() / name).is_file():
            return oi.load_signal(data_folder() / name, size, **options)
    try:
        return load_dataset_signal(names[-1], size, **options)
    except SignalError as error:
        print(f"{error}\nthe embedded {kind} is used instead of {names[-1]}.", file=sys.stderr)
        return oi.sample_signal(kind, size)
