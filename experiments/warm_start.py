"""Question: do first layers that other pictures trained save steps (STRAINER, Vyas et al. 2024)?

Eight pictures in two halves. One network of twelve channels learns the four pictures of a half
together; each picture of the other half begins with its hidden layers and an output layer of its
own. Controls: a network as it is drawn, and the hidden layers of one picture alone. The recommended
configuration in all; every length has a training of its own, because rates fall at its end.

Command: python -m experiments.warm_start
Time: 15 minutes on one core.
Expected: experiments/results/warm_start.json
"""

from typing import Any

import numpy as np

import optiinr_jax as oi
from experiments.protocol import fresh_key
from experiments.records import interval, keep_result
from experiments.signals import load
from optiinr_jax.inr import NetworkConfig, keep_compiled_programs

HALVES = (
    ("div2k/test_00", "div2k/test_01", "kodak/kodim04", "kodak/kodim06"),
    ("div2k/test_02", "div2k/test_04", "kodak/kodim01", "kodak/kodim03"),
)
WIDTH, SIZE, LENGTHS, SHARED_STEPS = 48, 96, (50, 150, 500), 500
OPTIONS: dict[str, Any] = {"progress": False, "warn": False, "share_program": True}


def read(name: str) -> oi.Signal:
    """A picture of the data folder."""
    return load([f"{name}.png", name], "image", SIZE, square=True)


def configure(signal: oi.Signal, num_steps: int) -> NetworkConfig:
    """What `fit` takes of itself."""
    return oi.recommend(signal, 1, width=WIDTH, num_steps=num_steps)[0].config


def learn_together(names: tuple[str, ...]) -> oi.INR:
    """One network that all of some pictures share but for its output layer."""
    pictures = [read(name) for name in names]
    stacked = np.concatenate([np.asarray(picture.samples) for picture in pictures], axis=-1)
    config = configure(pictures[0], SHARED_STEPS)
    together = oi.make_signal("field", stacked, name="+".join(names))
    return oi.fit(together, config, num_steps=SHARED_STEPS, key=fresh_key(18, 0), **OPTIONS)


def measure(name: str, starts: dict[str, oi.INR | None]) -> list[dict[str, Any]]:
    """Scores of one picture from each start, after each number of steps."""
    signal, rows = read(name), []
    for num_steps in LENGTHS:
        config, key = configure(signal, num_steps), fresh_key(18, 1)
        for start, init in starts.items():
            inr = oi.fit(signal, config, num_steps=num_steps, init=init, key=key, **OPTIONS)
            rows.append({"signal": name, "start": start, "steps": num_steps, "score": inr.score})
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """All pictures; a line for each length at the end."""
    keep_compiled_programs()
    rows = []
    for learned, others in (HALVES, HALVES[::-1]):
        one = read(learned[0])
        config = configure(one, SHARED_STEPS)
        alone = oi.fit(one, config, num_steps=SHARED_STEPS, key=fresh_key(18, 0), **OPTIONS)
        starts = {"drawn": None, "four pictures": learn_together(learned), "one picture": alone}
        rows += [row for name in others for row in measure(name, starts)]
    print(keep_result("warm_start", rows))
    for num_steps in LENGTHS:
        score = {(r["signal"], r["start"]): r["score"] for r in rows if r["steps"] == num_steps}
        names = sorted({name for name, _ in score})
        for start in ("four pictures", "one picture"):
            gains = [score[name, start] - score[name, "drawn"] for name in names]
            print(f"{num_steps} steps, {start}: {interval(gains)} dB")


if __name__ == "__main__":
    main()
