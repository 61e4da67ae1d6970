"""Many networks evaluated by one vmapped program, beside the same network written out for a batch.

    python benchmarks/bench_stack.py

64 SIRENs of 4 x 64 units on the 64 x 64 grid. The peer is what one would write by hand: arrays with
a leading axis and batched matrix products, nothing else. Points per second, best of several rounds
in turns, because a shared machine has moods.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

import optiinr_jax as oi

NUM_NETWORKS, WIDTH, SIDE, NUM_ROUNDS = 64, 64, 64, 15


def by_hand(params: dict, coords: jax.Array, omega: float) -> jax.Array:
    """The networks written out, their output in [0, 1] of a picture."""
    h = jnp.broadcast_to(coords, (NUM_NETWORKS, *coords.shape))
    names = sorted(name for name in params if name != "output")
    for name in names:
        z = h @ params[name]["kernel"] + params[name]["bias"][:, None, :]
        h = jnp.sin(omega * z)
    return (h @ params["output"]["kernel"] + params["output"]["bias"][:, None, :]) / 2.0 + 0.5


def seconds_of(run: Callable[[], jax.Array]) -> float:
    """One call, waited for."""
    start = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    signal = oi.sample_signal("image", size=SIDE)
    config, coords = oi.preset("siren", width=WIDTH), signal.grid_coords()
    keys = jax.random.split(jax.random.key(0), NUM_NETWORKS)
    stack = oi.inr.stack([oi.make_inr(signal, config, key=key) for key in keys])
    omega = 30.0
    ours = jax.jit(jax.vmap(lambda inr, x: inr(x), in_axes=(0, None)))
    hand = jax.jit(by_hand)
    difference = jnp.abs(ours(stack, coords) - hand(stack.params, coords, omega)).max()
    rounds = [
        (
            seconds_of(lambda: ours(stack, coords)),
            seconds_of(lambda: hand(stack.params, coords, omega)),
        )
        for _ in range(NUM_ROUNDS)
    ]
    points = NUM_NETWORKS * len(coords)
    best = [points / min(column) for column in zip(*rounds, strict=True)]
    print(f"largest difference {difference:.1e}")
    print(f"vmap over a stack: {best[0] / 1e6:.2f} million points/s")
    print(f"written by hand:   {best[1] / 1e6:.2f} million points/s")
    print(f"ratio {best[0] / best[1]:.2f}")


if __name__ == "__main__":
    main()
