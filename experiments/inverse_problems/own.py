"""Claim: a learned landscape over configurations ranks them for a signal it has not seen.

The loss of a configuration on a signal, learned from the stored trials of the other signals of its
kind, the signal described by its spectrum and its values. Ranked are the configurations of the
portfolio's table (`experiments.portfolio`, part cross), all of which have really been trained on
all signals, from a fresh seed: so the best of a model's first k is known without a new training.
Left out are the signal's own trials and the configurations that were found on it. Against:
- list: the portfolio's own rule, greedy on the table of the other signals.
- forest: a random forest on configuration and description.
- gp: a Gaussian process on them, its mean a ridge regression.

Command: python -m experiments.inverse_problems.own       (needs the extra bench, and OPTIINR_DATA)
Time: 5 minutes on one core.
Expected: experiments/results/own_landscape.json
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import rankdata, spearmanr

from experiments import portfolio, portfolio_runs
from optiinr_jax import landscapes
from optiinr_jax.files import write_atomic
from optiinr_jax.inr.recommended import choose
from optiinr_jax.studies import inr_space

RESULT = Path(__file__).parents[1] / "results" / "own_landscape.json"
KINDS = ("image", "audio")
FIRST = (1, 3, 5)
NUM_NETWORKS, NOISE = 5, 0.05
MODELS = ("list", "proxy", "forest", "gp")


def describe(signal: Any) -> np.ndarray:
    """Numbers of a signal that need no training: its spectrum, its values, its flat areas."""
    samples = np.asarray(signal.samples, float).mean(axis=-1)
    samples = samples.reshape(len(samples), -1) if samples.ndim > 1 else samples[:, None]
    power = np.abs(np.fft.fft2(samples - samples.mean())) ** 2
    axes = [np.fft.fftfreq(n) for n in samples.shape]
    radius = np.sqrt(axes[0][:, None] ** 2 + axes[1][None] ** 2).ravel()
    order = np.argsort(radius)
    share = np.cumsum(power.ravel()[order]) / power.sum()
    roll_off = [radius[order][np.searchsorted(share, part)] for part in (0.9, 0.99)]
    bands = [power.ravel()[(radius >= a) & (radius < 2 * a)].sum() for a in (1 / 32, 1 / 16, 1 / 8)]
    inside = (radius > 0.05) & (radius < 0.5)
    slope, level = np.polyfit(np.log(radius[inside]), np.log(power.ravel()[inside] + 1e-12), 1)
    levels = np.histogram(samples, 256)[0] / samples.size
    entropy = -np.sum(levels[levels > 0] * np.log2(levels[levels > 0]))
    steps = np.abs(np.diff(samples, axis=0))
    flat = np.mean(steps == 0)
    variation = steps.mean() / (samples.std() + 1e-12)
    shares = np.log10(np.array(bands) / power.sum() + 1e-9)
    return np.array([slope, level, *np.log10(roll_off), *shares, entropy, variation, flat])


def table(kind: str) -> dict[str, Any]:
    """Trials and candidates of a kind: encoded configurations, ranks, the table of scores."""
    space, signals = inr_space(kind), portfolio_runs.KINDS[kind]
    trials = {s: portfolio_runs.searched(s) for s in signals}
    scores = portfolio.cross_scores(kind)
    points = {name: _point(name) for name in scores}
    described = np.stack([describe(portfolio_runs.read_signal(s)) for s in signals])
    middle = np.median(described, axis=0)
    spread = np.quantile(described, 0.75, axis=0) - np.quantile(described, 0.25, axis=0)
    return {
        "signals": signals,
        "x": {s: np.stack([space.encode(p) for _, p in trials[s]]) for s in signals},
        "ranks": {s: _ranks([score for score, _ in trials[s]]) for s in signals},
        "described": np.clip((described - middle) / (spread + 1e-9), -3.0, 3.0),
        "candidates": {name: space.encode(point) for name, point in points.items()},
        "scores": scores,
    }


def _point(candidate: str) -> dict[str, Any]:
    signal, rank = candidate.split(" #")
    return portfolio_runs.searched(signal)[int(rank)][1]


def _ranks(scores: list[float]) -> np.ndarray:
    """Between -1, the worst, and 1, the best."""
    return 2.0 * (rankdata(scores) - 0.5) / len(scores) - 1.0


def label(target: Any, observed: Any) -> Any:
    """Loss of a trial: its rank, turned over."""
    return -observed[0] + 0.0 * target[0]


def by_proxy(x: Any, ranks: Any, described: Any, candidates: Any, own: Any) -> np.ndarray:
    """The lower end of five networks' estimates."""
    low, high = np.min([c.min(0) for c in x], 0), np.max([c.max(0) for c in x], 0)
    scale = lambda u: np.clip((u - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)  # noqa: E731
    count = min(map(len, x))
    begins = np.cumsum([0, *map(len, x[:-1])])
    labelled = np.stack([begin + np.arange(count) for begin in begins])
    config = landscapes.ProxyConfig(width=32, code_size=8, num_frequencies=16, frequency_scale=0.5)
    trained = landscapes.train_proxies(
        landscapes.Runs(scale(np.concatenate(x)), np.concatenate(ranks)[:, None]),
        [NOISE] * NUM_NETWORKS,
        config=config,
        training=landscapes.ProxyTraining(num_steps=800, loss=label),
        targets=described,
        labelled=labelled,
        progress=False,
    )
    estimates = []
    for i in range(NUM_NETWORKS):
        proxy = landscapes.pick(trained, i)
        code = landscapes.encode_target(proxy, jnp.asarray(own, jnp.float32), config)
        guesses = jnp.asarray(scale(candidates), jnp.float32)
        estimates.append(jax.vmap(landscapes.estimate_loss, (None, None, 0))(proxy, code, guesses))
    return -np.mean(estimates, axis=0) - np.std(estimates, axis=0)


def _joined(x: Any, described: Any) -> np.ndarray:
    return np.concatenate(
        [np.hstack([a, np.tile(d, (len(a), 1))]) for a, d in zip(x, described, strict=True)]
    )


def by_forest(x: Any, ranks: Any, described: Any, candidates: Any, own: Any) -> np.ndarray:
    """A random forest's mean."""
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(300, random_state=0).fit(
        _joined(x, described), np.concatenate(ranks)
    )
    return model.predict(_joined([candidates], [own]))


def by_gp(x: Any, ranks: Any, described: Any, candidates: Any, own: Any) -> np.ndarray:
    """Mean of a Gaussian process around a ridge regression."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from sklearn.linear_model import Ridge

    features, y = _joined(x, described), np.concatenate(ranks)
    mean = Ridge(1.0).fit(features, y)
    kernel = ConstantKernel(0.3) * Matern(3.0, nu=2.5) + WhiteKernel(0.1)
    rest = GaussianProcessRegressor(kernel).fit(features, y - mean.predict(features))
    asked = _joined([candidates], [own])
    return mean.predict(asked) + rest.predict(asked)


RANKERS: dict[str, Callable[..., np.ndarray]] = {
    "proxy": by_proxy,
    "forest": by_forest,
    "gp": by_gp,
}


def leave_out(kind: str) -> Iterator[dict[str, Any]]:
    """One row a signal: what each model's first k have, below the best of the table."""
    facts = table(kind)
    signals, scores = facts["signals"], facts["scores"]
    for i, signal in enumerate(signals):
        same = portfolio.same_source(signals, i)
        others = [j for j in range(len(signals)) if j not in same]
        source = portfolio.source_of(signal)
        names = [name for name in scores if not name.startswith(source)]
        reached = np.array([scores[name][i] for name in names])
        known = (
            [facts["x"][signals[j]] for j in others],
            [facts["ranks"][signals[j]] for j in others],
            facts["described"][others],
            np.stack([facts["candidates"][name] for name in names]),
            facts["described"][i],
        )
        rest = {name: np.delete(scores[name], same) for name in names}
        order = {"list": [names.index(name) for name in choose(rest, max(FIRST))]}
        row: dict[str, Any] = {"signal": signal, "spearman": {}, "regret": {}}
        for model, ranker in RANKERS.items():
            estimate = ranker(*known)
            order[model] = list(np.argsort(-estimate))
            row["spearman"][model] = float(spearmanr(estimate, reached).statistic)
        own = max(values[i] for name, values in scores.items() if name.startswith(f"{signal} #"))
        row["own search"] = float(reached.max() - own)
        for model, places in order.items():
            row["regret"][model] = [float(reached.max() - reached[places[:k]].max()) for k in FIRST]
        yield row


def part() -> Iterator[str]:
    """Section of the page."""
    yield "## On configurations of networks\n"
    if not RESULT.is_file():
        yield "Not measured yet.\n"
        return
    results = json.loads(RESULT.read_text())
    yield (
        "The same networks as a model of our own problem: the loss of a configuration on a "
        "signal, learned from the stored trials of the other signals, which are described by their "
        "spectrum and values. It ranks the configurations of the portfolio's table, of which all "
        "have been trained on all signals; dB that the best of the first k misses to the best of "
        "those that were not found on the signal, in the mean over signals that were left out. "
        "Where the signal's own search is below zero, it found something better than all of "
        "these.\n"
    )
    yield "| kind | k | " + " | ".join(MODELS) + " | own search of 40 |"
    yield "|---" * (len(MODELS) + 3) + "|"
    wins = []
    for kind, rows in results.items():
        for n, k in enumerate(FIRST):
            means = {m: float(np.mean([row["regret"][m][n] for row in rows])) for m in MODELS}
            wins.append(means["proxy"] < means["list"])
            own = float(np.mean([row["own search"] for row in rows]))
            cells = " | ".join(f"{means[m]:.2f}" for m in MODELS)
            yield f"| {kind} | {k} | {cells} | {own:.2f} |"
    yield ""
    rhos = "; ".join(
        f"{kind}: "
        + ", ".join(f"{m} {np.mean([row['spearman'][m] for row in rows]):.2f}" for m in RANKERS)
        for kind, rows in results.items()
    )
    yield f"Rank correlation of estimate and score among the candidates ({rhos}).\n"
    verdict = (
        "so it is a candidate for a strategy."
        if all(wins)
        else "so it does not become a strategy of the search. No new network was trained for this "
        "table: the candidates were all good on some signal, and differences of 0.1 dB are those "
        "of a training's seed."
    )
    yield (
        f"The learned landscape is ahead of the list in {sum(wins)} of {len(wins)} lines, "
        f"{verdict}\n"
    )


if __name__ == "__main__":
    found = {}
    for kind in KINDS:
        found[kind] = list(leave_out(kind))
        for row in found[kind]:
            print(row, flush=True)
    write_atomic(RESULT, (json.dumps(found, indent=1) + "\n").encode())
