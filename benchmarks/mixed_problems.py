"""Test problems for mixed-variable optimisation whose optimum is known exactly.

Every problem is maximised over an `oi.bo.Space`; `regret(point)` is optimum minus value, >= 0.
`make(name, instance)` draws one instance: the same names and numbers give the same problem.

    inr_chain           PSNR-like, in dB: planted layer families with couplings and a greedy decoy,
                        a best frequency per family, a cliff to a flat floor for large rates
    mixed_ackley        rotated Ackley whose centre the categories move
    func_switch         a category chooses the function of its layer's pair of numbers
    conditional_layers  the numbers of a layer exist only for their own family
    category_chain      ten categories with neighbour energies, no numbers
    mixint_rastrigin    rotated, rippled bowl over whole and real numbers
    branin hartmann6 ackley10   smooth standards, shifted, without categories

The first three have the shape of a 4-layer network search: four choices of four, a switch and nine
numbers in [0, 1].
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from optiinr_jax.bo import Choice, Float, Int, Space

NUM_LAYERS, NUM_LEVELS = 4, 4
LAYERS = Space(
    {f"c{i}": Choice(range(NUM_LEVELS)) for i in range(NUM_LAYERS)}
    | {"switch": Choice((0, 1))}
    | {f"x{i}": Float(0, 1) for i in range(9)}
)
GRID = list(itertools.product(*[range(NUM_LEVELS)] * NUM_LAYERS, range(2)))


@dataclass(frozen=True)
class Problem:
    """A space, a function of its points to maximise, and the largest value it takes."""

    name: str
    instance: int
    space: Space
    value: Callable[[dict[str, Any]], float]
    optimum: float
    best_point: dict[str, Any]

    def regret(self, point: dict[str, Any]) -> float:
        """How far a point is from the optimum."""
        return self.optimum - self.value(point)


def _split(point: dict[str, Any]) -> tuple[list[Any], np.ndarray]:
    """Choices and numbers of a point, each in the order of the space."""
    c = [v for n, v in point.items() if n[0] in "cs"]
    return c, np.array([v for n, v in point.items() if n[0] == "x"], float)


def _join(c, x) -> dict[str, Any]:
    numbers = {f"x{i}": float(v) for i, v in enumerate(x)}
    return dict(zip(LAYERS.dimensions, map(int, c), strict=False)) | numbers


def _chain_energy(unary, pair, c) -> float:
    """Energy of a chain of choices: one term of each layer, one of each neighbouring two."""
    layers = range(len(unary))
    return float(
        sum(unary[i][c[i]] for i in layers) + sum(pair[i][c[i], c[i + 1]] for i in layers[:-1])
    )


def inr_chain(instance: int) -> Problem:
    """45 - 10 log10(1 + energy) dB, or the floor of 8 dB when a rate exceeds its limit."""
    g = np.random.default_rng(1000 + instance)
    unary = g.uniform(0.0, 2.0, (NUM_LAYERS, NUM_LEVELS))
    pair = g.uniform(0.0, 3.0, (NUM_LAYERS - 1, NUM_LEVELS, NUM_LEVELS))
    planted, decoy = [], []
    for i in range(NUM_LAYERS):
        a, b = g.choice(NUM_LEVELS, 2, replace=False)
        planted.append(a)
        decoy.append(b)
        unary[i, a] = 1.0  # the planted family looks mediocre by itself
        unary[i, b] = 0.0  # the decoy looks best by itself
    for i in range(NUM_LAYERS - 1):
        pair[i, planted[i], planted[i + 1]] = -1.5
        pair[i, decoy[i], decoy[i + 1]] = 2.0
    encoding = g.uniform(0.2, 1.5, (2, NUM_LEVELS))
    encoding[g.integers(2), planted[0]] = 0.0
    mu = g.uniform(0.15, 0.85, (NUM_LAYERS, NUM_LEVELS))
    curvature = 10 ** g.uniform(0.7, 1.8, (NUM_LAYERS, NUM_LEVELS))
    nu = g.uniform(0.25, 0.6, NUM_LAYERS)
    rate = g.uniform(3.0, 12.0, NUM_LAYERS)
    rho = g.uniform(0.3, 0.7, NUM_LAYERS) * g.choice([-1, 1], NUM_LAYERS)
    scale, scale_curvature = g.uniform(0.2, 0.8), g.uniform(5, 15)
    limit = g.uniform(0.75, 0.95, NUM_LEVELS)

    def discrete(c):
        return _chain_energy(unary, pair, c) + encoding[c[4], c[0]]

    best = min(GRID, key=discrete)

    def value(point):
        c, x = _split(point)
        energy, previous = discrete(c) - discrete(best), 0.0
        for i in range(NUM_LAYERS):
            deviation = x[i] - mu[i, c[i]]
            energy += curvature[i, c[i]] * (deviation - rho[i] * previous) ** 2
            energy += rate[i] * (x[4 + i] - nu[i] - 0.3 * deviation) ** 2
            previous = deviation
        if c[4]:
            energy += scale_curvature * (x[8] - scale) ** 2
        over = max(max(x[4 + i] - limit[c[i]] for i in range(NUM_LAYERS)), 0.0)
        return float(8.0 if over > 0.02 else 45 - 10 * np.log10(1 + energy) - 200 * over)

    x = [*(mu[i, best[i]] for i in range(NUM_LAYERS)), *nu, scale]
    return Problem("inr_chain", instance, LAYERS, value, 45.0, _join(best, x))


def _ackley(z: np.ndarray) -> float:
    ripple = np.exp(np.mean(np.cos(2 * np.pi * z)))
    return float(-20 * np.exp(-0.2 * np.sqrt(np.mean(z**2))) - ripple + 20 + np.e)


def _rotation(g: np.random.Generator, size: int, strength: float) -> np.ndarray:
    return np.linalg.qr(np.eye(size) + strength * g.standard_normal((size, size)))[0]


def mixed_ackley(instance: int) -> Problem:
    """Rotated Ackley over nine numbers and five categories that also move the centre."""
    g = np.random.default_rng(2000 + instance)
    q = _rotation(g, 9, 0.35)
    centre = g.uniform(0.3, 0.7, 9)
    shift = g.uniform(-0.15, 0.15, (5, NUM_LEVELS, 9))
    embedding = np.stack([g.permutation([0.0, 0.15, 0.3, 0.45]) for _ in range(5)])
    embedding[4, :2] = g.permutation([0.0, 0.3])
    best = [int(np.argmin(embedding[i, : (4, 4, 4, 4, 2)[i]])) for i in range(5)]
    for i in range(5):
        shift[i, best[i]] = 0.0

    def value(point):
        c, x = _split(point)
        moved = centre + sum(shift[i, c[i]] for i in range(5))
        return -_ackley(
            4 * np.concatenate([q @ (x - moved), [embedding[i, c[i]] for i in range(5)]])
        )

    return Problem("mixed_ackley", instance, LAYERS, value, 0.0, _join(best, centre))


def _branin(u: float, v: float) -> float:
    """Branin on the unit square, with minimum 0 and divided by 50."""
    a, b = 15 * u - 5, 15 * v
    bowl = (b - 5.1 / (4 * np.pi**2) * a * a + 5 / np.pi * a - 6) ** 2
    return (bowl + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10 - 0.39788735772973816) / 50


def _camel(u: float, v: float) -> float:
    a, b = 4 * u - 2, 2 * v - 1
    six = (4 - 2.1 * a * a + a**4 / 3) * a * a + a * b + (-4 + 4 * b * b) * b * b
    return (six + 1.0316284534898774) / 2


def _rosenbrock(u: float, v: float) -> float:
    a, b = 3 * u - 1.5, 3 * v - 1.0
    return (100 * (b - a * a) ** 2 + (1 - a) ** 2) / 100


def _bowl(u: float, _: float) -> float:
    return 6 * (u - 0.35) ** 2


# function of a layer's pair of numbers, and where it is least
SWITCHED = (
    (_branin, ((np.pi + 5) / 15, 2.275 / 15)),
    (_camel, ((0.08984201368301331 + 2) / 4, (1 - 0.7126564032704135) / 2)),
    (_rosenbrock, (2.5 / 3, 2.0 / 3)),
    (_bowl, (0.35, 0.5)),
)


def func_switch(instance: int) -> Problem:
    """Sum over layers of the function that the layer's category chooses, and couplings."""
    g = np.random.default_rng(3000 + instance)
    unary = g.uniform(0.0, 1.5, (NUM_LAYERS, NUM_LEVELS))
    pair = g.uniform(-1.0, 1.0, (NUM_LAYERS - 1, NUM_LEVELS, NUM_LEVELS))
    is_flipped = g.integers(0, 2, (NUM_LAYERS, 2)).astype(bool)
    switch = g.uniform(0.0, 1.0, (2, NUM_LEVELS))
    scale = g.uniform(0.2, 0.8)

    def discrete(c):
        return _chain_energy(unary, pair, c) + switch[c[4], c[3]]

    def orient(i, pair_of_layer):
        return [1 - t if flip else t for t, flip in zip(pair_of_layer, is_flipped[i], strict=True)]

    def value(point):
        c, x = _split(point)
        energy = discrete(c)
        for i in range(NUM_LAYERS):
            energy += SWITCHED[c[i]][0](*orient(i, (x[i], x[4 + i])))
        return -float(energy + (3 * (x[8] - scale) ** 2 if c[4] else 0.0))

    best = min(GRID, key=discrete)
    w, r = zip(*(orient(i, SWITCHED[best[i]][1]) for i in range(NUM_LAYERS)), strict=True)
    return Problem(
        "func_switch", instance, LAYERS, value, -discrete(best), _join(best, [*w, *r, scale])
    )


def conditional_layers(instance: int) -> Problem:
    """In dB: three layers, each with a family that brings numbers of its own, and a rate."""
    g = np.random.default_rng(4000 + instance)
    families = {"a": 1, "b": 1, "c": 2, "d": 0}  # how many numbers each brings
    dimensions: dict[str, Any] = {}
    target: dict[str, float] = {}
    for i in range(3):
        dimensions[f"c{i}"] = Choice(tuple(families))
        for family, count in families.items():
            for j in range(count):
                name = f"x{i}{family}{j}"
                dimensions[name] = Float(1.0, 100.0, log=True, when={f"c{i}": family})
                target[name] = g.uniform(0.2, 0.8)
        dimensions[f"x{i}rate"] = Float(1e-5, 1e-1, log=True)
        target[f"x{i}rate"] = g.uniform(0.3, 0.7)
    space = Space(dimensions)
    curvature = {name: 10 ** g.uniform(0.7, 1.6) for name in target}
    unary, pair = g.uniform(0.0, 2.0, (3, 4)), g.uniform(0.0, 3.0, (2, 4, 4))
    moved = g.uniform(-0.15, 0.15, (3, 4))  # best rate of a layer, by its family

    def discrete(c):
        return _chain_energy(unary, pair, c)

    best = min(itertools.product(range(4), repeat=3), key=discrete)

    def value(point):
        c = ["abcd".index(point[f"c{i}"]) for i in range(3)]
        energy = discrete(c) - discrete(best)
        for name, number in point.items():
            if name[0] == "x":
                deviation = space.dimensions[name].to_unit(number) - target[name]  # type: ignore[union-attr]
                deviation -= moved[int(name[1]), c[int(name[1])]] if "rate" in name else 0.0
                energy += curvature[name] * deviation**2
        return float(45 - 10 * np.log10(1 + energy))

    point: dict[str, Any] = {f"c{i}": "abcd"[best[i]] for i in range(3)}
    for name in space.active(point):
        if name[0] == "x":
            shift = moved[int(name[1]), best[int(name[1])]] if "rate" in name else 0.0
            point[name] = space.dimensions[name].from_unit(target[name] + shift)
    return Problem("conditional_layers", instance, space, value, 45.0, space.check_point(point))


def category_chain(instance: int) -> Problem:
    """Ten choices of three: energies of each and of neighbours; the optimum by enumeration."""
    g = np.random.default_rng(5000 + instance)
    unary, pair = g.uniform(0, 1, (10, 3)), g.uniform(0, 1, (9, 3, 3))
    space = Space({f"c{i}": Choice(range(3)) for i in range(10)})
    grid = np.array(list(itertools.product(range(3), repeat=10)))
    energy = sum(unary[i][grid[:, i]] for i in range(10))
    energy = energy + sum(pair[i][grid[:, i], grid[:, i + 1]] for i in range(9))
    best = grid[np.argmin(energy)]

    def value(point):
        return -_chain_energy(unary, pair, list(point.values()))

    point = dict(zip(space.dimensions, map(int, best), strict=True))
    return Problem("category_chain", instance, space, value, -float(energy.min()), point)


def mixint_rastrigin(instance: int) -> Problem:
    """Rotated ellipsoid with gentle ripples; three numbers of each four are whole ones."""
    g = np.random.default_rng(6000 + instance)
    counts = (2, 4, 8, 16, 0, 0, 0, 0)  # levels of each dimension, 0: a real number
    space = Space({f"x{i}": Int(1, n) if n else Float(-5.0, 5.0) for i, n in enumerate(counts)})
    q = _rotation(g, 8, 0.3)
    weight = 10 ** np.linspace(0, 1, 8)[g.permutation(8)]
    best = {name: d.from_unit(g.uniform(0.2, 0.8)) for name, d in space.dimensions.items()}

    def encode(point):
        return np.array([space.dimensions[n].to_unit(v) for n, v in point.items()])  # type: ignore[union-attr]

    def value(point):
        z = q @ (encode(point) - encode(best))
        return -float(10 * weight @ z**2 + np.mean(1 - np.cos(6 * np.pi * z)))

    return Problem("mixint_rastrigin", instance, space, value, 0.0, best)


def _smooth(name: str, low: float, high: float, f: Callable, argmin: np.ndarray, minimum: float):
    """Wrap a function to minimise over a box, shifted by up to a tenth of the box (mirrored)."""

    def make_instance(instance: int) -> Problem:
        g = np.random.default_rng(7000 + instance)
        shift = g.uniform(-0.1, 0.1, len(argmin)) * (high - low)
        is_mirrored = g.integers(0, 2, len(argmin)).astype(bool)
        q = _rotation(g, len(argmin), 0.35) if name == "ackley10" else np.eye(len(argmin))

        def orient(x):
            return np.where(is_mirrored, low + high - x, x)

        def value(point):
            return -float(f(q @ (orient(np.array(list(point.values()))) - shift)))

        space = Space({f"x{i}": Float(low, high) for i in range(len(argmin))})
        x = orient(q.T @ argmin + shift)
        point = {f"x{i}": float(v) for i, v in enumerate(x)}
        return Problem(name, instance, space, value, -minimum, point)

    return make_instance


HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8],
     [17, 8, 0.05, 10, 0.1, 14]]
)  # fmt: skip
HARTMANN_P = 1e-4 * np.array(
    [[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
     [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]
)  # fmt: skip


def _hartmann6(x: np.ndarray) -> float:
    inner = np.sum(HARTMANN_A * (x[None] - HARTMANN_P) ** 2, axis=1)
    return float(-np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-inner))


HARTMANN_BEST = np.array([0.20168952, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730054])

PROBLEMS: dict[str, Callable[[int], Problem]] = {
    "inr_chain": inr_chain,
    "mixed_ackley": mixed_ackley,
    "func_switch": func_switch,
    "conditional_layers": conditional_layers,
    "category_chain": category_chain,
    "mixint_rastrigin": mixint_rastrigin,
    "branin": _smooth("branin", 0, 1, lambda x: _branin(*x), np.array(SWITCHED[0][1]), 0.0),
    "hartmann6": _smooth("hartmann6", 0, 1, _hartmann6, HARTMANN_BEST, _hartmann6(HARTMANN_BEST)),
    "ackley10": _smooth("ackley10", -5, 5, _ackley, np.zeros(10), 0.0),
}


def make(name: str, instance: int = 0) -> Problem:
    """Draw one instance of a problem."""
    return PROBLEMS[name](instance)


def noise_sd(problem: Problem) -> float:
    """Seed noise of a noisy version: 1 on problems in dB, else a tenth of the scores' spread."""
    if "inr_chain" in problem.name or "conditional" in problem.name:
        return 1.0
    return 0.1 * float(np.std([problem.value(p) for p in problem.space.sample(0, 200)]))
