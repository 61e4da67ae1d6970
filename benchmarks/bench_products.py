"""What do transposed arrays in products cost on a CPU? The gradient of a step, with and without.

    taskset -c 0 python benchmarks/bench_products.py

"folded" leaves XLA free to fold transpositions into the products beside them, "apart" is what
`inr/model.py` does. Milliseconds of the fastest of some calls, in turns, after compilation.
"""

from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from bench_rendering import fastest

import optiinr_jax as oi
from optiinr_jax.inr import model
from optiinr_jax.inr.lowering import lower
from optiinr_jax.inr.training import loss_and_grads

CASES = ((48, 9216), (96, 9216), (256, 4096))  # width, points
SIZES = {"num_dims": 2, "num_channels": 3}


def compile_step(arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """The program of a gradient, traced anew."""
    jax.clear_caches()
    return jax.jit(loss_and_grads).lower(*arguments).compile()


def main() -> None:
    """Print a line for each width, for a program of its own and for the one of all families."""
    for width, num_points in CASES:
        for wave in (False, True):
            config = oi.preset("siren", width=width, depth=4)
            variables = oi.inr.init(jax.random.key(0), config, **SIZES)
            lowered = jax.tree.map(
                lambda x: jnp.asarray(x, jnp.float32), lower(config, 2, wave=wave)
            )
            coords = np.random.default_rng(0).uniform(-1.0, 1.0, (num_points, 2))
            rows = (jnp.asarray(coords, jnp.float32), jnp.zeros((num_points, 3)))
            arguments = (variables["params"], variables["constants"], rows, lowered)
            runs = {"apart": compile_step(arguments)}
            with mock.patch.object(model, "as_it_lies", lambda x: x):
                runs["folded"] = compile_step(arguments)
            seconds = fastest(
                {
                    name: lambda run=run, a=arguments: jax.block_until_ready(run(*a))
                    for name, run in runs.items()
                }
            )
            name = "all families" if wave else "its own"
            print(
                f"SIREN 4x{width}, {num_points} points, {name}: "
                f"apart {1e3 * seconds['apart']:.1f} ms, folded {1e3 * seconds['folded']:.1f} ms "
                f"({seconds['folded'] / seconds['apart']:.2f}x)",
                flush=True,
            )


if __name__ == "__main__":
    main()
