"""Question: is a configuration that was found for one picture good for another one?

Every configuration that Table 1 has found is trained on every picture of the table, and a short
search that begins with the best configurations of the others is compared with one that does not.

Command: python -m experiments.transfer (after python -m experiments.table1_images)
Time: 15 minutes on 2 cores.
Expected: experiments/results/transfer.json; `python -m experiments.report` draws the matrix.
"""

from typing import Any

import jax
import numpy as np

import optiinr_jax as oi
from experiments.protocol import PLAIN, Size, fresh_key, train
from experiments.records import keep_result, read_result, read_results
from experiments.table1_images import SIZES, load
from optiinr_jax.inr import NetworkConfig, keep_compiled_programs
from optiinr_jax.studies.points import config_to_point, inr_space

NAME = "transfer"
SHORT = 20  # trials of the searches that are compared
GIVEN = 7  # configurations of other pictures that a warm search begins with


def make_matrix(found: dict[str, Any], size: Size) -> dict[str, dict[str, float | None]]:
    """PSNR on the picture of the column of the configuration found for that of the row."""
    rows: dict[str, dict[str, float | None]] = {name: {} for name in found}
    for target in found:
        signal = load(target, "quick")
        for source, config in found.items():
            inr = train(signal, config, size, fresh_key(0, 0))
            rows[source][target] = None if inr is None else inr.score
        print(f"trained on {target}", flush=True)
    return rows


def search_warm(target: str, found: dict[str, Any], size: Size) -> dict[str, list[float | None]]:
    """Scores by trial of two short searches: from other pictures' networks, and from nothing."""
    signal, space = load(target, "quick"), inr_space("image")
    scores = {}
    for label in ("warm", "cold"):
        study = oi.create_study(
            signal,
            num_initial=size.num_initial,
            num_steps=size.num_steps,
            width=size.width,
            name=label,
            **PLAIN,
        )
        if label == "warm":
            for config in [c for name, c in found.items() if name != target][:GIVEN]:
                study.enqueue(config_to_point(config, space))
        while len(study.trials) < SHORT:
            asked = study.ask()
            study.tell(asked, train(signal, asked.config, size, asked.key))
        scores[label] = [trial.score for trial in study.trials]
    print(f"{target}: { ({k: max(filter(None, v)) for k, v in scores.items()}) }", flush=True)
    return scores


def describe() -> list[str]:
    """The section of the page."""
    record = read_result(NAME)
    if record is None:
        return []
    matrix, names = record["matrix"], list(record["matrix"])
    lines = ["| found on, used on | " + " | ".join(n.rpartition("/")[2] for n in names) + " |"]
    lines.append("|---|" + "---|" * len(names))
    losses = []
    for source in names:
        cells = []
        for target in names:
            value, own = matrix[source][target], matrix[target][target]
            cells.append("diverged" if value is None else f"{value:.2f}")
            if source != target and value is not None:
                losses.append(own - value)
        lines.append(f"| {source.rpartition('/')[2]} | {' | '.join(cells)} |")
    text = (
        "A configuration found on another picture is on average "
        f"{np.mean(losses):.2f} dB below the picture's own (median {np.median(losses):.2f}, at "
        f"worst {np.max(losses):.2f}; better than it in {sum(x < 0 for x in losses)} of "
        f"{len(losses)} pairs)."
    )
    searches = record["searches"]
    gains = [best(row["warm"]) - best(row["cold"]) for row in searches.values()]
    text += (
        f" A search of {SHORT} trials that begins with the published networks and those of "
        f"{GIVEN} other pictures ends {np.mean(gains):+.2f} dB from one that begins with the "
        f"published networks alone (better on {sum(g > 0 for g in gains)} of {len(gains)})."
    )
    head = (
        "## Transfer\n\n`python -m experiments.transfer`: PSNR in dB on the picture of the column; "
        "found with all layers free at once."
    )
    return [head, "\n".join(lines), text]


def best(scores: list[float | None]) -> float:
    """The highest score."""
    return max(score for score in scores if score is not None)


def main() -> None:
    """Train, search, write."""
    keep_compiled_programs()
    size = SIZES["quick"]
    found = {
        record["signal"]: NetworkConfig.from_json(record["fresh"]["found"]["config"])
        for record in read_results("images")
        if record["contender"] == "untied"
    }
    record = {"matrix": make_matrix(found, size), "searches": {}}
    jax.clear_caches()
    for target in found:
        record["searches"][target] = search_warm(target, found, size)
    print(keep_result(NAME, record))


if __name__ == "__main__":
    main()
