"""How fast proxy networks train, against a plain loop in PyTorch over the same network.

    pip install -e ".[bench]"
    taskset -c 0 python benchmarks/bench_landscapes.py

Compared are trained pairs of target and guess a second of processor time, on one core, of a study's
30 networks (6 noise scales, 5 seeds) on the stored runs of billiards with 2 unknowns, each network
with its own draws, noise, labels and Adam, at three widths of the head; a study's is 64. Ours
trains all in one program. PyTorch trains one after the other, so one network's speed is that of
all; once as one writes it down, a batch of 256 pairs of which each has its target encoded, and once
with our order of a step, 32 targets encoded once for 8 guesses each. Compilation is left out,
PyTorch's first steps too. Writes benchmarks/results/landscapes.json.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.inverse_problems.problems import PROBLEMS, make_runs
from optiinr_jax import landscapes
from optiinr_jax.files import write_atomic
from optiinr_jax.landscapes import training as module

RESULT = Path(__file__).parent / "results" / "landscapes.json"
PROBLEM = PROBLEMS["billiards_2d"]
NUM_NETWORKS, NUM_STEPS, REPEATS = 30, 20, 5
TORCH_STEPS = 100
WIDTHS = (32, 64, 128)


def best_seconds(run: Callable[[], Any]) -> float:
    """Least processor time of some repetitions."""
    run()
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return min(times)


def ours(width: int) -> float:
    """Pairs a second of all networks in one scan."""
    config, training = (
        replace(PROBLEM.proxy, width=width),
        replace(PROBLEM.training, num_steps=NUM_STEPS),
    )
    data = module._prepare(make_runs(PROBLEM), None, None, training, 0)
    keys = jax.random.split(jax.random.key(0), NUM_NETWORKS)
    scales = np.linspace(0.0, 0.1, NUM_NETWORKS).astype(np.float32)
    state = [module._init(keys, config, training, data.targets.shape[1:], data.x.shape[1])]
    options = {"config": config, "training": training, "length": NUM_STEPS}

    def run() -> None:
        state[0], _ = module._run(
            state[0], keys, scales, np.float32(0.0), data, np.int32(0), **options
        )
        jax.block_until_ready(state[0])

    pairs = NUM_STEPS * training.targets_per_step * training.guesses_per_target * NUM_NETWORKS
    return pairs / best_seconds(run)


def make_torch_network(config: landscapes.ProxyConfig, observed: int, unknowns: int) -> Any:
    """The network of `optiinr_jax.landscapes.network` with the dense encoder."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            code, width = config.code_size, config.width
            self.encoder = nn.Sequential(
                nn.Linear(observed, 2 * code),
                nn.GELU(approximate="tanh"),
                nn.Linear(2 * code, code),
                nn.GELU(approximate="tanh"),
            )
            frequencies = config.frequency_scale * torch.randn(config.num_frequencies, unknowns)
            self.register_buffer("frequencies", 2.0 * torch.pi * frequencies)
            size = code + 2 * config.num_frequencies + unknowns
            self.head = nn.ModuleList(
                nn.Linear(size + i * width, width) for i in range(config.depth)
            )
            self.last = nn.Linear(size + config.depth * width, 1)

        def forward(self, target: Any, guess: Any) -> Any:
            code, phases = self.encoder(target), guess @ self.frequencies.T
            if guess.ndim == 3:  # some guesses of every target
                code = code[:, None].expand(-1, guess.shape[1], -1)
            seen = torch.cat([code, guess, phases.sin(), phases.cos()], -1)
            for layer in self.head:
                new = nn.functional.gelu(layer(seen), approximate="tanh")
                seen = torch.cat([seen, new], -1)
            return self.last(seen)[..., 0]

    return Network()


def theirs(width: int, shares_targets: bool) -> float:
    """Pairs a second of a loop in PyTorch."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    training, runs = PROBLEM.training, make_runs(PROBLEM)
    x, y = (torch.tensor(np.asarray(part, np.float32)) for part in runs)
    config = replace(PROBLEM.proxy, width=width)
    network = make_torch_network(config, y.shape[1], x.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100_000)
    targets, guesses = training.targets_per_step, training.guesses_per_target
    shape = (targets, guesses) if shares_targets else (targets * guesses,)

    def run() -> None:
        for _ in range(TORCH_STEPS):
            i, j = torch.randint(len(x), shape[:1]), torch.randint(len(x), shape)
            target = y[i][:, None] if shares_targets else y[i]
            label = ((y[j] - target) ** 2).sum(-1)
            guess = x[j] + 0.05 * torch.randn(*shape, x.shape[1])
            loss = ((network(y[i], guess) - label) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    return TORCH_STEPS * targets * guesses / best_seconds(run)


if __name__ == "__main__":
    found: dict[str, Any] = {"num_networks": NUM_NETWORKS, "widths": {}}
    for width in WIDTHS:
        rates = {
            "torch, pairs": theirs(width, False),
            "torch, shared": theirs(width, True),
            "ours": ours(width),
        }
        found["widths"][width] = rates
        for name, rate in rates.items():
            print(f"width {width}, {name}: {rate:,.0f} pairs/s, ours {rates['ours'] / rate:.2f}x")
    write_atomic(RESULT, (json.dumps(found, indent=1) + "\n").encode())
