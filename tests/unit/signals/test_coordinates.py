"""Coordinates equal numpy's linspace grid, whole or by rows."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optiinr_jax.signals import coords_at, grid_coords

GOLDEN = Path(__file__).parents[2] / "golden" / "golden.npz"


@pytest.mark.parametrize(
    ("name", "shape", "low", "high"),
    [("common/coords_ij", (32, 32), -1.0, 1.0), ("common/audio_coords", (256,), -100.0, 100.0)],
)
def test_official_coordinates(name, shape, low, high):
    with np.load(GOLDEN) as golden:
        expected = golden[name]
    # PyTorch's linspace rounds its step to float32 first: one unit in the last place at most.
    one_unit = np.spacing(np.float32(high)) / 2
    np.testing.assert_allclose(grid_coords(shape, low, high), expected, rtol=0, atol=one_unit)


@pytest.mark.parametrize("shape", [(2,), (5, 3), (3, 4, 5)])
def test_equals_numpy_meshgrid(shape):
    sides = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    expected = np.stack([side.ravel() for side in sides], axis=-1).astype(np.float32)
    coords = grid_coords(shape)
    assert coords.dtype == jnp.float32
    np.testing.assert_array_equal(coords, expected)


def test_first_column_is_the_row():
    coords = np.asarray(grid_coords((2, 3)))
    assert coords[0].tolist() == [-1, -1]
    assert coords[1].tolist() == [-1, 0]
    assert coords[3].tolist() == [1, -1]


@pytest.mark.parametrize(
    ("low", "high", "middle"), [(-1.0, 1.0, 0.0), (-100.0, 100.0, 0.0), (0.0, 1.0, 0.5)]
)
def test_a_side_of_one_point_lies_in_the_middle(low, high, middle):
    assert np.asarray(grid_coords((1, 2), low, high))[:, 0].tolist() == [middle, middle]


@pytest.mark.integration
def test_rows_by_index_equal_the_grid_plain_and_compiled():
    shape, index = (3, 4, 5), jnp.array([0, 7, 59, 21])
    expected = grid_coords(shape)[index]
    np.testing.assert_array_equal(coords_at(index, shape), expected)
    np.testing.assert_array_equal(jax.jit(lambda i: coords_at(i, shape))(index), expected)


def test_float32_even_where_float64_is_on():
    with jax.enable_x64(True):
        assert grid_coords((3, 3)).dtype == jnp.float32


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("common/get_coords_3_4", (3, 4)),
        ("common/get_coords_3_4_2", (3, 4, 2)),
        ("common/occ_coords", (10, 8, 6)),
    ],
)
def test_wires_coordinates(golden, name, shape):
    coords = grid_coords(shape, indexing="xy")
    np.testing.assert_allclose(coords, golden[name], rtol=0, atol=np.spacing(np.float32(1)) / 2)
    index = jnp.arange(0, len(coords), 3)
    np.testing.assert_array_equal(coords_at(index, shape, indexing="xy"), coords[::3])


def test_xy_exchanges_the_first_two_columns_as_wires_code():
    """WIRE's get_coords(rows, columns, slices): x over columns, then y over rows, then z."""
    rows, columns, slices = 3, 4, 2
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (columns, rows, slices)))  # numpy's 'xy'
    expected = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=-1).astype(np.float32)
    shape = (rows, columns, slices)
    np.testing.assert_array_equal(grid_coords(shape, indexing="xy"), expected)
    index = jnp.array([5, 0, 23])
    np.testing.assert_array_equal(coords_at(index, shape, indexing="xy"), expected[[5, 0, 23]])
    plane = np.asarray(grid_coords((3, 4)))
    np.testing.assert_array_equal(grid_coords((3, 4), indexing="xy"), plane[:, ::-1])
    np.testing.assert_array_equal(grid_coords((5,), indexing="xy"), grid_coords((5,)))
