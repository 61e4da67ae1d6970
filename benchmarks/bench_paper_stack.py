"""The whole search as the OptiINR paper ran it, against ours: how long until ours is as good?

    pip install -e ".[bench]"
    python benchmarks/bench_paper_stack.py                   # three Kodak pictures, 96^2, 60 trials
    python benchmarks/bench_paper_stack.py --quick           # the same, small; only prints

The paper's stack is written out here: the networks in PyTorch, trained eagerly; the surrogate a
BoTorch GP with a Matern 5/2 kernel on the numbers times a categorical one on the families, its
hyperparameters fitted anew for each suggestion; the acquisition the mean over 256 draws of the
posterior of the improvement, maximised by BoTorch's alternation over numbers and categories. The
paper fixes neither the budget of that maximisation nor the candidates; BoTorch's usual ones are
taken. The paper's stack trains by AdamW, and ours by its own rule; both have the same families,
number of initial trials and steps, and are scored by PSNR on all pixels. Ours goes on until it has
reached the best score the paper's stack ended with, or has taken as long; its time includes every
compilation. Each runs in a process of its own, one after the other. Writes
benchmarks/results/paper_stack.json after every picture, and goes on from it; --draw makes
docs/paper_stack.png of what it holds.
"""

import argparse
import json
import multiprocessing
import os
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from optiinr_jax.files import write_atomic

RESULT = Path(__file__).parent / "results" / "paper_stack.json"
PICTURE = Path(__file__).parent.parent / "docs" / "paper_stack.png"
DEPTH = 4
NUM_DRAWS = 256
_MOST = 10  # times as many trials ours may take, should it be behind


class Task(NamedTuple):
    """One search."""

    picture: str  # a name of `load_dataset_signal`, a file, or "sample"
    size: int
    width: int
    num_trials: int
    num_initial: int
    num_steps: int
    seed: int


Curve = list[tuple[float, float]]  # after every trial: seconds so far, best score so far


def load(task: Task) -> Any:
    """The signal of a task."""
    import optiinr_jax as oi

    if task.picture == "sample":
        return oi.sample_signal("image", task.size)
    if Path(task.picture).is_file():
        return oi.load_signal(task.picture, task.size)
    return oi.load_dataset_signal(task.picture, task.size)


def paper_stack(task: Task) -> Curve:
    """PyTorch and BoTorch. A vector holds numbers in [0, 1], then choices as whole numbers."""
    import torch
    from botorch.acquisition import qExpectedImprovement
    from botorch.exceptions import BotorchWarning, InputDataWarning
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.models.kernels import CategoricalKernel
    from botorch.models.transforms import Standardize
    from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
    from botorch.sampling import SobolQMCNormalSampler
    from gpytorch.kernels import MaternKernel, ScaleKernel
    from gpytorch.mlls import ExactMarginalLogLikelihood
    from real_landscape import first_config, first_space
    from scipy.stats import qmc
    from torch_networks import Trainer

    from optiinr_jax.inr.lowering import resolve_bounds
    from optiinr_jax.studies.points import FAMILIES

    warnings.simplefilter("ignore", BotorchWarning)
    warnings.simplefilter("ignore", InputDataWarning)
    torch.manual_seed(task.seed)
    signal, space, families = load(task), first_space("image", DEPTH), FAMILIES["image"]
    coords = np.array(signal.grid_coords())
    targets = np.array(signal.targets().dense())
    num_numbers = 2 * DEPTH + 1  # a frequency and a rate a layer, and the encoding's scale
    levels = [len(families)] * DEPTH + [2]
    choices = {num_numbers + i: list(range(count)) for i, count in enumerate(levels)}

    def to_config(x: np.ndarray) -> Any:
        """The network of a vector: a layer's frequency has the range of its family."""
        point: dict[str, Any] = {}
        for i in range(DEPTH):
            family = families[round(x[num_numbers + i])]
            names = [n for n in space.dimensions if n.endswith(f"_{i + 1}_{family}")]
            point[f"activation_{i + 1}"] = family
            point |= {name: space.dimensions[name].from_unit(float(x[i])) for name in names}
            rate = f"learning_rate_{i + 1}"
            point[rate] = space.dimensions[rate].from_unit(float(x[DEPTH + i]))
        if round(x[-1]):
            scale = space.dimensions["encoding_sigma"].from_unit(float(x[2 * DEPTH]))
            point |= {"encoding": "fourier", "encoding_sigma": scale}
        return resolve_bounds(first_config(point, task.width, "image"), 2)

    def train(x: np.ndarray) -> float:
        """PSNR in dB after training; values are in [-1, 1], so the peak is 2."""
        trainer = Trainer(to_config(x), coords, targets, num_steps=task.num_steps)
        trainer.run(task.num_steps)
        with torch.no_grad():
            values = trainer.model(trainer.coords)
            mse = float((values - trainer.targets).square().mean())
        return 10.0 * float(np.log10(4.0 / mse)) if np.isfinite(mse) and mse > 0 else np.nan

    def propose(x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        """The maximum of the acquisition."""
        numbers, places = range(num_numbers), list(choices)
        kernel = ScaleKernel(
            MaternKernel(nu=2.5, active_dims=tuple(numbers))
            * CategoricalKernel(ard_num_dims=len(levels), active_dims=tuple(places))
        )
        gp = SingleTaskGP(x, y[:, None], covar_module=kernel, outcome_transform=Standardize(1))
        fit_gpytorch_mll(ExactMarginalLogLikelihood(gp.likelihood, gp))
        sampler = SobolQMCNormalSampler(torch.Size([NUM_DRAWS]), seed=len(x))
        acquisition = qExpectedImprovement(gp, best_f=y.max(), sampler=sampler)
        high = [1.0] * num_numbers + [count - 1.0 for count in levels]
        bounds = torch.tensor([[0.0] * len(high), high], dtype=torch.double)
        found, _ = optimize_acqf_mixed_alternating(
            acquisition, bounds, cat_dims=choices, q=1, raw_samples=256, num_restarts=8
        )
        return found[0].numpy()

    start, curve = time.perf_counter(), []
    sample = qmc.LatinHypercube(d=num_numbers + len(levels), rng=np.random.default_rng(task.seed))
    cube = sample.random(task.num_initial)
    cube[:, num_numbers:] = np.floor(cube[:, num_numbers:] * np.array(levels))
    x, y = list(cube), []
    for trial in range(task.num_trials):
        if trial >= task.num_initial:
            known = np.array(y)
            worst = np.nanmin(known) - np.nanstd(known)
            values = np.where(np.isnan(known), worst, known)
            x.append(propose(torch.tensor(np.array(x)), torch.tensor(values)))
        y.append(train(x[trial]))
        curve.append((time.perf_counter() - start, float(np.nanmax(y))))
    return curve


def ours(task: Task, goal: float, seconds: float) -> Curve:
    """`oi.search`, until it has reached `goal`, or for so many seconds."""
    import optiinr_jax as oi

    signal, curve = load(task), []
    start = time.perf_counter()

    def note(study: Any, trial: Any) -> None:
        scores = [t.score for t in study.trials if t.score is not None]
        curve.append((time.perf_counter() - start, max(scores, default=-np.inf)))
        if curve[-1][1] >= goal or curve[-1][0] > seconds:
            study.stop()

    oi.search(
        signal,
        num_trials=_MOST * task.num_trials,
        num_initial=task.num_initial,
        num_steps=task.num_steps,
        width=task.width,
        depth=DEPTH,
        seed=task.seed,
        objective="samples",
        on_trial_end=note,
        progress=False,
        num_portfolio=0,
        rungs=(),
    )
    return curve


def compare(task: Task) -> dict[str, Any]:
    """Both searches on one picture."""
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        theirs = pool.apply(paper_stack, (task,))
    seconds, goal = theirs[-1]
    with context.Pool(1) as pool:
        mine = pool.apply(ours, (task, goal, seconds))
    reached = next((t for t, score in mine if score >= goal), None)
    row = {
        **task._asdict(),
        "their score (dB)": round(goal, 2),
        "their seconds": round(seconds, 1),
        "seconds until ours is as good": reached and round(reached, 1),
        "share of their time": reached and round(reached / seconds, 3),
        "our trials": len(mine),
        "our score then (dB)": round(mine[-1][1], 2),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(row), flush=True)
    return row | {"their curve": theirs, "our curve": mine}


def read(path: Path) -> list[dict[str, Any]]:
    """The pictures that are done."""
    return json.loads(path.read_text()) if path.exists() else []


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Best score against time, a panel for each picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(rows), figsize=(4 * len(rows), 3.4), squeeze=False)
    for axis, row in zip(axes[0], rows, strict=True):
        for name, label in (("their curve", "PyTorch + BoTorch"), ("our curve", "optiinr_jax")):
            axis.step(*zip(*row[name], strict=True), where="post", label=label)
        axis.set_xscale("log")
        axis.set_title(row["picture"], fontsize=9)
        axis.set_xlabel("seconds")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("best PSNR (dB)")
    axes[0][0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Read the options, run, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kodak = ["kodak/kodim04", "kodak/kodim15", "kodak/kodim06"]
    parser.add_argument("--pictures", nargs="+", default=kodak)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--num-trials", type=int, default=60)
    parser.add_argument("--num-initial", type=int, default=20)
    parser.add_argument("--num-steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="the embedded picture, 32^2, 8 trials")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--draw", action="store_true", help="only the picture, of what is done")
    args = parser.parse_args()
    if args.draw:
        draw(read(args.out), PICTURE)
        return
    if args.quick:
        compare(Task("sample", 32, 24, 8, 4, 100, args.seed))
        return
    sizes = (args.size, args.width, args.num_trials, args.num_initial, args.num_steps, args.seed)
    tasks = [Task(picture, *sizes) for picture in args.pictures]
    for task in tasks:
        load(task)  # a picture that is missing is better known now than in an hour
    for task in tasks:
        rows = read(args.out)
        if not any(task._asdict().items() <= row.items() for row in rows):
            rows.append(compare(task))
            write_atomic(args.out, (json.dumps(rows, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
