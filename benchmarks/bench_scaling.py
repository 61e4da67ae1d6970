"""What a suggestion costs with many trials: ours against Optuna's GPSampler, in the same run.

    OMP_NUM_THREADS=1 python benchmarks/bench_scaling.py --num 1000 --dims 26

A third of the dimensions are choices of four, the others real numbers; CPU-seconds of the second
and third ask, after compilation. With --errors also what it costs to fit the kernel's parameters to
a part of the trials: errors of the mean at 500 further points, in the model's units, where every
score has noise of 0.05.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import optuna

from optiinr_jax.bo import Choice, Float, Optimizer, Space, hyperparameters
from optiinr_jax.bo.surrogate import fit_surrogate


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=1000)
    parser.add_argument("--dims", type=int, default=26)
    parser.add_argument("--asks", type=int, default=3)
    parser.add_argument("--errors", action="store_true")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    num_choices = args.dims // 3
    space = Space(
        {f"c{i}": Choice(range(4)) for i in range(num_choices)}
        | {f"x{i}": Float(0.0, 1.0) for i in range(args.dims - num_choices)}
    )
    target = np.random.default_rng(0).random(args.dims)

    def value(point: dict) -> float:
        far = [point[n] - t for n, t in zip(space.dimensions, target, strict=True) if n[0] == "x"]
        return -float(np.sum(np.square(far))) - sum(point[f"c{i}"] != 1 for i in range(num_choices))

    record = [(point, value(point)) for point in space.sample(0, args.num)]
    optimizer = Optimizer(space)
    for point, score in record:
        optimizer.tell(point, score)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.GPSampler(seed=0, n_startup_trials=1)
    )
    distributions = {
        name: optuna.distributions.CategoricalDistribution(range(4))
        if name[0] == "c"
        else optuna.distributions.FloatDistribution(0.0, 1.0)
        for name in space.dimensions
    }
    for point, score in record:
        study.add_trial(optuna.create_trial(params=point, distributions=distributions, value=score))

    def ours() -> None:
        point = optimizer.ask()
        optimizer.tell(point, value(point))

    def peer() -> None:
        trial = study.ask(distributions)
        study.tell(trial, value(trial.params))

    for name, ask in (("optiinr", ours), ("gp", peer)):
        seconds = []
        for _ in range(args.asks):
            begin = time.process_time()
            ask()
            seconds.append(round(time.process_time() - begin, 2))
        print(f"{name}: first {seconds[0]}, then {seconds[1:]} CPU-s", flush=True)
    if args.errors:
        print_errors(space, value, args.num)


def print_errors(space: Space, value: Callable[[dict], float], num: int) -> None:
    """Errors of the mean with the parameters fitted to all trials, and to fewer."""
    points, usual = space.sample(0, num + 500), hyperparameters.MAX_FITTED
    rng = np.random.default_rng(1)
    scores = np.array([value(point) for point in points]) + 0.05 * rng.standard_normal(num + 500)
    for count in (num, 512, usual, 256):
        hyperparameters.MAX_FITTED = count
        surrogate = fit_surrogate(space, points[:num], scores[:num])
        order = np.argsort(surrogate.scores)
        truth = np.interp(scores[num:], surrogate.scores[order], surrogate.warped[order])
        error = np.sqrt(np.mean(np.square(surrogate.predict(points[num:])[0] - truth)))
        print(f"parameters of {count}: error {error:.4f}", flush=True)
    hyperparameters.MAX_FITTED = usual


if __name__ == "__main__":
    main()
