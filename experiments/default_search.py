"""Question: what gives the best network after few trainings on a signal nobody has seen?

Arms: the search as it was (every trial to its end, nothing known before); the portfolio alone; the
default, which begins with it and has a rung; the same without the rung, and with two; and random
search and TPE with all that the default has but its surrogate. Each arm's best configuration is
trained from fresh seeds; the curve is the best score so far against the steps of all trials.

Command: python -m experiments.default_search run [--signals coffee] [--arms default] [--minutes 60]
         python -m experiments.portfolio_page   (docs/portfolio.md)
Time: 5 minutes a signal on one core.
Expected: experiments/results/default_search/SIGNAL.ARM.json
"""

import json
import math
import os
import time
from typing import Any

import numpy as np
import tyro

import optiinr_jax as oi
from experiments import fresh_seeds
from experiments.protocol import PLAIN, fresh_key
from experiments.records import RESULTS
from experiments.signals import load as load_file
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import keep_compiled_programs
from optiinr_jax.studies.rungs import trainings_done
from optiinr_jax.studies.trials import score_of

FOLDER = RESULTS / "default_search"
PICTURES = ("kodak/kodim07", "kodak/kodim10", "div2k/test_06", "div2k/test_08")
UNSEEN = (*fresh_seeds.PICTURES, *PICTURES)
OTHERS = ("audio/bach", "shapes/spot, 20")
SIZE: dict[str, Any] = {"width": 48, "num_steps": 500}
ONE: dict[str, Any] = {"rungs": (0.3,), "num_initial": 9}
TWO: dict[str, Any] = {"rungs": (0.2, 0.4), "num_initial": 9}
UNKNOWN: dict[str, Any] = TWO | {"num_portfolio": 0, "num_initial": 12}
# arm -> (trials, settings of the search); random search and TPE begin with the portfolio too where
# nothing else is said, and all with the published networks
ARMS: dict[str, tuple[int, dict[str, Any]]] = {
    "before": (40, PLAIN | {"num_initial": 12}),
    "default": (22, ONE),
    "no rungs": (16, ONE | {"rungs": ()}),
    "random": (22, ONE | {"strategy": "random", "num_portfolio": 3}),
    "TPE": (22, ONE | {"strategy": "tpe", "num_portfolio": 3}),
    "two rungs": (22, TWO),
    "two rungs, 12 initial": (22, TWO | {"num_initial": 12}),
    "two rungs, 31 trials": (31, TWO),
    "two rungs, nothing known": (40, UNKNOWN),
    "random, two rungs, nothing known": (40, UNKNOWN | {"strategy": "random"}),
    "TPE, two rungs, nothing known": (40, UNKNOWN | {"strategy": "tpe"}),
}
PORTFOLIO = "portfolio"
NUM_SEEDS = 3


def load(name: str) -> Any:
    """A signal that no configuration of the portfolio was chosen on."""
    if name in (*fresh_seeds.PICTURES, *OTHERS):
        return fresh_seeds.load(name, "quick")
    return load_file([name], "image", 64)


def train(signal: Any, config: Any, index: int) -> float:
    """Score of a configuration from a seed that no search has used."""
    options: Any = {"objective": "continuous", "progress": False, "warn": False}
    options |= {"num_steps": SIZE["num_steps"], "share_program": True}
    try:
        return oi.fit(signal, config, key=fresh_key(0, index), **options).score
    except oi.inr.DivergedError:
        return -math.inf


def search(signal: Any, num_trials: int, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """One search: its curve, its cost, its winner on fresh seeds."""
    curve: list[tuple[float, float, float]] = []  # trainings, seconds, best score so far
    begin = time.monotonic()

    def look(study: oi.Study, trial: Any) -> None:
        trials = study.trials
        best = max(map(score_of, trials))
        done = trainings_done(trials, SIZE["num_steps"])
        curve.append((round(done, 2), round(time.monotonic() - begin, 1), best))

    study = oi.search(
        signal,
        num_trials=num_trials,
        on_trial_end=look,
        progress=False,
        seed=seed,
        **SIZE,
        **settings,
    )
    return {
        "curve": curve,
        "trainings": curve[-1][0],
        "seconds": round(time.monotonic() - begin, 1),
        "config": study.best_config.to_json(),
        "fresh": [train(signal, study.best_config, i) for i in range(NUM_SEEDS)],
        "origin": str(study.best_trial.origin),
        "states": [trial.state for trial in study.trials],
    }


def portfolio(signal: Any) -> dict[str, Any]:
    """The portfolio's first, and the best of its first three: three trainings, then fresh seeds."""
    found = oi.recommend(signal, 3, width=SIZE["width"], num_steps=SIZE["num_steps"])
    firsts = [train(signal, row.config, 100) for row in found]
    chosen = found[int(np.argmax(firsts))].config
    return {
        "first": [train(signal, found[0].config, i) for i in range(NUM_SEEDS)],
        "fresh": [train(signal, chosen, i) for i in range(NUM_SEEDS)],
        "trainings": len(found),
        "scores": firsts,
    }


def run(
    signals: tuple[str, ...] = UNSEEN,
    arms: tuple[str, ...] = (PORTFOLIO, "default", "random", "TPE", "before"),
    seed: int = 0,
    minutes: float = math.inf,
) -> None:
    """Run the arms that have no result yet."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    keep_compiled_programs()
    end = time.monotonic() + 60 * minutes
    for name in signals:
        for arm in arms:
            path = FOLDER / f"{name.replace('/', '_')}.{arm}.{seed}.json"
            if path.is_file() or time.monotonic() > end:
                continue
            signal = load(name)
            if arm == PORTFOLIO:
                record = portfolio(signal)
            else:
                record = search(signal, *ARMS[arm], seed)
            head = {"signal": name, "arm": arm, "seed": seed, "control": signal.control_score}
            FOLDER.mkdir(parents=True, exist_ok=True)
            write_atomic(path, (json.dumps(head | record, indent=1) + "\n").encode())
            print(
                f"{name} {arm}: {np.mean(record['fresh']):.4g} after {record['trainings']:.1f} "
                "trainings",
                flush=True,
            )


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"run": run})
