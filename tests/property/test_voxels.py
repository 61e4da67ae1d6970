"""Laws of voxels: random closed surfaces, turned and moved at random; surfaces of random fields."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from optiinr_jax.signals.mesh import Box, surface_of, volume_of
from optiinr_jax.signals.voxelize import voxelize

seeds = st.integers(0, 10**6)


@pytest.mark.integration
@settings(max_examples=60, derandomize=True)
@given(seed=seeds, num_points=st.integers(4, 30), is_snapped=st.booleans())
def test_convex_hulls_are_exact(seed, num_points, is_snapped):
    """Inside a convex hull is below all its planes; snapped corners lie on voxel centres."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1.0, 16.0, (num_points, 3))
    if is_snapped:
        points = np.unique(points.round(), axis=0)
        if len(points) < 4 or np.linalg.matrix_rank(points[1:] - points[0]) < 3:
            return
    hull = trimesh.convex.convex_hull(points)
    found = voxelize(hull.vertices, hull.faces, (15, 16, 14))
    voxels = np.stack(np.meshgrid(*map(np.arange, (15, 16, 14)), indexing="ij"), axis=-1)
    normals = hull.face_normals
    offsets = np.einsum("fi,fi->f", normals, hull.triangles[:, 0])
    height = (voxels @ normals.T - offsets).max(axis=-1)
    assert found.disputed == 0
    assert found.occupied[height < -1e-6].all()
    assert not found.occupied[height > 1e-6].any()


@settings(max_examples=30, derandomize=True)
@given(seed=seeds, shift=st.tuples(*[st.integers(-2, 2)] * 3), flip=st.booleans())
def test_a_whole_shift_of_the_surface_shifts_the_voxels(seed, shift, flip):
    rng = np.random.default_rng(seed)
    sphere = trimesh.creation.icosphere(2)
    bumps = 5.0 + 2.0 * np.sin(sphere.vertices @ rng.normal(size=3) * 3.0)
    vertices = (sphere.vertices * bumps[:, None]).astype(np.float32).astype(np.float64) + 12.0
    faces = sphere.faces[:, ::-1] if flip else sphere.faces
    still = voxelize(vertices, faces, (24, 24, 24)).occupied
    moved = voxelize(vertices + np.array(shift, float), faces, (24, 24, 24)).occupied
    disagree = np.roll(still, shift, axis=(0, 1, 2)) != moved
    assert disagree.mean() < 1e-4  # a depth may be rounded across a centre
    volume = abs(trimesh.Trimesh(vertices, faces, process=False).volume)
    assert abs(still.sum() - volume) < 0.05 * volume


@settings(max_examples=80, derandomize=True)
@given(seed=seeds, levels=st.sampled_from([2, 3, 5, 1000]), level=st.sampled_from([0.5, 0.3]))
def test_the_surface_of_any_field_is_closed_and_looks_outwards(seed, levels, level):
    rng = np.random.default_rng(seed)
    field = rng.integers(0, levels, (5, 6, 4)) / (levels - 1)
    if not (field >= level).any():
        return
    box = Box(np.zeros(3), np.array(field.shape) - 1.0)
    mesh = surface_of(field, box, level)
    surface = trimesh.Trimesh(*mesh, process=False)
    assert surface.is_watertight
    assert surface.is_winding_consistent
    assert volume_of(mesh) > 0
    inside = voxelize(mesh.vertices, mesh.faces, field.shape)
    np.testing.assert_array_equal(inside.occupied, field >= level)
