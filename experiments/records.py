"""Results of the experiments: small JSON files, and what is said of their numbers."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from optiinr_jax.files import write_atomic
from optiinr_jax.studies.comparison import fresh_key as fresh_key

RESULTS = Path(__file__).parent / "results"
FIRST_RULE = "first_rule"  # the quick size under AdamW at the samples, as it was first run


def read_results(table: str, size: str = FIRST_RULE) -> Iterator[dict[str, Any]]:
    """What the jobs of a table have left so far.

    Args:
        size: folder of the results: FIRST_RULE, or like "quick/samples".
    """
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
