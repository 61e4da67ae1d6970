"""Question: do activations found for a plain MLP serve a residual one as well?

The same initial parameters and the same training, but every layer from the second on adds what it
computes to what it was given: h + act(W h + b). Compared on the quick pictures of Table 1 are the
configurations that were found there and those of the best published network.

Command: python -m experiments.residual (after python -m experiments.table1_images)
Time: 8 minutes on one core.
Expected: experiments/results/residual.json, which `python -m experiments.report` reads.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optiinr_jax as oi
from experiments.protocol import Size, fresh_key
from experiments.records import best_network, keep_result, read_result, read_results
from experiments.table1_images import SIZES, load
from optiinr_jax.inr import NetworkConfig, keep_compiled_programs
from optiinr_jax.inr.activations import get_activation
from optiinr_jax.inr.lowering import as_wave
from optiinr_jax.inr.model import encode, hidden_name, init
from optiinr_jax.inr.optimizer import make_optimizer

NAME = "residual"


def predict(params: Any, constants: Any, coords: Any, config: NetworkConfig, skip: Any) -> Any:
    """Values (n, c); `skip` 1: residual, 0: the plain MLP of the same parameters."""
    h = encode(constants, coords, config)
    for i, layer in enumerate(config.layers):
        maps = params[hidden_name(i)]
        value = get_activation(layer.activation)(
            h @ maps["kernel"] + maps["bias"][None], **layer.numbers
        )
        h = value + skip * h if i > 0 else value
    return h @ params["output"]["kernel"] + params["output"]["bias"][None]


@partial(jax.jit, static_argnames="num_steps")
def fit(key: Any, coords: Any, targets: Any, config: Any, skip: Any, *, num_steps: int) -> Any:
    """Train by full-batch gradients; the final mean squared error."""
    start = init(key, config, num_dims=coords.shape[1], num_channels=targets.shape[1])
    optimizer = make_optimizer(config, num_steps)

    def loss(params: Any) -> Any:
        values = predict(params, start["constants"], coords, config, skip)
        return jnp.mean(jnp.square(values - targets))

    def step(state: Any, _: None) -> Any:
        params, opt_state = state
        updates, opt_state = optimizer.update(jax.grad(loss)(params), opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), None

    params = start["params"]
    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), length=num_steps)
    values = predict(params, start["constants"], coords, config, skip)
    return jnp.clip(values, -1.0, 1.0) / 2.0 + 0.5  # of a picture, in [0, 1]


def measure(signal: oi.Signal, config: NetworkConfig, size: Size) -> dict[str, float]:
    """PSNR of the plain and of the residual network."""
    config = as_wave(config, 2)
    coords, targets = jnp.asarray(signal.grid_coords()), jnp.asarray(signal.values)
    found = {}
    for label, skip in (("plain", 0.0), ("residual", 1.0)):
        values = fit(fresh_key(0, 0), coords, targets, config, skip, num_steps=size.num_steps)
        found[label] = float(signal.score(np.asarray(values)))
    return found


def describe() -> list[str]:
    """The section of the page."""
    record = read_result(NAME)
    if record is None:
        return []
    lines = [
        "| picture | published, plain | published, residual | found, plain | found, residual |"
    ]
    lines.append("|---|---|---|---|---|")
    rows = []
    for name, row in record.items():
        numbers = [row[who][how] for who in ("published", "found") for how in ("plain", "residual")]
        rows.append(numbers)
        lines.append(f"| {name} | " + " | ".join(f"{n:.2f}" for n in numbers) + " |")
    table = np.array(rows)
    lines.append("| mean | " + " | ".join(f"{n:.2f}" for n in table.mean(axis=0)) + " |")
    gains = table[:, 3] - table[:, 1]
    text = (
        f"In the residual network the found configuration is {gains.mean():+.2f} dB from the "
        f"published one (better on {int((gains > 0).sum())} of {len(gains)} pictures); in the "
        f"plain one {(table[:, 2] - table[:, 0]).mean():+.2f} dB."
    )
    head = (
        "## Activations in a residual network\n\n`python -m experiments.residual`: PSNR in dB; "
        "found with all layers free at once."
    )
    return [head, "\n".join(lines), text]


def main() -> None:
    """Train all, write."""
    keep_compiled_programs()
    records = list(read_results("images"))
    table: dict[str, dict[str, dict[str, float]]] = {}
    for record in records:
        who = {"presets": "published", "untied": "found"}.get(record["contender"])
        if who is None:
            continue
        networks = record["fresh"]
        if who == "published":  # those that are layers and rates alone, in the wave form
            plain = ("siren", "finer", "gauss", "gf", "wire_real")
            networks = {k: v for k, v in networks.items() if k.partition(",")[0] in plain}
        _, network = best_network(networks)
        signal = load(record["signal"], "quick")
        row = measure(signal, NetworkConfig.from_json(network["config"]), SIZES["quick"])
        table.setdefault(record["signal"], {})[who] = row
        print(record["signal"], who, row, flush=True)
    table = {name: row for name, row in table.items() if len(row) == 2}
    print(keep_result(NAME, table))


if __name__ == "__main__":
    main()
