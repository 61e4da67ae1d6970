"""The voxeliser against shapes whose inside is known by formula."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from optiinr_jax.signals.voxelize import crossings, voxelize


def centres(shape):
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)


def ball(subdivisions=4, radius=14.0, centre=(15.3, 16.1, 14.7)):
    sphere = trimesh.creation.icosphere(subdivisions)
    return sphere.vertices * radius + centre, sphere.faces


def in_ball(shape, radius=14.0, centre=(15.3, 16.1, 14.7)):
    return np.linalg.norm(centres(shape) - np.array(centre), axis=-1) < radius


SHAPE = (31, 33, 30)


def test_a_ball():
    found = voxelize(*ball(6), SHAPE)
    assert found.occupied.shape == SHAPE
    assert found.disputed == 0
    # The inscribed polyhedron is 2e-4 of the radius smaller.
    assert np.mean(found.occupied != in_ball(SHAPE)) < 2e-4


def test_a_turned_box_is_exact():
    """12 large triangles; no centre lies within rounding of a wall."""
    turn = Rotation.from_rotvec([0.3, 0.7, -1.2]).as_matrix()
    box = trimesh.creation.box((18.0, 9.0, 13.0))
    found = voxelize(box.vertices @ turn.T + 14.0, box.faces, (29, 29, 29))
    local = (centres((29, 29, 29)) - 14.0) @ turn
    inside = (np.abs(local) < np.array([9.0, 4.5, 6.5])).all(axis=-1)
    np.testing.assert_array_equal(found.occupied, inside)


def test_walls_on_voxel_centres_count_once():
    """Edges and corners through pixel centres: half-open, so two boxes side by side tile."""
    left = trimesh.creation.box(bounds=[[0, 0, 0], [4, 8, 8]])
    right = trimesh.creation.box(bounds=[[4, 0, 0], [8, 8, 8]])
    shape = (9, 9, 9)
    a, b = (voxelize(m.vertices, m.faces, shape).occupied for m in (left, right))
    assert not (a & b).any()
    expected = np.zeros(shape, bool)
    expected[:8, :8, :8] = True
    np.testing.assert_array_equal(a | b, expected)


def test_a_cavity_stays_empty_and_overlaps_are_united():
    vertices, faces = ball()
    small = (vertices - vertices.mean(0)) * 0.5 + vertices.mean(0)
    both = np.concatenate([vertices, small])
    hollow = voxelize(both, np.concatenate([faces, faces[:, ::-1] + len(vertices)]), SHAPE)
    united = voxelize(both, np.concatenate([faces, faces + len(vertices)]), SHAPE)
    outer, inner = voxelize(vertices, faces, SHAPE), voxelize(small, faces, SHAPE)
    np.testing.assert_array_equal(hollow.occupied, outer.occupied & ~inner.occupied)
    np.testing.assert_array_equal(united.occupied, outer.occupied)


@pytest.mark.parametrize("part", [1.0, 0.3])
def test_faces_turned_inwards_do_no_harm(part):
    vertices, faces = ball()
    turned = np.random.default_rng(0).random(len(faces)) < part
    mixed = np.where(turned[:, None], faces[:, ::-1], faces)
    found, expected = voxelize(vertices, mixed, SHAPE), voxelize(vertices, faces, SHAPE)
    np.testing.assert_array_equal(found.occupied, expected.occupied)
    assert found.disputed == 0


@pytest.mark.parametrize("axis", range(3))
def test_a_hole_is_closed_by_majority_and_reported(axis):
    vertices, faces = ball(5)
    is_hole = (vertices[faces].mean(axis=1) - vertices.mean(axis=0))[:, axis] > 13.5
    found = voxelize(vertices, faces[~is_hole], SHAPE)
    expected = voxelize(vertices, faces, SHAPE).occupied
    missing = np.mean(found.occupied != expected)
    assert missing < 0.002  # the cap above the hole
    assert 0 < found.disputed < 0.1


def test_unmerged_triangles_are_as_good_as_a_merged_mesh():
    vertices, faces = ball()
    soup = vertices[faces].reshape(-1, 3).astype(np.float32)
    found = voxelize(soup, np.arange(len(soup)).reshape(-1, 3), SHAPE)
    merged = voxelize(vertices.astype(np.float32), faces, SHAPE)
    np.testing.assert_array_equal(found.occupied, merged.occupied)
    assert found.disputed == 0


def test_the_result_does_not_depend_on_the_batches(monkeypatch):
    expected = voxelize(*ball(2), SHAPE).occupied
    for batch in (1, 7, 1000):
        monkeypatch.setattr("optiinr_jax.signals.voxelize._BATCH", batch)
        np.testing.assert_array_equal(voxelize(*ball(2), SHAPE).occupied, expected)


def test_what_lies_outside_the_grid_counts():
    """A grid within a ball is full; a grid beside it is empty; one across the wall is half full."""
    vertices, faces = ball(4, radius=30.0, centre=(4.0, 4.0, 4.0))
    assert voxelize(vertices, faces, (9, 9, 9)).occupied.all()
    assert not voxelize(vertices + 100.0, faces, (9, 9, 9)).occupied.any()
    assert not voxelize(vertices - 100.0, faces, (9, 9, 9)).occupied.any()
    part = voxelize(vertices + np.array([30.0, 0.0, 0.0]), faces, (9, 9, 9)).occupied
    np.testing.assert_array_equal(part.any(axis=(1, 2)), np.arange(9) > 4)


def test_crossings_know_their_face_depth_and_sign():
    vertices = np.array([[-0.5, -0.5, 2.0], [3.5, -0.5, 2.0], [-0.5, 3.5, 6.0]])
    for faces, sign in (([[0, 1, 2]], -1), ([[0, 2, 1]], 1)):  # upwards: the line leaves
        (found,) = crossings(vertices, np.array(faces), 4, 4)
        covered = {(i, j) for i in range(4) for j in range(4) if i + j < 3}
        assert set(zip(found.row.tolist(), found.column.tolist(), strict=True)) == covered
        np.testing.assert_allclose(found.depth, 2.0 + found.column + 0.5)
        assert (found.sign == sign).all()
        assert (found.face == 0).all()


def test_needles_and_flat_triangles_are_no_hole():
    """A closed surface with triangles of no area and of a width below rounding."""
    vertices, faces = ball(2)
    apex = vertices[faces[0]].mean(axis=0)
    edge = vertices[faces[0, 0]] * (1 - 1e-9) + vertices[faces[0, 1]] * 1e-9
    vertices = np.concatenate([vertices, [apex, edge]])
    n = len(vertices) - 2
    a, b, c = faces[0]
    split = [[a, n + 1, n], [n + 1, b, n], [b, c, n], [c, a, n], [a, b, n + 1]]
    found = voxelize(vertices, np.concatenate([faces[1:], split]), SHAPE)
    np.testing.assert_array_equal(found.occupied, voxelize(*ball(2), SHAPE).occupied)
    assert found.disputed == 0
