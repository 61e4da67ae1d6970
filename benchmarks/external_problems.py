"""Published problems that nobody here shaped, as rows for `bench_search.py`.

    bbob_f3_d5 ...      COCO's bbob-mixint (Tusar, Brockhoff, Hansen 2019): separable and rotated
                        Rastrigin (3, 15), rotated Rosenbrock (8, 9), Schaffer (17), Gallagher (21)
                        in 5 and 10 dimensions, four fifths of them whole numbers of 2 to 16 levels
    func2c func3c       CoCaBO's (Ru et al. 2020): choices say which functions of two numbers add up
    ackley53            12 binary and 3 real numbers (Wan et al. 2021, shrunk), its optimum moved
    maxsat18            weighted MAX-3-SAT, 18 variables, 80 clauses; the optimum by all 2^18
    pest15              pest control (Oh et al. 2019), 15 stages of 5 choices; the value is its cost
    pressure_vessel     Sandgren 1990: two thicknesses in sixteenths of an inch, two lengths; cost
    svm_digits          kernel, C, gamma, degree of a support vector machine; error in percent
    pipeline            five models of scikit-learn with their own numbers; log loss times 100

An instance is COCO's own, a draw where the problem has numbers to draw, else another start design.
Where the optimum is not known, regret is the value that is minimised itself.
Needs `pip install coco-experiment scikit-learn` (extra "bench").
"""

import itertools
import os
import tempfile
import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
from mixed_problems import Problem

from optiinr_jax.bo import Choice, Float, Int, Space

BBOB = {f"bbob_f{f}_d{d}": (f, d) for f in (3, 8, 9, 15, 17, 21) for d in (5, 10)}
MODELS = ("logistic", "svm", "forest", "neighbours", "boosting")


def bbob(function: int, num_dims: int, instance: int) -> Problem:
    """A function of COCO's mixed-integer suite, turned over; instances 1 to 15 are COCO's."""
    import cocoex

    wanted = f"dimensions: {num_dims} function_indices: {function}"
    suite = cocoex.Suite("bbob-mixint", "", f"{wanted} instance_indices: {instance % 15 + 1}")
    problem = suite[0]
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:  # COCO tells its optimum by a file only
        os.chdir(folder)
        problem._best_parameter("print")
        best = np.loadtxt("._bbob_problem_best_parameter.txt")
        os.chdir(before)
    ranges = zip(problem.lower_bounds, problem.upper_bounds, strict=True)
    num_whole = problem.number_of_integer_variables
    space = Space(
        {
            f"x{i}": Int(int(low), int(high)) if i < num_whole else Float(low, high)
            for i, (low, high) in enumerate(ranges)
        }
    )

    def value(point: dict[str, Any], problem: Any = problem, suite: Any = suite) -> float:
        return -float(problem([point[name] for name in space.dimensions]))

    names = enumerate(space.dimensions)
    best_point = {n: int(best[i]) if i < num_whole else float(best[i]) for i, n in names}
    return Problem(
        f"bbob_f{function}_d{num_dims}", instance, space, value, value(best_point), best_point
    )


def _rosenbrock(x: float, y: float) -> float:
    return -(100 * (y - x**2) ** 2 + (x - 1) ** 2) / 300


def _camel(x: float, y: float) -> float:
    return -((4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2) / 10


def _beale(x: float, y: float) -> float:
    return -((1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2) / 50


FIRST = (_rosenbrock, _camel, _beale)
SECOND = (_rosenbrock, _camel, _beale, _beale, _beale)
THIRD = ((5, _camel), (2, _rosenbrock), (2, _beale), (3, _beale))


def cocabo(num_choices: int, instance: int) -> Problem:
    """Func2C or Func3C; all of their largest values is that of the camel, as often as it may be."""
    counts = (len(FIRST), len(SECOND), len(THIRD))[:num_choices]
    choices = {f"h{i}": Choice(range(n)) for i, n in enumerate(counts)}
    space = Space(choices | {"x": Float(-2, 2), "y": Float(-2, 2)})

    def value(point: dict[str, Any]) -> float:
        at = point["x"], point["y"]
        total = FIRST[point["h0"]](*at) + SECOND[point["h1"]](*at)
        if num_choices == 3:
            weight, function = THIRD[point["h2"]]
            total += weight * function(*at)
        return total

    optimum = 1.0316284534898774 / 10 * (2 if num_choices == 2 else 7)
    best = dict(zip(choices, (1, 1, 0), strict=False)) | {"x": 0.08984201, "y": -0.71265640}
    return Problem(f"func{num_choices}c", instance, space, value, optimum, best)


def ackley53(instance: int) -> Problem:
    """Ackley of 12 binary and 3 real numbers; an instance says which corner and point is best."""
    g = np.random.default_rng(5300 + instance)
    corner, centre = g.integers(0, 2, 12), g.uniform(-0.7, 0.7, 3)
    bits = {f"b{i:02d}": Choice((0, 1)) for i in range(12)}
    space = Space(bits | {f"x{i}": Float(-1, 1) for i in range(3)})

    def value(point: dict[str, Any]) -> float:
        b = np.array([point[f"b{i:02d}"] for i in range(12)]) != corner
        z = np.concatenate([b, np.array([point[f"x{i}"] for i in range(3)]) - centre])
        root, ripple = np.sqrt(np.mean(z**2)), np.mean(np.cos(2 * np.pi * z))
        return float(20 * np.exp(-0.2 * root) + np.exp(ripple) - 20 - np.e)

    best = zip(space.dimensions, [*map(int, corner), *map(float, centre)], strict=True)
    return Problem("ackley53", instance, space, value, 0.0, dict(best))


def maxsat(instance: int) -> Problem:
    """Weight of the clauses that are met, in percent of the best assignment's."""
    g = np.random.default_rng(1800 + instance)
    variables = np.array([g.choice(18, 3, replace=False) for _ in range(80)])
    signs, weights = g.integers(0, 2, (80, 3)), g.uniform(0.5, 2.0, 80)
    every = np.array(list(itertools.product((0, 1), repeat=18)), np.int8)

    def weigh(bits: np.ndarray) -> np.ndarray:
        total = np.zeros(len(bits))
        for columns, sign, weight in zip(variables, signs, weights, strict=True):
            total += weight * np.any(bits[:, columns] == sign, axis=1)
        return total

    weights_met = weigh(every)
    best = float(np.max(weights_met))
    space = Space({f"b{i:02d}": Choice((0, 1)) for i in range(18)})

    def value(point: dict[str, Any]) -> float:
        return 100 * float(weigh(np.array([[point[n] for n in space.dimensions]]))[0]) / best

    bits = map(int, every[np.argmax(weights_met)])
    best_point = dict(zip(space.dimensions, bits, strict=True))
    return Problem("maxsat18", instance, space, value, 100.0, best_point)


def pest(instance: int) -> Problem:
    """Price of pesticides plus time above a tenth of pest; each stage uses one of four or none."""
    num_stages, num_simulations, threshold = 15, 100, 0.1
    price, discount = (1.0, 0.8, 0.7, 0.5), (0.2, 0.3, 0.3, 0.0)
    develop = np.array([1.0, 2.5, 2.0, 0.5]) / 7 / num_stages
    space = Space({f"stage{i:02d}": Choice(range(5)) for i in range(num_stages)})

    def value(point: dict[str, Any]) -> float:
        used = np.array([point[name] for name in space.dimensions])
        beta = np.array([2.0, 3.0, 3.0, 5.0]) / 7
        g = np.random.default_rng(15)  # the same weather for every plan
        pest, total = g.beta(1, 30, num_simulations), 0.0
        for kind in used:
            spread = g.beta(1, 17 / 3, num_simulations)
            control = g.random(num_simulations)
            total += float(np.mean(pest > threshold))
            if kind == 0:
                pest = spread * (1 - pest) + pest
                continue
            i = kind - 1
            rate = 1 - control ** (1 / beta[i])  # of Beta(1, beta), by its inverse
            pest = (1 - rate) * pest
            beta[i] += develop[i]
            total += price[i] * (1 - discount[i] / num_stages * np.sum(used == kind))
        return -total

    return Problem("pest15", instance, space, value, 0.0, {})


def pressure_vessel(instance: int) -> Problem:
    """Cost of a vessel; what breaks a rule costs a thousand times its relative excess more."""
    space = Space(
        {
            "shell": Int(1, 99),
            "head": Int(1, 99),
            "radius": Float(10, 200),
            "length": Float(10, 200),
        }
    )

    def value(point: dict[str, Any]) -> float:
        shell, head, r, length = point["shell"] / 16, point["head"] / 16, *list(point.values())[2:]
        cost = 0.6224 * shell * r * length + 1.7781 * head * r**2
        cost += 3.1661 * shell**2 * length + 19.84 * shell**2 * r
        volume = np.pi * r**2 * length + 4 / 3 * np.pi * r**3
        over = max(0.0193 * r / shell - 1, 0) + max(0.00954 * r / head - 1, 0)
        over += max(1_296_000 / volume - 1, 0) + max(length / 240 - 1, 0)
        return -float(cost * (1 + 10 * over))

    best = {"shell": 13, "head": 7, "radius": 42.0984456, "length": 176.6365958}
    return Problem("pressure_vessel", instance, space, value, -6059.7143, best)


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x[:600] / 16.0, y[:600]


def svm_digits(instance: int) -> Problem:
    """Error of a support vector machine, cross-validated on 600 digits, in percent."""
    space = Space(
        {
            "kernel": Choice(("linear", "poly", "rbf", "sigmoid")),
            "C": Float(1e-3, 1e3, log=True),
            "gamma": Float(1e-5, 1e1, log=True, when={"kernel": ("poly", "rbf", "sigmoid")}),
            "degree": Int(2, 5, when={"kernel": ("poly",)}),
            "coef0": Float(-1.0, 1.0, when={"kernel": ("poly", "sigmoid")}),
        }
    )

    def value(point: dict[str, Any]) -> float:
        from sklearn.model_selection import cross_val_score
        from sklearn.svm import SVC

        return 100 * float(np.mean(cross_val_score(SVC(**point), *_digits(), cv=3)))

    return Problem("svm_digits", instance, space, value, 100.0, {})


def pipeline(instance: int) -> Problem:
    """Cross-validated log loss, times 100, of five kinds of model on scikit-learn's wine data."""

    def only(*models: str) -> dict[str, tuple[str, ...]]:
        return {"model": models}

    space = Space(
        {
            "model": Choice(MODELS),
            "scaler": Choice(("none", "standard", "minmax")),
            "C": Float(1e-3, 1e3, log=True, when=only("logistic", "svm")),
            "gamma": Float(1e-4, 1e1, log=True, when=only("svm")),
            "depth": Int(1, 8, when=only("forest", "boosting")),
            "trees": Int(5, 40, when=only("forest", "boosting")),
            "features": Float(0.1, 1.0, when=only("forest")),
            "neighbours": Int(1, 30, when=only("neighbours")),
            "weights": Choice(("uniform", "distance"), when=only("neighbours")),
            "rate": Float(1e-2, 1.0, log=True, when=only("boosting")),
        }
    )
    return Problem("pipeline", instance, space, partial(_pipeline_value, instance), 0.0, {})


def _pipeline_value(instance: int, point: dict[str, Any]) -> float:
    from sklearn.datasets import load_wine
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

    scalers = {"none": FunctionTransformer, "standard": StandardScaler, "minmax": MinMaxScaler}
    model = make_pipeline(scalers[point["scaler"]](), _make_model(point))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = cross_val_score(model, *load_wine(return_X_y=True), cv=3, scoring="neg_log_loss")
    return 100 * float(np.mean(scores))


def _make_model(point: dict[str, Any]) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    p = point
    return {
        "logistic": lambda: LogisticRegression(C=p["C"], max_iter=300),
        "svm": lambda: SVC(C=p["C"], gamma=p["gamma"], probability=True, random_state=0),
        "forest": lambda: RandomForestClassifier(
            p["trees"], max_depth=p["depth"], max_features=p["features"], random_state=0
        ),
        "neighbours": lambda: KNeighborsClassifier(p["neighbours"], weights=p["weights"]),
        "boosting": lambda: GradientBoostingClassifier(
            learning_rate=p["rate"], n_estimators=p["trees"], max_depth=p["depth"], random_state=0
        ),
    }[p["model"]]()


EXTERNAL: dict[str, Callable[[int], Problem]] = {
    **{name: partial(bbob, *which) for name, which in BBOB.items()},
    "func2c": partial(cocabo, 2),
    "func3c": partial(cocabo, 3),
    "ackley53": ackley53,
    "maxsat18": maxsat,
    "pest15": pest,
    "pressure_vessel": pressure_vessel,
    "svm_digits": svm_digits,
    "pipeline": pipeline,
}
