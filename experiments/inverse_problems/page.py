"""Write docs/landscapes.md and its figures from what `study` measured.

Command: python -m experiments.inverse_problems.page
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.inverse_problems import own
from experiments.inverse_problems.problems import PROBLEMS
from experiments.inverse_problems.sums import (
    RESULTS,
    Row,
    best_setting,
    read,
    settings_of,
    successes,
)
from optiinr_jax.landscapes import Share, difference_of, share_of

PAGE = Path("docs") / "landscapes.md"
FIGURES = {"shares": "landscapes_shares.png", "shapes": "landscapes.png"}
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


def done() -> list[str]:
    """Problems with all their results."""
    return [name for name in PROBLEMS if "fit" in read(name)]


def reported(name: str) -> dict[str, tuple[str, Row]]:
    """Method -> its setting and row on the reported targets, at what was chosen on the others."""
    kinds: dict[str, tuple[str, Any]] = {
        "raw": ("raw", "bfgs"),
        "gradient descent": ("raw", "gradient descent"),
        "proxy": ("proxy", None),
        "blur": ("blur", None),
        "kernel": ("kernel", None),
        **{f"stored {k}": ("stored", k) for k in ("10", "100", "all")},
        "regression": ("regression", None),
    }
    found = {}
    for kind, (method, setting) in kinds.items():
        chosen = best_setting(name, method, setting)
        found[kind] = chosen[0], settings_of(name, "reported", method)[chosen]
    return found


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


def draw() -> None:
    """Both figures."""
    import matplotlib

    matplotlib.use("Agg")
    draw_shares()
    draw_shapes()


def draw_shares() -> None:
    """Share of optimal runs against the noise scale, one panel a problem."""
    from matplotlib import pyplot

    names = done()
    figure, axes = pyplot.subplots(
        1, len(names), figsize=(3.0 * len(names), 3.1), layout="constrained", squeeze=False
    )
    for axis, name in zip(axes[0], names, strict=True):
        for method, colour, label in (
            ("blur", "#4e79a7", "exact blur"),
            ("kernel", "#7a9e3f", "kernel average"),
            ("proxy", "#c0392b", "learned"),
        ):
            found = sorted(
                (float(key[0]), successes(row)) for key, row in shown_rows(name, method).items()
            )
            x = [scale for scale, _ in found]
            each = [100 * good.mean(axis=(1, 2)) for _, good in found]
            axis.plot(x, [e.mean() for e in each], color=colour, label=label)
            if method == "proxy":
                for scale, shares in zip(x, each, strict=True):
                    axis.plot([scale] * len(shares), shares, ".", color=colour, alpha=0.5)
        raw = 100 * reported(name)["raw"][1]["share"]
        axis.axhline(raw, color="#8a8f98", linestyle="--", label="BFGS alone")
        axis.set_title(PROBLEMS[name].title.split(",")[0] + _unknowns(name), fontsize=9)
        axis.set_xlabel("noise scale")
        axis.set_ylim(0, None)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("% of runs that reach the optimum")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(PAGE.parent / FIGURES["shares"], dpi=110)
    pyplot.close(figure)


def shown_rows(name: str, method: str) -> dict[tuple[str, float], Row]:
    """Reported rows of a method, one a scale, at the first step that was chosen for it."""
    return settings_of(name, "reported", method)


def _unknowns(name: str) -> str:
    return f", {PROBLEMS[name].num_unknowns} unknowns" if "billiards" in name else ""


def draw_shapes() -> None:
    """True, blurred and learned landscape of a target, one row a problem."""
    from matplotlib import pyplot

    names = [n for n in done() if (RESULTS / f"{n}_pictures.json").is_file()]
    figure, axes = pyplot.subplots(
        len(names), 3, figsize=(8.4, 2.6 * len(names)), layout="constrained", squeeze=False
    )
    for row, name in zip(axes, names, strict=True):
        record = json.loads((RESULTS / f"{name}_pictures.json").read_text())
        kinds = {kind: np.array(values) for kind, values in record["landscapes"].items()}
        for axis, (kind, values) in zip(row, kinds.items(), strict=True):
            draw_landscape(axis, name, record, kinds, values)
            scale = "" if kind == "true" else f", {record['scale']:g}"
            axis.set_title(f"{kind}{scale}", fontsize=9)
        row[0].set_ylabel(f"{PROBLEMS[name].title}\n{row[0].get_ylabel()}", fontsize=8)
    figure.savefig(PAGE.parent / FIGURES["shapes"], dpi=100)
    pyplot.close(figure)


def draw_landscape(
    axis: Any, name: str, record: Row, kinds: dict[str, np.ndarray], values: np.ndarray
) -> None:
    """A line for one unknown, a picture for two."""
    problem, optimum = PROBLEMS[name], np.array(record["optimum"])
    low, high = np.array(problem.low), np.array(problem.high)
    truth = low + (high - low) * optimum
    if values.ndim == 1:
        x = low[0] + (high[0] - low[0]) * (np.arange(len(values)) + 0.5) / len(values)
        axis.plot(x, values, color="#2c3e50")
        axis.axvline(truth[0], color="#c0392b", linewidth=0.8)
        axis.set_xlabel(problem.names[0], fontsize=8)
        axis.set_ylim(kinds["true"].min() - 0.1, np.quantile(kinds["true"], 0.98))
        return
    ends = np.quantile(np.concatenate([v.ravel() for v in kinds.values()]), [0.0, 0.95])
    extent = (low[0], high[0], low[1], high[1])
    axis.imshow(
        values.T, origin="lower", extent=extent, aspect="auto", cmap="viridis",
        vmin=ends[0], vmax=ends[1],
    )  # fmt: skip
    axis.plot(truth[0], truth[1], "x", color="#ff5544", markersize=9, markeredgewidth=2)
    axis.set_xlabel(problem.names[0], fontsize=8)
    axis.set_ylabel(problem.names[1], fontsize=8)


if __name__ == "__main__":
    PAGE.write_text("\n".join(page()) + "\n")
    draw()
    print(PAGE)
