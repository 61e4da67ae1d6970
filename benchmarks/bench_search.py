"""How few evaluations does each strategy need? Regret on problems with a known optimum.

    python benchmarks/bench_search.py run --strategies optiinr tpe gp --problems inr_chain \\
        --instances 10-29 --noise 0
    python benchmarks/bench_search.py summary --reference optiinr
    python benchmarks/bench_search.py picture --strategies optiinr gp botorch
    python benchmarks/bench_search.py page

`page` makes the tables of docs/search_benchmarks.md anew. `run` appends one JSON line for each
finished run to `benchmarks/results/search.jsonl` and leaves out those that are there, so it can be
stopped and started again, and run in several processes. All strategies start from the same Latin
hypercube of an instance, and instances are interleaved.
"score" is what a run is told; a "+warp" strategy is told half-rank warped scores, anew each time.
Peers: pip install optiinr-jax[bench].
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from mixed_problems import PROBLEMS, Problem, make, noise_sd

import optiinr_jax as oi
from optiinr_jax.bo import WARPS, Choice
from optiinr_jax.bo.distributions import suggest, to_distribution
from optiinr_jax.bo.kernels import (
    KERNELS,
    Kernel,
    Normal,
    matern,
    product_prior,
    squared_distance,
)

RESULTS = Path(__file__).parent / "results" / "search.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "search_benchmarks.md"
NUM_INITIAL, NUM_TRIALS = 30, 100

Record = list[tuple[dict[str, Any], float]]
Ask = Callable[[Record], dict[str, Any]]  # what is known -> the next point


def optiinr(**options: Any) -> Callable[[Problem, int], Ask]:
    """Our engine; the record is told anew, which costs nothing because `ask` keeps no state."""

    def start(problem: Problem, seed: int) -> Ask:
        def ask(record: Record) -> dict[str, Any]:
            optimizer = oi.bo.Optimizer(problem.space, num_initial=1, seed=seed, **options)
            for point, score in record:
                optimizer.tell(point, score)
            return optimizer.ask()

        return ask

    return start


def random(problem: Problem, seed: int) -> Ask:
    """Uniform draws."""
    return lambda record: problem.space.sample((seed, len(record)), 1)[0]


def from_optuna(make_sampler: Callable[[int], Any]) -> Callable[[Problem, int], Ask]:
    """One of Optuna's samplers; conditional names are suggested only where they are active."""

    def start(problem: Problem, seed: int) -> Ask:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = make_sampler(seed)
        distributions = {n: to_distribution(d) for n, d in problem.space.dimensions.items()}

        def ask(record: Record) -> dict[str, Any]:
            study = optuna.create_study(direction="maximize", sampler=sampler)
            for point, score in record:
                active = {name: distributions[name] for name in point}
                study.add_trial(
                    optuna.trial.create_trial(params=point, distributions=active, value=score)
                )
            return suggest(study.ask(), problem.space)

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

    def ask(record: Record) -> dict[str, Any]:
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
        return space.join(row[:p], row[p:].round().astype(np.int32))

    return ask


def unconditional(problem: Problem, seed: int) -> Ask:
    """Ours without conditions: what does not exist in a point has the middle of its range."""
    dimensions = {n: replace(d, when=None) for n, d in problem.space.dimensions.items()}
    space = oi.bo.Space(dimensions)
    middle = space.sample(0, 1)[0] | {
        n: d.from_unit(0.5) for n, d in dimensions.items() if not isinstance(d, oi.bo.Choice)
    }
    ask = optiinr()(replace(problem, space=space), seed)

    def ask_active(record: Record) -> dict[str, Any]:
        point = ask([(middle | known, score) for known, score in record])
        return {name: point[name] for name in problem.space.active(point)}

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

    return Kernel(evaluate, prior, KERNELS["product"].draw_features)  # eei is not asked of it


KERNELS["isotropic"] = isotropic()
STRATEGIES: dict[str, Callable[[Problem, int], Ask]] = {
    "optiinr": optiinr(),
    "optiinr-faithful": optiinr(faithful=True),
    "optiinr-unconditional": unconditional,
    "optiinr-isotropic": optiinr(kernel="isotropic"),
    "optiinr-eei-16": optiinr(acquisition="eei", num_paths=16),
    "optiinr-eei-256": optiinr(acquisition="eei"),
    "optiinr-eei-1024": optiinr(acquisition="eei", num_paths=1024),
    "random": random,
    "tpe": from_optuna(_tpe),
    "tpe-multivariate": from_optuna(lambda seed: _tpe(seed, multivariate=True)),
    "gp": from_optuna(_gp),
    "botorch": botorch,
}


def find_strategy(name: str) -> tuple[Callable[[Problem, int], Ask], bool]:
    """Look up a row, a row with "+warp", or ours as optiinr:kernel:warp[:acquisition]."""
    base, _, warp = name.partition("+")
    if ":" in base:
        options = dict(zip(("kernel", "warp", "acquisition"), base.split(":")[1:], strict=False))
        return optiinr(**options), bool(warp)
    return STRATEGIES[base], bool(warp)


def run_one(strategy: str, problem: Problem, num_trials: int, noise: float) -> dict[str, Any]:
    """Run one strategy on one problem; return regrets of the best-scored point, and seconds."""
    start, is_warped = find_strategy(strategy)
    ask, rng = start(problem, problem.instance), np.random.default_rng([problem.instance, 77])
    sd = noise * noise_sd(problem) if noise else 0.0
    record: Record = []
    regrets, seconds = [], []
    design = problem.space.latin_hypercube([problem.instance, 5], min(NUM_INITIAL, num_trials))
    for i in range(num_trials):
        if i < len(design):
            point = design[i]
        else:
            scores = np.array([score for _, score in record])
            told = WARPS["half_rank"](scores) if is_warped else scores
            begin = time.process_time()
            point = ask([(p, float(s)) for (p, _), s in zip(record, told, strict=True)])
            seconds.append(time.process_time() - begin)
        record.append((point, problem.value(point) + sd * rng.standard_normal()))
        regrets.append(problem.regret(max(record, key=lambda pair: pair[1])[0]))
    return {
        "strategy": strategy,
        "problem": problem.name,
        "instance": problem.instance,
        "noise": noise,
        "regret": [round(r, 4) for r in regrets],
        "seconds": round(float(np.median(seconds)), 4),
        "total_seconds": round(float(np.sum(seconds)), 2),
    }


def identity(run: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two runs the same."""
    return tuple(run[key] for key in ("strategy", "problem", "instance", "noise"))


def read_runs(path: Path) -> list[dict[str, Any]]:
    """All finished runs, one for each identity."""
    lines = path.read_text().splitlines() if path.exists() else []
    return list({identity(run): run for run in map(json.loads, lines)}.values())


def parse_range(text: str) -> list[int]:
    """Read "10-29" or "3"."""
    low, _, high = text.partition("-")
    return list(range(int(low), int(high or low) + 1))


def run(args: argparse.Namespace) -> None:
    """Do all runs that are missing, instances outermost."""
    args.results.parent.mkdir(parents=True, exist_ok=True)
    for instance in parse_range(args.instances):
        for name in args.problems or PROBLEMS:
            for strategy in args.strategies or ("optiinr", "random", "tpe", "gp"):
                wanted = (strategy, name, instance, args.noise)
                if wanted in map(identity, read_runs(args.results)):
                    continue
                result = run_one(strategy, make(name, instance), args.num_trials, args.noise)
                with args.results.open("a") as file:
                    file.write(json.dumps(result, separators=(",", ":")) + "\n")
                final, spent = result["regret"][-1], result["total_seconds"]
                print(f"{name} {instance} {strategy}: {final:.3f} ({spent:.0f} CPU-s)", flush=True)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of a mean."""
    draws = np.random.default_rng(0).choice(values, (4000, len(values)))
    low, high = np.percentile(draws.mean(1), [2.5, 97.5])
    return float(low), float(high)


def collect(runs: list[dict[str, Any]], args: argparse.Namespace) -> dict[str, dict]:
    """Sort the runs that are asked for as problem -> strategy -> instance -> run."""
    table: dict[str, dict] = {name: {} for name in args.problems or PROBLEMS}
    for r in runs:
        is_wanted = not args.strategies or r["strategy"] in (*args.strategies, args.reference)
        is_wanted &= r["noise"] == args.noise and r["instance"] in parse_range(args.instances)
        if is_wanted and r["problem"] in table:
            table[r["problem"]].setdefault(r["strategy"], {})[r["instance"]] = r
    return {name: rows for name, rows in table.items() if rows}


def make_table(args: argparse.Namespace) -> list[str]:
    """Lines of a Markdown table: regret at the end, its mean after the design, at 60 evaluations.

    Differences are to the reference strategy, over common instances, with bootstrap intervals.
    """
    table = collect(read_runs(args.results), args)
    titles = ["problem", "strategy", "runs", "final", "minus ours (95 %)"]
    titles += ["mean", "minus ours (95 %)", "at 60", "CPU-s"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for problem, rows in table.items():
        reference = rows.get(args.reference, {})
        for strategy in sorted(
            rows, key=lambda s: np.mean([r["regret"][-1] for r in rows[s].values()])
        ):
            found = rows[strategy]
            curves = np.array([r["regret"] for r in found.values()])
            cells = [problem, strategy, str(len(found))]
            for measure in (lambda c: c[-1], lambda c: np.mean(c[NUM_INITIAL:])):
                common = sorted(set(found) & set(reference))
                lost = np.array(
                    [measure(found[i]["regret"]) - measure(reference[i]["regret"]) for i in common]
                )
                cells.append(f"{np.mean([measure(c) for c in curves]):.2f}")
                cell = "" if strategy == args.reference or not common else f"{lost.mean():+.2f}"
                if cell and len(common) > 3:  # fewer say nothing about the spread
                    cell += " ({:+.2f}, {:+.2f})".format(*interval(lost))
                cells.append(cell)
            cells.append(f"{np.mean(curves[:, 59]):.2f}")
            cells.append(f"{np.median([r['seconds'] for r in found.values()]):.2f}")
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def summary(args: argparse.Namespace) -> None:
    """Print the table."""
    print(*make_table(args), sep="\n")


def refresh(page: str) -> str:
    """Make each table anew that follows a comment with the arguments of its `summary`."""

    def make(found: re.Match[str]) -> str:
        args = make_parser().parse_args(["summary", *found[1].split()])
        return "\n".join([f"<!-- summary {found[1]} -->", *make_table(args), ""])

    return re.sub(r"<!-- summary (.*) -->\n(?:\|.*\n)*", make, page)


def page(args: argparse.Namespace) -> None:
    """Write the page with its tables made anew."""
    (args.out or PAGE).write_text(refresh(PAGE.read_text()))


def picture(args: argparse.Namespace) -> None:
    """Draw mean regret curves with their intervals, one panel for each problem."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    table = collect(read_runs(args.results), args)
    num_columns = min(3, len(table))
    num_rows = -(-len(table) // num_columns)
    figure, axes = plt.subplots(
        num_rows, num_columns, figsize=(4 * num_columns, 3 * num_rows), squeeze=False
    )
    names = [s for s in args.strategies or STRATEGIES if any(s in t for t in table.values())]
    for axis, (problem, rows) in zip(axes.flat, table.items(), strict=False):
        for i, strategy in enumerate(names):
            if strategy not in rows:
                continue
            curves = np.array([r["regret"] for r in rows[strategy].values()])
            x, ends = np.arange(curves.shape[1]), np.array([interval(c) for c in curves.T])
            is_ours = strategy.startswith("optiinr")
            label = f"{strategy} ({len(curves)})"
            axis.plot(x, curves.mean(0), f"C{i}", lw=2.2 if is_ours else 1.2, label=label)
            axis.fill_between(x, *ends.T, color=f"C{i}", alpha=0.12, lw=0)
        top = max(line.get_ydata()[NUM_INITIAL - 5] for line in axis.lines)
        axis.set(title=problem, xlim=(NUM_INITIAL - 5, None), ylim=(0, 1.3 * top))
        axis.set(xlabel="evaluations", ylabel="simple regret")
        axis.legend(fontsize=6, frameon=False, ncols=2, loc="upper right")
    for axis in axes.flat[len(table) :]:
        axis.set_visible(False)
    figure.tight_layout()
    figure.savefig(args.out or PAGE.with_name("search_regret.png"), dpi=110)


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--strategies", nargs="+", help="all known, for a run four")
    parser.add_argument("--problems", nargs="+", help="all")
    parser.add_argument("--instances", default="10-29")
    parser.add_argument("--noise", type=float, default=0.0, help="times the problem's noise_sd")
    parser.add_argument("--num-trials", type=int, default=NUM_TRIALS)
    parser.add_argument("--reference", default="optiinr")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, help="file; the one under docs")
    return parser


COMMANDS = {"run": run, "summary": summary, "page": page, "picture": picture}


def main(before_summary: Callable[[], object] = lambda: None) -> None:
    """Read the command line."""
    args = make_parser().parse_args()
    if args.command == "summary":
        before_summary()
    COMMANDS[args.command](args)


if __name__ == "__main__":
    main()
