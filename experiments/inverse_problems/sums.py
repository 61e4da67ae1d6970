"""What the rows of a problem's results say; the page and the study read them by it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parents[1] / "results" / "inverse_problems"
Row = dict[str, Any]


def read(name: str) -> dict[str, Row]:
    """All rows of a problem by their keys."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def settings_of(name: str, which: str, method: str) -> dict[tuple[str, float], Row]:
    """Rows of a method in a set of targets by setting and first step."""
    found = {}
    for key, row in read(name).items():
        parts = key.split("/")
        if parts[:2] == [which, method]:
            found[parts[2], float(parts[3])] = row
    return found


def best_setting(name: str, method: str, setting: Any = None) -> tuple[str, float]:
    """Setting and first step with the largest share on the targets for choosing.

    Args:
        setting: only this one; None: all of the method.
    """
    rows = settings_of(name, "choosing", method)
    kept = {key: row for key, row in rows.items() if setting is None or key[0] == str(setting)}
    return max(kept, key=lambda key: kept[key]["share"])


def successes(row: Row) -> np.ndarray:
    """(networks, targets, starts)."""
    return np.array([[[c == "1" for c in t] for t in network] for network in row["successes"]])
