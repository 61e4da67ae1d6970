"""Write docs/portfolio.md and its figure from what `portfolio` and `default_search` measured.

Command: python -m experiments.portfolio_page
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from experiments import default_search, portfolio
from experiments.portfolio import PARTS_OF_RUN, read_lines
from experiments.portfolio_runs import KINDS, RANKED, SIREN_FACTORS
from experiments.records import interval, read_results
from optiinr_jax.inr.config import as_number
from optiinr_jax.inr.recommended import Cell, packaged
from optiinr_jax.studies.settings import RUNGS

PAGE = Path("docs") / "portfolio.md"
FIGURE = PAGE.with_suffix(".png")
CHOSEN_ON = ("coffee", "astronaut", "chelsea", "kodak/kodim07", "div2k/test_06")
SHOWN = {  # arm -> colour in the figure
    "before": "#8a8f98",
    "default": "#c0392b",
    "random": "#e8a33d",
    "two rungs, nothing known": "#4e79a7",
    "random, two rungs, nothing known": "#7a9e3f",
}
Row = dict[str, Any]


def page() -> Iterator[str]:
    """All of it."""
    yield "# A good network at once\n"
    yield (
        "Written by `python -m experiments.portfolio_page` from the trainings of `python -m "
        "experiments.portfolio run PART` and the searches of `python -m experiments.default_search "
        "run`. Scores are those of the continuous objective, the errors at the samples and between "
        "them in one; networks have 4 layers of 48 units and 500 steps unless something else is "
        "said; dB of PSNR, for solids IoU.\n"
    )
    yield from portfolio_part()
    yield from scaling_part()
    yield from rungs_part()
    yield from search_part()


def portfolio_part() -> Iterator[str]:
    """What is in the package, and what it is worth on a signal that had no part in it."""
    yield "## The portfolio\n"
    yield (
        "The best configurations of stored searches (40 trials each) are trained, from a new "
        "seed, on all signals of their kind, and a short list is chosen greedily for the best mean "
        "of the best. `oi.fit(signal)` takes the first, `oi.recommend(signal)` shows the list, a "
        "search begins with three.\n"
    )
    for cell in packaged():
        yield from _cell_table(cell)
    yield "### On a signal that had no part in it\n"
    yield (
        "The list is chosen again without the signal (and without other pieces of the same "
        "recording or shape), from candidates that were not found on it. Own search: the best of "
        "the configurations that its own 40 trials found, from the same new seed.\n"
    )
    yield "| signal | own search | first | first 3 | all | first - own |"
    yield "|---|---|---|---|---|---|"
    gains = defaultdict(list)
    for kind, signals in KINDS.items():
        for row in portfolio.left_out(portfolio.cross_scores(kind), signals):
            gain = row["first 1"] - row["own"]
            gains[kind].append((gain, row["first 3"] - row["own"]))
            cells = [_number(row[n], kind) for n in ("own", "first 1", "first 3", "all")]
            yield f"| {row['signal']} | {' | '.join(cells)} | {_signed(gain, kind)} |"
    yield ""
    for kind, pairs in gains.items():
        first, three = (interval([p[i] for p in pairs], _shower(kind)) for i in (0, 1))
        yield f"- {kind}: the first against the own search {first}, the best of three {three}."
    yield ""


def _cell_table(cell: Cell) -> Iterator[str]:
    yield (
        f"**{cell.kind}**: {len(cell.signals)} signals of about {cell.num_points:,} points "
        f"({', '.join(cell.signals)}), width {cell.width}, {cell.num_steps} steps.\n"
    )
    yield "| | found on | layers | encoding | rates | mean | mean of the best so far |"
    yield "|---|---|---|---|---|---|---|"
    for i, entry in enumerate(cell.entries, 1):
        config = entry.config
        families = "-".join(layer.activation for layer in config.layers)
        sigma = getattr(config.encoding, "sigma", None)
        encoding = "none" if sigma is None else f"Fourier, sigma {as_number(sigma):.3g}"
        rates = sorted({f"{as_number(layer.learning_rate):.2g}" for layer in config.layers})
        yield (
            f"| {i} | {entry.source} | {families} | {encoding} | {', '.join(rates)} | "
            f"{_number(entry.mean, cell.kind)} | {_number(entry.best_of, cell.kind)} |"
        )
    yield ""


def scaling_part() -> Iterator[str]:
    """Other widths and other sizes."""
    yield "## Other widths and sizes\n"
    yield (
        "The winner of each picture's search at another width, its rates times a factor: the best "
        "factor falls with the width as 48 / width, so `config.scaled(width=)` divides the rates "
        "by the same number (the maximal-update law of hidden layers).\n"
    )
    yield "| width | signal | x 0.25 | x 0.5 | x 1 | x 2 |"
    yield "|---|---|---|---|---|---|"
    yield from _factor_table(read_lines("widths"), "width", (0.25, 0.5, 1.0, 2.0))
    yield (
        "\nNarrower networks by the same law: the portfolio's first three on two pictures of "
        "48 x 48 that had no part in it, four seeds each, with the rates of width 48 and with "
        "48 / width times as high; mean over all, mean of the lowest of four seeds, and the lowest "
        "of all. The law pays most where the training is short, and costs 0.3 dB at width 32 where "
        "it is not.\n"
    )
    yield "| width | steps | rates as they are | rates x 48 / width |"
    yield "|---|---|---|---|"
    yield from _narrow_table(read_lines("narrow"))
    yield (
        "\nThe same pictures at half and at twice the resolution, the scale of the encoding times "
        "a factor: it stays what it was, because a network as wide as before cannot hold the "
        "little that is new. (A longer piece of a sound is another matter: the frequencies "
        "grow with it, "
        "in units of the whole.)\n"
    )
    yield "| side | signal | x 0.5 | x 1 | x 1.4 | x 2 |"
    yield "|---|---|---|---|---|---|"
    yield from _factor_table(read_lines("sizes"), "size", (0.5, 1.0, 1.4, 2.0))
    yield (
        "\nThat holds for one width. A wider network can hold the higher frequencies: the "
        "portfolio's first, as for 96 x 96 and the width of the line, its scale times a factor, on "
        "pictures that had no part in it, with 16 384 points a step. `recommend` takes the smaller "
        "of the two ratios, size to 96 and width to 48. (Solids were not "
        "measured; there it stays what it was.)\n"
    )
    yield "| side | width | steps | signal | smaller ratio | x 1 | x 2 | x 4 | x 8 |"
    yield "|---|---|---|---|---|---|---|---|---|"
    yield from _grown_table(read_lines("grown"))
    yield (
        "\nThe same pictures for fewer and more steps, the rates times a factor: they stay what "
        "they were, because warm-up and fall are parts of the run.\n"
    )
    yield "| steps | signal | x 0.5 | x 0.7 | x 1 | x 1.4 |"
    yield "|---|---|---|---|---|---|"
    yield from _factor_table(read_lines("lengths"), "num_steps", (0.5, 0.7, 1.0, 1.4))
    yield ""
    yield (
        "The first of the portfolio, found at 96 x 96 and width 48, scaled, on pictures that had "
        "no part in it, beside SIREN, the best published network, trained by the same rule at the "
        "best of three rates; at the samples / between them:\n"
    )
    yield "| pixels | width | steps | signal | portfolio's first | SIREN (best factor) | gain |"
    yield "|---|---|---|---|---|---|---|"
    yield from _larger_table(read_lines("larger"))
    yield ""


def _larger_table(rows: Sequence[Row]) -> Iterator[str]:
    groups: dict[tuple[int, int, int, str], dict[str, list[Row]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        if "both" in row:
            key = row["size"], row["width"], row["num_steps"], row["signal"]
            groups[key][row["candidate"]].append(row)
    for (size, width, num_steps, signal), found in sorted(groups.items()):
        if not found["portfolio"] or len(found["siren"]) < len(SIREN_FACTORS):
            continue  # still to be trained
        ours = found["portfolio"][0]
        theirs = max(found["siren"], key=lambda row: row["both"])
        figures = [f"{r['samples']:.2f} / {r['between']:.2f}" for r in (ours, theirs)]
        gain = " / ".join(f"{ours[n] - theirs[n]:+.2f}" for n in ("samples", "between"))
        yield (
            f"| {size} x {size} | {width} | {num_steps} | {signal} | {figures[0]} | {figures[1]} "
            f"(x {theirs['factor']:g}) | {gain} |"
        )


def _narrow_table(rows: Sequence[Row]) -> Iterator[str]:
    groups: dict[tuple[int, int], dict[bool, dict[str, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for row in rows:
        network = f"{row['signal']} {row['candidate']}"
        by_rates = groups[row["width"], row["num_steps"]]
        by_rates[row["factor"] > 1.0][network].append(row.get("both", float("nan")))
    for (width, num_steps), by_rates in sorted(groups.items()):
        cells = []
        for raised in (False, True):
            seeds = list(by_rates[raised].values())
            lowest = [min(scores) for scores in seeds]
            mean = statistics.fmean(score for scores in seeds for score in scores)
            cells.append(f"{mean:.2f}, {statistics.fmean(lowest):.2f}, {min(lowest):.2f}")
        yield f"| {width} | {num_steps} | {' | '.join(cells)} |"


def _grown_table(rows: Sequence[Row]) -> Iterator[str]:
    groups: dict[tuple[int, int, int, str], dict[float, float]] = defaultdict(dict)
    for row in rows:
        key = row["size"], row["width"], row["num_steps"], row["signal"]
        groups[key][row["factor"]] = row.get("both", float("nan"))
    for (size, width, num_steps, signal), found in sorted(groups.items()):
        best = max(found.values())
        texts = {f: f"**{v:.2f}**" if v == best else f"{v:.2f}" for f, v in found.items()}
        cells = [texts.get(f, "-") for f in (1.0, 2.0, 4.0, 8.0)]
        ratio = min(size / 96, width / 48)
        yield (f"| {size} | {width} | {num_steps} | {signal} | {ratio:.3g} | {' | '.join(cells)} |")


def _factor_table(rows: Sequence[Row], name: str, factors: Sequence[float]) -> Iterator[str]:
    groups: dict[tuple[int, str], dict[float, float]] = defaultdict(dict)
    for row in rows:
        groups[row[name], row["signal"]][row["factor"]] = row.get("both", float("nan"))
    for (size, signal), found in sorted(groups.items()):
        best = max(found.values())
        texts = {f: f"{value:.2f}" for f, value in found.items()}
        texts |= {f: f"**{texts[f]}**" for f, value in found.items() if value == best}
        cells = [texts.get(f, "-") for f in factors]
        yield f"| {size} | {signal} | {' | '.join(cells)} |"


def rungs_part() -> Iterator[str]:
    """What the loss on the way says of the end."""
    yield "## Rungs\n"
    yield (
        "Rank correlation (Spearman) of the loss on the way, the mean over a 20th of the run, with "
        "the score at the end: of all trials of a search, and of the configurations that the "
        "searches of a kind found, which are all good and lie within 2 dB. A rung is there to turn "
        "the bad ones away; among the good ones nothing before a third of the run says which is "
        "best.\n"
    )
    yield f"| signal | trainings | {' | '.join(PARTS_OF_RUN)} |"
    yield "|---|---|" + "---|" * len(PARTS_OF_RUN)
    for label, part in (("all trials of its search", "rungs"), ("good ones", "cross")):
        by_signal = defaultdict(list)
        for row in read_lines(part):
            if "both" in row:
                by_signal[row["signal"]].append(row)
        order = RANKED if part == "rungs" else [n for names in KINDS.values() for n in names]
        for signal in order:
            rows = by_signal[signal]
            if len(rows) < 8:
                continue
            ends = [row["both"] for row in rows]
            found = [spearmanr([-r[n] for r in rows], ends).statistic for n in PARTS_OF_RUN]
            cells = " | ".join(f"{value:.2f}" for value in found)
            yield f"| {signal}, {label} | {len(rows)} | {cells} |"
    yield (
        f"\nThe default rung is at {' and '.join(f'{100 * s:.0f} %' for s in RUNGS)} of the run.\n"
    )


def read_searches() -> list[Row]:
    """All arms on all signals."""
    return [json.loads(path.read_text()) for path in sorted(default_search.FOLDER.glob("*.json"))]


def before_rows() -> dict[str, float]:
    """Signal -> what the search as it was found there, where an earlier table has it."""
    return {
        record["signal"]: statistics.fmean(record["fresh"]["found"]["scores"])
        for record in read_results("fresh_seeds", "quick/continuous")
        if record["contender"] == "optiinr"
    }


def search_part() -> Iterator[str]:
    """The arms, and their curves."""
    yield "## The default search\n"
    yield (
        "Signals that no configuration was chosen on, 64 x 64 pixels: each arm's best one from "
        f"{default_search.NUM_SEEDS} fresh seeds (the search as it was: from 20 where it is of an "
        "earlier table). Trainings: steps of all trials, in whole trainings, those that confirm "
        "included.\n"
    )
    rows, before = read_searches(), before_rows()
    arms = [default_search.PORTFOLIO, *default_search.ARMS]
    by: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        by[row["signal"], row["arm"]].append(row)
    for signal, score in before.items():
        by.setdefault((signal, "before"), [{"fresh": [score], "trainings": 40.0}])
    arms = [arm for arm in arms if any(key[1] == arm for key in by)]
    signals = [s for s in (*default_search.UNSEEN, *default_search.OTHERS) if (s, "default") in by]
    of_arm = {arm: [r for key, found in by.items() if key[1] == arm for r in found] for arm in arms}
    heads = [f"{arm} ({_trainings(found)})" for arm, found in of_arm.items()]
    yield f"| signal | the portfolio's first (1) | {' | '.join(heads)} |"
    yield "|---|---|" + "---|" * len(arms)
    for signal in signals:
        kind = "volume" if signal.startswith("shapes") else "image"
        first = [s for r in by[signal, default_search.PORTFOLIO] for s in r["first"]]
        cells = [_number(statistics.fmean(first), kind) if first else "-"]
        for arm in arms:
            fresh = [s for r in by.get((signal, arm), []) for s in r["fresh"]]
            cells.append(_number(statistics.fmean(fresh), kind) if fresh else "-")
        yield f"| {signal} | {' | '.join(cells)} |"
    yield ""
    pictures = [s for s in signals if not s.startswith(("shapes", "audio"))]
    for arm in ("first", *arms):
        gains = []
        for signal in pictures:
            ours = by[signal, default_search.PORTFOLIO if arm == "first" else arm]
            theirs = by.get((signal, "before"), [])
            if not ours or not theirs or arm == "before":
                continue
            key = "first" if arm == "first" else "fresh"
            gains.append(_mean(ours, key) - _mean(theirs, "fresh"))
        if gains:
            name = "the portfolio's first" if arm == "first" else arm
            text = f"against the search as it was, {len(gains)} pictures: {interval(gains)} dB"
            yield f"- {name} {text}"
    fresh = [
        _mean(by[s, "default"], "fresh") - _mean(by[s, "before"], "fresh")
        for s in pictures
        if s not in CHOSEN_ON and (s, "before") in by
    ]
    yield (
        f"\nThe rung of the default was chosen on {', '.join(CHOSEN_ON)}. On the {len(fresh)} "
        f"other pictures the default against the search as it was: {interval(fresh)} dB."
    )
    yield "\n![best score so far against trainings](portfolio.png)\n"
    yield (
        "Best score so far of each arm, below the best that any arm reached on the picture (median "
        "over the pictures), against the steps of all trials.\n"
    )
    draw(rows, pictures)


def draw(rows: Sequence[Row], pictures: Sequence[str]) -> None:
    """Curves of the arms: what is missing to the best, in the median over pictures."""
    from matplotlib import pyplot

    grid = np.arange(1.0, 41.0, 0.25)
    best = {
        signal: max(p[2] for r in rows if r["signal"] == signal for p in r.get("curve", []))
        for signal in pictures
    }
    figure, axes = pyplot.subplots(figsize=(7.2, 4.0), layout="constrained")
    for arm, colour in SHOWN.items():
        missing = []
        for row in rows:
            if row["arm"] != arm or row["signal"] not in best:
                continue
            x, y = np.array([p[0] for p in row["curve"]]), np.array([p[2] for p in row["curve"]])
            place = np.searchsorted(x, grid, side="right") - 1
            values = np.where(place >= 0, y[np.maximum(place, 0)], -np.inf)
            values = np.where(grid > x[-1] + 0.25, np.nan, values)
            missing.append(best[row["signal"]] - values)
        if missing:
            median = np.median(np.array(missing), axis=0)
            axes.plot(grid, median, label=arm, color=colour, drawstyle="steps-post")
    axes.set_xlabel("trainings")
    axes.set_ylabel("dB below the best")
    axes.set_ylim(6.0, 0.0)
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 5, 10, 20, 40], ["1", "2", "5", "10", "20", "40"])
    axes.grid(alpha=0.3)
    figure.legend(fontsize=8, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(FIGURE, dpi=130)
    pyplot.close(figure)


def _mean(rows: Sequence[Row], key: str) -> float:
    return statistics.fmean(s for row in rows for s in row[key])


def _trainings(rows: Sequence[Row]) -> str:
    return f"{statistics.fmean(row['trainings'] for row in rows):.0f}"


def _number(value: float, kind: str) -> str:
    return f"{value:.4f}" if kind == "volume" else f"{value:.2f}"


def _signed(value: float, kind: str) -> str:
    return f"{value:+.4f}" if kind == "volume" else f"{value:+.2f}"


def _shower(kind: str) -> Any:
    return ("{:+.4f}" if kind == "volume" else "{:+.2f}").format


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()) + "\n")
    print(PAGE)
