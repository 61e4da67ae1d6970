"""Two questions about the training rule: four rates or one, and what is left at equal seconds.

- rates: of what searches found, how much is lost where all layers get the geometric mean of their
  rates, times the best of three factors? Four seeds.
- seconds: one network under AdamW as it was and under the new rule, both for the time of the new
  rule's run: AdamW gets as many steps more as they cost less, measured in the same process.

Command: python -m experiments.one_rate   (its tables are part of docs/training_rules.md)
Time: 10 minutes on one core.
Expected: experiments/results/one_rate.json
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import optiinr_jax as oi
from experiments import between_samples, fresh_seeds
from experiments.protocol import fresh_key, keep_result, read_result, read_results
from experiments.training_rules import (
    FIRST,
    RULES,
    Run,
    make_config,
    read_signal,
)
from optiinr_jax.inr import NetworkConfig, keep_compiled_programs
from optiinr_jax.inr.config import as_number

FACTORS, NUM_SEEDS, NUM_STEPS = (0.5, 1.0, 2.0), 4, 500
NUM_TRAINED = 2  # of the winners whose rates differ
SOAP = "soap, normalised"
# (signal, network, its factor, width, pixels a side or None, steps of the new rule)
SECONDS = (
    ("kodak/kodim04", "siren", 4.0, None, None, 500),
    ("kodak/kodim04", "plain", 1.0, None, None, 500),
    ("kodak/kodim04", "found", 1.0, None, None, 500),
    ("div2k/test_00", "found", 1.0, None, None, 500),
    ("kodak/kodim04", "siren", 4.0, 256, 128, 150),
)


def rates_of(config: NetworkConfig) -> list[float]:
    """The rates of all layers."""
    return [as_number(layer.learning_rate) for layer in config.layers]


def with_one_rate(config: NetworkConfig, factor: float) -> NetworkConfig:
    """All layers at the geometric mean of their rates, times a factor."""
    rate = factor * float(np.exp(np.mean(np.log(rates_of(config)))))
    layers = tuple(replace(layer, learning_rate=rate) for layer in config.layers)
    return replace(config, layers=layers)


def score(signal: Any, config: NetworkConfig, seed: int) -> float:
    """One fit's score."""
    options: Any = {"objective": "continuous", "num_steps": NUM_STEPS, "share_program": True}
    options |= {"progress": False, "warn": False, "key": fresh_key(13, seed)}
    return oi.fit(signal, config, **options).score


def compare_rates() -> list[dict[str, Any]]:
    """Every stored winner: its rates, and for some what one rate would give."""
    rows = []
    for table, load in (("fresh_seeds", fresh_seeds.load), ("between", between_samples.load)):
        for record in read_results(table, "quick/continuous"):
            if record["contender"] != "optiinr":
                continue
            config = NetworkConfig.from_json(record["fresh"]["found"]["config"])
            rates = rates_of(config)
            row: dict[str, Any] = {"signal": record["signal"], "rates": rates}
            trained = sum("own" in other for other in rows)
            if trained < NUM_TRAINED and max(rates) > 1.001 * min(rates):
                signal = load(record["signal"], "quick")
                row["own"] = [score(signal, config, seed) for seed in range(NUM_SEEDS)]
                for factor in FACTORS:
                    one = with_one_rate(config, factor)
                    row[f"{factor:g}"] = [score(signal, one, seed) for seed in range(NUM_SEEDS)]
                print({n: np.mean(v).round(3) for n, v in row.items() if n != "signal"}, flush=True)
            rows.append(row)
    return rows


def compare_seconds() -> list[dict[str, Any]]:
    """Both rules for the same time."""
    rows = []
    for name, network, factor, width, size, num_steps in SECONDS:
        signal = read_signal(name) if size is None else between_samples_at(name, size)
        configs = {
            rule: make_config(Run("", name, network, rule, factor, "shifted", num_steps, 0))
            for rule in (FIRST, SOAP)
        }
        if width is not None:
            preset = oi.preset(network, width=width, depth=4)
            rates = tuple(
                replace(layer, learning_rate=factor * as_number(layer.learning_rate))
                for layer in preset.layers
            )
            plain = {"optimizer": "adamw", "schedule": "exponential", "lr_decay": 1.0}
            configs = {
                rule: replace(
                    preset, layers=rates, sampling="shifted", **plain | {"weight_decay": 0.01} | row
                )
                for rule, row in RULES.items()
                if rule in configs
            }
        per_step = {rule: seconds_a_step(signal, config) for rule, config in configs.items()}
        more = round(num_steps * per_step[SOAP] / per_step[FIRST])
        steps = {FIRST: max(more, num_steps), SOAP: num_steps}
        row = {"signal": name, "network": network, "width": width, "size": size, "steps": steps}
        row["ms_a_step"] = {rule: 1e3 * seconds for rule, seconds in per_step.items()}
        for rule, config in configs.items():
            inr = fit(signal, config, steps[rule])
            row[rule] = {"samples": inr.scores.samples, "between": inr.scores.between}
        print(row, flush=True)
        rows.append(row)
    return rows


def between_samples_at(name: str, size: int) -> oi.Signal:
    """A picture at another size."""
    return oi.load_dataset_signal(name, size)


def fit(signal: Any, config: NetworkConfig, num_steps: int) -> Any:
    """One fit in a program of its own."""
    options: Any = {"num_steps": num_steps, "progress": False, "warn": False}
    return oi.fit(signal, config, objective="continuous", share_program=False, **options)


def seconds_a_step(signal: Any, config: NetworkConfig) -> float:
    """Best of three timings of compiled steps, without what a fit costs besides."""
    short, long = (50, 150) if config.width < 256 else (10, 30)
    fit(signal, config, short)
    times: dict[int, list[float]] = {short: [], long: []}
    for _ in range(3):
        for num_steps, found in times.items():
            begin = time.perf_counter()
            fit(signal, config, num_steps)
            found.append(time.perf_counter() - begin)
    return (min(times[long]) - min(times[short])) / (long - short)


def lines() -> Iterator[str]:
    """Both tables for the page; nothing where they were not measured."""
    found = read_result("one_rate")
    if found is None:
        return
    yield "## Four rates or one\n"
    equal = sum(max(row["rates"]) <= 1.001 * min(row["rates"]) for row in found["rates"])
    yield (
        f"Of the {len(found['rates'])} configurations that searches found by this rule, {equal} "
        "have one rate in all layers, although the last trials of a search may give every layer "
        "its own. Some of the others, with their own rates and with the geometric mean of them "
        f"times a factor, {NUM_SEEDS} seeds:\n"
    )
    heads = [f"one rate x {factor:g}" for factor in FACTORS]
    yield f"| signal | rates | own | {' | '.join(heads)} | own - best of one |"
    yield "|---|---|---|" + "---|" * (len(FACTORS) + 1)
    for row in found["rates"]:
        if "own" in row:
            own = float(np.mean(row["own"]))
            ones = [float(np.mean(row[f"{factor:g}"])) for factor in FACTORS]
            digits = 4 if own < 1 else 2
            cells = [f"{value:.{digits}f}" for value in (own, *ones)]
            rates = ", ".join(f"{rate:.1e}" for rate in row["rates"])
            gain = f"{own - max(ones):+.{digits}f}"
            yield f"| {row['signal']} | {rates} | {' | '.join(cells)} | {gain} |"
    yield "\n## At equal seconds\n"
    yield (
        "AdamW as it was gets as many steps more as they cost less on one core, measured in the "
        "same process; at the samples / between them. Where AdamW's figure is that of a constant, "
        "its rate, four times the authors', is too high for that width.\n"
    )
    yield f"| signal | network | width | ms a step | {FIRST} | {SOAP} | gain |"
    yield "|---|---|---|---|---|---|---|"
    for row in found.get("seconds", []):
        ms = " / ".join(f"{row['ms_a_step'][rule]:.1f}" for rule in (FIRST, SOAP))
        figures = {rule: row[rule] for rule in (FIRST, SOAP)}
        cells = [
            f"{row['steps'][rule]} steps: {n['samples']:.2f} / {n['between']:.2f}"
            for rule, n in figures.items()
        ]
        gain = [figures[SOAP][n] - figures[FIRST][n] for n in ("samples", "between")]
        side = "" if row["size"] is None else f", {row['size']} x {row['size']}"
        yield (
            f"| {row['signal']}{side} | {row['network']} | {row['width'] or 48} | {ms} | "
            f"{' | '.join(cells)} | {gain[0]:+.2f} / {gain[1]:+.2f} |"
        )
    yield ""


if __name__ == "__main__":
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    keep_compiled_programs()
    known = read_result("one_rate") or {"rates": compare_rates()}
    keep_result("one_rate", known)
    print(keep_result("one_rate", known | {"seconds": compare_seconds()}))
