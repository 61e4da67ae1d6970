"""The tasks: what is known at the anchors, what is asked between them, and how it is scored.

A row of TASKS is a task. Data are drawn from a seed, so that intervals cover data and training.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import i0

from experiments.trajectories import dropout, quantiles
from optiinr_jax.trajectories import Anchors, make_anchors

Figures = dict[str, float]
Predict = Callable[[float], np.ndarray]  # from a setting to outputs, row by row of the first anchor


@dataclass(frozen=True)
class Data:
    """One draw of a task.

    Attributes:
        anchors: what a method may see.
        truth: setting held out -> outputs there, as many rows as the first anchor has.
        classes: of the rows.
        more: what the scores of a task need besides.
    """

    anchors: Anchors
    truth: dict[float, np.ndarray]
    classes: np.ndarray
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        draw: from a seed to its data.
        score: from data and a prediction to figures, which are means over the settings held out.
        main: the figure that the paper reports, and by which the table is read.
        options: of the surrogates, for this task.
        drawn: settings of the figure.
        rival: the control that the figure shows.
        reduced: what else is smaller than in the paper.
    """

    draw: Callable[[int], Data]
    score: Callable[[Data, Predict], Figures]
    main: str
    options: dict[str, Any]
    drawn: tuple[float, ...]
    rival: str
    reduced: str = ""


KAPPA, SPREAD = 5.0, 0.05  # of the angles and of the logarithms of the radii
CENTRES = np.array([[-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [1.0, 0.0]])
SIGNS = np.array([1.0, 1.0, -1.0, -1.0])
PER_CLASS = 100


def draw_semicircles(seed: int) -> Data:
    """Four half circles, run through as the setting goes from 0 to 1; 100 points a class."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(4), PER_CLASS)

    def at(setting: float) -> np.ndarray:
        angle = SIGNS[classes] * (setting * np.pi + rng.vonmises(0.0, KAPPA, len(classes)))
        radius = np.exp(SPREAD * rng.standard_normal(len(classes)))
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return (CENTRES[classes] + radius[:, None] * direction).astype(np.float32)

    settings = [0.0, 0.5, 1.0]
    anchors = make_anchors(settings, [at(t) for t in settings], [classes] * 3)
    truth = {t: at(t) for t in (0.25, 0.75)}
    return Data(anchors, truth, classes, {"floor": {t: at(t) for t in truth}})


def score_semicircles(data: Data, predict: Predict) -> Figures:
    """NLL under the generating density, distance to the circle, squared W2 to true samples."""
    rows = []
    for setting, truth in data.truth.items():
        y = predict(setting)
        away = y - CENTRES[data.classes]
        radius, angle = np.hypot(*away.T), np.arctan2(away[:, 1], away[:, 0])
        turned = angle - SIGNS[data.classes] * setting * np.pi
        log_angle = KAPPA * np.cos(turned) - np.log(2 * np.pi * i0(KAPPA))
        log_radius = -0.5 * (np.log(radius) / SPREAD) ** 2 - np.log(
            radius**2 * SPREAD * np.sqrt(2 * np.pi)  # once for the lognormal law, once for the area
        )
        rows.append(
            {
                "NLL": -np.mean(log_angle + log_radius),
                "distance to the circle": np.mean(np.abs(radius - 1.0)),
                "W2^2": transport_cost(y, truth, data.classes),
                "sd of radius": np.std(radius),
                "sd of angle": np.std(np.angle(np.exp(1j * turned))),
            }
        )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def transport_cost(a: np.ndarray, b: np.ndarray, classes: np.ndarray) -> float:
    """Squared Wasserstein-2 distance between two samples of one size, mean over the classes."""
    costs = []
    for k in np.unique(classes):
        one, other = a[classes == k], b[classes == k]
        squares = ((one[:, None] - other[None]) ** 2).sum(axis=-1)
        costs.append(squares[linear_sum_assignment(squares)].mean())
    return float(np.mean(costs))


def draw_dropout(seed: int) -> Data:
    """Samples of diffusion models of two moons, one for each rate of dropout."""
    samples = dropout.samples_of(seed)  # (rates, points, 2)
    classes = dropout.CLASSES
    at = dict(zip(dropout.RATES, samples, strict=True))
    settings = [0.0, 0.5, 0.99]
    anchors = make_anchors(settings, [at[p] for p in settings], [classes] * 3)
    truth = {p: y for p, y in at.items() if p not in settings}
    again = dict(zip(dropout.RATES, dropout.samples_of(seed, again=True), strict=True))
    return Data(anchors, truth, classes, {"floor": {p: again[p] for p in truth}})


def score_dropout(data: Data, predict: Predict) -> Figures:
    """Squared W2 to the samples of the models that were trained there."""
    found = {p: transport_cost(predict(p), y, data.classes) for p, y in data.truth.items()}
    return {"W2^2": float(np.mean(list(found.values())))} | {
        f"W2^2 at {p:g}": cost for p, cost in found.items()
    }


def draw_quantiles(seed: int) -> Data:
    """Forecasts of networks that were trained for one quantile each.

    The two networks of the anchors may be asked about any window, those of the test too.
    """
    found = quantiles.forecasts_of(seed)
    at = dict(zip(quantiles.LEVELS, found.forecasts, strict=True))
    settings = [0.01, 0.99]
    anchors = make_anchors(settings, [at[q] for q in settings], [found.windows, found.windows])
    test = slice(quantiles.NUM_TRAIN, None)
    truth = {q: y[test] for q, y in at.items() if q not in settings}
    more = {
        "windows": found.windows[test],
        "ends": [at[q][test] for q in settings],
        "exact": {q: found.exact[i][test] for i, q in enumerate(quantiles.LEVELS) if q in truth},
    }
    return Data(anchors, truth, np.zeros(len(more["windows"]), int), more)


def score_quantiles(data: Data, predict: Predict) -> Figures:
    """Mean squared distance to the forecasts of the networks, and to the exact quantiles."""
    rows = {q: predict(q) for q in data.truth}
    found = {q: float(np.mean((y - data.truth[q]) ** 2)) for q, y in rows.items()}
    exact = [np.mean((y - data.more["exact"][q]) ** 2) for q, y in rows.items()]
    return {
        "MSE": float(np.mean(list(found.values()))),
        "MSE to the exact": float(np.mean(exact)),
    } | {f"MSE at {q:g}": error for q, error in found.items()}


TASKS = {
    "semicircles": Task(
        draw_semicircles,
        score_semicircles,
        "NLL",
        {"bandwidth": 0.05, "potential": 0.2},
        (0.25, 0.75),
        "exact OT, straight lines",
    ),
    "dropout": Task(
        draw_dropout,
        score_dropout,
        "W2^2",
        {"bandwidth": 0.2, "potential": 0.19},
        (0.3, 0.7, 0.9),
        "exact OT, straight lines",
        "diffusion models of our own",
    ),
    "quantiles": Task(
        draw_quantiles,
        score_quantiles,
        "MSE",
        {"bandwidth": 1.0, "potential": 1.0, "num_kernels": 128},
        quantiles.LEVELS[1:-1],
        "linear in the setting",
        "a synthetic series in place of ETTm2, and networks of 128 and 64 units in place of 256 "
        "and 128",
    ),
}
