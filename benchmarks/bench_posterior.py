"""What draws from the posterior cost: Matheron's rule against the naive way, and the exact fit.

    OMP_NUM_THREADS=1 XLA_FLAGS="--xla_cpu_multi_thread_eigen=false" \\
        python benchmarks/bench_posterior.py --out benchmarks/results/posterior.json

All in one run, one thread, float64, median of five after compilation, on the paper's kernel in the
space of `inr_chain`. Naive: the joint posterior of the m candidates and a Cholesky factor of it.
Matheron: random-feature paths (`draw_paths`, whose cost is that of the data term) evaluated at the
candidates. The share of the Cholesky factorisation is that of the factor of the n x n matrix in
conditioning and drawing. `fit` is the MAP fit of the hyperparameters from the prior's median.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from mixed_problems import make

from optiinr_jax.bo import WARPS, gp, pathwise
from optiinr_jax.bo.hyperparameters import Data, fit, to_params
from optiinr_jax.bo.kernels import KERNELS, gram
from optiinr_jax.numerics import cholesky

KERNEL = KERNELS["product"]
NUM_POINTS, NUM_PATHS, NUM_CANDIDATES = (30, 130, 512), (64, 256, 1024), 2000


def seconds(call: Callable[..., Any], *args: Any) -> float:
    """Median of five calls, the first not counted."""
    took = []
    for _ in range(6):
        begin = time.perf_counter()
        jax.block_until_ready(call(*args))
        took.append(time.perf_counter() - begin)
    return float(np.median(took[1:]))


def draw_naively(key: Any, posterior: gp.Posterior, x: Any, num_paths: int) -> Any:
    """Joint posterior of all candidates, factorised: m^3 for m candidates."""
    mean, _ = gp.predict(KERNEL.evaluate, posterior, x)
    prior = gram(KERNEL.evaluate, posterior.params.kernel, x, x)
    v = posterior.L_inverse @ gp.cross(KERNEL.evaluate, posterior, x)
    factor = cholesky(prior - v.T @ v)
    return mean + jax.random.normal(key, (num_paths, len(x)), x.dtype) @ factor.T


def draw_by_matheron(key: Any, posterior: gp.Posterior, y: Any, x: Any, num_paths: int) -> Any:
    """Paths with a random-feature prior, at the candidates."""
    paths = pathwise.draw_paths(key, KERNEL, posterior, y, num_paths)
    return pathwise.evaluate_paths(KERNEL, paths, x)


def measure(n: int) -> dict[str, Any]:
    """Costs with n points known, seconds."""
    problem = make("inr_chain", 0)
    structure, key = problem.space.structure, jax.random.key(0)
    points = problem.space.sample(0, n)
    u, c = (np.stack(part) for part in zip(*map(problem.space.split, points), strict=True))
    y = WARPS["half_rank"](np.array([problem.value(point) for point in points]))
    known = np.ones(n, bool)
    data = Data(u=u, c=c, y=y, observed=known, pending=~known)
    x = jnp.stack([problem.space.encode(point) for point in points])
    candidates = jnp.stack(
        [problem.space.encode(point) for point in problem.space.sample(1, NUM_CANDIDATES)]
    )
    z, _ = fit(data, kernel="product", structure=structure)
    params = to_params("product", structure, jnp.asarray(z))
    condition = jax.jit(partial(gp.condition, KERNEL.evaluate))
    posterior = condition(params, x, jnp.asarray(y), jnp.asarray(known))
    covariance = gp.noisy_gram(KERNEL.evaluate, params, x, jnp.asarray(known))
    row: dict[str, Any] = {
        "n": n,
        "fit": seconds(lambda: fit(data, kernel="product", structure=structure)),
        "condition": seconds(condition, params, x, jnp.asarray(y), jnp.asarray(known)),
        "cholesky": seconds(jax.jit(jnp.linalg.cholesky), covariance),
        "draws": {},
    }
    naive = jax.jit(draw_naively, static_argnums=3)
    matheron = jax.jit(draw_by_matheron, static_argnums=4)
    for s in NUM_PATHS:
        slow = seconds(naive, key, posterior, candidates, s)
        fast = seconds(matheron, key, posterior, jnp.asarray(y), candidates, s)
        row["draws"][s] = {
            "naive": slow,
            "matheron": fast,
            "ratio": slow / fast,
            "cholesky_share": row["cholesky"] / (row["condition"] + fast),
        }
    return row


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with jax.enable_x64(True):
        rows = [measure(n) for n in NUM_POINTS]
    print(json.dumps(rows, indent=1))
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
