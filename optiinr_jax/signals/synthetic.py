"""Embedded sample signals made by formula: no download, no binary file, no random numbers.

The picture is an evening by the water. Each part of it is hard for a network in its own way:
the sky and the sea are smooth shading; the sun, the mountains and the letters are hard edges at odd
angles; the rings around the sun are a zone plate and the waves a chirp; the balloon is a bent
checker; the mountain sides carry a band-limited texture.

A wave fades out before its local frequency reaches the pixel grid's limit of half a cycle per
pixel (frequency clamping, Norton, Rockwood and Skolmoski 1982), and hard edges are averaged over
4 x 4 points a pixel. So a larger picture shows finer detail and a small one has no moire.

The sound is the figure of the first four bars of Bach's prelude in C (BWV 846), plucked, over a
falling chirp on each beat. Partials fade out towards half the sample rate by the same rule, so a
higher rate sounds brighter and none aliases.

The solid is a trefoil knot, thicker on one side than on the other, with a ring around its thinnest
place that does not touch it.

Letters: x to the right and y downwards, both 0 in the centre, with the shorter side of length 1;
t in seconds from the start of a note. Of the solid x, y, z with the knot's axis along z.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Float32

_SUPERSAMPLING = 4
_BLOCK_POINTS = 1 << 20  # points evaluated at once: bounds the memory, not the size

_Plane = Float[np.ndarray, "h w"]
_Colour = Float[np.ndarray, "h w 3"]

# A letter is a list of pen strokes through points of a box 4 wide and 6 high.
_GLYPHS: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(0, 6), (2, 0), (4, 6)], [(0.8, 4), (3.2, 4)]],
    "C": [[(4, 0.8), (3, 0), (1, 0), (0, 1), (0, 5), (1, 6), (3, 6), (4, 5.2)]],
    "E": [[(4, 0), (0, 0), (0, 6), (4, 6)], [(0, 3), (3.2, 3)]],
    "I": [[(0.8, 0), (3.2, 0)], [(2, 0), (2, 6)], [(0.8, 6), (3.2, 6)]],
    "L": [[(0, 0), (0, 6), (4, 6)]],
    "M": [[(0, 6), (0, 0), (2, 3.5), (4, 0), (4, 6)]],
    "N": [[(0, 6), (0, 0), (4, 6), (4, 0)]],
    "O": [[(1, 0), (3, 0), (4, 1), (4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0)]],
    "P": [[(0, 6), (0, 0), (3, 0), (4, 0.9), (4, 2.4), (3, 3.3), (0, 3.3)]],
    "R": [[(0, 6), (0, 0), (3, 0), (4, 0.9), (4, 2.4), (3, 3.3), (0, 3.3)], [(2, 3.3), (4, 6)]],
    "S": [[(4, 0.8), (3, 0), (1, 0), (0, 1), (0, 2), (1, 3), (3, 3), (4, 4), (4, 5), (3, 6), (1, 6),
           (0, 5.2)]],
    "T": [[(0, 0), (4, 0)], [(2, 0), (2, 6)]],
    "U": [[(0, 0), (0, 5), (1, 6), (3, 6), (4, 5), (4, 0)]],
}  # fmt: skip

# A mountain: x of the left foot, x and y of the peak, x of the right foot.
_FAR_MOUNTAINS = [
    (-0.75, -0.40, -0.06, -0.02),
    (-0.22, 0.03, -0.01, 0.36),
    (0.14, 0.44, -0.13, 0.83),
]
_NEAR_MOUNTAINS = [
    (-0.98, -0.55, 0.00, -0.17),
    (-0.36, -0.13, 0.065, 0.13),
    (0.20, 0.53, 0.03, 0.95),
]

_SHORE = 0.19  # y of the line between land and water
_SUN = (0.17, 0.0, 0.165)  # x, y, radius
_BALLOON = (-0.245, -0.075, 0.098)

_BARS = [  # the five notes of each bar as half tones above A4, 440 Hz
    (-9, -5, -2, 3, 7),
    (-9, -7, 0, 5, 8),
    (-10, -7, -2, 5, 8),
    (-9, -5, -2, 3, 7),
]
_FIGURE = (0, 1, 2, 3, 4, 2, 3, 4)  # the order of a bar's notes
_STEP = 0.128  # s from note to note; a bar lasts 1.024 s
_RING = 0.9  # s that a note is heard
_NUM_PARTIALS = 16

SOLID_BOX = ((-0.81, -0.87, -0.39), (0.97, 0.87, 0.47))  # lower and upper corner
_KNOT_RADIUS, _STRAND_RADIUS = 0.56, 0.22


def picture(height: int, width: int) -> Float32[np.ndarray, "{height} {width} 3"]:
    """Paint the embedded picture, red, green and blue in [0, 1].

    Another shape than a square shows more sea, sky and mountains at the sides, never a stretched
    picture. The same size gives the same picture.
    """
    fine = _SUPERSAMPLING
    pixel = 1.0 / min(height, width)
    x = ((np.arange(width * fine) + 0.5) / fine - width / 2) * pixel
    y = ((np.arange(height * fine) + 0.5) / fine - height / 2) * pixel
    rows = max(1, _BLOCK_POINTS // (width * fine * fine))
    painted = np.empty((height, width, 3), np.float32)
    for start in range(0, height, rows):
        block = y[start * fine : (start + rows) * fine]
        colour = _scene(*np.meshgrid(x, block), pixel)
        averaged = colour.reshape(-1, fine, width, fine, 3).mean(axis=(1, 3))
        painted[start : start + rows] = np.clip(averaged, 0.0, 1.0)
    return painted


def sound(
    num_samples: int, sample_rate: int | float = 8000
) -> Float32[np.ndarray, "{num_samples} 1"]:
    """Play the embedded sound from its beginning, in [-1, 1]; after four bars it starts again.

    Args:
        sample_rate: in Hz; 8192 samples at 8000 Hz are one bar.
    """
    time = np.arange(num_samples) / sample_rate
    wave = np.zeros(num_samples)
    for i in range(int(time[-1] / _STEP) + 1):
        first, last = np.searchsorted(time, [i * _STEP, i * _STEP + _RING])
        bar, step = divmod(i, len(_FIGURE))
        half_tones = _BARS[bar % len(_BARS)][_FIGURE[step]]
        t = time[first:last] - i * _STEP
        wave[first:last] += _pluck(t, 440.0 * 2.0 ** (half_tones / 12), 1.0 / sample_rate)
        if step % 4 == 0:
            wave[first:last] += _knock(t, 1.0 / sample_rate)
    return np.clip(0.3 * wave, -1.0, 1.0).astype(np.float32)[:, None]


def _pluck(t: Float[np.ndarray, " n"], pitch: float, spacing: float) -> Float[np.ndarray, " n"]:
    """A string of frequency `pitch`: partials, the higher the weaker, sharper and sooner gone."""
    total = np.zeros_like(t)
    for k in range(1, _NUM_PARTIALS + 1):
        frequency = 2 * np.pi * pitch * k * np.sqrt(1 + 2e-4 * k * k)  # a stiff string's, rad/s
        decay = np.exp(-t * (3.0 + 1.6 * k))
        total += _wave(frequency * t, frequency, spacing) * decay * np.sin(0.9 * k) / k
    attack, damping = 1.0 - np.exp(-t / 0.003), 0.5 + 0.5 * np.cos(np.pi * t / _RING)
    return total * attack * damping


def _knock(t: Float[np.ndarray, " n"], spacing: float) -> Float[np.ndarray, " n"]:
    """A drum: a chirp that falls from 2 kHz to 110 Hz within a few hundredths of a second."""
    low, high, fall = 2 * np.pi * 110.0, 2 * np.pi * 1890.0, 0.012
    swept = np.exp(-t / fall)
    phase = low * t + high * fall * (1.0 - swept)
    return 0.8 * _wave(phase, low + high * swept, spacing) * np.exp(-t / 0.045)


def solid(nx: int, ny: int, nz: int) -> Bool[np.ndarray, "{nx} {ny} {nz}"]:
    """Tell which of nx x ny x nz voxels of SOLID_BOX have their centre inside the embedded solid.

    The trefoil is the (2, 3) torus knot: around the axis two strands turn about each other, three
    half turns in a round. Seen in the half plane at angle theta they are two discs, opposite each
    other, so the formula needs no search for the nearest point of a curve.
    """
    axes = [
        low + (np.arange(n) + 0.5) * (high - low) / n
        for n, low, high in zip((nx, ny, nz), *SOLID_BOX, strict=True)
    ]
    occupied = np.empty((nx, ny, nz), bool)
    rows = max(1, _BLOCK_POINTS // (ny * nz))
    for start in range(0, nx, rows):
        x, y, z = np.meshgrid(axes[0][start : start + rows], *axes[1:], indexing="ij")
        theta = np.arctan2(y, x)
        across = (np.hypot(x, y) - _KNOT_RADIUS) + 1j * z
        turned = across * np.exp(-1.5j * theta)
        thickness = 0.135 + 0.055 * np.cos(theta)
        knot = np.minimum(abs(turned - _STRAND_RADIUS), abs(turned + _STRAND_RADIUS)) < thickness
        around = np.hypot(x + _KNOT_RADIUS, z - _STRAND_RADIUS)  # the upper strand at theta = pi
        ring = np.hypot(around - 0.19, y) < 0.05
        occupied[start : start + rows] = knot | ring
    return occupied


def _scene(x: _Plane, y: _Plane, pixel: float) -> _Colour:
    """Colour at points (x, y), painted from the back to the front."""
    colour = _sky(x, y, pixel)
    colour = _paint(colour, _inside_sun(x, y), _gradient(y, -0.16, 0.15, "#ffe9a8", "#ff7a4f"))
    rock = _rock(x, y, pixel)
    colour = _mountains(colour, x, y, rock, _FAR_MOUNTAINS, ("#b06a8f", "#6b4a86"), snow=0.055)
    colour = _mountains(colour, x, y, rock, _NEAR_MOUNTAINS, ("#3f4f86", "#232a5c"), snow=0.0)
    colour = _paint(colour, y > _SHORE, _water(x, y, pixel))
    colour = _balloon(colour, x, y)
    cream = _rgb("#fff3dc")
    colour = _paint(colour, _text(x, y, "INR", (-0.435, -0.425), 0.02, 0.62), cream)
    line = _text(x, y, "IMPLICIT NEURAL REPRESENTATION", (-0.435, 0.41), 0.00457, 0.55)
    return _paint(colour, line, cream)


def _sky(x: _Plane, y: _Plane, pixel: float) -> _Colour:
    """Smooth shading from night to dusk, with a zone plate of rings around the sun."""
    top = _gradient(y, -0.5, -0.12, "#1b2158", "#7a3f8c")
    colour = np.where((y < -0.12)[..., None], top, _gradient(y, -0.12, 0.2, "#7a3f8c", "#ffb27a"))
    radius_squared = (x - _SUN[0]) ** 2 + (y - _SUN[1]) ** 2
    radius = np.sqrt(radius_squared)
    chirp = 260.0  # the ring phase is chirp * radius^2
    rings = _wave(chirp * radius_squared, 2 * chirp * radius, pixel)
    glow = np.exp(-(((radius - _SUN[2]) / 0.16) ** 2))
    return colour + (0.16 * glow + 0.10 * rings * np.exp(-((radius / 0.42) ** 4)))[..., None]


def _inside_sun(x: _Plane, y: _Plane) -> np.ndarray:
    """The sun's disc, cut by horizontal slits that widen downwards."""
    centre_x, centre_y, radius = _SUN
    depth = (y - centre_y) / radius
    slit = (depth > 0.0) & ((depth * 4.5) % 1.0 < 0.12 + 0.3 * depth)
    return (np.hypot(x - centre_x, y - centre_y) < radius) & ~slit


def _mountains(
    colour: _Colour,
    x: _Plane,
    y: _Plane,
    rock: _Plane,
    mountains: list[tuple[float, float, float, float]],
    faces: tuple[str, str],
    snow: float,
) -> _Colour:
    """Triangles with a dark and a lit face, a rock texture, and snow above a jagged line."""
    for left, peak_x, peak_y, right in mountains:
        height = _SHORE - peak_y
        foot = np.where(x < peak_x, left, right)
        slope = (x - peak_x) / (foot - peak_x)  # 0 at the peak, 1 at a foot
        depth = y - peak_y  # below the peak
        inside = depth > height * slope
        ridge = peak_x + 0.10 * depth + 0.012 * np.sin(38.0 * depth)
        face = np.where((x > ridge)[..., None], _rgb(faces[0]), _rgb(faces[1]))
        face = face * (1.0 + 0.16 * rock[..., None])
        mist = np.clip(depth / height, 0.0, 1.0)[..., None] ** 3 * 0.35
        colour = _paint(colour, inside, face + mist * (_rgb("#c98aa0") - face))
        jagged = snow + 0.018 * np.abs((x * 21.0) % 2.0 - 1.0)
        lit = np.where((x > ridge)[..., None], _rgb("#fff0e0"), _rgb("#b9a5d6"))
        colour = _paint(colour, inside & (depth < jagged) & (snow > 0), lit)
    return colour


def _rock(x: _Plane, y: _Plane, pixel: float) -> _Plane:
    """Band-limited texture: waves of rising frequency, each at its own angle, about [-1, 1]."""
    total = np.zeros_like(x)
    for i in range(9):
        angle, frequency = 2.4 * i + 0.5, 60.0 * 1.32**i  # 2.4 rad, the golden angle: even spread
        along = np.cos(angle) * x + np.sin(angle) * y
        across = np.cos(angle) * y - np.sin(angle) * x
        bend = 1.2 * np.sin(0.31 * frequency * across + i)
        total += _wave(frequency * along + bend, frequency * 1.1, pixel) / (1.0 + 0.12 * i)
    return total / 3.0


def _water(x: _Plane, y: _Plane, pixel: float) -> _Colour:
    """Waves in perspective, a chirp towards the shore, with the sun's broken reflection."""
    depth = np.maximum(y - _SHORE, 1e-3)
    phase = 14.0 / (depth + 0.11) + 0.9 * np.sin(9.0 * x + 30.0 * depth)
    waves = _wave(phase, 14.0 / (depth + 0.11) ** 2 + 30.0, pixel)
    crossing = 70.0 * x + 95.0 * depth
    waves = 0.75 * waves + 0.35 * _wave(crossing, 120.0, pixel)
    colour = _gradient(y, _SHORE, 0.5, "#f08a78", "#16306b") * (1.0 + 0.22 * waves[..., None])
    spread = 0.07 + 0.35 * depth
    glitter = np.exp(-(((x - _SUN[0] + 0.02 * waves) / spread) ** 2)) * (waves > 0.05 + 0.9 * depth)
    return colour + glitter[..., None] * (_rgb("#ffdf9a") - colour) * 0.85


def _balloon(colour: _Colour, x: _Plane, y: _Plane) -> _Colour:
    """A balloon whose checker is bent around a sphere, with thin ropes and a basket."""
    centre_x, centre_y, radius = _BALLOON
    right, down = (x - centre_x) / radius, (y - centre_y) / radius
    taper = np.where(down > 0, 1.0 - 0.22 * down**2, 1.0)
    basket_top, basket_bottom = 1.55, 1.86
    along = (down - 0.7) / (basket_top - 0.7)
    ropes = (np.abs(np.abs(right) - (0.56 - 0.38 * along)) < 0.022) & (along > 0) & (along < 1)
    colour = _paint(colour, ropes, _rgb("#2a1b3d"))
    inside_basket = (np.abs(right) < 0.21) & (down > basket_top) & (down < basket_bottom)
    weave = np.where((right * 9.0 + down * 9.0) % 1.0 < 0.5, 1.0, 0.62)[..., None]
    colour = _paint(colour, inside_basket, _rgb("#b5713a") * weave)
    u = right / taper
    inside = u**2 + down**2 < 1.0
    front = np.sqrt(np.maximum(1.0 - u**2 - down**2, 1e-9))
    longitude = np.arctan2(u, front) * 4.0 / np.pi
    latitude = np.arcsin(np.clip(down, -1.0, 1.0)) * 4.0 / np.pi
    odd = (np.floor(longitude * 1.5) + np.floor(latitude * 1.5)) % 2 == 1
    fabric = np.where(odd[..., None], _rgb("#12a594"), _rgb("#fff3dc"))
    light = np.clip(0.62 + 0.42 * (0.6 * u - 0.35 * down + 0.6 * front), 0.0, 1.06)
    return _paint(colour, inside, fabric * light[..., None])


def _text(
    x: _Plane, y: _Plane, text: str, corner: tuple[float, float], unit: float, pen: float
) -> np.ndarray:
    """Where the letters of one line are; `corner` is its top left, `unit` a sixth of its height.

    A round pen of radius `pen` units follows each stroke; letters start 6.4 units apart.
    """
    column, row = (x - corner[0]) / unit, (y - corner[1]) / unit
    cell = np.floor((column + 1.2) / 6.4)
    inked = np.zeros(x.shape, bool)
    for i, letter in enumerate(text):
        here = (cell == i) & (row > -1.0) & (row < 7.0)
        if letter in _GLYPHS and here.any():
            inked[here] = _stroke_distance(column[here] - 6.4 * i, row[here], letter) < pen
    return inked


def _stroke_distance(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], letter: str
) -> Float[np.ndarray, " n"]:
    """Distance from each point to the nearest stroke of a letter, in units of its box."""
    nearest = np.full_like(x, np.inf)
    for stroke in _GLYPHS[letter]:
        for (ax, ay), (bx, by) in pairwise(stroke):
            dx, dy = bx - ax, by - ay
            t = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
            nearest = np.minimum(nearest, np.hypot(x - ax - t * dx, y - ay - t * dy))
    return nearest


def _wave(
    phase: Float[np.ndarray, "*s"], frequency: Float[np.ndarray, "*s"] | float, spacing: float
) -> Float[np.ndarray, "*s"]:
    """sin(phase), faded to 0 where `frequency` (rad per unit) nears pi per `spacing` of points."""
    share_of_limit = np.asarray(frequency) * spacing / np.pi
    return np.sin(phase) * np.clip((0.9 - share_of_limit) / 0.4, 0.0, 1.0)


def _gradient(y: _Plane, start: float, stop: float, first: str, last: str) -> _Colour:
    t = np.clip((y - start) / (stop - start), 0.0, 1.0)[..., None]
    return (1.0 - t) * _rgb(first) + t * _rgb(last)


def _paint(colour: _Colour, where: np.ndarray, paint: np.ndarray) -> _Colour:
    return np.where(where[..., None], paint, colour)


def _rgb(code: str) -> Float[np.ndarray, "3"]:
    """'#ff8000' as three numbers in [0, 1]."""
    return np.frombuffer(bytes.fromhex(code[1:]), np.uint8) / 255.0
