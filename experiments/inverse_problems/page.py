"""Write docs/landscapes.md and its figures from what `study` measured.

Command: python -m experiments.inverse_problems.page
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.inverse_problems import own
from experiments.inverse_problems.figures import PAGE, done, draw, reported
from experiments.inverse_problems.problems import PROBLEMS
from experiments.inverse_problems.sums import (
    Row,
    best_setting,
    read,
    settings_of,
    successes,
)
from optiinr_jax.landscapes import Share, difference_of, share_of

ASKED = {  # problem -> two-stage share over that of BFGS alone that was asked for
    "gramacy_lee": 1.8,
    "burgers": 1.3,
    "kuramoto_sivashinsky": 1.3,
    "billiards_2d": 1.8,
    "billiards_4d": 1.5,
}
SHOWN = {  # method -> its name in the tables
    "raw": "BFGS alone",
    "gradient descent": "gradient descent alone",
    "proxy": "**learned landscape, then BFGS**",
    "proxy only": "learned landscape alone",
    "blur": "exact blur, then BFGS",
    "kernel": "kernel average of the stored runs, then BFGS",
    "stored 10": "best of 10 stored runs, then BFGS",
    "stored 100": "best of 100 stored runs, then BFGS",
    "stored all": "best of all stored runs, then BFGS",
    "regression": "network that names the unknowns, then BFGS",
}


def page() -> Iterator[str]:
    """All of it."""
    yield "# Learned landscapes\n"
    yield (
        "Written by `python -m experiments.inverse_problems.page` from the results of `python -m "
        "experiments.inverse_problems.study PROBLEM` and `python -m "
        "experiments.inverse_problems.own`.\n"
    )
    yield from introduction()
    yield from overview()
    yield from noise_part()
    yield from steps_part()
    yield from fit_part()
    yield from methods_part()
    yield from cost_part()
    yield from own.part()


def introduction() -> Iterator[str]:
    """What is done."""
    yield (
        "An inverse problem: which few unknowns led to what was observed? The squared distance "
        "between what a guess and the truth lead to has many local minima, where BFGS ends. "
        "Goyal, Holl, Agrawal and Thuerey "
        "([arXiv 2501.16573](https://arxiv.org/abs/2501.16573)) train a network on stored "
        "simulations to predict that loss for any target and guess, with noise on the guess, "
        "minimise the network by BFGS, and go on from there on the true loss. "
        "`optiinr_jax.landscapes` is that method; what noise with a clean label makes a network "
        "learn is the loss blurred by a Gaussian, so the exact blur is its reference. The paper's "
        "sizes and tables could not be had; problems, sizes and thresholds here are our own.\n"
    )
    yield "![Landscapes: true, blurred, learned](landscapes.png)\n"
    yield (
        "One target of each problem that no network has seen; darker is lower, a cross where the "
        "truth is. Of billiards with 4 unknowns the cue's velocity, the other two at the truth.\n"
    )


def overview() -> Iterator[str]:
    """The table of the claim."""
    yield "## How many runs reach the optimum\n"
    yield (
        "Share of runs from random starts that end within 2 % of every unknown's range and with "
        "less than 1 % of a random guess's loss: 10 targets, 50 starts each (30 for those with "
        "costlier simulations), the same for all, 5 networks a noise scale (in parts of an "
        "unknown's range). All methods have the same scaling to [0, 1], the same wall around it "
        "and the same line search; the noise scale and the length of the first step are chosen "
        "for each method, BFGS alone among them, on 6 to 8 other targets. Intervals of "
        "95 % by bootstrap over networks, targets and starts.\n"
    )
    yield (
        "| problem | BFGS alone | noise | learned landscape, then BFGS | difference | ratio | "
        "asked | without a network: best |\n|---|---|---|---|---|---|---|---|"
    )
    for name in done():
        rows = reported(name)
        raw, (scale, proxy) = rows["raw"][1], rows["proxy"]
        gain = difference_of(successes(proxy), successes(raw)[0])
        ratio = proxy["share"] / raw["share"]
        other = max(
            ("kernel", "stored 10", "stored 100", "stored all"), key=lambda k: rows[k][1]["share"]
        )
        plain = SHOWN[other].removesuffix(", then BFGS")
        yield (
            f"| {PROBLEMS[name].title} | {_share(raw)} | {scale} | {_share(proxy)} | "
            f"{_interval(gain, sign=True)} | {ratio:.2f}x | {ASKED[name]:g}x | "
            f"{_share(rows[other][1])}, {plain} |"
        )
    yield ""
    missing = [PROBLEMS[name].title for name in PROBLEMS if name not in done()]
    if missing:
        yield f"Not run to the end yet: {'; '.join(missing)}.\n"
    yield from verdicts()


def verdicts() -> Iterator[str]:
    """Where something without a network does as well."""
    for name in done():
        rows = reported(name)
        mine = rows["proxy"][1]["share"]
        as_good = [
            f"{SHOWN[kind]} ({100 * rows[kind][1]['share']:.0f} %)"
            for kind in ("kernel", "stored 10", "stored 100", "stored all", "regression")
            if rows[kind][1]["share"] >= mine - 0.01
        ]
        text = "; ".join(as_good) or "nothing that is listed below"
        yield f"- **{PROBLEMS[name].title}**: as good or better than {100 * mine:.0f} %: {text}."
    yield ""


def noise_part() -> Iterator[str]:
    """The share against the noise."""
    yield "## The share against the noise\n"
    yield "![Share of optimal runs against the noise scale](landscapes_shares.png)\n"
    yield (
        "Dots are single networks, the line is their mean, each at the first step that did best on "
        "the targets for choosing.\n"
    )


def steps_part() -> Iterator[str]:
    """What the first step of a descent does."""
    yield "## The first step\n"
    yield (
        "A first step of a fixed length is a jump where basins are smaller, so BFGS alone and the "
        "two stages are given the same list of lengths (in parts of the range) to choose from; "
        "SciPy's is 1. Shares on the targets for choosing, of the two stages at the noise scale "
        "that was chosen. The wells of Gramacy-Lee are 0.1 apart.\n"
    )
    yield "| problem | first step | BFGS alone | learned landscape, then BFGS |\n|---|---|---|---|"
    for name in done():
        scale = best_setting(name, "proxy")[0]
        proxy = settings_of(name, "choosing", "proxy")
        for (setting, first_step), row in settings_of(name, "choosing", "raw").items():
            if setting == "bfgs":
                shares = (100 * r["share"] for r in (row, proxy[scale, first_step]))
                cells = " | ".join(f"{share:.1f} %" for share in shares)
                yield f"| {PROBLEMS[name].title} | {first_step:g} | {cells} |"
    yield ""


def fit_part() -> Iterator[str]:
    """Learned against exact."""
    yield "## Is it the blur that networks learn?\n"
    yield (
        "R² of the learned landscape against the exact blur of the same scale, on targets that no "
        "network has seen (mean of 5 networks), and in brackets the total variation along random "
        "lines through the box, of the learned landscapes.\n"
    )
    names = done()
    scales = list(read(names[0])["fit"]["r_squared"])
    yield "| problem | " + " | ".join(f"noise {scale}" for scale in scales) + " |"
    yield "|---" * (len(scales) + 1) + "|"
    for name in names:
        fit = read(name)["fit"]
        cells = [
            f"{_floor(np.mean(fit['r_squared'][scale]))} ({fit['variation'][scale]:.2f})"
            for scale in scales
        ]
        yield f"| {PROBLEMS[name].title} | " + " | ".join(cells) + " |"
    yield ""


def methods_part() -> Iterator[str]:
    """Every method on every problem."""
    yield "## All methods\n"
    yield (
        "At the setting chosen on the other targets. Evaluations of the true loss with its "
        "gradient, a run; loss of the ends above the optimum in parts of a random guess's (median "
        "of all runs, and of the optimal ones).\n"
    )
    for name in done():
        yield f"**{PROBLEMS[name].title}**, {PROBLEMS[name].num_runs:,} stored runs.\n"
        yield (
            "| method | setting | share | above BFGS alone | evaluations | loss | of optimal |\n"
            "|---|---|---|---|---|---|---|"
        )
        rows = reported(name)
        raw = successes(rows["raw"][1])[0]
        for kind, (setting, row) in rows.items():
            gain = difference_of(successes(row), raw)
            shown = {"bfgs": "", "gradient descent": "", "network": ""}.get(setting, setting)
            good = row["excess_optimal"]
            yield (
                f"| {SHOWN[kind]} | {'' if kind.startswith('stored') else shown} | {_share(row)} | "
                f"{'' if kind == 'raw' else _interval(gain, sign=True)} | {row['evals']:.0f} | "
                f"{_small(row['excess'])} | {'' if good is None else _small(good)} |"
            )
            if kind == "proxy":
                yield (
                    f"| {SHOWN['proxy only']} | {shown} | {100 * row['first_share']:.1f} % | | 0 | "
                    "| |"
                )
        yield ""


def cost_part() -> Iterator[str]:
    """What it takes."""
    yield "## Cost\n"
    parts = []
    for name in done():
        rows = read(name)
        total = sum(row.get("seconds", 0.0) for row in rows.values()) / 60.0
        training = rows["networks"]["seconds"] / 60.0
        parts.append(f"{PROBLEMS[name].title} {total:.0f} ({training:.1f})")
    yield (
        f"Minutes of one core for a problem's whole run, in brackets for the training of its 30 "
        f"networks, compilations included: {'; '.join(parts)}. How training compares with PyTorch: "
        "`python benchmarks/bench_landscapes.py`, "
        f"{speed()}.\n"
    )


def speed() -> str:
    """The benchmark's figures in words."""
    path = Path("benchmarks") / "results" / "landscapes.json"
    if not path.is_file():
        return "not measured yet"
    widths = json.loads(path.read_text())["widths"]
    parts = []
    for width, rates in widths.items():
        ratios = (rates["ours"] / rates[f"torch, {kind}"] for kind in ("pairs", "shared"))
        parts.append(
            "at width {} {:,.0f} pairs a second, {:.1f}x and {:.1f}x".format(
                width, rates["ours"], *ratios
            )
        )
    return (
        "30 networks in one program against a loop over pairs that trains them one after the "
        "other, and against one that encodes a step's targets once as we do (5x was asked for): "
        f"{'; '.join(parts)}"
    )


def _share(row: Row) -> str:
    return _interval(share_of(successes(row)))


def _interval(share: Share, sign: bool = False) -> str:
    mean, low, high = (100 * value for value in share)
    plus = "+" if sign else ""
    return f"{mean:{plus}.1f} % [{low:{plus}.1f}, {high:{plus}.1f}]"


def _small(value: float) -> str:
    return "0" if abs(value) < 1e-12 else f"{value:.2g}"


def _floor(value: float) -> str:
    """Never rounded up to what was not reached."""
    return f"{np.floor(1000 * value) / 1000:.3f}"


# ---------------------------------------------------------------- figures


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()) + "\n")
    draw()
    print(PAGE)
