"""What the pieces of a training step cost on one core: functions an element, products a second.

    taskset -c 0 python benchmarks/bench_numerics.py

Processor time, best of fifteen, so that a busy machine matters little. The functions run on 2^16
numbers inside a compiled loop, once with vectors of 256 bits (XLA's rule) and once of 512.
The three products are those of a layer for (n, f) values and for (f, n) values, as the model has.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from optiinr_jax import numerics

RESULT = Path(__file__).parent / "results" / "numerics.json"
FUNCTIONS = {
    "sine, ours": numerics.sine,
    "sine, library": jnp.sin,
    "cosine, ours": numerics.cosine,
    "cosine, library": jnp.cos,
    "exponential, library": jnp.exp,
}
# layout -> (forward, gradient of the values, gradient of the weights), by contracted axes
PRODUCTS = {
    "(n, f)": (("h", "w", 1, 0), ("h", "w", 1, 1), ("h", "h", 0, 0)),
    "(f, n)": (("w", "h", 0, 0), ("w", "h", 1, 0), ("h", "h", 1, 1)),
}
REPEATS = 100


def best_seconds(loop: Any, *arguments: Any) -> float:
    """Processor seconds of one repetition of the loop."""
    loop(*arguments).block_until_ready()
    times = []
    for _ in range(15):
        start = time.process_time()
        loop(*arguments).block_until_ready()
        times.append(time.process_time() - start)
    return min(times) / REPEATS


def function_cost(function: Callable[[jax.Array], jax.Array], bits: int) -> float:
    """Nanoseconds an element."""
    x = jax.random.normal(jax.random.key(0), (64, 1024))
    loop = jax.jit(
        lambda x, scale: jax.lax.fori_loop(
            0, REPEATS, lambda _, y: function(-jnp.abs(y) * scale), x
        ),
        compiler_options={"xla_cpu_prefer_vector_width": bits},
    )
    return 1e9 * best_seconds(loop, x, jnp.float32(3.0)) / x.size


def product_rate(names: tuple[str, str], axes: tuple[int, int], layout: str, width: int) -> float:
    """GFLOP/s of one product, 4096 points."""
    shape = (4096, width) if layout == "(n, f)" else (width, 4096)
    arrays = {"h": jnp.ones(shape), "w": jnp.ones((width, width))}

    def loop(h: jax.Array, w: jax.Array) -> jax.Array:
        def once(_: int, carry: Any) -> Any:
            h, w, total = carry
            operands = {"h": h, "w": w}
            a, b = (operands[name] for name in names)
            found = jax.lax.dot_general(a, b, (((axes[0],), (axes[1],)), ((), ())))
            h, w, found = jax.lax.optimization_barrier((h, w, found))  # else it is moved out
            return h, w, total + found[0, 0]

        return jax.lax.fori_loop(0, REPEATS, once, (h, w, jnp.float32(0)))[2]

    run = jax.jit(loop, compiler_options=numerics.COMPILER_OPTIONS)
    return 2e-9 * 4096 * width**2 / best_seconds(run, arrays["h"], arrays["w"])


def main() -> None:
    """Measure, print, write."""
    result: dict[str, Any] = {"nanoseconds an element": {}, "GFLOP/s": {}}
    for name, function in FUNCTIONS.items():
        costs = {f"{bits} bits": round(function_cost(function, bits), 3) for bits in (256, 512)}
        result["nanoseconds an element"][name] = costs
    for width in (64, 256):
        for layout, products in PRODUCTS.items():
            rates = [round(product_rate((a, b), (i, j), layout, width)) for a, b, i, j in products]
            result["GFLOP/s"][f"{layout}, width {width}"] = rates
    print(json.dumps(result, indent=1))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
