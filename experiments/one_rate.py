"""Questions about the training rule: four rates or one, equal seconds, and rates beyond the grid.

- rates: of what searches found, how much is lost where all layers get the geometric mean of their
  rates, times the best of three factors? Four seeds.
- seconds: one network under AdamW as it was and under the new rule, both for the time of the new
  rule's run, each at the best of five factors on its rates: AdamW gets as many steps more as they
  cost less, measured in the same process.
- beyond: SIREN at the samples, at rates of four to 32 times its authors': does the grid of
  factors, which ends at 16, end too early?

Command: python -m experiments.one_rate   (its tables are part of docs/training_rules.md)
Time: 20 minutes on one core.
Expected: experiments/results/one_rate.json; what is in it is not measured again.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import optiinr_jax as oi
from experiments import between_samples, fresh_seeds
from experiments.protocol import fresh_key
from experiments.records import keep_result, read_result, read_results
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
BOTH = (FIRST, SOAP)
# (signal, network, width, pixels a side or None, steps of the new rule)
SECONDS = (
    ("kodak/kodim04", "siren", None, None, 500),
    ("kodak/kodim04", "plain", None, None, 500),
    ("kodak/kodim04", "found", None, None, 500),
    ("div2k/test_00", "found", None, None, 500),
    ("kodak/kodim04", "siren", 256, 128, 150),
)
BEYOND = (4.0, 16.0, 32.0)
RATES = (0.25, 0.5, 1.0, 2.0, 4.0)  # factors on the rates of a network, tried for both rules


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


def compare_seconds(known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Both rules for the same time, each with the factor on its rates that suits it best.

    Args:
        known: rows of an earlier call, whose timings are kept.
    """
    rows = []
    for name, network, width, size, num_steps in SECONDS:
        signal = read_signal(name) if size is None else between_samples_at(name, size)
        facts = {"signal": name, "network": network, "width": width, "size": size}
        row = next((r for r in known if facts.items() <= r.items()), facts)
        rows.append(row)
        if "ms_a_step" not in row:
            times = {r: seconds_a_step(signal, ruled(name, network, width, r, 1.0)) for r in BOTH}
            more = round(num_steps * times[SOAP] / times[FIRST])
            row["steps"] = {FIRST: max(more, num_steps), SOAP: num_steps}
            row["ms_a_step"] = {rule: 1e3 * seconds for rule, seconds in times.items()}
        for rule in BOTH:
            if "factor" not in row.get(rule, {}):
                found = [
                    scores(signal, ruled(name, network, width, rule, factor), row["steps"][rule])
                    | {"factor": factor}
                    for factor in RATES
                ]
                row[rule] = max(found, key=lambda n: n["samples"] + n["between"])
                print(name, network, width, rule, row[rule], flush=True)
    return rows


def compare_beyond() -> list[dict[str, Any]]:
    """SIREN by our rule, at the samples, at the grid's largest factors and beyond."""
    rows = []
    for name in fresh_seeds.PICTURES:
        signal = fresh_seeds.load(name, "quick")
        for factor in BEYOND:
            config = oi.preset("siren", protocol="search", width=48, depth=4, factor=factor)
            options: Any = {"objective": "samples", "share_program": True, "seed": 11}
            options |= {"num_steps": NUM_STEPS, "progress": False, "warn": False}
            rows.append({"signal": name, "factor": factor})
            try:
                rows[-1]["score"] = oi.fit(signal, config, **options).score
            except oi.inr.DivergedError:
                rows[-1]["score"] = None
            print(rows[-1], flush=True)
    return rows


def ruled(name: str, network: str, width: int | None, rule: str, factor: float) -> NetworkConfig:
    """A network under a rule; its own rates times a factor."""
    if width is None:
        return make_config(Run("", name, network, rule, factor, "shifted", NUM_STEPS, 0))
    preset = oi.preset(network, width=width, depth=4)
    layers = tuple(
        replace(layer, learning_rate=factor * as_number(layer.learning_rate))
        for layer in preset.layers
    )
    plain = {"optimizer": "adamw", "schedule": "exponential", "lr_decay": 1.0, "weight_decay": 0.01}
    return replace(preset, layers=layers, sampling="shifted", **plain | RULES[rule])


def scores(signal: Any, config: NetworkConfig, num_steps: int) -> dict[str, float]:
    """At the samples and between them, after a training; the lowest where it diverged."""
    try:
        found = fit(signal, config, num_steps).scores
    except oi.inr.DivergedError as error:
        found = error.inr.scores
    return {"samples": found.samples, "between": found.between}


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
        "same process; each rule has the best of five factors on the network's own rates, "
        f"{RATES[0]:g} to {RATES[-1]:g}. At the samples / between them.\n"
    )
    yield f"| signal | network | width | ms a step | {FIRST} | {SOAP} | gain |"
    yield "|---|---|---|---|---|---|---|"
    for row in found.get("seconds", []):
        ms = " / ".join(f"{row['ms_a_step'][rule]:.1f}" for rule in BOTH)
        figures = {rule: row[rule] for rule in BOTH}
        cells = [
            f"{row['steps'][rule]} steps, rates x {n['factor']:g}: {n['samples']:.2f} / "
            f"{n['between']:.2f}"
            for rule, n in figures.items()
        ]
        gain = [figures[SOAP][n] - figures[FIRST][n] for n in ("samples", "between")]
        side = "" if row["size"] is None else f", {row['size']} x {row['size']}"
        yield (
            f"| {row['signal']}{side} | {row['network']} | {row['width'] or 48} | {ms} | "
            f"{' | '.join(cells)} | {gain[0]:+.2f} / {gain[1]:+.2f} |"
        )
    yield ""
    if "beyond" in found:
        scores = {
            factor: [r["score"] for r in found["beyond"] if r["factor"] == factor]
            for factor in BEYOND
        }
        texts = (
            f"x {factor:g}: {', '.join('diverged' if s is None else f'{s:.1f}' for s in row)}"
            for factor, row in scores.items()
        )
        yield (
            "**Rates beyond the grid.** The published networks' rates are tried at factors up to "
            "16. SIREN, at the samples of coffee, rocket, chelsea and astronaut, "
            f"{'; '.join(texts)} dB: beyond the grid it ends in a constant.\n"
        )


if __name__ == "__main__":
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    keep_compiled_programs()
    known = read_result("one_rate") or {"rates": compare_rates()}
    keep_result("one_rate", known)
    known["seconds"] = compare_seconds(known.get("seconds", []))
    keep_result("one_rate", known)
    known["beyond"] = known.get("beyond") or compare_beyond()
    print(keep_result("one_rate", known))
