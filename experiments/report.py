"""Draws docs/experiments.md and its figures from experiments/results, whatever there is of it.

Command: python -m experiments.report [--size first_rule] [--no-pictures]
Time: two minutes on 2 cores; the networks that are shown are trained again once, a few seconds
each, and kept in runs/experiments/shown. Without pictures, seconds.
Expected: every table and figure of docs/experiments.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from scipy import stats

import optiinr_jax as oi
from experiments import (
    ablations,
    depth_and_width,
    figures,
    first_checks,
    recipe,
    residual,
    table1_images,
    table2_audio,
    table3_shapes,
    tangent_kernels,
    transfer,
    without_presets,
)
from experiments.figures import LABELS
from experiments.printed import PRINTED
from experiments.protocol import PRESETS, RUNS, SEARCHES, Size, fresh_key, train
from experiments.records import FIRST_RULE, best_network, interval, mean_of, read_results
from optiinr_jax.files import write_atomic
from optiinr_jax.inr import NetworkConfig
from optiinr_jax.report import describe_layers
from optiinr_jax.report.sections.protocols import num_params

DOCS = Path(__file__).parents[1] / "docs"
PAGE, FOLDER = DOCS / "experiments.md", DOCS / "experiments"


@dataclass(frozen=True)
class Table:
    """One of the paper's tables as we make it."""

    name: str
    title: str
    module: Any  # with `load` and `SIZES`
    printed: str  # what the paper's figures are of
    shown: slice  # signals in the figure
    draw: Callable[[Path, list[tuple[oi.Signal, figures.Shown]]], object]


TABLES = (
    Table(
        "images",
        "Pictures (the paper's Table 1)",
        table1_images,
        "Kodak, DIV2K",
        slice(None, None, 4),
        figures.draw_pictures,
    ),
    Table(
        "sounds",
        "Sounds (Table 2)",
        table2_audio,
        "Bach, Counting, Two Speakers",
        slice(1),
        lambda path, rows: figures.draw_sound(path, *rows[0]),
    ),
    Table(
        "shapes",
        "Solids (Table 3)",
        table3_shapes,
        "Dragon, Thai Statue",
        slice(None),
        figures.draw_solids,
    ),
)

CONTENDERS = (SEARCHES[0], "confirmed", *SEARCHES[1:])
FIGURES = {
    "scores": "Mean score on fresh seeds, signal by signal.",
    "search": "Best score so far, mean over signals.",
    "shown": "The signal and what networks store of it.",
}
QUESTIONS = (
    first_checks,
    ablations,
    without_presets,
    transfer,
    recipe,
    tangent_kernels,
    depth_and_width,
    residual,
)


@dataclass(frozen=True)
class Scores:
    """Results of one table: contender -> signal -> what its file holds, signals in one order."""

    rows: dict[str, dict[str, dict[str, Any]]]

    @property
    def metric(self) -> str:
        """Name of the score."""
        return self.rows["optiinr"][self.signals[0]]["metric"]

    @property
    def signals(self) -> list[str]:
        """Those that OptiINR and the published networks have."""
        return [name for name in self.rows["optiinr"] if name in self.rows[PRESETS]]

    def best(self, contender: str, signal: str) -> tuple[str, dict[str, Any]]:
        """The network of a contender that is best on fresh seeds, and its name."""
        return best_network(self.rows[contender][signal]["fresh"])

    def means(self, contender: str) -> dict[str, float]:
        """Mean score over fresh seeds by signal."""
        return {
            name: mean_of(self.best(contender, name)[1]["scores"])
            for name in self.signals
            if name in self.rows.get(contender, {})
        }

    def curve(self, contender: str, signal: str) -> np.ndarray:
        """Best score so far by trial."""
        scores = self.rows[contender][signal]["trials"]
        return np.maximum.accumulate([-np.inf if s is None else s for s in scores])


def read_scores(table: str, size: str) -> Scores | None:
    """Results of a table; None where OptiINR or the published networks have none yet."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for record in read_results(table, size):
        rows.setdefault(record["contender"], {})[record["signal"]] = record
    scores = Scores(rows)
    return scores if {"optiinr", PRESETS} <= set(rows) and scores.signals else None


def contender_table(scores: Scores) -> Iterator[str]:
    """Every contender beside OptiINR, on fresh seeds, paired over signals."""
    ours = scores.means("optiinr")
    yield "| contender | mean | parameters | OptiINR is above by | on signals |"
    yield "|---|---|---|---|---|"
    for contender in (*CONTENDERS, PRESETS):
        means = scores.means(contender)
        if not means:
            continue
        shown = _number(np.mean(list(means.values())), scores)
        gains = [ours[name] - means[name] for name in means]
        gap, wins = "", f"{len(means)}"
        if contender != "optiinr":
            gap = interval(gains, lambda gain: _number(gain, scores, sign=True))
            wins = f"{sum(gain > 0 for gain in gains)} of {len(gains)}"
            if scores.metric == "IoU":
                ratios = [(1.0 - ours[name]) / (1.0 - means[name]) for name in means]
                gap += f"; 1 - IoU is {stats.gmean(ratios):.2f} of its"
        size = np.mean(
            [count_params(scores, scores.best(contender, name)[1]["config"]) for name in means]
        )
        yield f"| {LABELS[contender]} | {shown} | {size:.0f} | {gap} | {wins} |"
    larger = [record.get("larger", {}) for record in scores.rows[PRESETS].values()]
    for label in larger[0]:
        known = [mean_of(row[label]["scores"]) for row in larger]
        config, mean = larger[0][label]["config"], _number(np.mean(known), scores)
        count = NetworkConfig.from_json(config).encoding.num_frequencies
        size = count_params(scores, config)
        yield f"| {label}, {count} frequencies | {mean} | {size} | | |"


def count_params(scores: Scores, config: Any) -> int:
    """Trained numbers of a network for a signal of this table."""
    kind = ("audio", "image", "volume")[len(next(iter(scores.rows[PRESETS].values()))["shape"]) - 1]
    return num_params(NetworkConfig.from_json(config), oi.sample_signal(kind, 8))


def network_table(scores: Scores, printed: dict[str, str], of: str) -> Iterator[str]:
    """Every published network under every protocol, mean over signals of its first fresh seed."""
    records = [scores.rows[PRESETS][name]["fresh"] for name in scores.signals]
    names = dict.fromkeys(label.partition(", ")[0] for label in records[0])
    protocols = list(dict.fromkeys(label.partition(", ")[2] for label in records[0]))
    yield f"| network | {' | '.join(protocols)} | printed in the paper ({of}) |"
    yield "|---|" + "---|" * (len(protocols) + 1)
    for name in names:
        cells = []
        for protocol in protocols:
            firsts = [r[f"{name}, {protocol}"]["scores"][:1] for r in records]
            known = [first[0] for first in firsts if first and first[0] is not None]
            cells.append(_number(np.mean(known), scores) if len(known) == len(firsts) else "-")
        yield f"| {name} | {' | '.join(cells)} | {printed.get(name, '')} |"
    found = _number(np.mean(list(scores.means("optiinr").values())), scores)
    filler = " | ".join([""] * (len(protocols) - 1))
    yield f"| **OptiINR** | **{found}** | {filler} | {printed['optiinr']} |"


def signal_table(scores: Scores) -> Iterator[str]:
    """Signal by signal: who is how good, and how soon random search's best was reached."""
    known = [c for c in (PRESETS, *CONTENDERS) if scores.means(c)]
    yield "| signal | " + " | ".join(LABELS[c] for c in known) + " | reaches random's best after |"
    yield "|---|" + "---|" * (len(known) + 1)
    for name in scores.signals:
        cells = []
        for contender in known:
            if name not in scores.rows[contender]:
                cells.append("")
                continue
            label, row = scores.best(contender, name)
            values = [s for s in row["scores"] if s is not None]
            text = f"{_number(np.mean(values), scores)} ± {_number(np.std(values, ddof=1), scores)}"
            cells.append(text + (f" ({label})" if contender == PRESETS else ""))
        cells.append(trials_to_random(scores, name))
        yield f"| {name} | {' | '.join(cells)} |"


def found_table(scores: Scores) -> Iterator[str]:
    """What the search chose for every signal: encoding, then family, number and rate by layer."""
    found = {
        name: NetworkConfig.from_json(scores.best("optiinr", name)[1]["config"])
        for name in scores.signals
    }
    depth = max(config.depth for config in found.values())
    yield "| found for | encoding | " + " | ".join(f"layer {i + 1}" for i in range(depth)) + " |"
    yield "|---|---|" + "---|" * depth
    for name, config in found.items():
        lines = describe_layers(config)
        encoding = [lines[0] if config.encoding else "none"]
        layers = [line.partition(": ")[2] for line in lines[-config.depth :]]
        yield f"| {name} | {' | '.join(encoding + layers)} |"


def trials_to_random(scores: Scores, signal: str) -> str:
    """Trials until OptiINR is as good as random search is at its end."""
    if signal not in scores.rows.get("random", {}):
        return ""
    ours, theirs = (scores.curve(contender, signal) for contender in ("optiinr", "random"))
    is_there = ours >= theirs[-1]
    return f"{1 + int(np.argmax(is_there))} of {len(theirs)}" if is_there.any() else "never"


def _number(value: Any, scores: Scores, *, sign: bool = False) -> str:
    places = 2 if "dB" in scores.metric else 4
    return f"{value:{'+' if sign else ''}.{places}f}"


def show_networks(table: Table, size: str, scores: Scores) -> list[tuple[oi.Signal, figures.Shown]]:
    """Signals with the best published, random search's and our network, trained again."""
    rows, unit = [], " dB" if "dB" in scores.metric else ""
    for name in scores.signals[table.shown]:
        signal = table.module.load(name, "paper" if size.startswith("paper") else "quick")
        shown = {}
        for contender in (PRESETS, "random", "optiinr"):
            if name not in scores.rows.get(contender, {}):
                continue
            label, row = scores.best(contender, name)
            inr = _train_again(table, size, name, contender, signal, row["config"])
            score = _number(inr.score, scores)
            title = label.partition(",")[0] if contender == PRESETS else LABELS[contender]
            shown[f"{title}  {score}{unit}"] = inr.render()
        rows.append((signal, shown))
    return rows


def _train_again(
    table: Table, size: str, name: str, contender: str, signal: oi.Signal, config: Any
) -> oi.INR:
    """A network on the first fresh seed; kept in a file, as long as it is the same."""
    path = (
        RUNS
        / "shown"
        / f"{size.replace('/', '_')}.{name.replace('/', '_')}.{contender}.inr.safetensors"
    )
    config = NetworkConfig.from_json(config)
    if path.is_file():
        kept = oi.load_inr(path)
        if kept.config.to_json() == config.to_json():
            return kept
    inr = train(signal, config, _size(table, size), fresh_key(0, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    inr.save(path)
    return inr


def _size(table: Table, size: str) -> Size:
    return table.module.SIZES["paper" if size.startswith("paper") else "quick"]


def make_section(table: Table, size: str) -> Iterator[str]:
    """Text of one table, with the figures that `draw` has made."""
    scores = read_scores(table.name, size)
    if scores is None:
        return
    setting = _size(table, size)
    module = table.module.__name__
    yield f"## {table.title}"
    yield (
        f"{len(scores.signals)} signals, {setting.num_trials} trainings a search, "
        f"{setting.num_steps} steps, {setting.depth} layers of {setting.width}; score: "
        f"{scores.metric}, mean of {setting.num_seeds} fresh seeds; a contender's mean is over the "
        "signals that it has been run on. "
        f"Run by `python -m {module}`, drawn by `python -m experiments.report --size {size}`."
    )
    yield "\n".join(contender_table(scores))
    yield "\n".join(signal_table(scores))
    yield "\n".join(found_table(scores))
    for part, caption in FIGURES.items():
        path = figure_path(table, size, part)
        if path.is_file():
            yield f"![{caption}]({path.relative_to(DOCS).as_posix()})"
    yield "\n".join(network_table(scores, PRINTED[table.name], table.printed))


def draw(table: Table, size: str, with_pictures: bool) -> None:
    """Draw the figures of one table."""
    scores = read_scores(table.name, size)
    if scores is None:
        return
    known = [c for c in (PRESETS, *CONTENDERS) if set(scores.signals) <= set(scores.means(c))]
    means = {c: scores.means(c) for c in known[:1] + known[:0:-1]}
    figures.draw_scores(figure_path(table, size, "scores"), means, scores.metric)
    searches = [c for c in known if c not in (PRESETS, "confirmed")]  # which has OptiINR's course
    curves = {c: np.array([scores.curve(c, n) for n in scores.signals]) for c in searches}
    label = f"best so far, {scores.metric}"
    figures.draw_curves(figure_path(table, size, "search"), curves, label)
    if with_pictures:
        table.draw(figure_path(table, size, "shown"), show_networks(table, size, scores))


def figure_path(table: Table, size: str, part: str) -> Path:
    """File of a figure."""
    return FOLDER / f"{size.replace('/', '_')}_{table.name}_{part}.png"


def make_page(size: str) -> Iterator[str]:
    """The page, part by part."""
    yield "# The experiments"
    yield (
        "Written by `python -m experiments.report` from `experiments/results`. What was run where, "
        "and what it means, is in [experiments/README.md](../experiments/README.md). A mean with "
        "an interval is a paired difference over signals with its 95 % interval (Student's t)."
    )
    if size == FIRST_RULE:
        yield (
            "**All of this page was measured at the samples alone, under the first training rule** "
            "(AdamW, constant rates that fall over the last 30 %), by the searches of that time. "
            "Networks that it ranks high may be bad between their samples: see "
            "[between_samples.md](between_samples.md) and [training_rules.md](training_rules.md). "
            "The tables are made anew when the default search is final."
        )
    for table in TABLES:
        yield from make_section(table, size)
    for question in QUESTIONS:
        yield from question.describe()


def main(
    size: Literal["first_rule", "paper/samples"] = "first_rule", pictures: bool = True
) -> None:
    """Draw the figures and write the page."""
    for table in TABLES:
        draw(table, size, pictures)
    print(write_atomic(PAGE, ("\n\n".join(make_page(size)) + "\n").encode()))


if __name__ == "__main__":
    tyro.cli(main)
