"""Five differentiable simulators: from a few unknowns to what is observed.

Each takes the unknowns in their own units and gives the observations of one run; map them with
`vmap`. They are exact or spectral, and small: a run costs from microseconds to a millisecond.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# ---------------------------------------------------------------- Gramacy and Lee

GRAMACY_LEE_RANGE = (0.5, 2.5)


def gramacy_lee(x: Float[Array, ""], phase: Float[Array, ""] | float = 0.0) -> Float[Array, ""]:
    """Test function of Gramacy and Lee (2012), sin(10 pi x) / 2x + (x - 1)^4, here with a phase.

    Its minimum over [0.5, 2.5] is -0.8690 at 0.5486; other phases are relatives of it.
    """
    return jnp.sin(10.0 * jnp.pi * x + phase) / (2.0 * x) + (x - 1.0) ** 4


# ---------------------------------------------------------------- Fourier series on a circle


def _fourier(num: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices of the real discrete Fourier transform, and its wave numbers.

    For some dozens of points a product is quicker than a transform, for many runs at once far so.
    """
    k = np.arange(num // 2 + 1)
    angle = 2.0 * np.pi * np.outer(np.arange(num), k) / num
    forward = np.concatenate([np.cos(angle), -np.sin(angle)], axis=1)
    weight = np.where((k == 0) | (k == num // 2), 1.0, 2.0) / num
    backward = np.concatenate([np.cos(angle) * weight, -np.sin(angle) * weight], axis=1).T
    return forward, backward, k


class Circle(NamedTuple):
    """A periodic grid: spectra are real and imaginary parts side by side."""

    to_modes: Any
    to_points: Any
    wave: Any  # wave number of each mode, in radians per length
    kept: Any  # 2/3 rule

    @property
    def num_modes(self) -> int:
        """Complex modes."""
        return len(self.wave)

    def derivative(self, modes: Float[Array, " m"]) -> Float[Array, " m"]:
        """Of a function given by its modes: i k times them."""
        real, imaginary = jnp.split(modes, 2)
        wave = jnp.asarray(self.wave, modes.dtype)
        return jnp.concatenate([-wave * imaginary, wave * real])

    def flux(self, modes: Float[Array, " m"]) -> Float[Array, " m"]:
        """Modes of (u^2 / 2)_x without aliases."""
        kept = jnp.asarray(self.kept, modes.dtype)
        u = (modes * kept) @ jnp.asarray(self.to_points, modes.dtype)
        squared = (0.5 * u * u) @ jnp.asarray(self.to_modes, modes.dtype)
        return kept * self.derivative(squared)


def make_circle(num: int, length: float) -> Circle:
    """A periodic grid of some points."""
    forward, backward, k = _fourier(num)
    wave = 2.0 * np.pi * k / length
    kept = np.tile((k <= num // 3).astype(float), 2)
    return Circle(forward, backward, wave, kept)


# ---------------------------------------------------------------- Burgers

BURGERS_LENGTH = 2.0 * np.pi
BURGERS_HEIGHTS = (1.5, -1.0)


def burgers(
    centres: Float[Array, "2"], *, num: int = 64, dt: float = 0.01, nu: float = 0.01
) -> Float[Array, "4 half"]:
    """Observe u_t + u u_x = nu u_xx, two bumps at the start, four times until 1, every 2nd point.

    Heun's rule with the diffusion exact (Lawson), of second order in dt.
    """
    circle = make_circle(num, BURGERS_LENGTH)
    points = jnp.asarray(np.arange(num) * BURGERS_LENGTH / num, centres.dtype)
    modes = burgers_start(points, centres) @ jnp.asarray(circle.to_modes, centres.dtype)
    decay = jnp.asarray(np.exp(-nu * dt * np.tile(circle.wave, 2) ** 2), centres.dtype)

    def step(modes: Array, _: None) -> tuple[Array, None]:
        slope = -circle.flux(modes)
        ahead = decay * (modes + dt * slope)
        return decay * (modes + 0.5 * dt * slope) - 0.5 * dt * circle.flux(ahead), None

    def quarter(modes: Array, _: None) -> tuple[Array, Array]:
        modes, _ = jax.lax.scan(step, modes, length=round(0.25 / dt))
        return modes, modes @ jnp.asarray(circle.to_points, modes.dtype)

    _, observed = jax.lax.scan(quarter, modes, length=4)
    return observed[:, ::2]


def burgers_start(points: Float[Array, " n"], centres: Float[Array, "2"]) -> Float[Array, " n"]:
    """Two bumps of height 1.5 and -1."""

    def bump(centre: Array, height: float) -> Array:
        distance = (points - centre + jnp.pi) % (2.0 * jnp.pi) - jnp.pi
        return height * jnp.exp(-(distance**2) / 0.18)

    return bump(centres[0], BURGERS_HEIGHTS[0]) + bump(centres[1], BURGERS_HEIGHTS[1])


# ---------------------------------------------------------------- Kuramoto and Sivashinsky

KS_LENGTH = 22.0


class _Etd(NamedTuple):
    """Coefficients of ETDRK4 (Cox and Matthews 2002), by contour means (Kassam, Trefethen 2005)."""

    whole: Any
    half: Any
    q: Any
    first: Any
    middle: Any
    last: Any


def _etd(linear: np.ndarray, dt: float) -> _Etd:
    roots = np.exp(1j * np.pi * (np.arange(1, 33) - 0.5) / 32)
    z = dt * linear[:, None] + roots[None, :]
    e = np.exp(z)
    mean = lambda values: dt * np.mean(values.real, axis=1)  # noqa: E731
    return _Etd(
        np.exp(dt * linear),
        np.exp(0.5 * dt * linear),
        mean((np.exp(0.5 * z) - 1.0) / z),
        mean((-4.0 - z + e * (4.0 - 3.0 * z + z**2)) / z**3),
        mean((2.0 + z + e * (z - 2.0)) / z**3),
        mean((-4.0 - 3.0 * z - z**2 + e * (4.0 - z)) / z**3),
    )


def kuramoto_sivashinsky(
    unknowns: Float[Array, "2"], *, num: int = 32, dt: float = 0.25, time: float = 50.0
) -> Float[Array, "1 num"]:
    """Observe u_t = a G(x) - u_xx - u_xxxx - b u u_x on a circle of 22 at its end, by ETDRK4.

    Args:
        unknowns: a, the force, and b, the steepening.
    """
    circle = make_circle(num, KS_LENGTH)
    points = np.arange(num) * KS_LENGTH / num
    turns = 2.0 * np.pi * points / KS_LENGTH
    force = (np.cos(2 * turns) + 0.5 * np.sin(3 * turns)) @ circle.to_modes
    phases = np.random.default_rng(22).uniform(0.0, 2.0 * np.pi, 4)
    start = sum(np.cos((j + 1) * turns + phases[j]) / (j + 1) for j in range(4))
    wave = np.tile(circle.wave, 2)
    etd = jax.tree.map(lambda c: jnp.asarray(c, unknowns.dtype), _etd(wave**2 - wave**4, dt))
    forced = unknowns[0] * jnp.asarray(force, unknowns.dtype)

    def rest(modes: Array) -> Array:
        return forced - unknowns[1] * circle.flux(modes)

    def step(u: Array, _: None) -> tuple[Array, None]:
        n_u = rest(u)
        a = etd.half * u + etd.q * n_u
        n_a = rest(a)
        b = etd.half * u + etd.q * n_a
        n_b = rest(b)
        n_c = rest(etd.half * a + etd.q * (2.0 * n_b - n_u))
        u = etd.whole * u + etd.first * n_u + 2.0 * etd.middle * (n_a + n_b) + etd.last * n_c
        return u, None

    modes = jnp.asarray(start @ circle.to_modes, unknowns.dtype)
    modes, _ = jax.lax.scan(step, modes, length=round(time / dt))
    return (modes @ jnp.asarray(circle.to_points, modes.dtype))[None]


# ---------------------------------------------------------------- billiards


class Table(NamedTuple):
    """A table of [-1, 1]^2 with two equal discs."""

    radius: float = 0.1
    restitution: float = 0.9  # of the discs
    wall: float = 0.9  # of the walls
    drag: float = 0.3
    has_walls: bool = True


class Balls(NamedTuple):
    """Positions and velocities of the cue ball and the object ball."""

    p: Float[Array, "2 2"]
    v: Float[Array, "2 2"]


TABLE = Table()
OBJECT = (0.45, 0.1)  # where the object ball lies, if that is known


def step_balls(balls: Balls, reach: float, table: Table) -> Balls:
    """Move by one step, with the contact and the rebounds where they happen in it.

    Under a drag gamma a ball that has gone s times its velocity v has the velocity (1 - gamma s) v
    left, so free paths, contacts and rebounds are exact, and their gradients too, whatever the
    step: only a second contact within the step waits for the next one.

    Args:
        reach: (1 - exp(-gamma dt)) / gamma, how far a unit of velocity goes in the step.
    """
    apart, closing = balls.p[1] - balls.p[0], balls.v[1] - balls.v[0]
    a, b = jnp.dot(closing, closing), jnp.dot(apart, closing)
    c = jnp.dot(apart, apart) - (2.0 * table.radius) ** 2
    root = b * b - a * c
    meets = (b < 0.0) & (root > 0.0)
    safe_a, safe_root = jnp.where(meets, a, 1.0), jnp.where(meets, root, 1.0)
    when = jnp.maximum((-b - jnp.sqrt(safe_root)) / safe_a, 0.0)
    meets = meets & (when <= reach)
    until = jnp.where(meets, when, 0.0)
    left = 1.0 - table.drag * until
    p, v = balls.p + until * balls.v, left * balls.v
    gap = p[1] - p[0]
    normal = jnp.where(meets, gap / (2.0 * table.radius), 0.0)
    impulse = 0.5 * (1.0 + table.restitution) * jnp.dot(v[1] - v[0], normal) * normal
    v = v + jnp.stack([impulse, -impulse])
    further = (reach - until) / left
    p, v = p + further * v, (1.0 - table.drag * further) * v
    if not table.has_walls:
        return Balls(p, v)
    edge = 1.0 - table.radius
    over = p - jnp.clip(p, -edge, edge)
    rebounds = over * v > 0.0
    return Balls(
        jnp.where(rebounds, p - (1.0 + table.wall) * over, p),
        jnp.where(rebounds, -table.wall * v, v),
    )


@partial(jax.jit, static_argnames=("dt", "time", "table", "num_times"))
def roll(
    balls: Balls,
    *,
    dt: float = 0.02,
    time: float = 2.0,
    num_times: int = 5,
    table: Table = TABLE,
) -> Balls:
    """Positions and velocities at equal times until the last one."""
    reach = (1.0 - np.exp(-table.drag * dt)) / table.drag if table.drag else dt

    def part(balls: Balls, _: None) -> tuple[Balls, Balls]:
        steps = round(time / num_times / dt)
        balls = jax.lax.fori_loop(0, steps, lambda _, now: step_balls(now, reach, table), balls)
        return balls, balls

    return jax.lax.scan(part, balls, length=num_times)[1]


def billiards_2d(velocity: Float[Array, "2"]) -> Float[Array, "20"]:
    """Observe both balls at five times, given the cue ball's velocity."""
    return billiards_4d(jnp.concatenate([velocity, jnp.asarray(OBJECT, velocity.dtype)]))


def billiards_4d(unknowns: Float[Array, "4"]) -> Float[Array, "20"]:
    """Observe both balls at five times, given the cue's velocity and where the other ball lies."""
    still = jnp.zeros(2, unknowns.dtype)
    balls = Balls(jnp.stack([still, unknowns[2:]]), jnp.stack([unknowns[:2], still]))
    return roll(balls, dt=0.04).p.ravel()
