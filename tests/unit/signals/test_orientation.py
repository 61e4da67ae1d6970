"""Turned faces and bodies: what is inside does not depend on how a program wrote its surfaces."""

import numpy as np
import pytest
import trimesh

from optiinr_jax.signals.orientation import oriented
from optiinr_jax.signals.voxelize import voxelize

SHAPE = (44, 34, 34)
BALL = trimesh.creation.icosphere(subdivisions=3, radius=10.0)
MIDDLE = np.array([13.0, 16.0, 16.0])


def body(scale=1.0, shift=0.0):
    return BALL.vertices * scale + MIDDLE + np.array([shift, 0.0, 0.0]), np.asarray(BALL.faces)


def inside_out(part):
    return part[0], part[1][:, ::-1]


def together(*parts):
    first = np.cumsum([0, *(len(vertices) for vertices, _ in parts)])
    faces = [faces + start for (_, faces), start in zip(parts, first, strict=False)]
    return np.concatenate([vertices for vertices, _ in parts]), np.concatenate(faces)


def filled(vertices, faces):
    found = voxelize(vertices, oriented(vertices, faces, SHAPE), SHAPE)
    assert found.disputed == 0
    return found.occupied


BIG, BESIDE, SMALL = body(), body(shift=10.0), body(0.4)
UNION = filled(*BIG) | filled(*BESIDE)
HOLLOW = filled(*BIG) & ~filled(*SMALL)
SCENES = {
    "overlapping": (UNION, BIG, BESIDE),
    "one inside out": (UNION, BIG, inside_out(BESIDE)),
    "all inside out": (UNION, inside_out(BIG), inside_out(BESIDE)),
    "cavity": (HOLLOW, BIG, inside_out(SMALL)),
    "inside out with a cavity": (HOLLOW, inside_out(BIG), SMALL),
    "cavity beside an inside-out body": (
        HOLLOW | filled(*BESIDE),
        BIG,
        inside_out(SMALL),
        inside_out(BESIDE),
    ),
    "body in a body": (filled(*BIG), BIG, SMALL),
    "double-sided": (filled(*BIG), BIG, inside_out(BIG)),
    "two double-sided": (UNION, BIG, inside_out(BIG), BESIDE, inside_out(BESIDE)),
}


@pytest.mark.parametrize("name", SCENES)
def test_every_body_counts_by_itself(name):
    expected, *parts = SCENES[name]
    np.testing.assert_array_equal(filled(*together(*parts)), expected)


@pytest.mark.parametrize("count", [1, 900])
@pytest.mark.parametrize("is_soup", [False, True])
def test_single_faces_that_are_turned_do_no_harm(count, is_soup):
    vertices, faces = together(BIG, inside_out(BESIDE))
    turned = np.random.default_rng(0).choice(len(faces), count, replace=False)
    faces[turned] = faces[turned, ::-1]
    if is_soup:  # every triangle has vertices of its own, as in .stl
        vertices, faces = vertices[faces].reshape(-1, 3), np.arange(faces.size).reshape(-1, 3)
    np.testing.assert_array_equal(filled(vertices, faces), UNION)


def test_what_is_in_order_stays_as_it_is():
    for vertices, faces in (BIG, together(BIG, BESIDE), together(BIG, inside_out(SMALL))):
        np.testing.assert_array_equal(oriented(vertices, faces, SHAPE), faces)


def test_a_moebius_strip_and_a_hole_are_left_alone():
    """Surfaces without an inside: no answer is right, but there is one."""
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    half = np.stack([np.cos(angle / 2), np.sin(angle / 2)])
    rim = [(6 + side * half[0]) * c for side in (-2, 2) for c in (np.cos(angle), np.sin(angle))]
    height = [side * half[1] for side in (-2, 2)]
    strip = np.concatenate([np.stack([*rim[:2], height[0]], 1), np.stack([*rim[2:], height[1]], 1)])
    i = np.arange(24)
    j, swap = (i + 1) % 24, (i == 23)[:, None]
    low, high = np.stack([i, j], 1), np.stack([i, j], 1) + 24
    high_end = np.where(swap[:, 0], j, j + 24)
    low_end = np.where(swap[:, 0], j + 24, j)
    faces = np.concatenate(
        [
            np.stack([low[:, 0], low_end, high[:, 0]], 1),
            np.stack([low_end, high_end, high[:, 0]], 1),
        ]
    )
    assert len(oriented(strip + MIDDLE, faces, SHAPE)) == len(faces)
    bowl = np.asarray(BALL.faces)[BALL.triangles_center[:, 2] < 5.0]
    np.testing.assert_array_equal(oriented(BIG[0], bowl, SHAPE), bowl)
