"""The strategies of `bench_search.py` on real trainings, by way of a regression surrogate.

    python benchmarks/bench_real_landscape.py run --instances 0-9
    python benchmarks/bench_real_landscape.py summary --instances 0-9

A random forest is fitted to each signal's table (`real_landscape.py`); a strategy then searches
what the forest predicts, as hyper-parameter benchmarks do. Same options as `bench_search.py`; an
instance is a start design. Regret is in dB below the best prediction over the table and 20 000
random configurations. `summary` prints the forest's cross-validated R^2 as well.
"""

from functools import cache, partial
from pathlib import Path
from typing import Any

import bench_search
import numpy as np
from mixed_problems import PROBLEMS, Problem
from real_landscape import read_table, space_of

RESULTS = Path(__file__).parent / "results" / "real_landscape.jsonl"


def encode(name: str, points: list[dict[str, Any]]) -> np.ndarray:
    """Rows of numbers and one-hot choices."""
    space = space_of(name)
    return np.stack([space.encode(point) for point in points])


@cache
def fit_forest(name: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """Fit the forest of one signal; a diverged training counts as the worst."""
    from sklearn.ensemble import RandomForestRegressor

    points, scores = zip(*read_table()[name], strict=True)
    x, y = encode(name, list(points)), np.array(scores)
    y = np.where(np.isfinite(y), y, np.nanmin(y))
    forest = RandomForestRegressor(100, min_samples_leaf=2, max_features=0.5, random_state=0)
    return forest.fit(x, y), x, y


@cache
def make_problem(name: str, instance: int) -> Problem:
    """The forest as a problem."""
    (forest, x, _), space = fit_forest(name), space_of(name)
    points = space.sample(0, 20_000)
    predicted = forest.predict(np.concatenate([x, encode(name, points)]))
    best = int(np.argmax(predicted))
    best_point = space.decode(x[best]) if best < len(x) else points[best - len(x)]

    def value(point: dict[str, Any]) -> float:
        return float(forest.predict(encode(name, [point]))[0])

    return Problem(name, instance, space, value, float(predicted[best]), best_point)


def print_quality(name: str) -> None:
    """Print how well the forest predicts trainings it has not seen."""
    from sklearn.base import clone
    from sklearn.model_selection import KFold, cross_val_score

    forest, x, y = fit_forest(name)
    r2 = cross_val_score(clone(forest), x, y, cv=KFold(5, shuffle=True, random_state=0)).mean()
    print(f"{name}: {len(y)} trainings, best {y.max():.2f} dB, R^2 of five folds {r2:.2f}\n")


def main() -> None:
    """Register the signals as problems, and go on as `bench_search.py`."""
    names = list(read_table())
    PROBLEMS.clear()
    PROBLEMS.update({name: partial(make_problem, name) for name in names})
    bench_search.main(RESULTS, before_summary=lambda: [print_quality(name) for name in names])


if __name__ == "__main__":
    main()
