"""What the trainings of `training_rules` say: docs/training_rules.md and its figure.

Command: python -m experiments.training_rules_page
Time: seconds.
Expected: docs/training_rules.md and .png.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from experiments import fresh_seeds, mini_batches, one_rate
from experiments.records import best_network, read_results
from experiments.training_rules import (
    BEST,
    FIRST,
    OFTEN,
    RULES,
    SCREEN,
    SIGNALS,
    STAGES,
    read_runs,
)
from experiments.training_rules_effect import draw
from optiinr_jax.files import write_atomic

DOCS = Path(__file__).parents[1] / "docs"
NEW = "soap, normalised"
WHOLE = ("samplings", "noise")  # stages of which a part says nothing
COLLAPSED = 10 ** (-0.1)  # of the best constant's error: within 1 dB of it
Row = dict[str, Any]


def page() -> None:
    """Write the page."""
    draw(DOCS / "training_rules.png")
    known = read_runs()
    rows: dict[str, list[Row]] = {}
    for stage, runs in STAGES.items():
        keys = [run.key for run in runs()]
        rows[stage] = [known[key] for key in keys if key in known]
        if stage in WHOLE and len(rows[stage]) < len(keys):
            rows[stage] = []
    full, others = rows["full"], rows["samplings"]
    planned = len(list(STAGES["full"]()))
    parts = [*_head(), *_screen(rows["screen"]), *_full(full, planned)]
    parts += [*_samplings([*full, *others]), *_noise(rows["noise"])]
    parts += [*one_rate.lines(), *mini_batches.lines(), *_fresh_seeds()]
    print(write_atomic(DOCS / "training_rules.md", ("\n".join(parts) + "\n").encode()))


def _head() -> Iterator[str]:
    yield "# By which rule should a network be trained?\n"
    yield (
        "Written by `python -m experiments.training_rules_page` from the trainings of `python "
        "-m experiments.training_rules run --stage screen` (and `full`, `samplings`, `noise`). A "
        "rule is an optimiser, a gradient scaled to one norm or not, a warm-up over the first "
        "20th, a fall of the rates over the last 30 % (or the whole run, `long fall`). Every "
        "figure is given twice: **at the samples** and **between** them, at points where the "
        "signal is known and no sample lies. Pictures in dB PSNR, solids in IoU. 500 steps of 4 "
        "layers of 48 units on 96 x 96 pixels; solids 200 steps of 24 units.\n"
    )
    yield "![loss, gradient norm and Adam's second moment over a run](training_rules.png)\n"
    yield (
        "**Why it helps.** One found network on kodim04, trained by each rule at its own rates, "
        "and at four times those (dotted). The gradient falls by a factor of 20 within the first "
        "100 steps, and by 100 more while the rates fall (middle). Adam's second moment remembers "
        "about 1 000 steps, that is all of the run, and does not follow: in the last 150 steps, "
        "which settle the network, a step is a hundredth of what the rate says (right). And at "
        "rates that are too high a few large gradients throw the network into a constant, from "
        "which a sine does not return (dotted grey). With every gradient of the same norm the "
        "ratio stays at 1 and neither can happen. What SOAP gains on top is that a step follows "
        "the curvature of its layer.\n"
    )


def _screen(rows: Sequence[Row]) -> Iterator[str]:
    yield "## The screen: nine rules, four factors, one seed\n"
    yield (
        "Trained between the samples (`shifted`), scored by both. Each entry: the best factor on "
        "the network's own rates, and the score with it; last column: by how much the rule is "
        "below the best one, in the mean and at worst, over the cells of pictures and sounds "
        "(dB).\n"
    )
    cells = [(s, n) for s in SCREEN for n in ("siren", "finer", "plain", "found")]
    best: dict[tuple[str, str, str], tuple[float, float]] = {}
    for row in rows:
        if "both" in row:
            key = row["signal"], row["network"], row["rule"]
            best[key] = max(best.get(key, (-math.inf, 0.0)), (row["both"], row["factor"]))
    cells = [c for c in cells if all((*c, rule) in best for rule in RULES)]
    names = [f"{s.rpartition('/')[2]} {n}" for s, n in cells]
    yield f"| rule | {' | '.join(names)} | below the best |"
    yield "|---|" + "---|" * (len(cells) + 1)
    tops = {c: max(best[*c, rule][0] for rule in RULES) for c in cells}
    learnt = [c for c in cells if SIGNALS[c[0]].kind != "volume" and tops[c] > 20.0]
    for rule in RULES:
        entries = [_entry(*best[*c, rule], c[0]) for c in cells]
        lost = [tops[c] - best[*c, rule][0] for c in learnt]
        yield (
            f"| {rule} | {' | '.join(entries)} | {statistics.fmean(lost):.2f}, {max(lost):.2f} |"
        )
    yield ""


def _entry(score: float, factor: float, signal: str) -> str:
    return f"{_number(score, signal)} (x {factor:g})"


def _number(score: float, signal: str) -> str:
    return f"{score:.4f}" if signal.startswith("shapes") else f"{score:.2f}"


def _full(rows: Sequence[Row], planned: int) -> Iterator[str]:
    yield "## The best rules on everything\n"
    if len(rows) < planned:
        yield (
            f"**{len(rows)} of the {planned} trainings of this stage have been run**; its means "
            "are over the seeds that are there.\n"
        )
    yield (
        "Mean over seeds, at the samples / between them; ± is the standard deviation over seeds of "
        "the figure that counts both. Published networks at four times their rates under every "
        "rule, the others at their own. A line is left out where the network learns nothing (FINER "
        "and GF without an encoding on sounds).\n"
    )
    for steps in (500, 2000):
        chosen = [r for r in rows if (r["num_steps"] == 2000) == (steps == 2000)]
        if not chosen:
            continue
        samplings = ("grid", "shifted") if steps == 500 else ("shifted",)
        for sampling in samplings:
            place = (
                "at the samples (`grid`)" if sampling == "grid" else "between them too (`shifted`)"
            )
            yield f"### Trained {place}{', 2 000 steps' if steps == 2000 else ''}\n"
            yield from _table([r for r in chosen if r["sampling"] == sampling])
    yield from _summary(rows)


def _table(rows: Sequence[Row]) -> Iterator[str]:
    groups: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row["signal"], row["network"]][row["rule"]].append(row)
    yield f"| signal | network | {' | '.join(BEST)} |"
    yield "|---|---|" + "---|" * len(BEST)
    for (signal, network), by_rule in groups.items():
        scores = [r.get("both", 0.0) for found in by_rule.values() for r in found]
        if max(scores) < (0.1 if SIGNALS[signal].kind == "volume" else 20.0):
            continue
        yield f"| {signal} | {network} | {' | '.join(_cell(by_rule[r], signal) for r in BEST)} |"
    yield ""


def _cell(rows: Sequence[Row], signal: str) -> str:
    good = [row for row in rows if "both" in row]
    if not good:
        return "diverged" if rows else "-"
    parts = [_number(statistics.fmean(r[k] for r in good), signal) for k in ("samples", "between")]
    both = [r["both"] for r in good]
    spread = f" ± {_number(statistics.stdev(both), signal)}" if len(both) > 1 else ""
    lost = sum(map(_is_collapsed, rows))
    return " / ".join(parts) + spread + (f", **{lost} of {len(rows)} collapsed**" if lost else "")


def _is_collapsed(row: Row) -> bool:
    return not row.get("left", math.inf) < COLLAPSED


def _summary(rows: Sequence[Row]) -> Iterator[str]:
    """Gains over the first rule, the same network, sampling and seed."""
    yield "### What the rules gain over the first one\n"
    yield (
        "The same network, sampling and seed; pictures and sounds in dB, mean [least, largest], at "
        "the samples, then between them; solids as 1 - IoU over the first rule's. Collapsed: "
        "trainings that end within 1 dB of the best constant, of networks that learn under some "
        "rule.\n"
    )
    yield "| rule | sampling | steps | pictures | sounds | solids | collapsed |"
    yield "|---|---|---|---|---|---|---|"
    full = [r for r in rows if r["network"] in OFTEN]
    first = {_key(r): r for r in full if r["rule"] == FIRST}
    for steps in (500, 2000):
        for sampling in ("grid", "shifted"):
            for rule in BEST:
                own = [
                    r
                    for r in full
                    if r["rule"] == rule
                    and r["sampling"] == sampling
                    and (r["num_steps"] == 2000) == (steps == 2000)
                    and _key(r) in first
                ]
                if not own:
                    continue
                entries = [_gain(own, first, kind) for kind in ("image", "audio", "volume")]
                lost = sum(map(_is_collapsed, own))
                yield (
                    f"| {rule} | {sampling} | {steps} | {' | '.join(entries)} | {lost} of "
                    f"{len(own)} |"
                )
    yield ""


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[k] for k in ("signal", "network", "sampling", "num_steps", "seed"))


def _gain(rows: Sequence[Row], first: dict[tuple[Any, ...], Row], kind: str) -> str:
    own = [r for r in rows if SIGNALS[r["signal"]].kind == kind and "both" in r]
    pairs = [(r, first[_key(r)]) for r in own if "both" in first[_key(r)]]
    if not pairs:
        return "-"
    texts = []
    for name in ("samples", "between"):
        if kind == "volume":
            texts.append(
                f"{statistics.fmean((1 - a[name]) / max(1 - b[name], 1e-6) for a, b in pairs):.2f}"
            )
            continue
        gains = [a[name] - b[name] for a, b in pairs]
        texts.append(f"{statistics.fmean(gains):+.2f} [{min(gains):+.2f}, {max(gains):+.2f}]")
    return " / ".join(texts)


def _samplings(rows: Sequence[Row]) -> Iterator[str]:
    wanted = [r for r in rows if r["num_steps"] != 2000]
    wanted = [
        r for r in wanted if r["signal"] in SCREEN and r["network"] in OFTEN and r["seed"] == 0
    ]
    names = ("grid", "shifted", "jittered", "surface")
    table: dict[tuple[str, str, str], dict[str, Row]] = defaultdict(dict)
    for row in wanted:
        table[row["signal"], row["network"], row["rule"]][row["sampling"]] = row
    yield "## Where the points of a step lie\n"
    yield (
        "`grid`: the samples, as published. `shifted`: the whole grid moved by one random offset "
        "within a cell, a new one each step. `jittered`: every point by itself. `surface`: a "
        "solid's points half near its surface. At the samples / between them, one seed.\n"
    )
    yield f"| signal | network | rule | {' | '.join(names)} |"
    yield "|---|---|---|" + "---|" * len(names)
    for (signal, network, rule), found in table.items():
        if "jittered" in found:
            cells = [_cell([found[n]], signal) if n in found else "-" for n in names]
            yield f"| {signal} | {network} | {rule} | {' | '.join(cells)} |"
    yield ""


def _noise(rows: Sequence[Row]) -> Iterator[str]:
    if not rows:
        return
    yield "## Luck, and what the early loss says\n"
    yield (
        f"The {len({r['network'] for r in rows})} configurations of one of the first searches "
        "(kodim04), each from three seeds, at the rates it had. The standard deviation between "
        "seeds is that of the score that a search sees: at the samples under the first rule, both "
        "under the new one.\n"
    )
    yield (
        "| rule | standard deviation between seeds, median (90 %) | collapsed | Spearman of the "
        "loss at 1/6 and the end | at 1/3 |"
    )
    yield "|---|---|---|---|---|"
    for rule, name in ((FIRST, "samples"), (NEW, "both")):
        own = [r for r in rows if r["rule"] == rule]
        groups: dict[str, list[float]] = defaultdict(list)
        for row in own:
            if name in row and not _is_collapsed(row):
                groups[row["network"]].append(row[name])
        spreads = [statistics.stdev(g) for g in groups.values() if len(g) > 1]
        good = [r for r in own if name in r and math.isfinite(r.get("1/6", math.nan))]
        ranks = [
            stats.spearmanr([-r[part] for r in good], [r[name] for r in good]).statistic
            for part in ("1/6", "1/3")
        ]
        lost = sum(map(_is_collapsed, own))
        yield (
            f"| {rule} | {statistics.median(spreads):.2f} ({np.quantile(spreads, 0.9):.2f}) | "
            f"{lost} of {len(own)} | {ranks[0]:.2f} | {ranks[1]:.2f} |"
        )
    yield ""


def _fresh_seeds() -> Iterator[str]:
    """Do found configurations hold?"""
    records = {
        (r["objective"], r["signal"], r["contender"]): r
        for objective in ("continuous", "samples")
        for r in read_results(fresh_seeds.TABLE, f"quick/{objective}")
    }
    found = {key: r for key, r in records.items() if key[2] == "optiinr"}
    if not found:
        return
    scores = {key: r["fresh"]["found"]["scores"] for key, r in found.items()}
    spreads = [statistics.stdev(s) for s in scores.values() if None not in s]
    lost = sum(sum(map(_is_lost, s, [s] * len(s))) for s in scores.values())
    yield "## Do found configurations hold?\n"
    yield (
        "`python -m experiments.fresh_seeds`: a search of 40 trials of 500 steps, 4 of them to "
        "confirm, width 48, every one to its end (the default before the portfolio and the rungs "
        "of [portfolio.md](portfolio.md)), on pictures of scikit-image that nothing was chosen on "
        "(64 x 64, made from 256 x 256), a tenth of a second of Bach and a solid; what it found "
        "is trained from 20 seeds that it did not see, "
        "the best published network under the best of its protocols and rates from 3. Of "
        f"{sum(map(len, scores.values()))} trainings **{lost} collapsed** (6 dB "
        "or 0.05 IoU below their median); the median of the standard deviations over seeds is "
        f"{statistics.median(spreads):.2f}.\n"
    )
    yield (
        "| signal | objective | found: mean (lowest), standard deviation | at the samples / "
        "between | best published, same score | its figures | gain | interpolated, between |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for (objective, signal, _), record in found.items():
        row = record["fresh"]["found"]
        rival = records.get((objective, signal, "presets"))
        cells = ["-", "-", "-"]
        if rival is not None:
            label, best = best_network(rival["fresh"])
            gain = statistics.fmean(row["scores"]) - statistics.fmean(best["scores"])
            cells = [f"{_means(best, 'scores', signal)} ({label})", _both(best, signal)]
            cells += [f"{'+' * (gain > 0)}{_number(gain, signal)}"]
        yield (
            f"| {signal} | {objective} | {_means(row, 'scores', signal)} "
            f"({_number(min(row['scores']), signal)}), "
            f"{_number(statistics.stdev(row['scores']), signal)} | {_both(row, signal)} | "
            f"{' | '.join(cells)} | {_number(record['control'], signal)} |"
        )
    yield ""


def _is_lost(score: float | None, scores: Sequence[float | None]) -> bool:
    known = [s for s in scores if s is not None]
    bar = 6.0 if max(known) > 1.0 else 0.05
    return score is None or score < statistics.median(known) - bar


def _means(row: Row, name: str, signal: str) -> str:
    return _number(statistics.fmean(row[name]), signal)


def _both(row: Row, signal: str) -> str:
    return f"{_means(row, 'samples', signal)} / {_means(row, 'between', signal)}"


if __name__ == "__main__":
    page()
