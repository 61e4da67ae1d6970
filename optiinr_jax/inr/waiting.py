"""Waiting for the device, so that an interrupt is heard meanwhile."""

import threading
import time
from typing import Any

import numpy as np

_PATIENCE = 0.03  # of the time that has passed, between two looks whether it is done


def wait_for(array: Any) -> np.ndarray:
    """The numbers of an array, once it is computed; an interrupt is heard meanwhile.

    A chunk of a large signal may take minutes, in which the runtime hears nobody.
    """
    begin, is_main = time.monotonic(), threading.current_thread() is threading.main_thread()
    while is_main and not array.is_ready():
        time.sleep(min(max(_PATIENCE * (time.monotonic() - begin), 1e-4), 0.1))
    return np.asarray(array)
