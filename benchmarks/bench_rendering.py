"""How fast is a network rendered? In parts that fit the cache, against all points at once.

    python benchmarks/bench_rendering.py

`INR.predict` goes through `INR.network`, 65 536 points at a time and those in parts; the peers are
the same network called as a whole and, where PyTorch is installed, one of its shape there. Seconds
of the fastest of fifteen calls, in turns, after compilation.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import optiinr_jax as oi
from optiinr_jax.inr.lowering import resolve_bounds

NUM_POINTS = 65536
WIDTHS = (48, 96, 256)
PRESETS = ("siren", "gauss", "finer")
REPEATS = 15


def fastest(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of the fastest of a few calls of each, in turns."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(REPEATS):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - begin)
    return {name: min(seconds) for name, seconds in found.items()}


def torch_call(config: oi.inr.NetworkConfig, coords: np.ndarray) -> Callable[[], Any] | None:
    """A network of the same shape in PyTorch, without gradients; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    from torch_networks import MLP

    network, given = MLP(resolve_bounds(config, 2), 2, 3), torch.from_numpy(coords)

    def call() -> Any:
        with torch.no_grad():
            return network(given)

    return call


def main() -> None:
    """Print a line for each network."""
    signal = oi.sample_signal("image", size=16)
    coords = np.random.default_rng(0).uniform(-1.0, 1.0, (NUM_POINTS, 2)).astype(np.float32)
    on_device = jnp.asarray(coords)
    for width in WIDTHS:
        for preset in PRESETS:
            inr = oi.make_inr(signal, oi.preset(preset, width=width))
            parts, whole = inr.network(), jax.jit(inr)
            calls: dict[str, Callable[[], Any]] = {
                "parts": lambda parts=parts: parts(on_device).block_until_ready(),
                "whole": lambda whole=whole: whole(on_device).block_until_ready(),
            }
            if (torch := torch_call(inr.config, coords)) is not None:
                calls["torch"] = torch
            seconds = fastest(calls)
            others = ", ".join(
                f"{name} {1e3 * spent:.0f} ms ({spent / seconds['parts']:.1f}x)"
                for name, spent in seconds.items()
                if name != "parts"
            )
            print(f"{preset} {width}: parts {1e3 * seconds['parts']:.0f} ms, {others}", flush=True)


if __name__ == "__main__":
    main()
