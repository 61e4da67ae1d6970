"""Sanity check: does the search do what the theory says, on one picture with two families?

The first experiment that the method's summary asks for: SIREN and WIRE, four layers, 30 iterations
after 12 initial ones. The model's uncertainty must be smaller where something is known than
elsewhere, and fall at a point when it is evaluated; proposals must be diverse.

Command: python -m experiments.first_checks
Time: 3 minutes on one core.
Expected: experiments/results/first_checks.json, which `python -m experiments.report` reads.
"""

from typing import Any

import numpy as np

from experiments.protocol import Size, fresh_key, train
from experiments.records import keep_result, read_result
from experiments.table1_images import load
from optiinr_jax.bo import Choice, Optimizer, Space
from optiinr_jax.bo.surrogate import fit_surrogate
from optiinr_jax.inr import keep_compiled_programs
from optiinr_jax.studies.points import inr_space, point_to_config

NAME = "first_checks"
FAMILIES = ("siren", "wire")
SIZE = Size(num_trials=42, num_initial=12, num_steps=300, width=32)


def make_space() -> Space:
    """The space of the experiments with two families and no encoding."""
    full = inr_space("image").dimensions
    kept: dict[str, Any] = {}
    for name, dimension in full.items():
        if name.startswith("activation"):
            kept[name] = Choice(FAMILIES)
        elif not name.startswith("encoding") and (
            name.startswith("learning_rate") or name.rpartition("_")[2] in FAMILIES
        ):
            kept[name] = dimension
    return Space(kept)


def main() -> None:
    """Search, look at the model before and after every guided trial, write."""
    keep_compiled_programs()
    signal, space = load("kodak/kodim01", "quick"), make_space()
    optimizer = Optimizer(space, num_initial=SIZE.num_initial, seed=0)
    elsewhere = space.sample(99, 256)
    points: list[Any] = []
    scores: list[float] = []
    steps = []
    for number in range(SIZE.num_trials):
        point = optimizer.ask()
        is_guided = number >= SIZE.num_initial
        before = fit_surrogate(space, points, scores).predict([point])[1][0] if is_guided else 0.0
        inr = train(signal, point_to_config(point, width=SIZE.width), SIZE, fresh_key(2, number))
        score = float("nan") if inr is None else inr.score
        optimizer.tell(point, score)
        if inr is None:
            continue
        points, scores = [*points, point], [*scores, score]
        if is_guided:
            model = fit_surrogate(space, points, scores)
            distances = [distance(space, point, other) for other in points[:-1]]
            steps.append(
                {
                    "score": score,
                    "sd_before": float(before),
                    "sd_after": float(model.predict([point])[1][0]),
                    "sd_known": float(np.median(model.predict(points)[1])),
                    "sd_elsewhere": float(np.median(model.predict(elsewhere)[1])),
                    "nearest": float(min(distances)),
                    "families": [point[f"activation_{i}"] for i in range(1, 5)],
                }
            )
            print(number, steps[-1], flush=True)
    print(keep_result(NAME, {"initial": scores[: SIZE.num_initial], "guided": steps}))


def distance(space: Space, a: Any, b: Any) -> float:
    """Euclidean, in the unit cube of the numbers and the one-hot choices."""
    return float(np.linalg.norm(np.asarray(space.encode(a)) - np.asarray(space.encode(b))))


def describe() -> list[str]:
    """The section of the page."""
    record = read_result(NAME)
    if record is None:
        return []
    steps = record["guided"]
    column = {name: np.array([step[name] for step in steps]) for name in steps[0]}
    falls = column["sd_after"] < column["sd_before"]
    known = column["sd_known"] < column["sd_elsewhere"]
    kinds = len({tuple(step["families"]) for step in steps})
    initial = max(record["initial"])
    text = (
        f"One picture, SIREN and WIRE, {len(steps)} guided trials after {len(record['initial'])} "
        f"initial ones: the best score rose from {initial:.2f} to "
        f"{max(initial, column['score'].max()):.2f} dB. The model's standard deviation fell at the "
        f"evaluated point in {falls.sum()} of {len(steps)} trials (median from "
        f"{np.median(column['sd_before']):.3f} to {np.median(column['sd_after']):.3f}, in units of "
        f"warped scores), and was smaller at known points than at random ones after "
        f"{known.sum()} of {len(steps)} (median {np.median(column['sd_known']):.3f} against "
        f"{np.median(column['sd_elsewhere']):.3f}). The proposals have {kinds} of the 16 "
        f"combinations of families; the median distance of a proposal to the nearest earlier one "
        f"is {np.median(column['nearest']):.2f}, the smallest {column['nearest'].min():.2f}."
    )
    return ["## First checks\n\n`python -m experiments.first_checks`", text]


if __name__ == "__main__":
    main()
