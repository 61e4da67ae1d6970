"""Question: does the tangent kernel at the start say how well a configuration will train?

OptiINR's Claim 1 says that a configuration is as good as its kernel suits the signal. For each of
the pictures and sounds of `benchmarks/data/real_landscape.npz` the kernel of random configurations
is computed at 256 points, and numbers drawn from it are compared with the scores that training
reached, by Spearman's rank correlation. A number that predicts would be a free prior of the search.

Command: python -m experiments.tangent_kernels [--num 200]
Time: 15 minutes on one core.
Expected: experiments/results/tangent_kernels.json, which `python -m experiments.report` reads.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from scipy import stats

import optiinr_jax as oi
from experiments.records import keep_result, read_result
from optiinr_jax.inr import keep_compiled_programs
from optiinr_jax.inr.lowering import as_wave
from optiinr_jax.inr.model import init
from optiinr_jax.inr.ntk import Spectrum, alignment, energy, spectrum, tangent_kernel
from optiinr_jax.inr.task import resolve

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from real_landscape import DEPTH, NUM_STEPS, OPTIONS, SOUNDS, WIDTH, first_config, read_table

NAME = "tangent_kernels"
NUM_POINTS = 256
RATE = 1e-3  # learning rate that the linear prediction takes, per eigenvalue
Numbers = dict[str, float]


def load(name: str) -> oi.Signal:
    """A signal of the table."""
    if name in SOUNDS:
        dataset = f"audio/{name.removeprefix('gt_')}"
        return oi.load_dataset_signal(dataset, **OPTIONS["audio"])
    return oi.load_dataset_signal(f"kodak/{name}", **OPTIONS["image"])


def read_numbers(kernel: Any, values: Any) -> Numbers:
    """What may predict a score: all are higher where the kernel suits the signal."""
    parts: Spectrum = spectrum(kernel)
    eigenvalues = np.maximum(np.asarray(parts.eigenvalues, np.float64), 0.0)
    captured = np.asarray(energy(parts, values))
    power = np.diff(captured, prepend=0.0)
    rates = eigenvalues / max(eigenvalues[0], 1e-30)
    left = np.sum(power * np.exp(-rates * NUM_STEPS) ** 2)  # of gradient descent, linearised
    share = eigenvalues / max(eigenvalues.sum(), 1e-30)
    entropy = -np.sum(share * np.log(np.maximum(share, 1e-30)))
    return {
        "alignment with the signal": float(alignment(kernel, values)),
        "energy in the first 10 %": float(captured[len(captured) // 10]),
        "error left by linear training": float(-np.log(max(left, 1e-30))),
        "effective rank": float(np.exp(entropy)),
        "trace": float(eigenvalues.sum()),
    }


def measure(name: str, num: int) -> dict[str, Any]:
    """Numbers of the kernels of `num` random configurations, and the scores of the table."""
    signal, rng = load(name), np.random.default_rng(0)
    rows = rng.choice(signal.num_points, NUM_POINTS, replace=False)
    coords = jnp.asarray(np.asarray(signal.grid_coords())[rows])
    values = jnp.asarray(signal.values[rows] - signal.values.mean(axis=0))
    compute = jax.jit(partial(_kernel, num_channels=signal.num_channels))
    table: dict[str, list[float]] = {"score": []}
    for i, (point, score) in enumerate(read_table()[name][:num]):  # of the Latin hypercube
        if not np.isfinite(score):
            continue
        _, config, _ = resolve(signal, first_config(point, WIDTH, signal.kind), "samples")
        config = as_wave(config, coords.shape[1])
        kernel = compute(jax.random.key(0), coords, config)
        for number, value in read_numbers(kernel, values).items():
            table.setdefault(number, []).append(value)
        table["score"].append(score)
        if i % 50 == 49:
            print(f"{name}: {i + 1}", flush=True)
    return {key: [round(v, 6) for v in column] for key, column in table.items()}


def _kernel(key: Any, coords: Any, config: Any, *, num_channels: int) -> Any:
    variables = init(key, config, num_dims=coords.shape[1], num_channels=num_channels)
    return tangent_kernel(variables, coords, config)


def describe() -> list[str]:
    """The section of the page."""
    record = read_result(NAME)
    if record is None:
        return []
    names = [name for name in next(iter(record.values())) if name != "score"]
    lines = ["| number of the kernel | " + " | ".join(record) + " |"]
    lines.append("|---|" + "---|" * len(record))
    for number in names:
        cells = []
        for table in record.values():
            rho = stats.spearmanr(table[number], table["score"])
            cells.append(f"{rho.statistic:+.2f} (p = {rho.pvalue:.1g})")
        lines.append(f"| {number} | {' | '.join(cells)} |")
    counts = ", ".join(f"{len(table['score'])} on {name}" for name, table in record.items())
    head = (
        f"## The tangent kernel as a predictor\n\n`python -m experiments.tangent_kernels`: "
        f"Spearman correlation with the score after training, random configurations ({counts}), "
        f"{DEPTH} layers of {WIDTH}, {NUM_STEPS} steps."
    )
    return [head, "\n".join(lines)]


def main(num: int = 200) -> None:
    """Measure all signals, write."""
    keep_compiled_programs()
    names = list(read_table())
    record = {name: measure(name, num) for name in names}
    print(keep_result(NAME, record))
    print("\n".join(describe()))


if __name__ == "__main__":
    tyro.cli(main)
