"""The strategies that `bench_search.py` compares: ours in several forms, and its peers.

A strategy is a row of `STRATEGIES`: from a problem and a seed it makes a function that chooses the
next points from what is known. Peers: pip install optiinr-jax[bench].
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

import jax.numpy as jnp
import numpy as np
from mixed_problems import Problem
from smac_strategy import smac

import optiinr_jax as oi
from optiinr_jax.bo import Choice, hyperparameters
from optiinr_jax.bo.acquisition import make_log_ei
from optiinr_jax.bo.distributions import suggest, to_distribution
from optiinr_jax.bo.kernels import (
    Kernel,
    Normal,
    matern,
    product_prior,
    squared_distance,
)

Record = list[tuple[dict[str, Any], float]]
Ask = Callable[[Record, int], list[dict[str, Any]]]  # what is known, how many -> next points


def optiinr(**options: Any) -> Callable[[Problem, int], Ask]:
    """Our engine; the record is told anew, which costs nothing because `ask` keeps no state."""

    def start(problem: Problem, seed: int) -> Ask:
        def ask(record: Record, num: int) -> list[dict[str, Any]]:
            optimizer = oi.bo.Optimizer(problem.space, num_initial=1, seed=seed, **options)
            for point, score in record:
                optimizer.tell(point, score)
            return [optimizer.ask() for _ in range(num)]

        return ask

    return start


wide_log_ei = partial(make_log_ei, doubt=3.0)


def exploring(problem: Problem, seed: int) -> Ask:
    """Ours, every third proposal by improvement with three times the standard deviation."""
    usual, wide = optiinr()(problem, seed), optiinr(acquisition=wide_log_ei)(problem, seed)
    return lambda record, num: (wide if len(record) % 3 == 2 else usual)(record, num)


def ahead(steps: int) -> Callable[[Problem, int], Ask]:
    """Ours, in turns the first, second ... of the points that it would ask for together."""

    def start(problem: Problem, seed: int) -> Ask:
        ask = optiinr()(problem, seed)
        return lambda record, num: ask(record, len(record) % steps + num)[-num:]

    return start


def one_descent(problem: Problem, seed: int) -> Ask:
    """Ours, whose model is fitted by the descent from the prior's median alone."""
    usual = optiinr()(problem, seed)

    def ask(record: Record, num: int) -> list[dict[str, Any]]:
        with mock.patch.object(hyperparameters, "MUCH_NOISE", math.inf):
            return usual(record, num)

    return ask


def random(problem: Problem, seed: int) -> Ask:
    """Uniform draws."""
    return lambda record, num: problem.space.sample((seed, len(record)), num)


def from_optuna(make_sampler: Callable[[int], Any]) -> Callable[[Problem, int], Ask]:
    """One of Optuna's samplers; conditional names are suggested only where they are active."""

    def start(problem: Problem, seed: int) -> Ask:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = make_sampler(seed)
        distributions = {n: to_distribution(d) for n, d in problem.space.dimensions.items()}

        def ask(record: Record, num: int) -> list[dict[str, Any]]:
            study = optuna.create_study(direction="maximize", sampler=sampler)
            for point, score in record:
                active = {name: distributions[name] for name in point}
                study.add_trial(
                    optuna.trial.create_trial(params=point, distributions=active, value=score)
                )
            return [suggest(study.ask(), problem.space) for _ in range(num)]

        return ask

    return start


def _tpe(seed: int, **options: Any) -> Any:
    import optuna

    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=1, **options)


def _gp(seed: int) -> Any:
    import optuna

    return optuna.samplers.GPSampler(seed=seed, n_startup_trials=1)


def botorch(problem: Problem, seed: int) -> Ask:
    """BoTorch: MixedSingleTaskGP, logEI, alternating optimiser; the fit is capped at 75 steps."""
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP, SingleTaskGP
    from botorch.optim import optimize_acqf, optimize_acqf_mixed_alternating
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.set_num_threads(1)
    space = problem.space
    is_choice = [isinstance(d, Choice) for d in space.dimensions.values()]
    if any(d.when for d in space.dimensions.values()):
        raise ValueError(f"{problem.name} is conditional, which BoTorch's mixed model is not")
    order = [n for n, c in zip(space.dimensions, is_choice, strict=True) if not c]
    order += [n for n, c in zip(space.dimensions, is_choice, strict=True) if c]
    p, levels = is_choice.count(False), space.structure.levels

    def ask(record: Record, num: int) -> list[dict[str, Any]]:
        if num > 1:
            raise ValueError("batches of BoTorch's alternating optimiser are not compared")
        torch.manual_seed(1000 * seed + len(record))
        rows = [np.concatenate(space.split(point)) for point, _ in record]
        x = torch.tensor(np.array(rows), dtype=torch.double)
        y = torch.tensor([[score] for _, score in record], dtype=torch.double)
        bounds = torch.tensor([[0.0] * len(order), [1.0] * p + [n - 1.0 for n in levels]])
        bounds = bounds.double()
        columns = list(range(p, p + len(levels)))
        model = MixedSingleTaskGP(x, y, cat_dims=columns) if levels else SingleTaskGP(x, y)
        fit_gpytorch_mll(
            ExactMarginalLogLikelihood(model.likelihood, model),
            optimizer_kwargs={"options": {"maxiter": 75}},
        )
        acquisition = LogExpectedImprovement(model, best_f=y.max())
        shared = {"bounds": bounds, "q": 1, "raw_samples": 512, "num_restarts": 10}
        if levels and p:
            cat_dims = {j: list(range(n)) for j, n in zip(columns, levels, strict=True)}
            found, _ = optimize_acqf_mixed_alternating(acquisition, cat_dims=cat_dims, **shared)
        elif levels:
            from botorch.optim import optimize_acqf_discrete_local_search

            choices = [torch.arange(n, dtype=torch.double) for n in levels]
            found, _ = optimize_acqf_discrete_local_search(
                acquisition, discrete_choices=choices, q=1, num_restarts=10, raw_samples=512
            )
        else:
            found, _ = optimize_acqf(acquisition, **shared)
        row = found[0].detach().numpy()
        return [space.join(row[:p], row[p:].round().astype(np.int32))]

    return ask


def unconditional(problem: Problem, seed: int) -> Ask:
    """Ours without conditions: what does not exist in a point has the middle of its range."""
    dimensions = {n: replace(d, when=None) for n, d in problem.space.dimensions.items()}
    space = oi.bo.Space(dimensions)
    middle = space.sample(0, 1)[0] | {
        n: d.from_unit(0.5) for n, d in dimensions.items() if not isinstance(d, oi.bo.Choice)
    }
    ask = optiinr()(replace(problem, space=space), seed)

    def ask_active(record: Record, num: int) -> list[dict[str, Any]]:
        points = ask([(middle | known, score) for known, score in record], num)
        return [{name: point[name] for name in problem.space.active(point)} for point in points]

    return ask_active


class Isotropic(NamedTuple):
    """Parameters of one length-scale for all."""

    log_amplitude: Any
    log_lengthscale: Any


def isotropic() -> Kernel:
    """Matern-5/2 with one length-scale for numbers and one-hot columns alike, as in naive use."""

    def evaluate(params: Isotropic, a: Any, b: Any) -> Any:
        return jnp.exp(params.log_amplitude) * matern(
            2.5, squared_distance(params.log_lengthscale, a, b)
        )

    def prior(structure: Any) -> Normal:
        mean = product_prior(structure).mean
        return Normal(Isotropic(mean.log_amplitude, mean.log_lengthscale), Isotropic(1.0, 1.0))

    return Kernel(evaluate, prior)


STRATEGIES: dict[str, Callable[[Problem, int], Ask]] = {
    "optiinr": optiinr(),
    "optiinr-faithful": optiinr(faithful=True),
    "optiinr-unconditional": unconditional,
    "optiinr-isotropic": optiinr(kernel=isotropic()),
    "optiinr-explore-3": exploring,
    "optiinr-ahead-8": ahead(8),
    "optiinr-one-descent": one_descent,
    "optiinr-eei-16": optiinr(acquisition="eei", num_paths=16),
    "optiinr-eei-256": optiinr(acquisition="eei"),
    "optiinr-eei-1024": optiinr(acquisition="eei", num_paths=1024),
    "random": random,
    "tpe": from_optuna(_tpe),
    "tpe-liar": from_optuna(lambda seed: _tpe(seed, constant_liar=True)),
    "tpe-univariate": from_optuna(lambda seed: _tpe(seed, multivariate=False)),
    "gp": from_optuna(_gp),
    "botorch": botorch,
    "smac": smac,
}


def find_strategy(name: str) -> tuple[Callable[[Problem, int], Ask], bool, int]:
    """Look up a row, or ours as optiinr:kernel:warp[:acquisition]; then "+warp", then "@batch"."""
    name, _, batch = name.partition("@")
    base, _, warp = name.partition("+")
    if ":" in base:
        options = dict(zip(("kernel", "warp", "acquisition"), base.split(":")[1:], strict=False))
        return optiinr(**options), bool(warp), int(batch or 1)
    return STRATEGIES[base], bool(warp), int(batch or 1)
