"""The published real networks as torch modules, written from their formulas, and their training.

Used by the speed benchmarks alone. Imports torch, so only their worker processes import this file.
Formulas: SIREN sin(w z), FINER sin(w (|z| + 1) z), Gauss exp(-(s z)^2), WIRE in its real form
cos(w z) exp(-(s z)^2), GF exp(-(s sin(w (|z| + 1) z))^2); FINER's factor carries no gradient.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def _stretch(z: Tensor) -> Tensor:
    return (z.abs().detach() + 1.0) * z


def _gauss(z: Tensor, sigma: float) -> Tensor:
    return torch.exp(-((sigma * z) ** 2))


# family -> (z, numbers) -> values
ACTIVATIONS: dict[str, Callable[[Tensor, dict[str, float]], Tensor]] = {
    "siren": lambda z, n: torch.sin(n["omega"] * z),
    "finer": lambda z, n: torch.sin(n["omega"] * _stretch(z)),
    "gauss": lambda z, n: _gauss(z, n["sigma"]),
    "wire": lambda z, n: torch.cos(n["omega"] * z) * _gauss(z, n["sigma"]),
    "gf": lambda z, n: _gauss(torch.sin(n["omega"] * _stretch(z)), n["sigma"]),
}


class MLP(nn.Module):
    """Activated layers, one linear output layer; initial weights and biases by the given bounds."""

    def __init__(self, config: Any, num_dims: int, num_channels: int) -> None:
        """Build it from a NetworkConfig whose bounds are resolved."""
        super().__init__()
        self.layers = [(layer.activation, dict(layer.numbers)) for layer in config.layers]
        width, encoding = config.width, config.encoding
        inputs = num_dims
        self.basis = None
        if encoding is not None:  # Gaussian Fourier features
            draw = torch.randn(num_dims, encoding.num_frequencies)
            self.basis = 2.0 * torch.pi * float(encoding.sigma) * draw
            inputs = 2 * encoding.num_frequencies
        sides = [inputs, *[width] * len(config.layers), num_channels]
        pairs = itertools.pairwise(sides)
        self.linears = nn.ModuleList([nn.Linear(a, b) for a, b in pairs])
        bounds = [(layer.weight_bound, layer.bias_bound) for layer in config.layers]
        bounds.append((config.output_weight_bound, config.output_bias_bound))
        for linear, (weight, bias) in zip(self.linears, bounds, strict=True):
            nn.init.uniform_(linear.weight, -float(weight), float(weight))
            nn.init.uniform_(linear.bias, -float(bias), float(bias))

    def forward(self, coords: Tensor) -> Tensor:
        """Values at coordinates (n, d)."""
        h = coords
        if self.basis is not None:
            angles = coords @ self.basis
            h = torch.cat([angles.sin(), angles.cos()], dim=-1)
        for linear, (family, numbers) in zip(self.linears, self.layers, strict=False):
            h = ACTIVATIONS[family](linear(h), numbers)
        return self.linears[-1](h)


class Trainer:
    """Full-batch AdamW steps on the mean squared error, one learning rate a layer."""

    def __init__(
        self, config: Any, coords: Any, targets: Any, *, num_steps: int, compiled: bool = False
    ) -> None:
        """`config` is a NetworkConfig whose bounds are resolved; arrays are from NumPy."""
        self.coords, self.targets = torch.from_numpy(coords), torch.from_numpy(targets)
        self.model = MLP(config, coords.shape[1], targets.shape[1])
        rates = [float(layer.learning_rate) for layer in config.layers]
        groups = [
            {"params": linear.parameters(), "lr": rate}
            for linear, rate in zip(self.model.linears, [*rates, rates[-1]], strict=True)
        ]
        decay = float(config.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, weight_decay=decay, fused=True)
        cooldown = max(float(config.lr_cooldown), 1e-9)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1.0, (1.0 - step / num_steps) / cooldown)
        )
        torch._dynamo.reset()  # else the eighth network would not be compiled any more
        self.loss = torch.compile(self._loss) if compiled else self._loss

    def _loss(self, coords: Tensor, targets: Tensor) -> Tensor:
        return (self.model(coords) - targets).square().mean()

    def run(self, num_steps: int) -> float:
        """Train so many steps; gives the last loss."""
        loss = torch.zeros(())
        for _ in range(num_steps):
            self.optimizer.zero_grad()
            loss = self.loss(self.coords, self.targets)
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
        return float(loss.detach())


def product_rate(width: int, rows: Sequence[int], clock: Callable[[], float]) -> float:
    """Best rate of (n, width) x (width, width) products, in float operations a second."""
    best = 0.0
    for n in rows:
        a, w, out = torch.randn(n, width), torch.randn(width, width), torch.empty(n, width)
        repeats = max(1, int(2e10 / (2 * n * width**2)))
        torch.mm(a, w, out=out)
        start = clock()
        for _ in range(repeats):
            torch.mm(a, w, out=out)
        best = max(best, repeats * 2 * n * width**2 / (clock() - start))
    return best
