"""Question: what is it worth to train a finished network further, as `study.extend` does?

The recommended configuration on pictures that it was not chosen on: 500 steps; 1 500 further ones
from there; and new trainings of 1 500 and of 2 000 steps, which cost as much as the extension, and
as both together.

Command: python -m experiments.extension
Time: 5 minutes on one core.
Expected: experiments/results/extension.json
"""

from typing import Any

import optiinr_jax as oi
from experiments import fresh_seeds
from experiments.protocol import fresh_key
from experiments.records import keep_result
from optiinr_jax.inr import keep_compiled_programs

WIDTH, SHORT, FURTHER, NUM_SEEDS = 48, 500, 1500, 2


def measure(name: str, seed: int) -> dict[str, Any]:
    """Scores of one picture, from one seed."""
    signal = fresh_seeds.load(name, "quick")

    def fit(num_steps: int, init: oi.INR | None = None) -> oi.INR:
        config = oi.recommend(signal, 1, width=WIDTH, num_steps=num_steps)[0].config
        options: Any = {"progress": False, "warn": False, "share_program": True}
        key = fresh_key(17, seed)
        return oi.fit(signal, config, num_steps=num_steps, init=init, key=key, **options)

    short = fit(SHORT)
    return {
        "signal": name,
        "short": short.score,
        "extended": fit(FURTHER, short).score,
        "as long as the extension": fit(FURTHER).score,
        "as long as both": fit(SHORT + FURTHER).score,
    }


if __name__ == "__main__":
    keep_compiled_programs()
    rows = [measure(n, seed) for n in fresh_seeds.PICTURES for seed in range(NUM_SEEDS)]
    for row in rows:
        print(row)
    print(keep_result("extension", rows))
